"""Connections to PostgreSQL through each driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from enums import OnConnection
from servers import EMBEDDED, POSTGRESQL_SERVERS_FOR_ENUMS, create_postgresql_database
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


@pytest.fixture(params=POSTGRESQL_SERVERS_FOR_ENUMS)
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on every PostgreSQL there is."""
    server = request.getfixturevalue("embedded_postgresql") if request.param == EMBEDDED else request.param
    with create_postgresql_database(server) as url:
        yield url


@pytest.fixture(params=["asyncpg", "psycopg"])
def on_connection(request: pytest.FixtureRequest, postgresql_url: str) -> OnConnection:
    """Calls a function with a connection that is in no transaction: asyncpg's inside run_sync, psycopg's as it is."""
    url = postgresql_url.replace("postgresql:", f"postgresql+{request.param}:")

    async def call_async(work: Callable[[Connection], Any]) -> Any:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.connect() as connection:
            return await connection.run_sync(work)

    def call(work: Callable[[Connection], Any]) -> Any:
        if request.param == "asyncpg":
            return asyncio.run(call_async(work))
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return work(connection)

    return call
