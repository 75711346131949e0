"""Fixtures that every test has: a database of its own on each server, and a project to run the command line in."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from support.enums import OnConnection
from support.project import Project
from support.servers import (
    MYSQL_VARIABLE,
    PGBOUNCER_VARIABLE,
    POSTGRESQL_SERVERS,
    SQLITE_SERVERS,
    create_mysql_database,
    create_postgresql_database,
    find_postgresql_server,
    require_server,
    start_embedded_postgresql,
    watch_embedded_postgresql,
)

# Whole projects, which only their own commands import.
collect_ignore_glob = ["projects/layouts/*"]

_EMBEDDED_DIRECTORY = pytest.StashKey[Path]()
_EMBEDDED_WATCHER = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, and agree with the other processes of this run on a place for the embedded server."""
    for name, server in [
        ("sqlite", "SQLite"),
        ("postgresql", "PostgreSQL, the embedded one or one of TEST_POSTGRESQL_URL"),
        ("mysql", "MySQL or MariaDB, named by TEST_MYSQL_URL"),
        ("pgbouncer", "PgBouncer, named by TEST_PGBOUNCER_URL, TEST_PGBOUNCER_SINGLE_URL and TEST_PGBOUNCER_SESSION_URL"),
    ]:
        config.addinivalue_line("markers", f"{name}: runs on {server}")
    config.addinivalue_line("markers", "slow: takes seconds, and is left out by `nox -s check`")
    if (workerinput := getattr(config, "workerinput", None)) is not None:
        config.stash[_EMBEDDED_DIRECTORY] = Path(workerinput["embedded_directory"])
        return
    # A short path: Unix allows about a hundred bytes for that of a socket.
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    config.stash[_EMBEDDED_DIRECTORY] = directory
    config.stash[_EMBEDDED_WATCHER] = watch_embedded_postgresql(directory)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there are several PostgreSQL servers, run each case on one of 15 and 18, and where it asks for them on one of 16 and 17.

    Which one differs from case to case, and so does the driver that meets it, so that each test function meets all of them.
    Tests of what each server does by itself run on each. `TEST_EACH_ON_EACH=1` runs everything everywhere.
    """
    if len(POSTGRESQL_SERVERS) == 1 or os.environ.get("TEST_EACH_ON_EACH"):
        return
    left_out = [item for item in items if _meets_another(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _meets_another(item)]


_OF_EACH_SERVER = {"test_hints", "test_server_comparison", "test_end_states"}


def _meets_another(item: pytest.Item) -> bool:
    name, _, parameters = item.nodeid.partition("[")
    server = re.search(r"\bpostgresql(?:-enums)?(\d)\b", parameters)
    if server is None or item.path.stem in _OF_EACH_SERVER:
        return False
    return (zlib.crc32(f"{name}{parameters.replace(server[0], '')}".encode()) + int(server[1])) % 2 == 0


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker of pytest-xdist where the embedded server is."""
    node.workerinput["embedded_directory"] = str(node.config.stash[_EMBEDDED_DIRECTORY])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the embedded server once all workers have ended."""
    watcher = config.stash.get(_EMBEDDED_WATCHER, None)
    if watcher is not None:
        watcher.communicate()


@pytest.fixture(scope="session")
def embedded_postgresql(pytestconfig: pytest.Config) -> str:
    """The URL of the embedded server, started by the first test of the run that asks for it."""
    return start_embedded_postgresql(pytestconfig.stash[_EMBEDDED_DIRECTORY])


@pytest.fixture
def embedded_url(embedded_postgresql: str) -> Iterator[str]:
    """An empty database on the embedded PostgreSQL, of version 18."""
    with create_postgresql_database(embedded_postgresql) as url:
        yield url


@pytest.fixture(params=POSTGRESQL_SERVERS)
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on each of TEST_POSTGRESQL_URL, or on the embedded PostgreSQL."""
    with create_postgresql_database(find_postgresql_server(request)) as url:
        yield url


@pytest.fixture(params=["asyncpg", "psycopg"])
def on_connection(request: pytest.FixtureRequest, postgresql_url: str) -> OnConnection:
    """Calls a function with a connection that is in no transaction: asyncpg's inside run_sync, psycopg's as it is."""
    url = postgresql_url.replace("postgresql:", f"postgresql+{request.param}:")

    async def call_async(work: Callable[[Connection], Any]) -> Any:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.connect() as connection:
            return await connection.run_sync(work)

    def call(work: Callable[[Connection], Any]) -> Any:
        if request.param == "asyncpg":
            return asyncio.run(call_async(work))
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return work(connection)

    return call


@pytest.fixture(params=[pytest.param(PGBOUNCER_VARIABLE, id="pgbouncer", marks=pytest.mark.pgbouncer)])
def pgbouncer_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty PostgreSQL database behind the PgBouncer of TEST_PGBOUNCER_URL."""
    with create_postgresql_database(require_server(request.param)) as url:
        yield url


@pytest.fixture(params=[pytest.param(MYSQL_VARIABLE, id="mysql", marks=pytest.mark.mysql)])
def mysql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on the MySQL or MariaDB of TEST_MYSQL_URL."""
    with create_mysql_database(require_server(request.param)) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'database.sqlite'}"


@pytest.fixture(params=[*SQLITE_SERVERS, *POSTGRESQL_SERVERS])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on SQLite, and on each PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    with create_postgresql_database(find_postgresql_server(request)) as url:
        yield url


@pytest.fixture(autouse=True)
def _imports_end_with_the_test(tmp_path: Path) -> Iterator[None]:
    """Take back what a test's own project has left to the process: its folders on the path, and its modules."""
    before = list(sys.path)
    yield
    sys.path[:] = before
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", None) or getattr(module, "__path__", "")):
            del sys.modules[name]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty folder to make a project in and run Alembic's command line on."""
    directory = tmp_path / "project"
    directory.mkdir()
    return Project(directory)
