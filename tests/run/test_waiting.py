"""What a migration waits for, how long, and what it says: other transactions, locks of tables, slow statements."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pymysql
import pytest
from sqlalchemy.engine import make_url

from support.project import Project
from support.servers import (
    PGBOUNCER_SINGLE_VARIABLE,
    POSTGRESQL_SERVERS,
    create_postgresql_database,
    find_postgresql_server,
    require_server,
)
from support.waiting import ADD_COLUMN, POST, Write, columns, finish, open_transaction, read_until


# One PostgreSQL is enough: they do not differ here.
@pytest.fixture(params=POSTGRESQL_SERVERS[-1:])
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database."""
    with create_postgresql_database(find_postgresql_server(request)) as url:
        yield url


def describe_reader(connection: psycopg.Connection) -> str:
    """A pattern of what is said of the transaction that has read the table."""
    known = rf"report, user {connection.info.user}, idle in transaction since ..:..:.., query: SELECT 1 FROM post"
    return rf"process {connection.info.backend_pid} \({known}\)"


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_a_revision_that_gets_no_lock_is_retried(project: Project, write: Write, embedded_postgresql: str, driver: str) -> None:
    """It names who is in the way while it waits; relative steps are not taken twice."""
    write(one=POST, two=ADD_COLUMN, three=ADD_COLUMN.replace('"x"', '"y"'), four=ADD_COLUMN.replace('"x"', '"z"'))
    project.set(lock_retries="9")
    with create_postgresql_database(embedded_postgresql) as url:
        driver_url = url.replace("postgresql:", f"postgresql+{driver}:")
        project.alembic("upgrade", "one", env={"DATABASE_URL": driver_url})
        with open_transaction(url, "SELECT 1 FROM post") as reader:
            process = project.start(driver_url, "upgrade", "+2")
            said = " ".join(read_until(process, "is retried").split())
            who = describe_reader(reader)
            what = "at: ALTER TABLE post ADD COLUMN x INTEGER"
            assert re.search(f"Waiting for {who}, {what}", said)
            retried = (
                r"Revision two was rolled back \(canceling statement due to lock timeout\) "
                r"and is retried in .* s, attempt 2 of 10\."
            )
            assert re.search(f"{retried} It waited for {who}, {what}", said)
        returncode, output = finish(process)
        assert (returncode, output.count("two -> three")) == (0, 1), output
        assert columns(url) == {"post.id", "post.x", "post.y", "note.id"}


def test_a_revision_gives_up(project: Project, write: Write, postgresql_url: str) -> None:
    """The error has all that is known, nothing is done, and the same command succeeds afterwards."""
    write(one=POST, two=ADD_COLUMN)
    project.alembic("upgrade", "one", env={"DATABASE_URL": postgresql_url})
    with open_transaction(postgresql_url, "SELECT 1 FROM post") as reader:
        returncode, output = finish(project.start(postgresql_url))
        assert returncode != 0
        assert "Traceback" not in output
        assert re.fullmatch(
            r"It did not get a lock in 2 attempts: canceling statement due to lock timeout\n"
            r"  where  revision two, migrations/versions/two\.py:\d+\n         op\.add_column\(.*\)\n"
            r"         ALTER TABLE post ADD COLUMN x INTEGER\n"
            rf"         waited for {describe_reader(reader)}\n"
            r"  state  rolled back; applied before it in this run: none\n"
            r"  fix    wait for the blocking transaction to end, then run the command again\n"
            r"  or     raise lock_timeout and lock_retries in alembic\.ini:\n         lock_timeout = 30s\n",
            output.partition("FAILED: ")[2],
        )
        assert columns(postgresql_url) == {"post.id"}
    project.alembic("upgrade", "head", env={"DATABASE_URL": postgresql_url})
    assert columns(postgresql_url) == {"post.id", "post.x", "note.id"}


def test_an_enum_rebuild_is_retried(project: Project, write: Write, postgresql_url: str) -> None:
    """The error of an operation of this package has the same cause."""
    write(
        one="""op.create_enum("mood", ["sad", "glad"])
    op.execute("CREATE TABLE post (id int, mood mood)")""",
        two='op.remove_enum_value("mood", "sad", replace_with="glad")',
    )
    project.set(lock_retries="9")
    project.alembic("upgrade", "one", env={"DATABASE_URL": postgresql_url})
    with open_transaction(postgresql_url, "SELECT 1 FROM post"):
        process = project.start(postgresql_url)
        assert "LOCK TABLE" in read_until(process, "is retried")
    assert finish(process)[0] == 0


def test_what_has_committed_is_not_tried_again(project: Project, write: Write, postgresql_url: str) -> None:
    """An autocommit block, or COMMIT; a broken index is named, and without it the same command goes on."""
    block = """with op.get_context().autocommit_block():
        op.create_index("ix%post", "post", ["id"], postgresql_concurrently=True)"""
    write(one=POST, two=block, three='op.execute("COMMIT")\n    op.execute("ALTER TABLE post ADD z int")')
    environment = {"DATABASE_URL": postgresql_url}
    project.alembic("upgrade", "one", env=environment)
    with open_transaction(postgresql_url, "INSERT INTO post VALUES (1)"):
        returncode, output = finish(project.start(postgresql_url))
        assert returncode != 0
        assert "is retried" not in output
        message = output.partition("FAILED: ")[2]
        assert message.startswith("It did not get a lock in one attempt: ")
        assert '\n         CREATE INDEX CONCURRENTLY "ix%post" ON post (id)\n         waited for ' in message
        assert (
            '\n  state  what it had committed before stays, and the invalid index "ix%post"; applied before it in this run: none'
            "; not retried, since it has left its transaction\n"
            '  first  drop the invalid index:\n         DROP INDEX CONCURRENTLY "ix%post"\n  fix    wait for '
        ) in message
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute('DROP INDEX CONCURRENTLY "ix%post"')
    project.alembic("upgrade", "two", env=environment)
    with open_transaction(postgresql_url, "SELECT 1 FROM post"):
        returncode, output = finish(project.start(postgresql_url))
        assert returncode != 0
        assert "did not get a lock in one attempt" in output
        assert "invalid index" not in output
    project.alembic("upgrade", "head", env=environment)
    assert columns(postgresql_url) == {"post.id", "post.z"}


@pytest.mark.parametrize(
    "commit",
    ["op.get_bind().commit()", 'op.execute("/* done */ COMMIT")', 'op.execute("ROLLBACK")'],
)
def test_a_transaction_that_a_revision_ends_itself(project: Project, write: Write, postgresql_url: str, commit: str) -> None:
    """What it has committed is not done twice."""
    write(one=POST, two=f"{commit}\n    op.execute('CREATE TABLE IF NOT EXISTS note (id int)')\n    {commit}\n    {ADD_COLUMN}")
    project.alembic("upgrade", "one", env={"DATABASE_URL": postgresql_url})
    with open_transaction(postgresql_url, "SELECT 1 FROM post"):
        returncode, output = finish(project.start(postgresql_url))
        assert returncode != 0
        assert "did not get a lock in one attempt" in output
    project.alembic("upgrade", "head", env={"DATABASE_URL": postgresql_url})
    assert columns(postgresql_url) == {"post.id", "post.x", "note.id"}
    assert "(head)" in project.alembic("current", env={"DATABASE_URL": postgresql_url}).stdout


def test_a_locked_version_table(project: Project, write: Write, postgresql_url: str) -> None:
    """It is waited for no longer than any other lock, and who has it is named."""
    write(one=POST, two=ADD_COLUMN)
    project.alembic("upgrade", "one", env={"DATABASE_URL": postgresql_url})
    with open_transaction(postgresql_url, "LOCK TABLE alembic_version"):
        returncode, output = finish(project.start(postgresql_url))
        assert returncode != 0
        assert output.partition("FAILED: ")[2].startswith("It did not get a lock in 2 attempts: cance")
        assert "query: LOCK TABLE alembic_version" in output
    project.alembic("upgrade", "head", env={"DATABASE_URL": postgresql_url})


def test_one_transaction_for_all_gives_up_too(project: Project, write: Write, postgresql_url: str) -> None:
    """Each attempt begins with the first revision, and counts all the same."""
    write(one=POST, two="op.execute('CREATE TABLE two (id int)')", three=ADD_COLUMN)
    project.alembic("upgrade", "one", env={"DATABASE_URL": postgresql_url})
    env = project.directory / "migrations/env.py"
    env.write_text(env.read_text().replace("run_environment(", "run_environment(transaction_per_migration=False, "))
    with open_transaction(postgresql_url, "SELECT 1 FROM post"):
        returncode, output = finish(project.start(postgresql_url))
        assert returncode != 0
        assert "It did not get a lock in 2 attempts" in output
        assert "  state  all of the run was rolled back\n" in output


def test_a_role_that_may_not_have_a_second_connection(project: Project, write: Write, postgresql_url: str) -> None:
    """No process holds the lock: the error says what is missing."""
    write(one=POST)
    project.set(lock_wait="500ms")
    role = f"role_{uuid4().hex[:8]}"
    url = make_url(postgresql_url)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 1".encode())
        try:
            own = url.set(username=role, password="x").render_as_string(hide_password=False)
            result = project.alembic("upgrade", "head", env={"DATABASE_URL": own}, check=False)
        finally:
            connection.execute(f"DROP ROLE {role}".encode())
    assert result.block == (
        f'The migration lock of database "{url.database}" could not be acquired within 0.5 s: it needs a second '
        f'connection, and there was none (too many connections for role "{role}")\n  fix    change that:\n'
        f"         ALTER ROLE {role} CONNECTION LIMIT 20"
    )


@pytest.mark.pgbouncer
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_a_pooler_with_one_connection_to_the_server(project: Project, write: Write, driver: str) -> None:
    """The lock would keep it, and the revisions wait for it: that is said when the time is over, and the pool is left free."""
    write(one=POST)
    project.set(lock_wait="1s")
    with create_postgresql_database(require_server(PGBOUNCER_SINGLE_VARIABLE)) as url:
        own = url.replace("postgresql:", f"postgresql+{driver}:")
        started = time.monotonic()
        result = project.alembic("upgrade", "head", env={"DATABASE_URL": own}, check=False)
        assert time.monotonic() - started < 60
        assert (result.returncode, result.block) == (
            255,
            f'The migration lock of database "{make_url(url).database}" could not be acquired within 1 s: it needs two '
            "connections to the server at once, and the pooler has one only (default_pool_size or pool_size of PgBouncer)\n"
            "  fix    change that:\n         default_pool_size = 10",
        )
        assert columns(url) == set()
        assert "Traceback" not in result.output


@pytest.mark.pgbouncer
def test_the_lock_timeout_behind_a_pooler(project: Project, write: Write, pgbouncer_url: str) -> None:
    """It belongs to the transaction, and who is in the way is known although the server's process changes."""
    write(one=POST, two=ADD_COLUMN)
    project.alembic("upgrade", "one", env={"DATABASE_URL": pgbouncer_url})
    with psycopg.connect(pgbouncer_url, prepare_threshold=None) as reader:
        reader.execute("SELECT 1 FROM post")
        returncode, output = finish(project.start(pgbouncer_url))
        assert returncode != 0
        assert "did not get a lock in 2 attempts" in output
        assert "query: SELECT 1 FROM post" in output.partition("\n         ALTER TABLE")[2]
    with psycopg.connect(pgbouncer_url, prepare_threshold=None) as other:
        assert other.execute("SHOW lock_timeout").fetchone() == ("0",)


@pytest.mark.sqlite
def test_a_locked_sqlite_database(project: Project, write: Write, sqlite_url: str) -> None:
    """Another connection writes: the revision is retried."""
    write(one=POST, two=ADD_COLUMN)
    project.set(lock_retries="9", lock_timeout="100ms")
    environment = {"DATABASE_URL": sqlite_url}
    project.alembic("upgrade", "one", env=environment)
    writer = sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    process = project.start(sqlite_url)
    said = read_until(process, "is retried")
    assert "was rolled back (database is locked) and is retried" in said
    writer.execute("ROLLBACK")
    writer.close()
    assert finish(process)[0] == 0


@pytest.mark.sqlite
def test_a_lock_file_that_may_not_be_written(project: Project, write: Write, sqlite_url: str) -> None:
    """The error comes at once: the database belongs to another program."""
    write(one=POST)
    path = f"{make_url(sqlite_url).database}-migration-lock"
    # root may write files of others: one that is no database is as bad.
    Path(path).write_bytes(b"this is no database, and long enough to be looked at" * 20)
    result = project.alembic("upgrade", "head", env={"DATABASE_URL": sqlite_url}, check=False)
    assert result.block == (
        f'The migration lock of database "{make_url(sqlite_url).database}" could not be acquired: '
        f"{path}: file is not a database\n  fix    change that:\n         rm {path}"
    )


def test_stamp_purges_a_revision_that_is_not_there(project: Project, write: Write, database_url: str) -> None:
    """`--purge` stamps a database whose revision is not among the files."""
    write(one=POST)
    project.alembic("upgrade", "head", env={"DATABASE_URL": database_url})
    project.write({"migrations/versions/one.py": "revision = 'other'\ndown_revision = None\n"})
    project.alembic("stamp", "--purge", "head", env={"DATABASE_URL": database_url})
    assert "other (head)" in project.alembic("current", env={"DATABASE_URL": database_url}).stdout


@pytest.mark.mysql
def test_a_metadata_lock_of_mysql(project: Project, write: Write, mysql_url: str) -> None:
    """DDL is committed statement by statement there: it is not tried again."""
    write(one=POST, two='op.add_column("post", sa.Column("x", sa.Integer()))')
    project.alembic("upgrade", "one", env={"DATABASE_URL": mysql_url})
    url = make_url(mysql_url)
    with (
        pymysql.connect(
            host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", database=url.database
        ) as reader,
        reader.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 FROM post")
        returncode, output = finish(project.start(mysql_url))
    assert returncode != 0
    assert "It did not get a lock in one attempt: Lock wait timeout exceeded; try restarting transaction (1205)\n" in output
    assert "\n         ALTER TABLE post ADD COLUMN x INTEGER\n         waited for another transaction\n" in output
    assert "; not retried, since it has left its transaction\n" in output


def test_a_statement_has_as_long_as_the_setting_says(project: Project, write: Write, postgresql_url: str) -> None:
    """A statement is cut off after the setting's time, and never without it, whatever the role's default."""
    write(one='op.execute("SELECT pg_sleep(0.7)")')
    environment = {"DATABASE_URL": f"{postgresql_url}?options=-c%20statement_timeout%3D200"}
    project.set(statement_timeout="300ms")
    result = project.alembic("upgrade", "head", env=environment, check=False)
    assert "canceling statement due to statement timeout" in result.output
    project.set(statement_timeout="off")
    project.alembic("upgrade", "head", env=environment)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("setting", "problem", "fix", "example"),
    [
        ("lock_retries = many", '"many" is not a number', "give a number", "lock_retries = 5"),
        ("lock_timeout = soon", '"soon" is not a duration', "give a duration, or off", "lock_timeout = 5s"),
        ("lock_wait = soon", '"soon" is not a duration', "give a duration", "lock_wait = 60s"),
        ("database_wait = -1", '"-1" is not a duration', "give a duration", "database_wait = 10s"),
        ("lock_timeout = 600h", '"600h" is longer than 24 days', "give a shorter one", "lock_timeout = 24h"),
        (
            "statement_timeout = 600000h",
            '"600000h" is longer than 24 days',
            "give a shorter one",
            "statement_timeout = 24h",
        ),
        ("blocking_rows = many", '"many" is not a number', "give a number", "blocking_rows = 100000"),
        ("upgrade_on_reload = yes", '"yes" is neither on nor off', "say on or off", "upgrade_on_reload = off"),
        ("statement_timeout = 5m", '"5m" is not a duration', "give a duration, or off", "statement_timeout = 5min"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(
    project: Project, sqlite_url: str, setting: str, problem: str, fix: str, example: str
) -> None:
    """The error has the name of the setting and an example."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    name, _, value = setting.partition(" = ")
    project.set(**{name: value})
    result = project.alembic("upgrade", "head", env={"DATABASE_URL": sqlite_url}, check=False)
    place = "section [alembic] of alembic.ini"
    assert result.block == f"{name}: {problem}\n  where  {place}\n  fix    {fix}:\n         {example}"
