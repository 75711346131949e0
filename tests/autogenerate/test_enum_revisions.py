"""Autogenerate of enum types, from the models to the database and back, through real revision files."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import psycopg
import pytest

from support.fingerprint import read_fingerprint
from support.history import History
from support.scenarios import declare, make_scenarios

REVISIONS = Path(__file__).with_name("revisions")


def assert_revision(name: str, text: str | None) -> None:
    """Compare a revision with the one that is kept; with WRITE_REVISIONS=1, keep it instead, to be read by a person."""
    path = REVISIONS / f"{name}.py"
    if os.environ.get("WRITE_REVISIONS"):
        path.write_text(text or "")
    assert text == path.read_text()


@pytest.mark.parametrize("name", [scenario.name for scenario in make_scenarios()])
def test_a_difference_is_written_run_and_taken_back(name: str, postgresql_url: str, tmp_path: Path) -> None:
    """Upgrade with rows, no difference, downgrade as before, upgrade again; nothing is left in the end."""
    (scenario,) = [scenario for scenario in make_scenarios() if scenario.name == name]
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrations.downgrade("base")  # makes the version table
    empty = read_fingerprint(postgresql_url)
    if scenario.before:
        migrations.revise(declare(*scenario.before), "before")
        migrations.upgrade()
    if scenario.rows:
        with psycopg.connect(postgresql_url) as connection:
            connection.execute(scenario.rows.encode())
    before = read_fingerprint(postgresql_url)
    assert_revision(scenario.name, migrations.revise(declare(*scenario.after), "after"))
    migrations.upgrade()
    assert migrations.find_differences() == []
    upgraded = read_fingerprint(postgresql_url)
    migrations.downgrade("-1")
    assert read_fingerprint(postgresql_url) == before
    migrations.upgrade()
    assert read_fingerprint(postgresql_url) == upgraded
    migrations.downgrade("base")
    assert read_fingerprint(postgresql_url) == empty
    migrations.upgrade()
    assert migrations.find_differences() == []
    if scenario.portable:
        run_on_sqlite(migrations, tmp_path)


def run_on_sqlite(migrations: History, directory: Path) -> None:
    elsewhere = History(migrations.directory, f"sqlite:///{directory}/database", migrations.metadata, migrations.options)
    elsewhere.upgrade()
    elsewhere.downgrade("base")
    elsewhere.upgrade()
    with sqlite3.connect(directory / "database") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables - {"alembic_version"} == {table.name for table in migrations.metadata.sorted_tables}
