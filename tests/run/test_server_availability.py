"""What a command does when the server is not up, refuses it, is full, or ends its connections."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from support.project import Project
from support.servers import (
    control_embedded_postgresql,
    start_embedded_postgresql,
    watch_embedded_postgresql,
)
from support.waiting import ADD_COLUMN, POST, Write, columns, finish, read_until


@pytest.fixture
def own_server() -> Iterator[tuple[str, Path]]:
    """A PostgreSQL of this test alone, which it can stop: its URL and its data."""
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    watcher = watch_embedded_postgresql(directory)
    try:
        yield start_embedded_postgresql(directory), directory / "data"
    finally:
        watcher.communicate()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.postgresql
def test_a_server_that_starts_later_and_one_that_restarts(project: Project, write: Write, own_server: tuple[str, Path]) -> None:
    """Both are waited for; who waited for the migration lock meanwhile goes on."""
    url, data = own_server
    write(one=POST, two="time.sleep(3)")
    control_embedded_postgresql(data, "stop")
    processes = [project.start(url.replace("postgresql:", f"postgresql+{driver}:")) for driver in ("asyncpg", "psycopg")]
    said = [read_until(process, "Waiting for the database: ") for process in processes]
    assert all("refused" in text or "Connect call failed" in text for text in said)
    control_embedded_postgresql(data, "restart")
    time.sleep(2.5)
    control_embedded_postgresql(data, "restart")
    # The one that migrated has failed, with the revision that it was at; the other one has done the rest.
    results = sorted(finish(process) for process in processes)
    assert [returncode for returncode, _ in results].count(0) == 1, results
    assert "The connection ended while it waited for the migration lock; connecting again: " in results[0][1]
    assert columns(url) == {"post.id"}
    assert "(head)" in project.alembic("current", env={"DATABASE_URL": url}).stdout


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://app:s%40cret@127.0.0.1:1/app", "[Errno 111] Connect call failed ('127.0.0.1', 1)"),
        (
            "postgresql+psycopg://app:s%40cret@127.0.0.1:1/app",
            'connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused',
        ),
        ("postgresql://app:s%40cret@nowhere.invalid/app", "[Errno -2] Name or service not known"),
        ("postgresql://app:s%40cret@/app?host=/nowhere", "[Errno 2] No such file or directory"),
        ("mysql+aiomysql://app:s%40cret@127.0.0.1:1/app", "Can't connect to MySQL server on '127.0.0.1' (2003)"),
    ],
)
def test_a_database_that_does_not_come_up(project: Project, write: Write, url: str, problem: str) -> None:
    """One message when the time is over: which database, from where, and what is wrong."""
    write(one=POST)
    project.set(database_wait="1s")
    result = project.alembic("upgrade", "head", env={"DATABASE_URL": url}, check=False)
    known = make_url(url)
    driver = {"postgresql": "postgresql+asyncpg"}.get(known.drivername, known.drivername)
    shown = known.set(drivername=driver).render_as_string()
    assert result.block == (
        f"The database could not be reached within 1 s: {problem}\n"
        f"  where  {shown}, from the environment variable DATABASE_URL\n"
        "  fix    start it, or correct host and port\n  or     wait longer, in alembic.ini:\n         database_wait = 60s"
    )
    assert f"Waiting for the database: {problem}" in result.stderr
    assert "Traceback" not in result.output
    status = project.alembic("status", env={"DATABASE_URL": url}, check=False)
    assert status.stderr.count(f"Waiting for the database: {problem}") == 1
    assert "Database " not in status.stderr


def test_a_wrong_password_is_not_waited_for(project: Project, write: Write, postgresql_url: str) -> None:
    """Waiting would not help."""
    write(one=POST)
    url = make_url(postgresql_url).set(password="wrong").render_as_string(hide_password=False)
    result = project.alembic("upgrade", "head", env={"DATABASE_URL": url}, check=False)
    assert "password authentication failed" in result.output
    assert "Waiting" not in result.output


def test_a_lost_migration_lock_stops_the_next_revision(project: Project, write: Write, postgresql_url: str) -> None:
    """The connection that held the lock was ended: another process may migrate now."""
    write(one=POST, two="time.sleep(1)", three=ADD_COLUMN)
    process = project.start(postgresql_url)
    read_until(process, "one -> two")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchall()
        assert ended == [(True,)]
    returncode, output = finish(process)
    assert returncode != 0
    assert "Traceback" not in output
    assert output.partition("FAILED: ")[2].startswith(
        f'The migration lock of database "{make_url(postgresql_url).database}" was lost '
    )
    assert columns(postgresql_url) == {"post.id"}
    project.alembic("upgrade", "head", env={"DATABASE_URL": postgresql_url})
    assert columns(postgresql_url) == {"post.id", "post.x", "note.id"}


@pytest.mark.postgresql
def test_a_server_that_is_full(project: Project, write: Write, own_server: tuple[str, Path]) -> None:
    """No role's limit is in the way: before the first connection, or before the second one, which the migration lock needs."""
    url, data = own_server
    write(one=POST)
    project.set(database_wait="500ms", lock_wait="500ms")
    with psycopg.connect(url, autocommit=True) as connection:
        for setting, value in {"max_connections": 5, "superuser_reserved_connections": 0, "max_wal_senders": 0}.items():
            connection.execute(f"ALTER SYSTEM SET {setting} = {value}".encode())
    control_embedded_postgresql(data, "stop")
    control_embedded_postgresql(data, "start", "-o", f"-h 127.0.0.1 -p {make_url(url).port} -k {data}")
    environments = [{"DATABASE_URL": url.replace("postgresql:", f"postgresql+{driver}:")} for driver in ("asyncpg", "psycopg")]
    advice = "ALTER SYSTEM SET max_connections = 200"
    for count, problem in enumerate(("it needs a second connection, and there was none (", "the server is full: close some"), 4):
        others = [psycopg.connect(url) for _ in range(count)]
        for environment in environments:
            said = project.alembic("upgrade", "head", env=environment, check=False).block
            assert problem in said
            assert "sorry, too many clients already" in said
            assert said.endswith(f"\n         {advice}")
        for other in others:
            other.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(advice.encode())
    control_embedded_postgresql(data, "restart")
    project.alembic("upgrade", "head", env=environments[0])
