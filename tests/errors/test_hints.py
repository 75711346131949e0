"""Each known error is provoked, its own hint is typed as it is printed, and the command runs again.

The error is gone, or the next one is another and truer. `support.hints` has the table; an error that is in it nowhere fails.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.pool import NullPool

from alembic_async_template import AlembicAsyncTemplateError, Migrations
from alembic_async_template.diagnosis.rules.revision import REVISION_RULES
from support.cases import Case, prepare_database
from support.commands import ALEMBIC, keep_variables
from support.hints import BODIES, MYSQL, POSTGRESQL, SQLITE, UNTYPED, Hint, Typed
from support.project import write_environment, write_files
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
    """Run a command as a person would who has logged in to the server."""
    variables = {"PATH": f"{ALEMBIC.parent}{os.pathsep}{os.environ['PATH']}"}
    if url.get_backend_name() == "postgresql":
        variables |= {
            "PGHOST": str(url.host),
            "PGPORT": str(url.port),
            "PGUSER": str(url.username),
            "PGPASSWORD": str(url.password),
        }
    done = subprocess.run(
        command, shell=True, cwd=folder, text=True, capture_output=True, env=keep_variables() | variables, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_known_error_has_its_hint_typed() -> None:
    """An error that is added to the rules is added to the table too."""
    typed = {hint.error for hint in BODIES}
    assert not typed & UNTYPED.keys()
    assert typed | UNTYPED.keys() == RULES.keys()
