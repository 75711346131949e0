"""Two databases on one server: a live one, and one that its revisions made."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import Engine

from alembic_async_template.drift.drift_report import Difference
from alembic_async_template.drift.find_drift import find_differences
from alembic_async_template.drift.schema_reader import read_schema
from alembic_async_template.drift.thing import from_json, to_json

_QUOTED_OR_END = re.compile(
    r"""E'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"[^"]*"|\$(\w*)\$.*?\$\1\$|BEGIN ATOMIC.*?\nEND|(;)""", re.DOTALL
)


@dataclass(frozen=True)
class Pair:
    """The URLs of both, and engines."""

    live_url: str
    expected_url: str
    live: Engine
    expected: Engine

    def run(self, *statements: str) -> None:
        """Run the same on both."""
        for url in (self.live_url, self.expected_url):
            run(url, *statements)

    def compare(self, **options: Any) -> tuple[Difference, ...]:
        table = {name: options[name] for name in ("version_table", "version_table_schema") if name in options}
        with self.live.connect() as live, self.expected.connect() as expected:
            things = json.loads(json.dumps(to_json(read_schema(expected, **table))))  # as they come from another process
            return find_differences(live, from_json(things), **options)

    def clear(self) -> None:
        for url in (self.live_url, self.expected_url):
            with psycopg.connect(url, autocommit=True) as connection:
                extensions = connection.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'").fetchall()
                for (name,) in extensions:
                    connection.execute(sql.SQL("DROP EXTENSION {} CASCADE").format(sql.Identifier(name)))
                schemas = connection.execute(
                    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
                ).fetchall()
                for (name,) in schemas:
                    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
                connection.execute("CREATE SCHEMA public")


def run(url: str, *statements: str) -> None:
    """Run each statement on its own, as `psql` does."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def type_statement(url: str, statement: str) -> None:
    """Run what is printed, each statement on its own, as `psql` does with what is typed."""
    ends = [0, *(match.end() for match in _QUOTED_OR_END.finditer(statement) if match[2])]
    assert not statement[ends[-1] :].strip()
    run(url, *(statement[start:end] for start, end in pairwise(ends)))
