"""Connections and engines handed over in code are used, and left open as they were."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from alembic_async_template import Migrations
from alembic_async_template.errors import ConnectionBindError, MemoryDatabaseError
from support.project import Project

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
"""

Configure = Callable[[object], Config]


def table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def sync_url(url: str) -> str:
    return url.replace("postgresql:", "postgresql+psycopg:")


def async_url(url: str) -> str:
    return url.replace("postgresql:", "postgresql+asyncpg:").replace("sqlite:", "sqlite+aiosqlite:")


@pytest.fixture
def configure(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Makes the Config of a project with one revision, with something handed over; no other source names a database."""
    # These tests import it themselves, and a module is imported once in a process: its name is new each time.
    project.write({f"models_{uuid4().hex}.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("-x", f"url=sqlite:///{tmp_path / 'other.sqlite'}", "revision", "--autogenerate", "-m", "items")
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def configure(bind: object) -> Config:
        config = Config(project.directory / "alembic.ini")
        config.attributes["connection"] = bind
        return config

    return configure


@pytest.fixture
def async_engine(database_url: str) -> AsyncEngine:
    return create_async_engine(async_url(database_url))


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_a_sync_engine_is_used(configure: Configure, database_url: str) -> None:
    """The engine's own connection is taken, and goes back to its pool."""
    engine = create_engine(sync_url(database_url))
    command.upgrade(configure(engine), "head")
    with engine.connect() as connection:
        assert table_names(connection) == {"item", "alembic_version"}
    command.check(configure(engine))
    command.downgrade(configure(engine), "base")
    with engine.connect() as connection:
        assert table_names(connection) == {"alembic_version"}
    engine.dispose()


def test_an_engine_with_options_is_used(configure: Configure, database_url: str, async_engine: AsyncEngine) -> None:
    """`execution_options` of an engine gives another one on its pool, which keeps the listeners of the first."""
    engine = create_engine(sync_url(database_url))
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    command.upgrade(configure(engine.execution_options(logging_token="x").execution_options(x=1)), "head")
    assert any("CREATE TABLE item" in statement for statement in statements)
    command.downgrade(configure(async_engine.execution_options(logging_token="x")), "base")
    with engine.connect() as connection:
        assert table_names(connection) == {"alembic_version"}
    engine.dispose()


def test_a_sync_connection_stays_open(configure: Configure, database_url: str) -> None:
    """Alembic commits if there is no transaction, and the caller closes the connection."""
    engine = create_engine(sync_url(database_url))
    with engine.connect() as connection:
        command.upgrade(configure(connection), "head")
        assert not connection.closed
        assert not connection.in_transaction()
    with engine.connect() as connection:
        assert table_names(connection) == {"item", "alembic_version"}
    engine.dispose()


def test_the_callers_transaction_is_the_callers(configure: Configure, postgresql_url: str) -> None:
    """A migration in the caller's transaction is gone when that is rolled back."""
    engine = create_engine(sync_url(postgresql_url))
    with engine.connect() as connection:
        transaction = connection.begin()
        command.upgrade(configure(connection), "head")
        assert table_names(connection) == {"item", "alembic_version"}
        assert transaction.is_active
        transaction.rollback()
        assert table_names(connection) == set()
    engine.dispose()


def test_the_callers_transaction_holds_the_migration_lock(configure: Configure, postgresql_url: str) -> None:
    """Others wait until the caller ends it, and see all of it or nothing."""
    engine = create_engine(sync_url(postgresql_url))
    locks = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with engine.connect() as connection, engine.connect() as other:
        with connection.begin():
            command.upgrade(configure(connection), "head")
            assert other.scalar(locks) == 1
        assert other.scalar(locks) == 0
        # At head already, there is nothing to lock.
        with connection.begin():
            command.upgrade(configure(connection), "head")
            assert other.scalar(locks) == 0
    engine.dispose()


def test_an_async_connection_is_used_inside_run_sync(configure: Configure, async_engine: AsyncEngine) -> None:
    """Both the connection that run_sync hands in and the asynchronous one itself."""

    async def migrate() -> None:
        async with async_engine.connect() as connection:
            await connection.run_sync(lambda sync: command.upgrade(configure(sync), "head"))
            assert await connection.run_sync(table_names) == {"item", "alembic_version"}
            await connection.rollback()
            await connection.run_sync(lambda _: command.downgrade(configure(connection), "base"))
            assert await connection.run_sync(table_names) == {"alembic_version"}
            assert not connection.closed
        await async_engine.dispose()

    run(migrate())


def test_an_async_transaction_is_the_callers(configure: Configure, postgresql_url: str) -> None:
    """A test that rolls back leaves nothing."""

    async def migrate() -> None:
        engine = create_async_engine(async_url(postgresql_url))
        async with engine.connect() as connection:
            transaction = await connection.begin()
            await connection.run_sync(lambda _: command.upgrade(configure(connection), "head"))
            await transaction.rollback()
            assert await connection.run_sync(table_names) == set()
        await engine.dispose()

    run(migrate())


@pytest.mark.parametrize("running", [False, True], ids=["no loop", "running loop"])
def test_an_async_engine_is_cloned(configure: Configure, async_engine: AsyncEngine, running: bool) -> None:
    """Its pool belongs to the caller's loop: it is as full or empty after the run as before."""

    async def migrate() -> None:
        async with async_engine.connect() as connection:  # a pooled connection of this loop
            assert await connection.run_sync(table_names) == set()
        pooled = async_engine.pool.status()
        if running:
            command.upgrade(configure(async_engine), "head")
        assert async_engine.pool.status() == pooled
        async with async_engine.connect() as connection:
            assert await connection.run_sync(table_names) == ({"item", "alembic_version"} if running else set())
        await async_engine.dispose()

    run(migrate())
    if not running:
        command.upgrade(configure(async_engine), "head")
        command.downgrade(configure(async_engine.sync_engine), "base")


def test_an_async_engine_inside_run_sync_uses_its_own_loop(configure: Configure) -> None:
    """The engine's own loop is the only way to reach a database in memory."""

    async def migrate() -> None:
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
        async with engine.connect() as connection:
            await connection.run_sync(lambda _: command.upgrade(configure(engine), "head"))
            assert await connection.run_sync(table_names) == {"item", "alembic_version"}
        await engine.dispose()

    run(migrate())


class Wrapper:
    """Hands on what it is asked for, as pytest-alembic's WrappingConnection, tracers and fixtures do."""

    def __init__(self, wrapped: object) -> None:
        self.wrapped = wrapped

    def connect(self) -> "Wrapper":
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def test_a_wrapper_around_a_connection_is_that_connection(configure: Configure, postgresql_url: str) -> None:
    """The caller's transaction, and a savepoint in it, hold what is migrated; a wrapper around a wrapper is one too."""
    engine = create_engine(sync_url(postgresql_url))
    with engine.connect() as connection:
        transaction = connection.begin()
        with connection.begin_nested() as savepoint:
            command.upgrade(configure(Wrapper(Wrapper(connection))), "head")
            assert table_names(connection) == {"item", "alembic_version"}
            savepoint.rollback()
        assert table_names(connection) == set()
        command.upgrade(configure(Wrapper(connection)), "head")
        command.check(configure(Wrapper(connection)))
        transaction.rollback()
        assert table_names(connection) == set()
    engine.dispose()


def test_a_wrapper_around_an_engine_is_that_engine(configure: Configure, database_url: str, async_engine: AsyncEngine) -> None:
    """A synchronous one and an asynchronous one, for Alembic's commands and for `Migrations`."""
    engine = create_engine(sync_url(database_url))
    command.upgrade(configure(Wrapper(engine)), "head")
    command.downgrade(configure(Wrapper(async_engine)), "base")
    bind: Any = Wrapper(async_engine)
    run(Migrations(configure(None), bind=bind).upgrade())
    with engine.connect() as connection:
        assert table_names(connection) == {"item", "alembic_version"}
    engine.dispose()


def test_a_wrapper_around_an_async_connection_is_used_where_that_lives(configure: Configure, postgresql_url: str) -> None:
    """In its loop and its transaction."""

    async def migrate() -> None:
        engine = create_async_engine(async_url(postgresql_url))
        async with engine.connect() as connection:
            transaction = await connection.begin()
            wrapper: Any = Wrapper(connection)
            await Migrations(configure(None), bind=wrapper).upgrade()
            assert await connection.run_sync(table_names) == {"item", "alembic_version"}
            await connection.run_sync(lambda _: command.downgrade(configure(wrapper), "base"))
            await transaction.rollback()
            assert await connection.run_sync(table_names) == set()
        await engine.dispose()

    run(migrate())


@pytest.mark.parametrize("other", [MagicMock(), Wrapper("x"), create_engine, object(), Engine])
def test_what_hands_on_no_connection_is_refused(configure: Configure, other: object) -> None:
    """A stand-in that answers everything is not a connection, and neither is a class."""
    with pytest.raises(ConnectionBindError, match="neither an engine nor a connection of SQLAlchemy"):
        command.upgrade(configure(other), "head")


def test_pytest_alembics_tests_pass(project: Project, postgresql_url: str) -> None:
    """Also the one that migrates on a wrapped connection and compares what a downgrade leaves behind."""
    project.environment["DATABASE_URL"] = postgresql_url
    model = "from enum import Enum\nfrom sqlmodel import Field, SQLModel\nStatus = Enum('Status', {names!r})\n"
    model += "class Item(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    status: Status\n"
    project.write({"app/models.py": model.format(names="draft live")})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    for number, names in enumerate(["draft live", "draft live gone", "live gone"]):
        project.write({"app/models.py": model.format(names=names)})
        project.alembic("revision", "--autogenerate", "-m", f"step {number}")
        project.alembic("upgrade", "head")
    project.alembic("downgrade", "base")
    conftest = (
        "import os, pytest\nfrom sqlalchemy import NullPool\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
        "@pytest.fixture\ndef alembic_engine():\n"
        "    return create_async_engine(os.environ['DATABASE_URL'], poolclass=NullPool)\n"
    )
    trace = "from pytest_alembic.tests.experimental.downgrade_leaves_no_trace import test_downgrade_leaves_no_trace\n"
    project.write(
        {"c/conftest.py": conftest, "c/test_usual.py": "from pytest_alembic.tests import *\n", "c/test_trace.py": trace}
    )
    assert run_pytest(project, "c/test_trace.py", postgresql_url) == "1 passed"
    assert run_pytest(project, "c/test_usual.py", postgresql_url) == "4 passed"
    # It does look: a downgrade that leaves the values of the type as they are is found.
    project.alembic("downgrade", "base")
    revision = project.revisions()[1]
    revision.write_text(
        revision.read_text().partition("def downgrade")[0] + "def downgrade():\n    op.execute('CREATE TABLE x ()')\n"
    )
    assert run_pytest(project, "c/test_trace.py", postgresql_url) == "1 failed"


def run_pytest(project: Project, path: str, url: str) -> str:
    """How many tests of a file passed, by pytest itself in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", path],
        cwd=project.directory,
        env={**os.environ, "DATABASE_URL": async_url(url), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    found = re.search(r"^(\d+ (?:passed|failed))", result.stdout, re.MULTILINE)
    assert found, result.stdout + result.stderr
    return found[1]


def test_what_cannot_be_used_is_refused(configure: Configure, tmp_path: Path) -> None:
    """A connection of another loop, one that is not open, and anything else, each with what to do."""

    async def migrate() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'x.sqlite'}")
        async with engine.connect() as connection:
            with pytest.raises(ConnectionBindError, match="belongs to an event loop and is used outside of it"):
                command.upgrade(configure(connection), "head")
        with pytest.raises(ConnectionBindError, match="is an AsyncConnection that is not open"):
            command.upgrade(configure(engine.connect()), "head")
        await engine.dispose()

    run(migrate())
    with pytest.raises(ConnectionBindError) as error:
        command.upgrade(configure("sqlite://"), "head")
    assert str(error.value) == (
        'bind (config.attributes["connection"]) is of type str, neither an engine nor a connection of SQLAlchemy\n'
        "  fix    hand over an engine or an open connection:\n         await Migrations(bind=engine).upgrade()\n"
        "  or     call Alembic's own functions:\n"
        '         await connection.run_sync(lambda _: command.upgrade(config, "head"))'
    )
    with pytest.raises(MemoryDatabaseError):
        command.upgrade(configure(create_async_engine("sqlite+aiosqlite://")), "head")


PROGRAM = """
import logging, os
from alembic import command
from alembic.config import Config

uvicorn, root = logging.getLogger("uvicorn.error"), logging.getLogger()
before = uvicorn.disabled, root.level, root.handlers[:], os.getcwd()
config = Config("{ini}")
command.upgrade(config, "head")
command.check(config)
command.downgrade(config, "base")
assert (uvicorn.disabled, root.level, root.handlers[:], os.getcwd()) == before
print("imported in", __import__("models").imported_in)
"""
LOGGING = """
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = ERROR
handlers =
"""


def test_a_program_keeps_its_loggers_and_its_working_directory(project: Project, database_url: str, tmp_path: Path) -> None:
    """Calls in code configure no logging, even when the ini has logging sections, and import the application where they are."""
    project.write({"models.py": f"import os\nimported_in = os.getcwd()\n{MODELS}"})
    project.environment["DATABASE_URL"] = database_url
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "items")
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text() + LOGGING)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(ini=ini)],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.splitlines()[-1] == f"imported in {tmp_path}"


def test_a_sync_engine_that_enforces_foreign_keys_loses_no_rows(project: Project, sqlite_url: str) -> None:
    """The connection of the run is its own, whatever engine it comes from: nothing cascades from a rebuilt table."""
    models = MODELS.replace("class Item", "class Parent").replace('"item"', '"parent"')
    project.write({f"models_{uuid4().hex}.py": models})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "-m", "rebuild")
    revision = project.revisions()[0]
    rebuild = (
        'with op.batch_alter_table("parent", recreate="always") as batch:\n        batch.add_column(sa.Column("x", sa.Integer))'
    )
    revision.write_text(revision.read_text().replace('schema."""', f'schema."""\n    {rebuild}'))
    engine = create_engine(sqlite_url)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE)",
            "INSERT INTO parent VALUES (1)",
            "INSERT INTO child VALUES (1, 1)",
        ):
            connection.exec_driver_sql(statement)
    config = Config(project.directory / "alembic.ini")
    config.attributes["connection"] = engine
    command.upgrade(config, "head")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM child").all() == [(1, 1)]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()
