"""Cancels a migration that runs in another thread's event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

# How long what is cancelled may take to end, as to close its connections, before it is cancelled again; in seconds.
_PATIENCE = 5.0


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
