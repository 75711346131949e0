"""A server that falls silent ends a command in bounded time, with what is committed; one that works for long does not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from conftest import Start, finish
from project import Project, write_revisions
from proxy import Proxy, start_proxy
from servers import create_postgresql_database

POST = 'op.create_table("post", sa.Column("id", sa.Integer(), primary_key=True))'
NOTE = POST.replace("post", "note")

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database(embedded_postgresql: str) -> Iterator[str]:
    """An empty database."""
    with create_postgresql_database(embedded_postgresql) as url:
        yield url


@pytest.fixture
def proxy(database: str) -> Iterator[Proxy]:
    """A proxy in front of it."""
    with start_proxy(database) as proxy:
        yield proxy


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize(
    ("words", "action", "at", "place", "state"),
    [
        # The statement does not reach the server, and nobody else does.
        ("'here'", "hold", "SELECT 'here'", "op.execute(\"SELECT 'here'\") (line 14 of {two})", "It was rolled back"),
        # The server takes newcomers, and says that the process is idle.
        ("'here'", "silence", "SELECT 'here'", "op.execute(\"SELECT 'here'\") (line 14 of {two})", "It was rolled back"),
        ("COMMIT", "silence", "COMMIT", "COMMIT", "Whether the server has committed it is not known"),
    ],
)
def test_a_silent_server_ends_the_run(
    project: Project, start: Start, proxy: Proxy, driver: str, words: str, action: str, at: str, place: str, state: str
) -> None:
    """It says at what, and what is committed; when the network works again, the same command does the rest."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one=POST, two=f"{NOTE}\n    op.execute(\"SELECT 'here'\")")
    url = proxy.url.replace("postgresql:", f"postgresql+{driver}:")
    proxy.on(words.encode(), action, after=b"'here'" if words == "COMMIT" else b"")
    returncode, stdout, stderr = finish(start(url))
    assert returncode == 255, stdout + stderr
    assert "Traceback" not in stdout + stderr
    assert stdout == "FAILED: " + (
        f"Revision two failed at {place}: the server gave no sign of life for 3 s, at: {at}. {state}; revisions committed in "
        "this run: one. Look whether the server and the network to it work, and run the same command again, for example: "
        "alembic current"
    ).format(two=project.directory / "migrations/versions/two.py")
    proxy.act("forward")
    assert finish(start(url))[0] == 0
    assert "two (head)" in project.alembic("current", env={"DATABASE_URL": url}).stdout


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_the_connection_that_holds_the_lock_falls_silent(project: Project, start: Start, proxy: Proxy, driver: str) -> None:
    """The next revision does not run."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, one=f"{POST}\n    op.execute(\"SELECT 'here'\")", two=NOTE)
    proxy.on(b"'here'", "others")
    url = proxy.url.replace("postgresql:", f"postgresql+{driver}:")
    returncode, stdout, stderr = finish(start(url))
    assert returncode == 255, stdout + stderr
    assert "was lost between two revisions (" in stdout
    assert "note" not in tables(proxy.url)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_what_works_for_long_is_not_silent(project: Project, start: Start, proxy: Proxy, driver: str) -> None:
    """Neither a statement, nor the code of a revision after a commit, nor a wait for a lock."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.set(lock_timeout="20s")
    code = "op.execute('COMMIT')\n    op.get_bind().commit()\n    time.sleep(5)"
    write_revisions(project.directory, one=POST, two="op.execute('SELECT pg_sleep(5)')", three=code, four="op.drop_table('post')")
    process = start(proxy.url.replace("postgresql:", f"postgresql+{driver}:"))
    with psycopg.connect(proxy.url, autocommit=True) as other:
        while "post" not in tables(proxy.url):
            time.sleep(0.1)
        with other.transaction():
            other.execute("SELECT 1 FROM post")
            time.sleep(17)
            assert process.poll() is None, process.communicate()
    returncode, stdout, stderr = finish(process)
    assert returncode == 0, stdout + stderr
    assert "gave no sign" not in stderr
