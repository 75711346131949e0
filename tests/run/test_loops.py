"""Calls of the awaitable API in whatever loop and thread, one at a time in a process."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvloop
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template import Migrations
from alembic_async_template.errors import (
    ConcurrentRunError,
)
from alembic_async_template.run.loop import choose_loop
from support.program import ONE, TWO, Make, async_engine, tables


def run_in_uvloop(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


def run_in_anyio(coroutine: Coroutine[Any, Any, None]) -> None:
    async def wait() -> None:
        await coroutine

    anyio.run(wait, backend="asyncio")


@pytest.mark.parametrize("run", [run_in_uvloop, run_in_anyio])
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_other_loops(make: Make, postgresql_url: str, run: Callable[[Coroutine[Any, Any, None]], None], driver: str) -> None:
    """The migration has a loop of its own, and on a connection that of the connection."""
    url = postgresql_url.replace("postgresql:", f"postgresql+{driver}:")

    async def use() -> None:
        await Migrations(make(url, one=ONE)).upgrade()
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            await Migrations(make(one=ONE), bind=connection).downgrade("base")
        command.upgrade(Config(make(url, one=ONE)), "head")
        await engine.dispose()

    run(use())
    assert tables(postgresql_url) == {"item"}


def test_the_loop_that_psycopg_needs_on_windows() -> None:
    """Elsewhere, and with other drivers, the usual one."""
    assert choose_loop("psycopg_async", "win32") is asyncio.SelectorEventLoop
    assert choose_loop("psycopg", "win32") is asyncio.SelectorEventLoop
    assert choose_loop("asyncpg", "win32") is None
    assert choose_loop("psycopg", "linux") is None


def test_several_databases_at_once(make: Make, postgresql_url: str, tmp_path: Path) -> None:
    """Tasks of one loop and threads with loops of their own migrate at once, and each gets its own tables."""
    urls = [postgresql_url, *(f"sqlite:///{tmp_path}/{number}.sqlite" for number in range(4))]

    def project(number: int, url: str) -> Path:
        slow = f"""op.create_table("t{number}", sa.Column("id", sa.Integer))
    time.sleep(0.1)
    op.create_table("u{number}", sa.Column("id", sa.Integer))"""
        return make(url, one=(slow, f'op.drop_table("t{number}"); op.drop_table("u{number}")'))

    projects = [project(number, url) for number, url in enumerate(urls)]

    async def migrate(number: int) -> None:
        if number % 2:
            await Migrations(projects[number]).upgrade()
            return
        engine = async_engine(urls[number])
        async with engine.connect() as connection:
            await Migrations(projects[number], bind=connection).upgrade()
        await engine.dispose()

    async def migrate_all() -> None:
        await asyncio.gather(*(migrate(number) for number in range(3)))

    threads = [threading.Thread(target=asyncio.run, args=[migrate(number)]) for number in (3, 4)]
    for thread in threads:
        thread.start()
    asyncio.run(migrate_all())
    for thread in threads:
        thread.join()
    assert [tables(url) for url in urls] == [{f"t{number}", f"u{number}"} for number in range(5)]


@pytest.mark.sqlite
def test_a_plain_command_meanwhile_is_refused(make: Make, tmp_path: Path) -> None:
    """It would change the other one's database: two threads with Alembic's own commands."""
    began, go_on = threading.Event(), threading.Event()
    waits = make(f"sqlite:///{tmp_path}/one.sqlite", one=('op.get_context().opts["wait"](); ' + TWO[0], "pass"))
    env = "import conftest_wait\nfrom alembic_async_template import run_environment\n\nrun_environment(wait=conftest_wait.wait)\n"
    (waits.parent / "migrations/env.py").write_text(env.replace("conftest_wait", f"wait_{tmp_path.name}"))
    module = types.ModuleType(f"wait_{tmp_path.name}")

    def wait() -> None:
        began.set()
        go_on.wait(10)

    vars(module)["wait"] = wait
    sys.modules[module.__name__] = module
    thread = threading.Thread(target=command.upgrade, args=[Config(waits), "head"])
    thread.start()
    assert began.wait(10)
    other = make(f"sqlite:///{tmp_path}/two.sqlite", one=TWO)
    with pytest.raises(ConcurrentRunError) as error:
        command.upgrade(Config(other), "head")
    assert str(error.value) == (
        "Another Alembic command runs in this process, and this one would change its database"
        "\n  where  alembic.op and alembic.context, which belong to one command at a time"
        "\n  fix    run one after the other, which Migrations does outside of a revision:\n         "
        'await Migrations("alembic.ini").upgrade("head")'
    )
    go_on.set()
    thread.join()
    assert tables(f"sqlite:///{tmp_path}/one.sqlite") == {"other"}
    asyncio.run(Migrations(other).upgrade())
    assert tables(f"sqlite:///{tmp_path}/two.sqlite") == {"other"}


def test_the_callers_loop_goes_on(make: Make, postgresql_url: str) -> None:
    """A revision that computes and a statement that takes long do not block the loop."""
    ini = make(postgresql_url, one=('time.sleep(0.7); op.execute("SELECT pg_sleep(0.7)")', "pass"))
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    async def migrate() -> None:
        heart = asyncio.create_task(beat())
        await Migrations(ini).upgrade()
        heart.cancel()

    asyncio.run(migrate())
    # At a hundred a second: were the loop blocked, it would be a handful.
    assert beats > 40
