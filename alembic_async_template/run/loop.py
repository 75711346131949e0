"""Where a migration runs: its event loop, its turn in the process, and how it is cancelled from another loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from ..errors import ConcurrentRunError

Result = TypeVar("Result")

# How long what is cancelled may take to end, as to close its connections, before it is cancelled again; in seconds.
_PATIENCE = 5.0

# `alembic.op` and `alembic.context` are global: one run at a time in a process. Who has the turn is known by an object, so that a
# task which copied the context of a run that is over does not count as it.
_turn = threading.Lock()
_holder: object | None = None
_run: ContextVar[object | None] = ContextVar("_run", default=None)


def try_turn() -> bool:
    """Take the turn for the running context if nobody has it; `end_turn` gives it back.

    :raises ConcurrentRunError: the running context has it, and would wait for itself.
    """
    global _holder
    if _has_turn():
        raise ConcurrentRunError
    if not _turn.acquire(blocking=False):
        return False
    _holder = object()
    _run.set(_holder)
    return True


def end_turn() -> None:
    """Give the turn back."""
    global _holder
    _holder = None
    _run.set(None)
    _turn.release()


def _has_turn() -> bool:
    return _holder is not None and _run.get() is _holder


def _forget_turn() -> None:
    """In a forked child: whoever had the turn is not there, and could not give it back."""
    global _turn, _holder
    _turn, _holder = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turn)


@contextmanager
def have_turn() -> Iterator[None]:
    """Run the body while no other run is under way in this process, unless it is a part of that run.

    :raises ConcurrentRunError: there is another one.
    """
    if _has_turn():
        yield
        return
    if not try_turn():
        raise ConcurrentRunError
    try:
        yield
    finally:
        end_turn()


class Cancellation:
    """Cancels a coroutine that runs in another thread's loop, now or as soon as it begins."""

    def __init__(self) -> None:
        self.requested = False
        self._lock = threading.Lock()
        self._cancel: Callable[[], object] | None = None

    def request(self) -> None:
        """Cancel it, from any thread."""
        with self._lock:
            self.requested = True
            if self._cancel is not None:
                self._cancel()

    async def watch(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that can be cancelled."""
        task = asyncio.ensure_future(coroutine)
        loop = asyncio.get_running_loop()

        def insist() -> None:
            if not task.done():
                task.cancel()
                loop.call_later(_PATIENCE, insist)

        with self._lock:
            self._cancel = lambda: loop.call_soon_threadsafe(insist)
            if self.requested:
                insist()
        try:
            await task
        finally:
            with self._lock:
                self._cancel = None


cancellation: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def raise_if_cancelled() -> None:
    """Raise what a cancelled task raises, for synchronous code that no loop can interrupt."""
    request = cancellation.get()
    if request is not None and request.requested:
        raise asyncio.CancelledError


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
        future.exception()  # is known, and not to be reported as forgotten
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
