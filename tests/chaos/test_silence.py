"""A server that falls silent ends a command in bounded time, with what is committed; one that works for long does not."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from alembic_async_template import _compat
from alembic_async_template.application.url import adapt_url, parse_url
from alembic_async_template.run.connection import connect
from alembic_async_template.run.session import find_backend
from alembic_async_template.run.watch import Watch
from chaos.attack import finish, start, use_driver
from chaos.proxy import start_proxy
from support.project import Project, write_revisions
from support.servers import MYSQL_VARIABLE, create_postgresql_database, require_server

POST = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
NOTE = POST.replace("post", "note")

pytestmark = pytest.mark.postgresql

# At what, what happens, and what is said: of the statement, its place, and what is committed.
_HERE = (", migrations/versions/two.py:14\n         op.execute(\"SELECT 'here'\")\n         SELECT 'here'", "rolled back")
_COMMIT = ("\n         COMMIT", "whether the server has committed it is not known")
CASES = [
    # The statement does not reach the server, and no other connection does.
    ("'here'", "hold", *_HERE),
    # The server takes newcomers, and says that the process waits for its client.
    ("'here'", "silence", *_HERE),
    ("COMMIT", "silence", *_COMMIT),
]


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


@pytest.mark.parametrize(
    "driver",
    ["asyncpg", "psycopg", *(pytest.param(name, marks=pytest.mark.mysql) for name in ("asyncmy", "aiomysql"))],
)
def test_connections_of_a_migration_have_keepalives(embedded_postgresql: str, driver: str) -> None:
    """TCP notices a peer that is gone; what the URL of psycopg says comes first."""
    backend = "mysql" if "mysql" in driver or driver == "asyncmy" else "postgresql"
    url = require_server(MYSQL_VARIABLE) + "mysql" if backend == "mysql" else embedded_postgresql

    async def read(words: str) -> list[int]:
        text = url.replace(f"{backend}:", f"{backend}+{driver}:") + words
        database = adapt_url(parse_url(text, "here"), "here", directory=Path.cwd())
        async with connect(database, 10, None) as connection:
            driver_connection: Any = (await connection.get_raw_connection()).driver_connection
            transport = _compat.find_transport(driver_connection)
            number = driver_connection.pgconn.socket if transport is None else transport.get_extra_info("socket").fileno()
            with socket.socket(fileno=os.dup(number)) as connected:
                on = connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
                return [on, *(connected.getsockopt(socket.IPPROTO_TCP, option) for option in options)]

    assert asyncio.run(read("")) == [1, 30, 10, 3, 60_000]
    if driver == "psycopg":
        assert asyncio.run(read("?keepalives_idle=7")) == [1, 7, 10, 3, 60_000]


def test_a_silent_server_ends_the_run(project: Project, embedded_postgresql: str) -> None:
    """It says at what, and what is committed; when the network works again, the same command does the rest."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one=POST, two=f"{NOTE}\n    op.execute(\"SELECT 'here'\")")
    with ExitStack() as stack:
        started = []
        for driver, case in itertools.product(range(2), CASES):
            database = stack.enter_context(create_postgresql_database(embedded_postgresql))
            proxy = stack.enter_context(start_proxy(database))
            proxy.on(case[0].encode(), case[1], after=b"'here'" if case[0] == "COMMIT" else b"")
            url = use_driver(proxy.url, driver)
            started.append((case, database, proxy, url, start(project, url)))
        again = []
        for (_, _, place, state), _, proxy, url, process in started:
            returncode, stdout, stderr = finish(process)
            assert returncode == 255, stdout + stderr
            assert "Traceback" not in stdout + stderr
            assert stderr.partition("FAILED: ")[2] == (
                f"The server gave no sign of life for 3 s\n  where  revision two{place}\n"
                f"  state  {state}; applied before it in this run: one\n"
                "  fix    check that the server and the network to it work, then run the same command again; "
                "see where it stands:\n"
                "         alembic current\n"
            )
            proxy.act("forward")
            again.append(start(project, url))
        for process in again:
            assert finish(process)[0] == 0
        assert all(tables(database) == {"post", "note", "alembic_version"} for _, database, *_ in started)


def test_the_connection_that_holds_the_lock_falls_silent(project: Project, embedded_postgresql: str) -> None:
    """The next revision does not run."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one=f"{POST}\n    op.execute(\"SELECT 'here'\")", two=NOTE)
    with ExitStack() as stack:
        started = []
        for driver in range(2):
            database = stack.enter_context(create_postgresql_database(embedded_postgresql))
            proxy = stack.enter_context(start_proxy(database))
            proxy.on(b"'here'", "others")
            started.append((database, start(project, use_driver(proxy.url, driver))))
        for database, process in started:
            returncode, stdout, stderr = finish(process)
            assert returncode == 255, stdout + stderr
            assert "was lost between two revisions: " in stderr
            assert "note" not in tables(database)


def test_what_works_for_long_is_not_silent(project: Project, embedded_postgresql: str) -> None:
    """A long statement, long code after a commit and a wait for a lock do not count as silence."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.set(lock_timeout="30s")
    code = "op.execute('COMMIT')\n    op.get_bind().commit()\n    time.sleep(4)"
    write_revisions(project.directory, one=POST, two="op.execute('SELECT pg_sleep(4)')", three=code, four="op.drop_table('post')")
    with ExitStack() as stack:
        databases = [stack.enter_context(create_postgresql_database(embedded_postgresql)) for _ in range(2)]
        processes = [start(project, use_driver(url, number)) for number, url in enumerate(databases)]
        readers = [stack.enter_context(psycopg.connect(url)) for url in databases]
        for url, reader in zip(databases, readers, strict=True):
            while "post" not in tables(url):
                time.sleep(0.1)
            reader.execute("SELECT 1 FROM post")
        time.sleep(13)
        assert [process.poll() for process in processes] == [None, None]
        for reader, process in zip(readers, processes, strict=True):
            reader.rollback()
            returncode, stdout, stderr = finish(process)
            assert returncode == 0, stdout + stderr
            assert "gave no sign" not in stderr


def test_behind_a_pooler_another_process_may_work_for_the_statement(embedded_url: str) -> None:
    """The one that the driver knows is idle meanwhile, and gives no verdict."""
    engine = create_engine(embedded_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    statement = "SELECT pg_sleep(1)"
    with engine.connect() as idle, engine.connect() as asking, engine.connect() as working, ThreadPoolExecutor() as pool:
        watch = Watch(asking, 0.1)
        watch.pid, watch.doing = find_backend(idle), statement
        work = pool.submit(working.exec_driver_sql, statement)
        verdicts = []
        while not work.done():
            time.sleep(0.3)
            watch._note_state(asking)
            asking.rollback()
            verdicts.append(watch._heard[1])
        assert verdicts[:3] == [True, True, True]
        watch._note_state(asking)
        assert not watch._heard[1]
