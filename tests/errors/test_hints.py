"""Each known error is provoked, its own hint is typed as it is printed, and the command runs again.

The error is gone, or the next one is another and truer. `support.hints` has the table; an error that is in it nowhere fails.
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic_async_template import AlembicAsyncTemplateError, Migrations
from alembic_async_template.diagnosis.match import find_fix
from alembic_async_template.diagnosis.rules.application import APPLICATION_RULES
from alembic_async_template.diagnosis.rules.connection import CONNECTION_RULES
from alembic_async_template.diagnosis.rules.revision import REVISION_RULES
from alembic_async_template.errors import ConnectionFailedError
from alembic_async_template.run.known_facts import list_facts
from support.application_hints import APPLICATION_HINTS, IMPORTING, SYNC_DB, UNTYPED_APPLICATION, ApplicationHint
from support.cases import MODELS, Case, prepare_database
from support.commands import ALEMBIC, keep_variables
from support.connection_hints import CONNECTION_HINTS, UNTYPED_CONNECTION, ConnectionHint
from support.hints import BODIES, MYSQL, POSTGRESQL, SQLITE, UNTYPED, Hint, Typed
from support.project import Project, write_environment, write_files
from support.servers import (
    EMBEDDED,
    MYSQL_VARIABLE,
    POSTGRESQL_SERVERS,
    create_mysql_database,
    create_postgresql_database,
    require_server,
)

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

RULES = {rule.error: rule for rule in REVISION_RULES}
SYNC = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite", "mysql": "mysql+pymysql"}


def list_cases() -> Iterator[ParameterSet]:
    """Each hint on each server that it is for."""
    for number, hint in enumerate(BODIES):
        for dialect in hint.dialects:
            servers = POSTGRESQL_SERVERS if dialect == POSTGRESQL else [pytest.param(dialect, id=dialect)]
            for server in servers:
                name = f"{number}-{hint.error[:40]}-{server.id}"
                yield pytest.param(hint, dialect, server.values[0], id=name, marks=getattr(pytest.mark, dialect))


@contextmanager
def open_database(request: pytest.FixtureRequest, dialect: str, server: str) -> Iterator[URL]:
    with ExitStack() as databases:
        if dialect == SQLITE:
            text = request.getfixturevalue("sqlite_url")
        elif dialect == MYSQL:
            text = databases.enter_context(create_mysql_database(require_server(MYSQL_VARIABLE)))
        else:
            server = request.getfixturevalue("embedded_postgresql") if server == EMBEDDED else server
            text = databases.enter_context(create_postgresql_database(server))
        yield make_url(text)


def execute(url: URL, *statements: str) -> str:
    """Run SQL as the owner of the database; what the last statement returned."""
    engine = sa.create_engine(url.set(drivername=SYNC[url.get_backend_name()]), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    shown = ""
    with engine.connect() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement.replace("%", "%%"))
            shown = "\n".join(str(tuple(row)) for row in result) if result.returns_rows else ""
    engine.dispose()
    return shown


def fail(ini: Path, command: tuple[str, ...], folders: Path) -> AlembicAsyncTemplateError | Exception | None:
    """Run a command in code, as in a process of its own; the error that it raised."""
    before, modules = [*sys.path], set(sys.modules)
    migrations = Migrations(ini)
    try:
        asyncio.run(getattr(migrations, command[0])(*command[1:]))
    except Exception as error:
        return error
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - modules:
            if str(folders) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]
    return None


def fill_in(hint: Hint, example: str, user: str, url: URL) -> str:
    """The example, with what a person puts in place of its dots."""
    for dots, text in hint.filled.items():
        assert dots in example, example
        example = example.replace(dots, text.format(user=user, database=url.database) if "{user}" in text else text)
    return example


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("hint", "dialect", "server"), list(list_cases()))
def test_a_hint_works(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hint: Hint,
    dialect: str,
    server: str,
) -> None:
    """The error is the one of the rule; its example, typed, solves it, leads to a truer one, or shows what to look at."""
    monkeypatch.chdir(tmp_path)
    if hint.hides:
        monkeypatch.setattr(sys, "meta_path", [_Without(hint.hides, finder) for finder in sys.meta_path])
        monkeypatch.delitem(sys.modules, hint.hides, raising=False)
    with ExitStack() as servers:
        url = servers.enter_context(open_database(request, dialect, server))
        own_url = servers.enter_context(prepare_database(Case("", role=hint.role), url)) if hint.role else url
        set_up = hint.set_up.replace("{database}", str(url.database)).split("; ")
        execute(url, *(_VERSION_TABLE if hint.role else ()), *filter(None, set_up))
        _check(hint, tmp_path, url, own_url)


class _Without:
    """A finder of modules that does not find one."""

    def __init__(self, name: str, finder: Any) -> None:
        self.name = name
        self.finder = finder

    def find_spec(self, name: str, *arguments: Any) -> Any:
        return None if name.partition(".")[0] == self.name else self.finder.find_spec(name, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def _check(hint: Hint, folder: Path, url: URL, own_url: URL) -> None:
    text = own_url.render_as_string(hide_password=False)
    downgrade = ("pass", "op.create_table('post', sa.Column('id', sa.Integer()))")
    revisions = {"one": downgrade if hint.command[0] == "downgrade" else hint.body, **hint.later}
    write_environment(folder, text, **revisions)
    write_files(folder, hint.files)
    ini = folder / "alembic.ini"
    ini.write_text(f"{ini.read_text()}path_separator = os\n{hint.ini}\n")
    if hint.command[0] == "downgrade":
        assert fail(ini, ("upgrade", "head"), folder) is None
    if hint.later:
        _forget(folder, "one")
    error = fail(ini, tuple(hint.command), folder)
    assert isinstance(error, AlembicAsyncTemplateError), repr(error)
    fixes = error.fixes
    rule = RULES[hint.error]
    place = 1 if hint.other else 0
    expected = [rule.fix, *([rule.other[0]] if rule.other else [])][place]
    assert fixes[place].advice.partition("{")[0].startswith(expected.partition("{")[0]), str(error)
    assert len(fixes[place].advice) <= 100
    example = fill_in(hint, fixes[place].example, str(own_url.username), url)
    print(error, "\n", example)
    shown = _type(hint, example, folder, url)
    # Python takes the byte code of a source that has the length and, to the second, the time of the one it was made from.
    shutil.rmtree(folder / "migrations/versions/__pycache__", ignore_errors=True)
    assert hint.shows in shown, shown
    again = fail(ini, tuple(hint.command), folder)
    if hint.stays:
        assert str(again) == str(error)
    elif hint.next:
        assert str(again).startswith(hint.next), str(again)
    else:
        assert again is None, str(again)


_VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "GRANT ALL ON alembic_version TO PUBLIC",
)


def _forget(folder: Path, revision: str) -> None:
    """Commit all files, and delete that of a revision."""
    git = ["git", "-c", "user.name=app", "-c", "user.email=app@localhost"]
    for arguments in (
        ["init", "-q"],
        ["add", "-A"],
        ["commit", "-q", "-m", "all"],
        ["rm", "-q", f"migrations/versions/{revision}.py"],
    ):
        subprocess.run([*git, *arguments], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "fewer"], cwd=folder, check=True)


def _type(hint: Hint, example: str, folder: Path, url: URL) -> str:
    revision, ini = folder / "migrations/versions/one.py", folder / "alembic.ini"
    match hint.typed:
        case Typed.BEFORE:
            source = revision.read_text()
            assert source.count(hint.body) == 1
            revision.write_text(source.replace(hint.body, f"{example}\n    {hint.body}"))
        case Typed.INSTEAD:
            source, part = revision.read_text(), hint.part or hint.body
            assert source.count(part) == 1
            revision.write_text(source.replace(part, "pass" if hint.hides else example))
        case Typed.ON_TOP:
            revision.write_text(f"{example}\n{revision.read_text()}")
        case Typed.AS_ADMIN:
            return execute(url, *example.split("; "))
        case Typed.IN_INI:
            name = example.partition(" = ")[0]
            kept = [line for line in ini.read_text().splitlines() if not line.startswith(name)]
            ini.write_text("\n".join([*kept, example, ""]))
        case Typed.IN_SHELL:
            return type_in_shell(example, folder, url)
    return ""


def type_in_shell(command: str, folder: Path, url: URL) -> str:
    """Run a command as a person would who knows the password."""
    variables = {"PATH": f"{ALEMBIC.parent}{os.pathsep}{os.environ['PATH']}"}
    if url.get_backend_name() == "postgresql":
        variables |= {"PGPASSWORD": str(url.password)}
    done = subprocess.run(
        command, shell=True, cwd=folder, text=True, capture_output=True, env=keep_variables() | variables, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_known_error_has_its_hint_typed() -> None:
    """An error that is added to the rules is added to the table too."""
    for rules, hints, untyped in (
        (REVISION_RULES, BODIES, UNTYPED),
        (APPLICATION_RULES, APPLICATION_HINTS, UNTYPED_APPLICATION),
        (CONNECTION_RULES, CONNECTION_HINTS, UNTYPED_CONNECTION),
    ):
        typed = {hint.error for hint in hints}
        assert not typed & untyped.keys()
        assert typed | untyped.keys() == {rule.error for rule in rules}


@pytest.mark.parametrize("hint", APPLICATION_HINTS, ids=[f"{n}-{hint.error[:40]}" for n, hint in enumerate(APPLICATION_HINTS)])
def test_a_hint_about_an_application_works(project: Project, sqlite_url: str, hint: ApplicationHint) -> None:
    """The error is the one of the rule; its example, typed, solves it or leads to a truer one."""
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    if hint.moved:
        (project.directory / "lib").mkdir()
        (project.directory / "app").rename(project.directory / "lib/app")
    project.write(hint.files)
    project.set(**hint.ini)
    variables = {"DATABASE_URL": sqlite_url, **hint.environment}
    command = ("upgrade", "head") if hint.moved else ("revision", "--autogenerate", "-m", "change")
    result = project.alembic(*command, env=variables, check=False)
    rule = {rule.error: rule for rule in APPLICATION_RULES}[hint.error]
    fix, other = rule.fix, rule.other
    expected = other[0] if hint.other and other else fix
    block = result.block
    label = "or" if hint.other else "fix"
    advice, example = re.findall(rf"^  {label:<5}  (.*):\n {{9}}(.*)$", block, re.MULTILINE)[0]
    assert advice.startswith(expected.partition("{")[0]), str(result)
    assert len(expected) <= 100
    if hint.typed:
        for name, text in hint.typed.items():
            if name == "alembic.ini":
                setting, _, value = text.replace("{example}", example).partition(" = ")
                project.set(**{setting: value})
            else:
                project.write({name.replace("{example}", example): text.replace("{example}", example)})
    elif example.startswith("export "):
        name, _, value = example.removeprefix("export ").partition("=")
        variables[name] = value
    else:
        setting, _, value = example.partition(" = ")
        project.set(**{setting: value})
    result = project.alembic(*command, env=variables, check=False)
    if hint.next:
        assert hint.next.lower() in result.block.lower(), str(result)
        assert advice not in result.block
    else:
        assert result.returncode == 0, f"{example}\n{result}"


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("mysql://a@b/c", "mysqlclient"),
        ("postgresql+psycopg2://a@b/c", "psycopg2-binary"),
        ("mysql+mysqlconnector://a@b/c", "mysql"),
    ],
)
def test_a_sync_engine_without_its_driver(project: Project, sqlite_url: str, url: str, package: str) -> None:
    """The package to install is named, which often has another name than the module."""
    if find_spec({"mysqlclient": "MySQLdb", "psycopg2-binary": "psycopg2"}.get(package, package)):
        pytest.skip("is installed")
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.write({**IMPORTING, "app/db.py": SYNC_DB.format(url=repr(url))})
    block = project.alembic("check", env={"DATABASE_URL": sqlite_url}, check=False).block
    assert f"which is not installed: install it:\n         pip install {package}" in block


def list_connection_cases() -> Iterator[ParameterSet]:
    for number, hint in enumerate(CONNECTION_HINTS):
        yield pytest.param(hint, id=f"{number}-{hint.error[:40]}-{hint.dialect}", marks=getattr(pytest.mark, hint.dialect))


@pytest.mark.parametrize("hint", list(list_connection_cases()))
def test_a_hint_about_a_connection_works(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hint: ConnectionHint
) -> None:
    """The error is the one of the rule; its example, typed, solves it or leads to a truer one."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as servers:
        url = servers.enter_context(open_database(request, hint.dialect, EMBEDDED))
        good = url
        if hint.role and hint.dialect == MYSQL:
            good = servers.enter_context(make_mysql_user(url))
        elif hint.role:
            good = servers.enter_context(prepare_database(Case("", role=hint.role), url))
            servers.callback(execute, url, f"GRANT CONNECT ON DATABASE {url.database} TO PUBLIC")
            execute(url, "GRANT ALL ON SCHEMA public TO PUBLIC")
        execute(url, *filter(None, [hint.set_up.replace("{database}", str(url.database))]))
        parts: dict[str, Any] = {
            name: str(value).replace("{folder}", str(tmp_path)) if name == "database" else value
            for name, value in hint.url.items()
        }
        error = _connect(tmp_path, good.set(**parts), hint)
        rule = {rule.error: rule for rule in CONNECTION_RULES}[hint.error]
        assert isinstance(error, ConnectionFailedError), repr(error)
        assert error.fix == rule.fix, str(error)
        assert len(rule.fix) <= 100
        example = str(error.example)
        for dots, text in hint.filled.items():
            assert dots in example
            example = example.replace(dots, text.replace("{certificate}", requests_certificates()))
        print(error)
        again = _connect(tmp_path, _type_connection(example, url, good, parts, tmp_path), hint)
        if "database" in parts and hint.dialect == POSTGRESQL:
            servers.callback(execute, url, 'DROP DATABASE "no where"')
        if hint.next:
            assert hint.next in str(again), str(again)
        else:
            assert again is None, str(again)


def _type_connection(example: str, url: URL, good: URL, parts: dict[str, Any], folder: Path) -> URL:
    """Type the example: SQL, a command, or a URL of which server, user and password are one's own. The URL to connect to."""
    if example.startswith("?") or "://" in example:
        query = {} if "," in example else make_url(example if "://" in example else f"postgresql://{example}").query
        hosts = {"host": f"{good.host},{good.host}", "port": f"{good.port},{good.port}"} if "," in example else {}
        driver = parts.get("drivername", good.drivername)
        place = {"host": None, "port": None} if hosts else {}
        return good.set(drivername=driver, query={**query, **hosts}, **place)
    if re.match("ALTER|GRANT", example):
        execute(url, example)
    else:
        type_in_shell(example, folder, url)
    return good.set(**parts)


def _connect(folder: Path, url: URL, hint: ConnectionHint) -> Exception | None:
    """Migrate an empty history by a URL; the error that it raised."""
    text = url.render_as_string(hide_password=False)
    write_environment(folder, text, one="pass")
    if hint.engine:
        ini = folder / "alembic.ini"
        ini.write_text(f"{ini.read_text().replace(text, '')}app_engine = own_db:engine\npath_separator = os\n")
        source = f"from sqlalchemy.ext.asyncio import create_async_engine\n\nengine = create_async_engine({text!r})\n"
        write_files(folder, {"own_db.py": source})
    return fail(folder / "alembic.ini", ("upgrade", "head"), folder)


def requests_certificates() -> str:
    """A file with certificates of authorities."""
    return str(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")


@contextmanager
def make_mysql_user(url: URL) -> Iterator[URL]:
    """A user of MySQL who may do nothing; the URL by which that user connects."""
    name = f"{str(url.database)[:20]}_guest"
    execute(url, f"CREATE USER {name} IDENTIFIED BY 'secret'")
    yield url.set(username=name, password="secret")
    execute(url, f"DROP USER {name}")


def test_an_autocommit_block_on_a_callers_connection(tmp_path: Path, embedded_url: str) -> None:
    """The example of the error hands over an engine, which works."""
    write_environment(tmp_path, "sqlite://", one="with op.get_context().autocommit_block(): op.execute('VACUUM')")
    engine = create_async_engine(embedded_url.replace("postgresql:", "postgresql+asyncpg:"), poolclass=NullPool)

    async def upgrade(example: str = "") -> None:
        if example:
            code = compile(example, "example", "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            await eval(code, {"Migrations": partial(Migrations, tmp_path / "alembic.ini"), "engine": engine})
            return
        async with engine.begin() as connection:
            await Migrations(tmp_path / "alembic.ini", bind=connection).upgrade()

    with pytest.raises(AlembicAsyncTemplateError) as refused:
        asyncio.run(upgrade())
    asyncio.run(upgrade(str(refused.value.example)))


def test_an_identifier_of_a_revision_that_is_too_long(tmp_path: Path, embedded_url: str) -> None:
    """The example is the line of the file as it has to be."""
    name = "a_very_long_identifier_of_a_revision"
    write_environment(tmp_path, embedded_url, **{name: "pass"})
    error = fail(tmp_path / "alembic.ini", ("upgrade", "head"), tmp_path)
    assert isinstance(error, AlembicAsyncTemplateError)
    file = tmp_path / f"migrations/versions/{name}.py"
    file.write_text(file.read_text().replace(f"revision = {name!r}", str(error.example)))
    assert fail(tmp_path / "alembic.ini", ("upgrade", "head"), tmp_path) is None


def test_a_foreign_key_to_a_table_that_is_not_there(project: Project, sqlite_url: str) -> None:
    """The example is the key with another name, which is the application's to know."""
    key = "Field(foreign_key='users.id')"
    models = (
        "from sqlmodel import Field, SQLModel\n\n\nclass User(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n\n\n"
        f"class Note(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    user_id: int = {key}\n"
    )
    project.write({"app/__init__.py": "", "app/models.py": models})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    command = ("revision", "--autogenerate", "-m", "create")
    block = project.alembic(*command, env={"DATABASE_URL": sqlite_url}, check=False).block
    assert "correct the name in the foreign key, or import the model of that table:" in block
    project.write({"app/models.py": models.replace(key, block.splitlines()[-1].strip())})
    project.alembic(*command, env={"DATABASE_URL": sqlite_url})


@pytest.mark.parametrize(
    "dialect", [pytest.param(SQLITE, marks=pytest.mark.sqlite), pytest.param(MYSQL, marks=pytest.mark.mysql), POSTGRESQL]
)
def test_who_holds_a_lock_is_shown(request: pytest.FixtureRequest, tmp_path: Path, dialect: str) -> None:
    """In a caller's transaction nothing is waited for: the example shows who is in the way, and once that has ended it works."""
    with open_database(request, dialect, EMBEDDED) as url:
        execute(url, "CREATE TABLE post (id int)", "INSERT INTO post VALUES (1)")
        write_environment(tmp_path, "sqlite://", one="op.execute('UPDATE post SET id = 2')")
        engine = sa.create_engine(url.set(drivername=SYNC[dialect]), poolclass=NullPool)
        limit = {
            SQLITE: "PRAGMA busy_timeout = 100",
            MYSQL: "SET innodb_lock_wait_timeout = 1",
            POSTGRESQL: "SET lock_timeout = 100",
        }

        def upgrade() -> Exception | None:
            with engine.connect() as connection:
                connection.exec_driver_sql(limit[dialect])
                connection.commit()
                connection.begin()
                try:
                    asyncio.run(Migrations(tmp_path / "alembic.ini", bind=connection).upgrade())
                except Exception as error:
                    return error
                connection.commit()
            return None

        with engine.connect() as holder:
            holder.exec_driver_sql("BEGIN IMMEDIATE" if dialect == SQLITE else "UPDATE post SET id = 3")
            error = upgrade()
            assert isinstance(error, AlembicAsyncTemplateError), repr(error)
            rules = find_fix(REVISION_RULES, error.__cause__ or error.__context__ or error, list_facts(url))
            assert rules is not None
            example = rules.fixes[0].example
            shown = type_in_shell(f"{example} 2>&1", tmp_path, url) if dialect == SQLITE else execute(url, example)
            expected = {SQLITE: str(os.getpid()), MYSQL: str(url.database), POSTGRESQL: "UPDATE post SET id = 3"}
            assert expected[dialect] in shown, shown
            holder.rollback()
        assert upgrade() is None


@pytest.mark.mysql
def test_a_user_of_mysql_who_may_not(tmp_path: Path, mysql_url: str) -> None:
    """The example gives the user what the database needs."""
    url = make_url(mysql_url)
    with make_mysql_user(url) as own:
        execute(url, f"GRANT SELECT ON {url.database}.* TO {own.username}")
        write_environment(tmp_path, own.render_as_string(hide_password=False), one="pass")
        error = fail(tmp_path / "alembic.ini", ("upgrade", "head"), tmp_path)
        assert isinstance(error, AlembicAsyncTemplateError), repr(error)
        execute(url, str(error.example))
        assert fail(tmp_path / "alembic.ini", ("upgrade", "head"), tmp_path) is None


ENUMS = """import enum

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Role(enum.Enum):
    a = "a"
    b = "b"


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role]
"""


def test_a_value_that_only_one_database_has(project: Project, request: pytest.FixtureRequest) -> None:
    """What `ensure_head` advises gives a revision that runs on that database, and on a fresh one."""
    project.write({"app/__init__.py": "", "app/models.py": ENUMS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    with ExitStack() as servers:
        url, fresh = (servers.enter_context(open_database(request, POSTGRESQL, EMBEDDED)) for _ in range(2))
        text = url.render_as_string(hide_password=False)
        variables = {"DATABASE_URL": text}
        project.alembic("revision", "--autogenerate", "-m", "create", env=variables)
        project.alembic("upgrade", "head", env=variables)
        execute(url, "ALTER TYPE role ADD VALUE 'c'")
        project.write({"look.py": ENSURE})
        said = subprocess.run(
            [sys.executable, "look.py"], cwd=project.directory, env=keep_variables(**variables), text=True, capture_output=True
        ).stdout
        assert "  then   if no revision adds it, put this first in its upgrade(), for databases without the value:\n" in said
        lines = said.splitlines()
        command, line = lines[-3].strip(), lines[-1].strip()
        assert command == 'alembic revision --autogenerate -m "change enums"'
        project.alembic("revision", "--autogenerate", "-m", "change enums", env=variables)
        revision = project.revisions()[-1]
        without = project.alembic(
            "upgrade", "head", env={"DATABASE_URL": fresh.render_as_string(hide_password=False)}, check=False
        )
        assert "op.add_enum_value('role', 'c')" in without.block  # the revision alone fails there, and is told the same
        source = revision.read_text()
        upgrade = '    """Upgrade the schema."""\n'
        assert upgrade in source
        revision.write_text(source.replace(upgrade, f"{upgrade}    {line}\n"))
        for database in (url, fresh):
            project.alembic("upgrade", "head", env={"DATABASE_URL": database.render_as_string(hide_password=False)})
            shown = execute(database, "SELECT string_agg(enumlabel, '') FROM pg_enum")
            assert shown == "('ab',)"


ENSURE = """import asyncio

from alembic_async_template import Migrations, errors

try:
    asyncio.run(Migrations().ensure_head(enums=True))
except errors.DatabaseNotAtHeadError as error:
    print(error)
"""


def test_a_type_that_a_downgrade_left(project: Project, request: pytest.FixtureRequest, sqlite_url: str) -> None:
    """A revision without `op.drop_enum`: what is typed then works on that PostgreSQL, on a fresh database and on SQLite."""
    project.write({"app/__init__.py": "", "app/models.py": ENUMS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "create", env={"DATABASE_URL": sqlite_url})
    revision = project.revisions()[-1]
    revision.write_text(re.sub(r"    op\.drop_enum\(.*\n", "", revision.read_text()))  # as Alembic alone writes it
    with ExitStack() as servers:
        urls = [servers.enter_context(open_database(request, POSTGRESQL, EMBEDDED)) for _ in range(2)]
        used, fresh = (url.render_as_string(hide_password=False) for url in urls)
        commands = [("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")]
        results = [project.alembic(*command, env={"DATABASE_URL": used}, check=False) for command in commands]
        block = results[-1].block
        assert 'type "role" already exists' in block, str(results[-1])
        line = block.partition("and at the end of downgrade() too:\n")[2].splitlines()[0].strip()
        start = '    """Upgrade the schema."""\n'
        source = revision.read_text()
        assert start in source
        revision.write_text(source.replace(start, f"{start}    {line}\n").rstrip("\n") + f"\n    {line}\n")
        for url in (used, fresh, sqlite_url):
            for command in [("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")]:
                project.alembic(*command, env={"DATABASE_URL": url})
