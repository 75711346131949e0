"""Where a migration runs: an event loop of its own, and a thread of its own where a loop runs already."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from contextvars import copy_context
from types import FrameType
from typing import Any, TypeVar

from .cancellation import Cancellation, cancellation

Result = TypeVar("Result")

# How long after an interrupt another one counts as the same, in seconds.
_SAME = 1.0


class SecondInterrupt(KeyboardInterrupt):
    """The second Ctrl-C, which ends the loop, whether or not the statement on the server has ended."""


async def call_in_thread(function: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own. If the caller is cancelled, so is what runs in a loop there; both end together."""
    request = Cancellation()
    context = copy_context()
    context.run(cancellation.set, request)
    executor = ThreadPoolExecutor(1, "alembic_async_template")
    future = asyncio.get_running_loop().run_in_executor(executor, context.run, function)
    executor.shutdown(wait=False)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        request.request()
        # anyio cancels a task until it ends, unless it is shielded.
        with sys.modules["anyio"].CancelScope(shield=True) if "anyio" in sys.modules else nullcontext():
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
        future.exception()  # mark it as retrieved, so that asyncio does not warn
        raise


def run_coroutine(coroutine: Coroutine[Any, Any, None], driver: str) -> None:
    """Run a coroutine to its end in a loop of its own, and in a thread of its own where a loop runs in this one."""

    def run() -> None:
        with asyncio.Runner(loop_factory=choose_loop(driver)) as runner:
            runner.run(_heed_one_interrupt(coroutine))

    if not _loop_is_running():
        run()
        return
    with ThreadPoolExecutor(1) as executor:
        executor.submit(copy_context().run, run).result()


async def _heed_one_interrupt(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine; interrupts that come right after the first one count as the same, since `timeout -s INT` sends two.

    At the second one, asyncio ends the loop, before the statement on the server is cancelled. See
    https://docs.python.org/3/library/asyncio-runner.html#handling-keyboard-interruption
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        await coroutine
        return
    first: list[float] = []

    def heed(number: int, frame: FrameType | None) -> None:
        if first and time.monotonic() - first[0] <= _SAME:
            return
        first.append(time.monotonic())
        try:
            handler(number, frame)
        except KeyboardInterrupt as error:
            raise SecondInterrupt if len(first) > 1 else error from None

    signal.signal(signal.SIGINT, heed)
    try:
        await coroutine
    finally:
        signal.signal(signal.SIGINT, handler)


def choose_loop(driver: str, platform: str = sys.platform) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The kind of loop that a driver needs, None for the usual one.

    Psycopg cannot use the one that Windows has by default: https://www.psycopg.org/psycopg3/docs/advanced/async.html
    """
    return asyncio.SelectorEventLoop if platform == "win32" and driver.startswith("psycopg") else None


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
