"""Calls of the awaitable API that are cancelled: what ran is rolled back, and the next one gets its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import anyio
import psycopg
import pytest
from sqlalchemy import create_engine

from alembic_async_template import Migrations
from alembic_async_template.run.migration_lock import hold_migration_lock
from support.program import ONE, TWO, Make, async_engine, tables

WAITS = ('op.create_table("half", sa.Column("id", sa.Integer)); op.execute("SELECT pg_sleep(60)")', "pass")
SLEEPERS = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND datname = current_database()"
LOCKS = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


@pytest.mark.parametrize("way", ["task", "timeout", "anyio", "connection"])
def test_cancellation_rolls_back_and_gives_the_lock_back(make: Make, postgresql_url: str, way: str) -> None:
    """Everything that the call began has ended with it; the next one gets the turn and the lock."""
    ini = make(postgresql_url, one=ONE, two=WAITS)

    async def cancel(observer: psycopg.AsyncConnection, call: Coroutine[Any, Any, None]) -> None:
        async def wait_for_sleep() -> None:
            while (await (await observer.execute(SLEEPERS)).fetchone()) != (1,):
                await asyncio.sleep(0.02)

        if way == "anyio":
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: call)
                await wait_for_sleep()
                group.cancel_scope.cancel()
            return
        task = asyncio.ensure_future(call)
        await wait_for_sleep()
        if way == "timeout":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(task, 0.1)
            return
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(postgresql_url, autocommit=True) as observer:
            engine = async_engine(postgresql_url)
            if way == "connection":
                async with engine.connect() as connection:
                    await cancel(observer, Migrations(ini, bind=connection).upgrade())
            else:
                await cancel(observer, Migrations(ini).upgrade())
            await engine.dispose()
            assert (await (await observer.execute(LOCKS)).fetchone()) == (0,)
            assert await Migrations(ini).current() == ("one",)
            path = ini.parent / "migrations/versions/two.py"
            path.write_text(path.read_text().replace("pg_sleep(60)", "1").replace("half", "whole"))
            await Migrations(ini).upgrade()

    asyncio.run(use())
    assert tables(postgresql_url) == {"item", "whole"}


def test_cancellation_of_one_that_waits(make: Make, postgresql_url: str) -> None:
    """A call that waits for its turn, or for the lock of another process, is cancelled at once."""
    ini = make(postgresql_url, one=TWO, two=("time.sleep(1)", "pass"))

    async def use() -> None:
        first = asyncio.ensure_future(Migrations(ini).upgrade())
        second = asyncio.ensure_future(Migrations(ini).upgrade())
        await asyncio.sleep(0.3)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await first
        # Whoever has the lock, as the process that migrates would.
        engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection, hold_migration_lock(connection, "alembic_version", 1):
            third = asyncio.ensure_future(Migrations(ini).downgrade("base"))
            await asyncio.sleep(0.5)
            third.cancel()
            with pytest.raises(asyncio.CancelledError):
                await third
            assert tables(postgresql_url) == {"other"}
        engine.dispose()
        await Migrations(ini).downgrade("base")

    asyncio.run(use())
    assert tables(postgresql_url) == set()


def test_a_cancelled_call_on_a_sync_engine_stops_where_it_waits(make: Make, postgresql_url: str) -> None:
    """No loop can interrupt it there; it looks by itself, and between revisions."""
    ini = make(one=TWO)
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))

    async def use() -> None:
        held = hold_migration_lock(engine.connect(), "alembic_version", 1)
        with held, pytest.raises(TimeoutError):
            await asyncio.wait_for(Migrations(ini, bind=engine).upgrade(), 0.5)
        assert tables(postgresql_url) == set()

    asyncio.run(use())
    engine.dispose()
