"""Commands that are killed, and connections that break, at random points: the same command finishes the work afterwards."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest
from conftest import BOUND, Start, finish
from project import Project, write_revisions
from proxy import start_proxy
from servers import create_postgresql_database

pytestmark = pytest.mark.postgresql

# Of each kind one, in the form that can be run again whatever of it a dead process has left; see docs/how-to/deploy.md.
_HISTORY = {
    "one": """op.create_enum("mood", ["sad", "glad", "odd"])
    op.execute("CREATE TABLE post (id serial PRIMARY KEY, mood mood DEFAULT 'sad')")
    op.execute("INSERT INTO post (mood) SELECT 'odd' FROM generate_series(1, 2000)")""",
    "two": 'op.add_enum_value("mood", "bored", after="sad")',
    "three": """op.execute("UPDATE post SET mood = 'bored' WHERE id % 2 = 0")
    op.add_column("post", sa.Column("title", sa.String(), server_default="none"))""",
    "four": """with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_title")
        op.execute("CREATE INDEX CONCURRENTLY ix_title ON post (title)")""",
    "five": 'op.remove_enum_value("mood", "odd", replace_with="glad")',
    "six": """op.create_table("note", sa.Column("post_id", sa.Integer, sa.ForeignKey("post.id"), index=True))
    op.execute("INSERT INTO note SELECT id FROM post")""",
    "seven": 'op.rename_enum_value("mood", "glad", "happy")\n    op.create_check_constraint("ck", "post", "title <> \'\'")',
    "eight": 'op.reorder_enum_values("mood", ["happy", "sad", "bored"])',
}
# All that the history makes, and whether it can be used.
_SCHEMA = """
    SELECT 'revision', version_num FROM alembic_version
    UNION ALL SELECT 'relation', relname || relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'column', attrelid::regclass || attname || format_type(atttypid, atttypmod)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'type', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT 'values', string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum
    UNION ALL SELECT 'constraint', conname || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', indexrelid::regclass::text || indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'default', pg_get_expr(adbin, adrelid) FROM pg_attrdef
    UNION ALL SELECT 'rows', mood::text || count(*) FROM post GROUP BY mood
    UNION ALL SELECT 'notes', count(*)::text FROM note
    ORDER BY 1, 2
"""


@pytest.fixture
def database(embedded_postgresql: str) -> Iterator[str]:
    """An empty database."""
    with create_postgresql_database(embedded_postgresql) as url:
        yield url


def prepare(project: Project) -> None:
    """Make a project with the history."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, **_HISTORY)


def read_schema(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute(_SCHEMA).fetchall()


def make_undisturbed(project: Project, embedded_postgresql: str) -> tuple[list[tuple[str, str]], float]:
    """What a run makes that nobody disturbs, and how long that takes."""
    with create_postgresql_database(embedded_postgresql) as url:
        started = time.monotonic()
        project.alembic("upgrade", "head", env={"DATABASE_URL": url})
        return read_schema(url), time.monotonic() - started


def let_servers_end(url: str) -> None:
    """Wait for what a dead client has left to run."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    query += " AND backend_type = 'client backend'"
    end = time.monotonic() + BOUND
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query.encode()).fetchone() != (0,):
            assert time.monotonic() < end
            time.sleep(0.05)


def drivers(url: str, number: int) -> str:
    return url.replace("postgresql:", f"postgresql+{('asyncpg', 'psycopg')[number % 2]}:")


def test_killed_commands(project: Project, start: Start, database: str, embedded_postgresql: str, round_number: int) -> None:
    """Killed once and again (kill -9), anywhere: the next one finishes, and the result is that of an undisturbed run."""
    prepare(project)
    undisturbed, takes = make_undisturbed(project, embedded_postgresql)
    chance = random.Random(round_number)
    for number in range(4):
        process = start(drivers(database, round_number + number))
        assert process.stderr is not None
        for line in process.stderr:
            if "Database " in line:  # it has started
                break
        time.sleep(chance.uniform(0, takes))
        process.kill()
        process.communicate()
    let_servers_end(database)
    returncode, *output = finish(start(drivers(database, round_number)))
    assert returncode == 0, output
    assert read_schema(database) == undisturbed


@pytest.mark.parametrize("action", ["reset", "hold", "silence"])
def test_broken_connections(
    project: Project, start: Start, database: str, embedded_postgresql: str, action: str, round_number: int
) -> None:
    """The command ends in bounded time, and says so by its status; the next one finishes."""
    prepare(project)
    undisturbed, _ = make_undisturbed(project, embedded_postgresql)
    chance = random.Random(f"{action} {round_number}")
    with start_proxy(database) as proxy:
        url = drivers(proxy.url, round_number)
        with start_proxy(database) as counting, create_postgresql_database(counting.url) as other:
            counting.chunks = 0
            assert finish(start(drivers(other, round_number)))[0] == 0
            chunks = counting.chunks
        point = chance.randrange(1, chunks)
        proxy.after(point, action)
        returncode, *output = finish(start(url))
        # A connection that is broken before there is anything to do, or after all is done, is not missed.
        if returncode == 0:
            assert read_schema(database) == undisturbed, (point, output)
        else:
            assert returncode == 255, (point, output)
        assert "Traceback" not in "".join(output), (point, output)
        proxy.act("forward")
        let_servers_end(database)
        returncode, *output = finish(start(url))
        assert returncode == 0, (point, output)
        assert read_schema(database) == undisturbed


def test_ten_commands_of_which_one_is_killed(
    project: Project, database: str, embedded_postgresql: str, round_number: int
) -> None:
    """The others do the rest, one after the other."""
    prepare(project)
    undisturbed, takes = make_undisturbed(project, embedded_postgresql)
    chance = random.Random(round_number)
    processes = [project.start(drivers(database, number)) for number in range(10)]
    with psycopg.connect(database, autocommit=True) as connection:
        query = "SELECT substring(application_name FROM '^alembic, pid ([0-9]+)') AS pid FROM pg_stat_activity"
        query = f"SELECT pid FROM ({query} WHERE datname = current_database()) AS holders WHERE pid IS NOT NULL"
        while not (holder := connection.execute(query.encode()).fetchone()):
            time.sleep(0.01)
    time.sleep(chance.uniform(0, takes / 2))
    killed = next(process for process in processes if process.pid == int(holder[0]))
    killed.send_signal(signal.SIGKILL)
    for process in processes:
        output, _ = process.communicate(timeout=4 * BOUND)
        assert process is killed or process.returncode == 0, output
    assert read_schema(database) == undisturbed
