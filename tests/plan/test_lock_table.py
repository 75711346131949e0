"""What each statement locks, rewrites and scans: the same on an empty table as on a full one, and as the reference says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from alembic_async_template.plan.tracer import TracedStatement
from support.lock_cases import CASES, ROWS, SCHEMA, Case
from support.tracing import shorten_locks, spell_out, trace_revisions

PAGE = Path(__file__).parents[2] / "docs/reference/locks.md"
Trace = tuple[str, str, str]
"""What is locked, rewritten and scanned."""


def trace_cases(directory: Path, url: str, cases: dict[str, str]) -> dict[str, Trace]:
    """Run each, take it back, and give what it has done."""
    names = {f"r{number:03}": name for number, name in enumerate(cases)}
    found = trace_revisions(directory, url, {revision: cases[name] for revision, name in names.items()})
    with psycopg.connect(url) as connection:
        indexes: dict[str, set[str]] = {}
        for table, index in connection.execute("SELECT indrelid::regclass::text, indexrelid::regclass::text FROM pg_index"):
            indexes.setdefault(table, set()).add(index)
    return {names[revision]: read_trace(statements, indexes) for revision, statements in found.items()}


def read_trace(statements: list[TracedStatement], indexes: dict[str, set[str]]) -> Trace:
    """That of a case's statement, which is the first one; of a table that is rewritten, all indexes are too."""
    if not statements:
        return "", "", ""
    rewrites = [name.removeprefix("public.") for name in statements[0].rewrites]
    tables = [name for name in rewrites if name in indexes]
    for table in tables:
        assert indexes[table] <= set(rewrites), statements[0]
    rewrites = [name for name in rewrites if not any(name in indexes[table] for table in tables)]
    scans = [name.removeprefix("public.") for name in statements[0].scans]
    return shorten_locks(statements[0]), ", ".join(sorted(rewrites)), ", ".join(sorted(scans))


@pytest.fixture
def schema_url(postgresql_url: str) -> str:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(SCHEMA)
        connection.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''UTC''', current_database()); END $$")
    return postgresql_url


def list_cases(url: str) -> list[Case]:
    """Those that the server knows."""
    with psycopg.connect(url) as connection:
        known = [case for case in CASES if case.since <= connection.info.server_version // 10000 <= case.until]
    # What cannot be rolled back comes last: it leaves other indexes.
    return sorted(known, key=lambda case: case.alone is not None)


def test_each_statement_does_what_the_reference_says(schema_url: str, tmp_path: Path) -> None:
    """As SQL on empty tables; `WRITE_DOCS=1` writes the page."""
    cases = list_cases(schema_url)
    found = trace_cases(tmp_path, schema_url, {case.sql: case.write_revision() for case in cases})
    assert found == {case.sql: case.trace for case in cases}
    compare_page(cases)


def test_an_operation_does_what_its_statement_does(schema_url: str, tmp_path: Path) -> None:
    """The operations of Alembic, and those of this package."""
    cases = [case for case in list_cases(schema_url) if case.alembic]
    found = trace_cases(tmp_path, schema_url, {f"{case.alembic}": case.write_revision(case.alembic) for case in cases})
    assert found == {case.alembic: case.trace for case in cases}


@pytest.mark.slow
def test_a_full_table_is_traced_as_an_empty_one(schema_url: str, tmp_path: Path) -> None:
    """With 100,000 rows; this is what a plan rests on, which is made on a shadow without rows."""
    with psycopg.connect(schema_url) as connection:
        connection.execute(ROWS)
    cases = list_cases(schema_url)
    found = trace_cases(tmp_path, schema_url, {case.sql: case.write_revision() for case in cases})
    assert found == {case.sql: case.trace for case in cases}


def write_row(case: Case) -> str:
    sql, _, note = case.sql.rstrip("*/ ").partition(" /* ")
    shown = f"`{sql}`" + (f", {note}" if note else "") + (f", since PostgreSQL {case.since}" if case.since > 15 else "")
    shown += f", until PostgreSQL {case.until}" if case.until < 99 else ""
    locks = [f"{table} {spell_out(mode)}" for table, mode in re.findall(r"(\w+) (\w+)", case.locks)]
    cells = [shown, "<br>".join(locks), *case.trace[1:]]
    return f"| {' | '.join(cell or '-' for cell in cells)} | {case.advice} |"


def write_sections(cases: list[Case]) -> Iterator[str]:
    for group in dict.fromkeys(case.group for case in CASES):
        yield f"## {group}"
        yield "| statement | locks | rewrites | scans | without an outage |\n|---|---|---|---|---|\n" + "\n".join(
            write_row(case) for case in cases if case.group == group
        )


def compare_page(cases: list[Case]) -> None:
    """The page has the cases that were traced now, and maybe those of a newer server."""
    head = PAGE.read_text().partition("\n## ")[0]
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text("\n\n".join([head.strip(), *write_sections(CASES)]) + "\n")
    lines = PAGE.read_text().splitlines()
    assert [write_row(case) for case in CASES if case in cases] == [
        line for line in lines if line.startswith("| `") and line in {write_row(case) for case in cases}
    ]
    assert PAGE.read_text() == "\n\n".join([head.strip(), *write_sections(CASES)]) + "\n"
