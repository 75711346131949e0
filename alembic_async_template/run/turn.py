"""The turn of a run: one Alembic command at a time in a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..errors import ConcurrentRunError

# `alembic.op` and `alembic.context` are global: one run at a time in a process. Who has the turn is known by an object, so that a
# task which copied the context of a run that is over does not count as it.
_turn = threading.Lock()
_holder: object | None = None
_run: ContextVar[object | None] = ContextVar("_run", default=None)


def try_turn() -> bool:
    """Take the turn for the running context if it is free; `end_turn` gives it back.

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
    """In a forked child: the thread that had the turn is not there, and could not give it back."""
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
