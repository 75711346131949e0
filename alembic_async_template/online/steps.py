"""Runs the steps of an operation: each in a transaction of its own, looked up before, and retried until it gets its locks."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection

from ..diagnosis.driver_errors import describe, describe_outage, find_sqlstate, is_lock_failure
from ..masking import shorten_statement
from ..postgresql import READING, SQLState
from .found import find_holders

log = logging.getLogger("alembic_async_template.online")

# How long a brief step waits for its locks: whoever comes meanwhile waits behind it.
LOCK_TIMEOUT = "200ms"
# For how long it is tried, how long the pause after an attempt is, and how often it is told, in seconds.
PATIENCE = 60.0
_PAUSE = 0.5
_TELL = 5.0
# How often a step is tried that waits for its locks as long as that takes: it may lose a deadlock.
_ATTEMPTS = 5

_WAIT = "alembic_async_template.online_wait"
_SET_LOCAL = text("SELECT pg_catalog.set_config('lock_timeout', :value, true)")
_SET_SESSION = text("SELECT pg_catalog.set_config('lock_timeout', :value, false)")
_SLEEP = text("SELECT pg_catalog.pg_sleep(:seconds)")
_VIOLATIONS = {SQLState.CHECK_VIOLATION, SQLState.FOREIGN_KEY_VIOLATION}


class Way(Enum):
    """How a step runs."""

    BRIEF = "takes a lock that blocks others, for a moment"
    PATIENT = "takes a lock that blocks no one, and works for long"
    CONCURRENT = "cannot run in a transaction"
    OWN = "has transactions of its own"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an operation."""

    way: Way
    run: Callable[[], None]
    is_done: Callable[[], bool]
    """Asks the catalog; raises if what is there is something else."""
    tables: Sequence[int] = ()
    """Those whose locks it waits for."""
    clean_up: Callable[[Exception], None] | None = None
    """Removes what it leaves when it fails with this error."""


@dataclass(frozen=True, slots=True)
class Waited:
    """How often a step was tried in vain, and who had the locks."""

    attempts: int
    holders: tuple[str, ...]


def find_wait(context: MigrationContext, error: BaseException) -> Waited | None:
    """What is known of the step that failed with this error, if it did not get its locks."""
    failed, waited = context.opts.get(_WAIT, (None, None))
    return waited if failed is error else None


def commit(context: MigrationContext) -> None:
    """Commit what was done, and begin another transaction, as Alembic does it around an autocommit block."""
    with context.autocommit_block():
        pass


def run_step(context: MigrationContext, step: Step) -> bool:
    """Run a step, unless it is done already; whether it was run."""
    began = told = time.monotonic()
    attempts = 0
    while True:
        if step.is_done():
            commit(context)
            return attempts > 0
        attempts += 1
        try:
            _run(context, step)
        except Exception as error:
            if get_connection(context).invalidated or describe_outage(error) is not None:
                raise
            now = time.monotonic()
            is_over = now - began >= PATIENCE if step.way is Way.BRIEF else attempts >= _ATTEMPTS
            if is_lock_failure(error):
                holders = find_holders(get_connection(context), step.tables)
                if not is_over:
                    if attempts == 1 or now - told >= _TELL:
                        told = now
                        _tell(error, holders)
                    commit(context)
                    get_connection(context).execute(_SLEEP, {"seconds": _PAUSE * random.uniform(0.5, 1.5)})
                    commit(context)
                    continue
                context.opts[_WAIT] = error, Waited(attempts, tuple(holders))
            if step.clean_up is not None:
                _clean_up(step.clean_up, error)
            raise
        return True


def is_violation(error: BaseException | None) -> bool:
    """Whether rows break a constraint."""
    return find_sqlstate(error) in _VIOLATIONS


def wait_a_moment(connection: Connection) -> None:
    connection.execute(_SLEEP, {"seconds": _PAUSE})


def get_connection(context: MigrationContext) -> Connection:
    """The connection of a context that is online."""
    assert context.connection is not None
    return context.connection


def _run(context: MigrationContext, step: Step) -> None:
    connection = get_connection(context)
    if step.way is Way.OWN:
        commit(context)  # what was tried on copies counts as work
        step.run()
    elif step.way is Way.CONCURRENT:
        with context.autocommit_block(), _without_timeout(connection):
            step.run()
    else:
        commit(context)
        # A savepoint, so that Alembic's transaction goes on when the step fails.
        with connection.begin_nested():
            # A script, which retries nothing, keeps its own.
            value = LOCK_TIMEOUT if step.way is Way.BRIEF else "0"
            connection.execute(_SET_LOCAL, {"value": value}, execution_options={READING: True})
            step.run()
        commit(context)


@contextmanager
def _without_timeout(connection: Connection) -> Iterator[None]:
    """Let a statement wait for its locks, as long as that takes: one that is ended there leaves an invalid index."""
    timeout = connection.exec_driver_sql("SELECT pg_catalog.current_setting('lock_timeout')").scalar_one()
    if timeout == "0":
        yield
        return
    connection.execute(_SET_SESSION, {"value": "0"})
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.execute(_SET_SESSION, {"value": timeout})


def _tell(error: BaseException, holders: Sequence[str]) -> None:
    statement = shorten_statement(str(getattr(error, "statement", None) or "a statement"))
    log.warning(
        "Retrying for up to %.0f s: %s has the lock, at: %s", PATIENCE, ", ".join(holders) or "another transaction", statement
    )


def _clean_up(clean_up: Callable[[Exception], Any], failed: Exception) -> None:
    """What fails here is told only: how the step failed matters more."""
    try:
        clean_up(failed)
    except Exception as error:
        log.warning("What the step has left could not be removed: %s", describe(error))
