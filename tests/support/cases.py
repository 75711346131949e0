"""Broken projects, one for each error: what Alembic's own async template says, and the block that this one prints instead."""

from __future__ import annotations

import asyncio
import pickle
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg import sql
from sqlalchemy.engine.url import URL

from alembic_async_template import AlembicAsyncTemplateError, Migrations, errors
from support.project import Project, Result, write_environment, write_revisions

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
"""
UPGRADE = ("upgrade", "head")
AUTOGENERATE = ("revision", "--autogenerate", "-m", "change")
# The line of `write_revisions` at which the body of a revision begins.
LINE = 13


@dataclass(frozen=True, slots=True)
class Case:
    """A project that is broken in one way."""

    stock: str
    """What the stock template's output, or the revision that it writes, has in it: a pattern."""
    error: type[AlembicAsyncTemplateError] | None = None
    """What the awaitable API raises; None where this package's template works."""
    message: str = ""
    """The whole block after `FAILED: `; what stands in braces is filled in by the test."""
    problem: str = ""
    """What PostgreSQL says, where SQLite says something else; `{problem}` in the message."""
    sqlite_problem: str | None = ""
    """What SQLite says; None where it cannot happen there."""
    postgresql: bool = True
    """Whether it happens on PostgreSQL."""
    files: Mapping[str, str] = field(default_factory=dict)
    moves: Mapping[str, str] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    stock_revisions: Mapping[str, str] | None = None
    """The revisions of the stock template, where its users have to write others."""
    command: tuple[str, ...] = UPGRADE
    ini: Mapping[str, str] = field(default_factory=dict)
    """Settings of this package's ini."""
    environment: Mapping[str, str] = field(default_factory=dict)
    set_up: str = ""
    """SQL that is run before."""
    url: Mapping[str, Any] = field(default_factory=dict)
    """Parts of the URL that are wrong."""
    stock_url: str = ""
    """The whole URL of the stock template, where it would not come so far with a right one."""
    role: str = ""
    """Options of a role that migrates; its name is that of the database and the first word."""


def show(label: str, text: str, example: str = "") -> str:
    """A labelled line of a block, and what stands below it."""
    lines = f"{text}:\n{example}" if example else text
    return f"\n  {label:<5}  " + lines.replace("\n", f"\n{' ' * 9}")


def show_fixes(fix: str, example: str, other: tuple[str, str] | None) -> str:
    """The first way out, and a second one."""
    return show("fix", fix, example) + (show("or", *other) if other else "")


def broken(
    stock: str,
    body: str,
    problem: str,
    fix: str,
    example: str = "",
    other: tuple[str, str] | None = None,
    *,
    operation: str = "",
    line: int = LINE,
    sqlite_problem: str | None = "",
    **others: Any,
) -> Case:
    """A revision that fails: alone, or after one that does not."""
    revisions = {"one": body} if "two" not in others else {"one": body, "two": others.pop("two")}
    name = list(revisions)[-1]
    where = show("where", f"revision {name}, migrations/versions/{name}.py:{line}\n{operation or revisions[name]}")
    state = show("state", f"rolled back; applied before it in this run: {'one' if name == 'two' else 'none'}")
    message = f"{{problem}}{where}{state}{show_fixes(fix, example, other)}"
    return Case(stock, errors.RevisionFailedError, message, problem, sqlite_problem, revisions=revisions, **others)


def unimportable(
    stock: str, problem: str, fix: str, example: str = "", other: tuple[str, str] | None = None, *, at: str, **files: str
) -> Case:
    """Models that cannot be imported.

    :param at: the line of the application, and its statement.
    """
    return Case(
        stock,
        errors.ApplicationImportError,
        f"Module app.models could not be imported: {problem}"
        + show("where", f"{at}\nimport root {{directory}} (prepend_sys_path in section [alembic] of alembic.ini)")
        + (show_fixes(fix, example, other) if fix else "")
        + show("see", "the error itself", 'cd {directory} && PYTHONPATH={directory} python -c "import app.models"'),
        files={f"app/{name}.py": text for name, text in files.items()},
        command=AUTOGENERATE,
    )


def unopened(stock: str, problem: str, fix: str, example: str, *, sqlite_problem: str | None = None, **others: Any) -> Case:
    """A database that lets no one in."""
    return Case(
        stock,
        errors.ConnectionFailedError,
        "The database cannot be opened: {problem}\n  where  {url}, from the environment variable DATABASE_URL"
        + show("fix", fix, example),
        problem,
        sqlite_problem,
        revisions={"one": "pass"},
        **others,
    )


def unreachable(stock: str, problem: str, **url: Any) -> Case:
    """A server that does not answer."""
    return Case(
        stock,
        errors.DatabaseNotReachableError,
        "The database could not be reached within 0.1 s: {problem}\n  where  {url}, from the environment variable DATABASE_URL"
        "\n  fix    start it, or correct host and port" + show("or", "wait longer, in alembic.ini", "database_wait = 60s"),
        problem,
        None,
        ini={"database_wait": "100ms"},
        url=url,
        revisions={"one": "pass"},
    )


@contextmanager
def prepare_database(case: Case, url: URL) -> Iterator[URL]:
    """Run what the case needs before, and make its role; the URL by which it migrates."""
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as database:
            database.executescript(case.set_up)
        yield url.set(**case.url)
        return
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(case.set_up.format(database=url.database).encode())
        if not case.role:
            yield url.set(**case.url)
            return
        name, _, options = case.role.partition(" ")
        role = f"{url.database}_{name}"
        connection.execute(
            sql.SQL("CREATE ROLE {} PASSWORD {} ").format(sql.Identifier(role), str(url.password)) + sql.SQL(options)  # pyright: ignore[reportArgumentType]
        )
        yield url.set(username=role)
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


def run(project: Project, case: Case, template: Path, url: URL) -> Result:
    """Run the case's command in a copy of a template's project."""
    stock = template.name == "async"
    shutil.copytree(template, project.directory, dirs_exist_ok=True)
    for source, target in case.moves.items():
        (project.directory / target).parent.mkdir(parents=True)
        (project.directory / source).rename(project.directory / target)
    revisions = case.stock_revisions if stock and case.stock_revisions else case.revisions
    write_revisions(project.directory, **revisions)
    project.write(case.files)
    raw = url.render_as_string(hide_password=False)
    asynchronous = url.set(
        drivername=url.drivername.partition("+")[0] + ("+aiosqlite" if url.get_backend_name() == "sqlite" else "+asyncpg")
    )
    names = {"raw_url": asynchronous.render_as_string(hide_password=False), "plain_url": raw}
    if stock:
        escaped = names["raw_url"].replace("%", "%%")
        settings = {"sqlalchemy.url": case.stock_url.format(**names) or escaped}
    else:
        settings = {name: value.format(**names) for name, value in case.ini.items()}
    ini = project.directory / "alembic.ini"
    for name, value in settings.items():
        text = re.sub(rf"^{re.escape(name)} = .*\n", "", ini.read_text(), flags=re.MULTILINE)
        ini.write_text(text.replace("[alembic]\n", f"[alembic]\n{name} = {value}\n", 1))
    return project.alembic(*case.command, env={"DATABASE_URL": raw, **case.environment}, check=False)


def fill_in(case: Case, project: Project, url: URL) -> str:
    """The block that is expected."""
    sqlite = url.get_backend_name() == "sqlite"
    driver = "sqlite+aiosqlite" if sqlite else "postgresql+asyncpg"
    message = case.message.replace("{problem}", case.sqlite_problem if sqlite and case.sqlite_problem else case.problem)
    names = {
        "directory": project.directory,
        "url": url.set(drivername=driver, query={name: value for name, value in url.query.items() if name != "sslmode"})
        .render_as_string()
        .replace("pool_size=5", "***"),  # which may be a part of a password
        "user": url.username,
        "host": url.host,
        "port": url.port,
        "database": url.database,
        "version": sqlalchemy.__version__[:3].replace(".", ""),
    }
    return re.sub(r"\{(\w+)\}", lambda match: str(names[match[1]]), message)


def call(case: Case, project: Project, url: URL, monkeypatch: pytest.MonkeyPatch) -> AlembicAsyncTemplateError | None:
    """The same command in code, on the database as the case found it."""
    forget_versions(case, url)
    with monkeypatch.context() as patch:
        patch.chdir(project.directory)
        for name, value in {"DATABASE_URL": url.render_as_string(hide_password=False), **case.environment}.items():
            patch.setenv(name, value)
        migrations = Migrations(project.directory / "alembic.ini")
        try:
            asyncio.run(migrations.upgrade(case.command[1]) if case.command[0] == "upgrade" else migrations.check())
        except AlembicAsyncTemplateError as error:
            return error
    return None


def forget_versions(case: Case, url: URL) -> None:
    """Let no revision have run, unless the case itself says so."""
    if case.error is not errors.RevisionFailedError or "alembic_version" in case.set_up:
        return
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as database:
            database.execute("DROP TABLE IF EXISTS alembic_version")
    else:
        writes = "-c default_transaction_read_only=off"
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True, options=writes) as connection:
            connection.execute("DROP TABLE IF EXISTS alembic_version")


def check_case(case: Case, templates: Path, tmp_path: Path, url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock template fails as it always did; ours tells the fix, in a command and in code."""
    stock, ours = Project(tmp_path / "stock"), Project(tmp_path / "ours")
    with prepare_database(case, url) as url_to_use:
        result = run(ours, case, templates / "async-fastapi", url_to_use)
        assert "Traceback" not in result.output, str(result)
        assert not url_to_use.password or str(url_to_use.password) not in result.output
        assert "FAILED:" not in result.stdout, str(result)
        _, _, block = result.stderr.partition("FAILED: ")
        if case.error is None:
            assert result.returncode == 0, str(result)
            assert not block
        else:
            assert result.returncode == 255, str(result)
            assert block == f"{fill_in(case, ours, url_to_use)}\n", str(result)
        if not case.environment.keys() & {"PYTHONPATH", "PYTHONWARNINGS"}:  # with which this process was not started
            monkeypatch.chdir(ours.directory)  # as the command
            error = call(case, ours, url_to_use, monkeypatch)
            assert type(error) is (case.error or type(None))
            if error is not None:
                assert f"{error}\n" == block
                assert vars(error)
                copied = pickle.loads(pickle.dumps(error))  # as another process sees it
                assert (str(copied), vars(copied)) == (str(error), vars(error))
                assert (error.failure is not None) == ("in this run" in block or "nothing was changed" in block)
                assert error.failure is None or error.failure.where in error.where
        result = run(stock, case, templates / "async", url_to_use)
        revisions = "".join(path.read_text() for path in stock.revisions())
        assert re.search(case.stock, result.output + revisions), str(result)


def refuse(directory: Path, url: str, **revisions: str) -> AlembicAsyncTemplateError:
    """What a migration raises that goes through `Migrations`."""
    write_environment(directory, url, **revisions)
    with pytest.raises(AlembicAsyncTemplateError) as refused:
        asyncio.run(Migrations(directory / "alembic.ini").upgrade())
    return refused.value
