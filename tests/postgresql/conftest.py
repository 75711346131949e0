"""Connections to PostgreSQL through each driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from enums import OnConnection
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


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
