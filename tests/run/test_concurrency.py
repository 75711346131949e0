"""Any number of processes may run `upgrade` at once: each migration runs once, and all of them succeed."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from alembic_async_template.application.url import adapt_url
from alembic_async_template.run.connection import connect
from support.project import Project, write_revisions
from support.servers import (
    MYSQL_VARIABLE,
    PGBOUNCER_SESSION_VARIABLE,
    PGBOUNCER_VARIABLE,
    POSTGRESQL_SERVERS,
    create_mysql_database,
    create_postgresql_database,
    find_postgresql_server,
    require_server,
)

# What a revision does that must happen once; the third one takes its time, the last two leave the transaction.
BODIES = {
    "one": 'op.create_table("log", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("name", sa.String(9)))',
    "two": """op.create_enum("mood", ["sad"])
    op.execute("INSERT INTO log (name) VALUES ('two')")""",
    "three": """time.sleep(1)
    op.execute("INSERT INTO log (name) VALUES ('three')")""",
    "four": """op.add_enum_value("mood", "glad")
    op.execute("INSERT INTO log (name) VALUES ('four')")""",
    "five": """with op.get_context().autocommit_block():
        op.create_index("ix_log_name", "log", ["name"], postgresql_concurrently=True)
    op.execute("INSERT INTO log (name) VALUES ('five')")""",
}


@pytest.fixture
def migrated(project: Project) -> Project:
    """A project with five revisions."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, **BODIES)
    return project


# One PostgreSQL is enough: they do not differ here.
@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.postgresql),
        pytest.param("sqlite", marks=pytest.mark.sqlite),
        pytest.param("mysql", marks=pytest.mark.mysql),
        pytest.param("pgbouncer", marks=pytest.mark.pgbouncer),
        pytest.param("pgbouncer-session", marks=pytest.mark.pgbouncer),
    ]
)
def any_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    if request.param == "mysql":
        database = create_mysql_database(require_server(MYSQL_VARIABLE))
    elif request.param == "pgbouncer":
        database = create_postgresql_database(require_server(PGBOUNCER_VARIABLE))
    elif request.param == "pgbouncer-session":
        database = create_postgresql_database(require_server(PGBOUNCER_SESSION_VARIABLE))
    else:
        request.param = POSTGRESQL_SERVERS[-1].values[0]
        database = create_postgresql_database(find_postgresql_server(request))
    with database as url:
        yield url


def finish(processes: list[subprocess.Popen[str]]) -> str:
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(outputs)
    return "\n".join(outputs)


def read_log(url: str) -> list[str]:
    query = "SELECT name FROM log ORDER BY name"
    known = make_url(url)
    if known.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(known.database or "")) as connection:
            return [row[0] for row in connection.execute(query)]
    if known.get_backend_name() == "mysql":
        with (
            pymysql.connect(
                host=known.host,
                port=known.port or 3306,
                user=known.username,
                password=known.password or "",
                database=known.database,
            ) as mysql,
            mysql.cursor() as cursor,
        ):
            cursor.execute(query)
            return [row[0] for row in cursor.fetchall()]
    with psycopg.connect(url, prepare_threshold=None) as postgresql:
        return [row[0] for row in postgresql.execute(query)]


def test_twenty_processes_migrate_an_empty_database_at_once(migrated: Project, any_url: str) -> None:
    """All succeed, and each revision runs once."""
    output = finish([migrated.start(any_url) for _ in range(20)])
    assert output.count("Running upgrade") == len(BODIES)
    assert read_log(any_url) == ["five", "four", "three", "two"]


@pytest.mark.postgresql
def test_statements_outside_of_transactions_behind_a_pooler(pgbouncer_url: str) -> None:
    """They run although the pooler may send what asyncpg has prepared to another server connection."""

    async def use() -> None:
        database = adapt_url(make_url(pgbouncer_url), "the test", directory=Path())
        async with connect(database, 10, None) as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            for number in range(20):
                assert await connection.scalar(text(f"SELECT {number}")) == number

    async def use_many() -> None:
        await asyncio.gather(*(use() for _ in range(25)))

    asyncio.run(use_many())


def test_processes_meet_half_way(migrated: Project, postgresql_url: str) -> None:
    """Some go further than others, and one marks the database only."""
    migrated.alembic("upgrade", "two", env={"DATABASE_URL": postgresql_url})
    output = finish([migrated.start(postgresql_url, "upgrade", goal) for goal in ("three", "head", "four", "head")])
    assert output.count("Running upgrade") == 3
    assert read_log(postgresql_url) == ["five", "four", "three", "two"]


def test_a_holder_that_is_killed_leaves_no_lock(migrated: Project, any_url: str) -> None:
    """The others finish what it has begun."""
    holder = migrated.start(any_url)
    assert holder.stdout is not None
    for line in holder.stdout:
        if "two -> three" in line:  # which sleeps now
            break
    others = [migrated.start(any_url) for _ in range(3)]
    time.sleep(0.5)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    finish(others)
    assert read_log(any_url) == ["five", "four", "three", "two"]


@contextmanager
def held(project: Project, url: str, seconds: int) -> Iterator[subprocess.Popen[str]]:
    """A process that migrates holds the lock while the context lasts."""
    path = project.directory / "migrations/versions/three.py"
    path.write_text(path.read_text().replace("sleep(1)", f"sleep({seconds})"))
    process = project.start(url)
    assert process.stdout is not None
    for line in process.stdout:
        if "two -> three" in line:
            break
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_waiter_gives_up_in_time_and_names_the_holder(migrated: Project, any_url: str) -> None:
    """The error comes after `lock_wait`, with the process that holds the lock and what to set; nothing was changed."""
    migrated.set(lock_wait="700ms")
    with held(migrated, any_url, 30) as holder:
        waiter = migrated.start(any_url)
        output = waiter.communicate()[0]
        assert waiter.returncode != 0
        assert "Traceback" not in output
        message = output.partition("FAILED: ")[2]
        assert message.startswith("The migration lock of database ")
        assert "was not free after 0.7 s\n  where  " in message
        assert " holds it\n  fix    wait for it, or raise lock_wait in alembic.ini:\n         lock_wait = 300s\n" in message
        if "mysql" in any_url:
            assert "connection " in message
        else:
            assert f"alembic, pid {holder.pid} on " in message
        # What changes nothing does not wait.
        finish([migrated.start(any_url, "current"), migrated.start(any_url, "upgrade", "two")])


@pytest.mark.sqlite
def test_a_wait_that_is_no_time_is_refused(migrated: Project, sqlite_url: str) -> None:
    """The error has the name of the setting and an example."""
    migrated.set(lock_wait="soon")
    result = migrated.alembic("upgrade", "head", env={"DATABASE_URL": sqlite_url}, check=False)
    assert result.block == (
        'lock_wait: "soon" is not a duration\n  where  section [alembic] of alembic.ini\n'
        "  fix    give a duration:\n         lock_wait = 60s"
    )


@pytest.mark.sqlite
def test_the_lock_of_a_database_in_a_folder_that_is_not_there(migrated: Project, tmp_path: Path) -> None:
    """The database is what cannot be opened, and not the lock."""
    url = f"sqlite:///{tmp_path}/nowhere/app.db"
    result = migrated.alembic("upgrade", "head", env={"DATABASE_URL": url}, check=False)
    assert "unable to open database file" in result.output
    assert "locking.py" not in result.output
