"""The guard speaks exactly where an operation blocks a large table, and says the code that does not block."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import psycopg
import pytest

from alembic_async_template.plan.lock_modes import what_blocks
from alembic_async_template.plan.tracer import TracedStatement
from support import blocking_cases, lock_cases
from support.tracing import trace_revisions

LARGE = {f"public.{name}" for name in ("post", "note", "author", "item", "wide", "number", "log", "log_2025")}


@pytest.fixture
def full_url(postgresql_url: str) -> str:
    """A database with tables of a thousand rows, and some of one."""
    with psycopg.connect(postgresql_url) as connection:
        for sql in (
            lock_cases.SCHEMA,
            blocking_cases.DOMAINS + blocking_cases.SCHEMA,
            lock_cases.ROWS.replace("100000", "1000"),
            blocking_cases.ROWS,
            "CREATE SEQUENCE item_x",
        ):
            connection.execute(sql.encode())
        connection.execute("ANALYZE")
        connection.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''UTC''', current_database()); END $$")
    return postgresql_url


def list_operations(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        version = connection.info.server_version // 10000
    cases = [case for case in lock_cases.CASES if case.alembic and not case.alone and case.since <= version <= case.until]
    return [*(f"{case.alembic}" for case in cases), *blocking_cases.CASES]


def find_truth(statements: list[TracedStatement]) -> str | None:
    """What the first statement blocks that works on all of a large table."""
    for statement in statements:
        modes = [what_blocks({mode}) for table, mode in statement.locks if table in LARGE]
        blocks = "reads and writes" if "reads and writes" in modes else "writes" if "writes" in modes else None
        if blocks and {*statement.scans, *statement.rewrites} & LARGE:
            return blocks
    return None


def read_told(records: list[logging.LogRecord]) -> dict[str, str]:
    """What the guard says of each revision: what it blocks."""
    said = [re.match(r"Revision (r\d+): op\.\w+ blocks (reads and writes|writes) of ", record.getMessage()) for record in records]
    return {match[1]: match[2] for match in said if match}


@pytest.mark.parametrize("rows", [500, 2000])
def test_the_guard_speaks_where_a_lock_blocks_a_large_table(
    rows: int, full_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each operation is traced: where it reads or writes all of a large table under a lock that blocks, and nowhere else."""
    operations = dict(enumerate(list_operations(full_url)))
    bodies = {
        f"r{number:03}": f"with op.get_bind().begin_nested() as savepoint:\n    {code}\n    savepoint.rollback()"
        for number, code in operations.items()
    }
    found = trace_revisions(tmp_path, full_url, bodies, blocking_rows=str(rows))
    told = read_told(caplog.records)
    truth = {name: find_truth(found[name]) for name in bodies}
    assert {operations[int(name[1:])]: told.get(name) for name in bodies} == {
        operations[int(name[1:])]: blocks if rows == 500 else None for name, blocks in truth.items()
    }
