"""What is said of a statement that takes long: for how long it runs, what it waits for, how far it is."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time

import psycopg
import pytest

from alembic_async_template import Migrations
from alembic_async_template.run import watch
from support.program import Make
from support.servers import create_postgresql_database
from support.waiting import open_transaction

# A row takes a hundredth of a second to be put into the index.
SLOW_INDEX = (
    "CREATE FUNCTION slow(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN i; END $$",
    "CREATE TABLE big AS SELECT g AS id, repeat('x', 1000) AS filling FROM generate_series(1, 250) AS g",
)
# SQLite counts for more than a second.
COUNT = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {count}) SELECT count(*) FROM c"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Statements are told of after half a second, and the server is asked after a quarter."""
    monkeypatch.setattr(watch, "_LONG", 0.5)
    monkeypatch.setattr(watch, "_INTERVAL", 0.25)
    caplog.set_level(logging.INFO)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of statements that run, with the seconds as a dot."""
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    return [re.sub(r"for \d+ s", "for . s", line) for line in said if line.startswith("Running for ")]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_a_long_statement_is_told_of_again_and_again(
    make: Make, embedded_url: str, caplog: pytest.LogCaptureFixture, driver: str
) -> None:
    """A line every while, with the statement and no more than that; a short one and the revision's own work have none."""
    ini = make(
        embedded_url.replace("postgresql:", f"postgresql+{driver}:"),
        one=('op.execute("SELECT pg_sleep(1.8)")', "pass"),
        two=("time.sleep(1.2)\n    op.execute('SELECT 1')\n    time.sleep(1.2)", "pass"),
    )
    asyncio.run(Migrations(ini).upgrade())
    lines = told(caplog)
    assert set(lines) == {"Running for . s, at: SELECT pg_sleep(1.8)"}
    assert len(lines) in {2, 3}


@pytest.mark.usefixtures("impatient")
def test_the_building_of_an_index_says_how_far_it_is(make: Make, postgresql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """The phase and the part that is done are PostgreSQL's own."""
    with psycopg.connect(postgresql_url) as connection:
        for statement in SLOW_INDEX:
            connection.execute(statement.encode())
    asyncio.run(Migrations(make(postgresql_url, one=('op.execute("CREATE INDEX ix ON big (slow(id))")', "pass"))).upgrade())
    line = r"Running for \. s, building index: scanning table \(\d+ % of \d+ blocks\), at: CREATE INDEX ix ON big \(slow\(id\)\)"
    assert [text for text in told(caplog) if re.fullmatch(line, text)], caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_statement_that_waits_says_for_whom(make: Make, embedded_postgresql: str, caplog: pytest.LogCaptureFixture) -> None:
    """An index that is built beside the writers waits for their transactions, for as long as these take."""
    index = 'with op.get_context().autocommit_block():\n        op.execute("CREATE INDEX CONCURRENTLY ix ON post (id)")'
    with create_postgresql_database(embedded_postgresql) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE post (id int)")
        ini = make(url, one=(index, "pass"))
        ini.write_text(f"{ini.read_text()}lock_timeout = off\n")
        with open_transaction(url, "INSERT INTO post VALUES (1)") as writer:
            pid = writer.info.backend_pid
            migration = threading.Thread(target=lambda: asyncio.run(Migrations(ini).upgrade()))
            migration.start()
            end = time.monotonic() + 20
            while not (lines := [line for line in told(caplog) if "waiting for" in line]) and time.monotonic() < end:
                time.sleep(0.1)
            writer.rollback()
            migration.join()
    assert lines
    assert re.fullmatch(
        rf"Running for \. s, waiting for process {pid} \(report, .*\), at: CREATE INDEX CONCURRENTLY ix ON .*",
        lines[0],
    )


@pytest.mark.sqlite
@pytest.mark.usefixtures("impatient")
def test_sqlite_says_how_long(make: Make, sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Elsewhere it is known for how long a statement runs."""
    asyncio.run(Migrations(make(sqlite_url, one=(f'op.execute("{COUNT.format(count=12_000_000)}")', "pass"))).upgrade())
    assert told(caplog)[0].startswith("Running for . s, at: WITH RECURSIVE")


@pytest.mark.usefixtures("impatient")
def test_mysql_says_how_long(make: Make, mysql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """As SQLite."""
    asyncio.run(Migrations(make(mysql_url.replace("%", "%%"), one=('op.execute("DO SLEEP(1.2)")', "pass"))).upgrade())
    assert "Running for . s, at: DO SLEEP(1.2)" in told(caplog)


@pytest.mark.usefixtures("impatient")
def test_short_statements_cost_no_query(make: Make, embedded_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other connection is made for them, whatever the revision does beside them."""
    asked = []
    monkeypatch.setattr(watch, "call_on_new_connection", lambda *_: asked.append(1))
    asyncio.run(Migrations(make(embedded_url, one=('op.execute("SELECT 1")\n    ' * 50 + "pass", "pass"))).upgrade())
    assert not asked


@pytest.mark.usefixtures("impatient")
def test_a_statement_that_has_failed_does_not_run(make: Make, embedded_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """In a savepoint, whose error the revision catches."""
    body = """try:
        with op.get_bind().begin_nested():
            op.execute("SELECT 1 FROM nowhere")
    except Exception:
        time.sleep(1.5)"""
    asyncio.run(Migrations(make(embedded_url, one=(body, "pass"))).upgrade())
    assert told(caplog) == []


@pytest.mark.slow
def test_the_times_are_seconds(make: Make, embedded_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """The first line comes after five seconds, and another one after ten."""
    caplog.set_level(logging.INFO)
    asyncio.run(Migrations(make(embedded_url, one=('op.execute("SELECT pg_sleep(10.9)")', "pass"))).upgrade())
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if line.startswith("Running for")] == [
        "Running for 5 s, at: SELECT pg_sleep(10.9)",
        "Running for 10 s, at: SELECT pg_sleep(10.9)",
    ]
