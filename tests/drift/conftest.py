"""What the tests of drift share: two databases, which are emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from support.drift import Pair
from support.servers import POSTGRESQL_SERVERS, create_postgresql_database, find_postgresql_server


@pytest.fixture(scope="module", params=POSTGRESQL_SERVERS)
def _databases(request: pytest.FixtureRequest) -> Iterator[Pair]:
    server = find_postgresql_server(request)
    with create_postgresql_database(server) as live, create_postgresql_database(server) as expected:
        engines = [create_engine(url.replace("postgresql:", "postgresql+psycopg:")) for url in (live, expected)]
        yield Pair(live, expected, *engines)
        for engine in engines:
            engine.dispose()


@pytest.fixture
def pair(_databases: Pair) -> Pair:
    """Both are empty."""
    _databases.clear()
    return _databases
