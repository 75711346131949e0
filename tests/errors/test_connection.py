"""Errors of the database's URL, its driver, and its server."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic_async_template import Migrations, errors
from support.cases import MODELS, Case, check_case, refuse, run, unimportable, unopened, unreachable
from support.project import Project

HIDE = "import sys\n\nsys.modules.update(dict.fromkeys({names!r}))\n"

CONNECTIONS = {
    "no URL": Case(
        "Can't load plugin: sqlalchemy.dialects:driver",
        errors.NoDatabaseURLError,
        """\
No database URL was found
  where  section [alembic] of alembic.ini
         looked at -x url, app_engine, the environment variable DATABASE_URL, sqlalchemy.url
  fix    set one:
         export DATABASE_URL=postgresql://app@localhost/app""",
        environment={"DATABASE_URL": ""},
        stock_url="driver://user:pass@localhost/dbname",
    ),
    "a percent sign in the URL": Case(
        "invalid interpolation syntax|'%' must be followed by",
        sqlite_problem=None,
        environment={"DATABASE_URL": ""},
        ini={"sqlalchemy.url": "{raw_url}"},
        stock_url="{raw_url}",
    ),
    "an unknown dialect": Case(
        "Can't load plugin: sqlalchemy.dialects:postgre",
        errors.InvalidURLError,
        """\
The database URL cannot be used: "postgre" is not an installed SQLAlchemy dialect
  where  the database URL from the environment variable DATABASE_URL
  fix    name a database that this package or an installed dialect has an async driver for:
         postgresql://app:s%40cret@localhost/app""",
        environment={"DATABASE_URL": "postgre://app@localhost/app"},
        stock_url="postgre://app@localhost/app",
        sqlite_problem=None,
    ),
    "a driver that is not installed": Case(
        "No module named 'asyncpg'|import of asyncpg halted",
        errors.MissingDriverError,
        """\
The async driver of postgresql is not installed: asyncpg
  where  the database URL from the environment variable DATABASE_URL
  fix    install it:
         pip install 'alembic-async-template[asyncpg]'""",
        files={"sitecustomize.py": HIDE.format(names=["asyncpg"])},
        url={"drivername": "postgresql+asyncpg"},
        environment={"PYTHONPATH": "."},
        sqlite_problem=None,
    ),
    "greenlet is not installed": Case(
        "greenlet' library is installed|greenlet library is required",
        errors.GreenletNotInstalledError,
        """\
SQLAlchemy's asyncio needs the library greenlet, which cannot be imported: import of greenlet halted; None in sys.modules
  fix    install it:
         pip install 'sqlalchemy[asyncio]'""",
        files={"sitecustomize.py": HIDE.format(names=["greenlet"])},
        environment={"PYTHONPATH": "."},
    ),
    "a sync driver in the URL": Case(
        "requires an async driver",
        postgresql=False,
        revisions={"one": "pass"},
        stock_url="{plain_url}",
    ),
    "a sync driver in an async place": unimportable(
        "requires an async driver",
        "InvalidRequestError: The asyncio extension requires an async driver to be used. The loaded 'pysqlite' is not async",
        "give create_async_engine a URL with one",
        "postgresql+asyncpg://app@localhost/app",
        at="app/models.py:2\ncreate_async_engine('sqlite:///app.db')",
        models=f"from sqlalchemy.ext.asyncio import create_async_engine\ncreate_async_engine('sqlite:///app.db')\n{MODELS}",
    ),
    "an async driver in a sync place": unimportable(
        "MissingGreenlet",
        "MissingGreenlet: greenlet_spawn has not been called; can't call await_() here. Was IO attempted in an unexpected place? "
        "(Background on this error at: https://sqlalche.me/e/{version}/xd2s)",
        "the import connects with an async driver: make a create_async_engine, and connect in a coroutine",
        "async with engine.connect() as connection: ...",
        at="app/models.py:2\ncreate_engine('sqlite+aiosqlite:///app.db').connect()",
        models=f"from sqlalchemy import create_engine\ncreate_engine('sqlite+aiosqlite:///app.db').connect()\n{MODELS}",
    ),
    "a wrong password": unopened(
        "InvalidPasswordError|password authentication failed",
        'password authentication failed for user "{user}"',
        "correct the user or the password; in a URL, @ is written %40 and / is %2F",
        "postgresql://app:s%40cret@localhost/app",
        url={"password": "wr@ng/pass%"},
    ),
    "a database that does not exist": unopened(
        'database "no where" does not exist',
        'database "no where" does not exist',
        "create it",
        "createdb --host=127.0.0.1 --port={port} --username={user} 'no where'",
        url={"database": "no where"},
    ),
    "a host that is not found": unreachable(
        "Name or service not known|Temporary failure in name resolution|No address associated",
        "[Errno -2] Name or service not known",
        host="nowhere.invalid",
    ),
    "a server that is not there": unreachable(
        "Connection refused|Connect call failed", "[Errno 111] Connect call failed ('127.0.0.1', 1)", port=1
    ),
    "a server without TLS": unopened(
        "rejected SSL upgrade|unexpected keyword argument 'sslmode'",
        'PostgreSQL server at "127.0.0.1:{port}" rejected SSL upgrade',
        "the URL asks for TLS, and the server has none: ask for it only where there is",
        "?sslmode=prefer",
        url={"query": {"sslmode": "require"}},
    ),
    "a server that demands TLS": unopened(
        "no encryption",
        'pg_hba.conf rejects connection for host "127.0.0.1", user "{user}", database "{database}", no encryption',
        "the server takes connections with TLS only: ask for it in the URL",
        "?sslmode=require",
        role="tls LOGIN",
    ),
    "too many connections": unopened(
        "too many connections for role",
        'too many connections for role "{user}"',
        "close some of its connections, or let the role have more",
        "ALTER ROLE {user} CONNECTION LIMIT 20",
        role="busy LOGIN CONNECTION LIMIT 0",
        ini={"database_wait": "off"},
    ),
    "a word that the driver does not know": unopened(
        "unexpected keyword argument 'pool_size'",
        "connect() got an unexpected keyword argument 'pool_size'",
        "the driver does not know that word of the URL: correct it, or leave it out",
        "postgresql://app@localhost/app",
        url={"query": {"pool_size": "5"}},
    ),
    "a SQLite file in no folder": unopened(
        "unable to open database file",
        "",
        "make its folder",
        "mkdir -p /no/where",
        sqlite_problem="unable to open database file",
        postgresql=False,
        url={"database": "/no/where/app.db"},
    ),
}


@pytest.mark.postgresql
@pytest.mark.parametrize("name", [name for name, case in CONNECTIONS.items() if case.postgresql])
def test_an_error_tells_the_fix_on_postgresql(
    name: str, templates: Path, tmp_path: Path, embedded_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole block, without a traceback; with Alembic's own template, the error that it is for."""
    check_case(CONNECTIONS[name], templates, tmp_path, make_url(embedded_url), monkeypatch)


@pytest.mark.sqlite
@pytest.mark.parametrize("name", [name for name, case in CONNECTIONS.items() if case.sqlite_problem is not None])
def test_an_error_tells_the_fix_on_sqlite(
    name: str, templates: Path, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole block, for what can happen there."""
    check_case(CONNECTIONS[name], templates, tmp_path, make_url(sqlite_url), monkeypatch)


@pytest.mark.pgbouncer
def test_prepared_statements_behind_a_pooler(templates: Path, tmp_path: Path, pgbouncer_url: str) -> None:
    """The stock template's meet those of another client; ours has none, except on a connection that it is given."""
    url = make_url(pgbouncer_url)
    case = Case("", revisions={"one": "op.execute('SELECT 1')"}, command=("upgrade", "head"))
    outputs = [run(Project(tmp_path / f"stock{number}"), case, templates / "async", url).output for number in range(4)]
    assert any("DuplicatePreparedStatementError" in output for output in outputs)
    project = Project(tmp_path / "ours")
    assert run(project, case, templates / "async-fastapi", url).returncode == 0
    names = itertools.chain((f"name{number}" for number in range(6)), itertools.repeat("__asyncpg_stmt_1__"))
    arguments = {"prepared_statement_name_func": lambda: next(names), "statement_cache_size": 0}
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), connect_args=arguments, poolclass=NullPool)

    async def use() -> None:
        for _ in range(4):
            async with engine.connect() as connection:
                await Migrations(project.directory / "alembic.ini", bind=connection).current()

    with pytest.raises(errors.RevisionFailedError, match="a pooler gives one client's statements to another"):
        asyncio.run(use())


@pytest.mark.postgresql
def test_a_server_that_ends_the_connection(tmp_path: Path, embedded_url: str) -> None:
    """The connection ends in the middle of a revision, which is rolled back."""
    body = "op.execute('CREATE TABLE one (id int)')\n    op.execute('SELECT pg_terminate_backend(pg_backend_pid())')"
    error = refuse(tmp_path, embedded_url, one=body)
    assert error.fix is not None
    assert error.fix.endswith("look, then run the same command again")
    assert (error.example, str(error.state).partition(";")[0]) == ("alembic current", "rolled back")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_the_url_of_an_engine_of_the_application(project: Project, postgresql_url: str, driver: str) -> None:
    """The examples have its driver and the words of that: what the application itself takes."""
    url = make_url(postgresql_url).set(drivername=f"postgresql+{driver}", password="wrong")
    word = "ssl" if driver == "asyncpg" else "sslmode"
    source = "from sqlalchemy.ext.asyncio import create_async_engine\n\nengine = create_async_engine({!r})\n"
    for database, example in (
        (url.render_as_string(hide_password=False), f"postgresql+{driver}://app:s%40cret@localhost/app"),
        (f"{postgresql_url.replace('ql:', f'ql+{driver}:')}?{word}=require", f"?{word}=prefer"),
    ):
        project.write({"app/__init__.py": "", "app/db.py": source.format(database)})
        if not (project.directory / "alembic.ini").exists():
            project.alembic("init", "-t", "async-fastapi", "migrations")
        block = project.alembic("current", check=False).block
        assert block.endswith(f":\n         {example}"), block
    # As it is typed, the engine connects.
    project.write({"app/db.py": source.format(f"{postgresql_url.replace('ql:', f'ql+{driver}:')}?{word}=prefer")})
    project.alembic("current")
