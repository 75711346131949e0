"""Refuses revisions whose work no one awaits or writes: Alembic would count them as done with nothing in the database."""

from __future__ import annotations

import asyncio
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial, update_wrapper
from pathlib import Path
from types import CoroutineType, ModuleType
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from .. import _compat
from ..diagnosis.unawaited import Origin, explain_function, explain_missing, explain_unawaited, explain_unflushed, is_in_revision
from ..errors.failure import Progress
from .unflushed import watch_sessions

# How many callers of a coroutine's creation Python remembers: from a helper in the application up to the revision.
_DEPTH = 30
# What runs nothing of its body when it is called.
_LAZY = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


def refuse_coroutines(context: MigrationContext, script: ScriptDirectory, progress: Progress) -> None:
    """Let the command refuse revisions that leave a coroutine, or are one: neither Alembic nor the revision waits for it.

    A revision whose function is a coroutine's, or is missing, is refused once the steps are known, before any of them runs.

    :raises RevisionFailedError: in the function of the revision, so that nothing of it is committed.
    """

    folders = [folder.resolve() for folder in _compat.list_version_folders(script)]

    def find_steps(heads: tuple[str, ...], context: MigrationContext) -> list[Any]:
        try:
            steps = list(asked(heads, context))
        except AttributeError as error:
            if isinstance(error.obj, ModuleType) and error.name in {"upgrade", "downgrade"}:
                raise explain_missing(error.obj, error.name, progress) from None
            raise
        for step in steps:
            if any(is_kind(step.migration_fn) for is_kind in _LAZY):
                _begin(step, progress)
                raise explain_function(step.migration_fn, progress)
            function = step.migration_fn
            run = partial(_run_strictly, function, step, folders, progress, context.connection)
            step.migration_fn = update_wrapper(run, function)
        return steps

    asked = _compat.exchange_work(context, find_steps)


def _begin(step: Any, progress: Progress) -> None:
    progress.revision, progress.upgrades = step.info.up_revision_id, step.info.is_upgrade


def _run_strictly(
    function: Callable[..., Any],
    step: Any,
    folders: Sequence[Path],
    progress: Progress,
    connection: Connection | None,
    /,
    *arguments: Any,
    **options: Any,
) -> None:
    """Run the function of a revision; fail if it leaves a coroutine or a task that is not awaited, or objects not written."""
    left: list[tuple[str, Origin]] = []

    def note(coroutine: object) -> bool:
        if not isinstance(coroutine, CoroutineType) or not is_in_revision(coroutine.cr_origin or (), folders):
            return False
        left.append((coroutine.__qualname__, coroutine.cr_origin or ()))
        return True

    tasks = _list_tasks()
    depth = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(max(depth, _DEPTH))
    try:
        with _compat.catch_unawaited(note), watch_sessions(connection) as unwritten:
            try:
                function(*arguments, **options)  # what it returns is released at once
            except Exception as error:
                _close_unstarted(error)
                raise
            for task in _list_tasks() - tasks:
                if note(task.get_coro()):
                    task.cancel()
    finally:
        sys.set_coroutine_origin_tracking_depth(depth)
    if left:
        _begin(step, progress)
        raise explain_unawaited(*left[0], folders, function.__globals__, progress)
    if unwritten:
        _begin(step, progress)
        raise explain_unflushed(function, unwritten, progress)


def _close_unstarted(error: Exception) -> None:
    """Close the coroutines that the failed revision has not begun to run: Python would warn of them, after the error."""
    scheduled = {task.get_coro() for task in _list_tasks()}
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for value in frame.f_locals.values():
            if inspect.iscoroutine(value) and value not in scheduled and inspect.getcoroutinestate(value) == inspect.CORO_CREATED:
                value.close()


def _list_tasks() -> set[asyncio.Task[Any]]:
    """The tasks of the running loop that are not done."""
    with suppress(RuntimeError):
        return asyncio.all_tasks()
    return set()
