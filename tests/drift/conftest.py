"""Two databases on one server: a live one, and one that its revisions made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import Engine

from alembic_async_template.drift.drift_report import Difference
from alembic_async_template.drift.find_drift import find_differences
from support.servers import POSTGRESQL_SERVERS, create_postgresql_database, find_postgresql_server


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
        with self.live.connect() as live, self.expected.connect() as expected:
            return find_differences(live, expected, **options)

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


@pytest.fixture(scope="module", params=POSTGRESQL_SERVERS)
def _databases(request: pytest.FixtureRequest) -> Iterator[Pair]:
    server = find_postgresql_server(request)
    with create_postgresql_database(server) as live, create_postgresql_database(server) as expected:
        engines = [
            create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool) for url in (live, expected)
        ]
        yield Pair(live, expected, *engines)


@pytest.fixture
def pair(_databases: Pair) -> Pair:
    """Both are empty."""
    _databases.clear()
    return _databases
