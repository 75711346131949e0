"""Watches the statements of a migration from outside: how long one runs, who blocks it, whether the server still works for it.

PostgreSQL knows who it is only during the wait (`pg_blocking_pids`), so another connection has to ask, from a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine

from .. import _compat
from ..diagnosis.driver_errors import describe
from ..masking import shorten_statement
from .blockers import find_blockers
from .connection import call_on_new_connection
from .session import BACKEND, find_backend
from .silence import ANSWER, SILENCE, cut_after, find_address, find_cut, is_silent
from .statement_progress import find_progress

log = logging.getLogger("alembic_async_template")

# How long a statement runs before it is asked whether it waits, and between two questions; in seconds, at most.
_INTERVAL = 2.0
# How long until the next connection, when one could not be made or ended, in seconds.
_PAUSE = 10.0
# After how long a statement is told of, and how often: every few seconds, and less often when it has run for a minute.
_LONG = 5.0
_MINUTE = 60.0
_SELDOM = 30.0
# How long its end is waited for: it may be about to connect to a server that does not answer.
_PATIENCE = 1.0

# Whether a process waits for its client, and what else changes when it goes on. asyncpg prepares a statement first, and a process
# that waits for the rest is active. Behind a pooler another process may work for the statement.
_STATE = text("""
    SELECT coalesce(state LIKE 'idle%' OR wait_event = 'ClientRead', false) AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_stat_activity AS other
               WHERE other.state = 'active' AND other.wait_event IS DISTINCT FROM 'ClientRead'
                 AND other.pid <> pg_catalog.pg_backend_pid()
                 AND left(other.query, 200) = left(CAST(:doing AS text), 200)) AS waits,
           state, CAST(state_change AS text), wait_event
    FROM pg_catalog.pg_stat_activity WHERE pid = :pid
""")


class Watch:
    """What is known of the statement that runs: since when, who blocks it, and whether the server is there at all."""

    def __init__(self, connection: Connection, interval: float) -> None:
        self.engine: Engine = _compat.clone_engine(connection.engine)
        self.interval = interval
        self.pid: int | None = None
        self.since: float | None = None
        self.statement = ""
        self.doing = ""
        """The statement that runs, or COMMIT, or ROLLBACK."""
        self.blockers: list[str] = []
        self.running: tuple[float, str] | None = None
        """The statement that the server has not answered yet, and since when."""
        self.how_far = ""
        """What it waits for, or does, as far as is known."""
        self.stopped = threading.Event()
        self.silent_at: str | None = None
        """What ran when the server was found to be silent, and the connection was cut."""
        self._state: tuple[Any, ...] | None = None
        self._known_pid: int | None = None
        self._heard: tuple[float, bool] = (0.0, True)

    def begin(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.dialect.name == "postgresql":
            self.pid = connection.info.get(BACKEND) or find_backend(connection)
        self.statement, self.blockers, self.how_far = statement, [], ""
        self._set_out(statement)
        self.running = (time.monotonic(), statement)

    def begin_commit(self, _connection: Connection) -> None:
        self._set_out("COMMIT")

    def begin_rollback(self, _connection: Connection) -> None:
        self._set_out("ROLLBACK")

    def _set_out(self, doing: str) -> None:
        self.running = None
        self.doing, self.since = doing, time.monotonic()

    def end(self, *_: Any) -> None:
        self.since = self.running = None

    def fail(self, *_: Any) -> None:
        """The statement has failed, and what surrounds it is rolled back."""
        self.running = None

    def _is_slow(self) -> bool:
        since = self.since
        return since is not None and self.pid is not None and time.monotonic() - since >= self.interval

    # That it still runs

    def tell(self) -> None:
        """Log every few seconds that a statement runs, and how far it is, until the migration ends."""
        told: tuple[float, str] | None = None
        wait = _LONG
        while not self.stopped.wait(_LONG / 10):
            running = self.running
            if running is None:
                continue
            if running is not told:
                told, wait = running, _LONG
            seconds = time.monotonic() - running[0]
            if seconds >= wait:
                how_far = f", {self.how_far}" if self.how_far else ""
                log.info("Running for %.0f s%s, at: %s", seconds, how_far, shorten_statement(running[1]))
                wait = seconds + (_LONG if seconds < _MINUTE else _SELDOM)

    # Who is in the way

    def ask(self) -> None:
        """Ask, while a statement takes long, until the migration ends. Failures here are only logged."""
        while not self.stopped.wait(self.interval):
            if self._is_slow():
                try:
                    call_on_new_connection(self.engine, self._ask)
                except Exception as error:
                    log.debug("What the statement waits for is not known: %s", describe(error))
                    self.stopped.wait(_PAUSE)

    def _ask(self, connection: Connection) -> None:
        while not self.stopped.is_set():
            if self._is_slow():
                since = self.since
                with cut_after(connection, ANSWER):
                    blockers = find_blockers(connection, self.pid)
                    how_far = f"waiting for {', '.join(blockers)}" if blockers else find_progress(connection, self.pid)
                    self._note_state(connection)
                    connection.rollback()
                if since == self.since:
                    self.how_far = how_far
                if blockers and since == self.since and blockers != self.blockers:
                    self.blockers = blockers
                    log.warning("Waiting for %s, at: %s", ", ".join(blockers), shorten_statement(self.doing))
            self.stopped.wait(self.interval)

    # Whether the server is silent

    def _note_state(self, connection: Connection) -> None:
        """Take note of whether the server still works for the statement: if its answer was lost, it waits for us, or is gone."""
        row = connection.execute(_STATE, {"pid": self.pid, "doing": self.doing}).first()
        if row is None:  # behind a pooler, or on another server than this connection is, it has another number
            alive = self._known_pid != self.pid
        else:
            self._known_pid = self.pid
            alive = not row.waits or tuple(row) != self._state
            self._state = tuple(row)
        self._heard = (time.monotonic(), alive)

    def listen(self, address: tuple[str, int], loop: asyncio.AbstractEventLoop, cut: Callable[[], None]) -> None:
        """Cut the connection when the server has given no sign of life for so long, while the migration waits for it."""
        heard = time.monotonic()
        while not self.stopped.wait(self.interval):
            if not self._is_slow() or not _is_idle(loop) or self._is_alive(address):
                heard = time.monotonic()
            elif time.monotonic() - heard >= SILENCE:
                self.silent_at = shorten_statement(self.doing)
                cut()
                return

    def _is_alive(self, address: tuple[str, int]) -> bool:
        when, alive = self._heard
        if time.monotonic() - when <= 3 * self.interval:
            return alive
        return not is_silent(address)


def _is_idle(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a loop waits: then nothing else runs in it, such as the code of a revision between two statements."""
    answered = threading.Event()
    try:
        loop.call_soon_threadsafe(answered.set)
    except RuntimeError:  # it has ended
        return False
    return answered.wait(1)


@contextmanager
def watch_statements(connection: Connection, lock_timeout: float) -> Iterator[Watch]:
    """While the body runs, log which statement takes long, on PostgreSQL also who blocks it; there, cut it off a silent server.

    Only an asynchronous driver's wait can be told from the work of a revision, and only what goes through a network is silent.
    """
    watch = Watch(connection, min(_INTERVAL, lock_timeout / 3) if lock_timeout else _INTERVAL)
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", watch.begin),
        ("after_cursor_execute", watch.end),
        ("rollback_savepoint", watch.fail),
        ("commit", watch.begin_commit),
        ("rollback", watch.begin_rollback),
    ]
    threads = [threading.Thread(target=watch.tell, name="alembic_async_template statements", daemon=True)]
    if connection.dialect.name == "postgresql":
        threads.append(threading.Thread(target=watch.ask, name="alembic_async_template watch", daemon=True))
        address, cut = find_address(connection), find_cut(connection)
        if connection.dialect.is_async and address is not None and cut is not None:
            arguments = (address, asyncio.get_running_loop(), cut)
            threads.append(
                threading.Thread(target=watch.listen, args=arguments, name="alembic_async_template silence", daemon=True)
            )
    for name, listener in listeners:
        event.listen(connection, name, listener)
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        watch.stopped.set()
        for name, listener in listeners:
            event.remove(connection, name, listener)
        for thread in threads:
            thread.join(_PATIENCE)
