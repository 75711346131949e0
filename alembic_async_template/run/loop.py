"""Where a migration runs: an event loop of its own, and a thread of its own where a loop runs already."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from contextvars import copy_context
from typing import Any, TypeVar

from .cancellation import Cancellation, cancellation

Result = TypeVar("Result")


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
            runner.run(coroutine)

    if not _loop_is_running():
        run()
        return
    with ThreadPoolExecutor(1) as executor:
        executor.submit(copy_context().run, run).result()


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
