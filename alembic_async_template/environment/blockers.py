"""Says who stands in the way while a statement of a migration waits for a lock.

PostgreSQL knows it only during the wait (`pg_blocking_pids`), so another connection has to ask, from a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine

from .. import _compat
from ..driver_errors import describe
from ..masking import mask_statement
from .engine import call_apart
from .session import BACKEND, find_backend

log = logging.getLogger("alembic_async_template")

# How long a statement runs before somebody asks whether it waits, and between two questions, in seconds at most.
_INTERVAL = 2.0
# How long its end is waited for: it may be about to connect to a server that does not answer.
_PATIENCE = 1.0

_BLOCKERS = text("""
    SELECT blocker, CAST(usename AS text), application_name, state, to_char(coalesce(xact_start, query_start), 'HH24:MI:SS'),
           query
    FROM (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(:pid)) AS blocker) AS blockers
    LEFT JOIN pg_catalog.pg_stat_activity ON pid = blocker
    ORDER BY blocker
""")


class Watch:
    """What is known of the statement that runs: since when, and who blocks it."""

    def __init__(self, connection: Connection, interval: float) -> None:
        self.engine: Engine = _compat.clone_engine(connection.engine)
        self.interval = interval
        self.pid: int | None = None
        self.since: float | None = None
        self.statement = ""
        self.blockers: list[str] = []
        self.stopped = threading.Event()

    def begin(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        self.pid = connection.info.get(BACKEND) or find_backend(connection)
        self.statement, self.blockers, self.since = statement, [], time.monotonic()

    def end(self, *_: Any) -> None:
        self.since = None

    def run(self) -> None:
        """Ask as often as a statement takes long, until the migration ends; a fault here is nobody's but the log's."""
        while not self.stopped.wait(self.interval):
            if self._is_slow():
                try:
                    call_apart(self.engine, self._ask)
                except Exception as error:
                    log.debug("Nobody can say what the statement waits for: %s", describe(error))
                return

    def _is_slow(self) -> bool:
        since = self.since
        return since is not None and self.pid is not None and time.monotonic() - since >= self.interval

    def _ask(self, connection: Connection) -> None:
        while not self.stopped.is_set():
            if self._is_slow():
                since = self.since
                blockers = [_describe(*row) for row in connection.execute(_BLOCKERS, {"pid": self.pid})]
                connection.rollback()
                if blockers and since == self.since and blockers != self.blockers:
                    self.blockers = blockers
                    log.warning("Waiting for %s, at: %s", ", ".join(blockers), shorten(self.statement))
            self.stopped.wait(self.interval)


def shorten(statement: str, length: int = 200) -> str:
    """A statement as a message shows it."""
    statement = " ".join(mask_statement(statement).split())
    return statement if len(statement) <= length else f"{statement[:length]}..."


def _describe(pid: int, user: str, application: str, state: str, since: str, query: str) -> str:
    if not pid:
        return "a prepared transaction (see pg_prepared_xacts)"
    known = [
        application,
        f"user {user}" if user else "",
        f"{state} since {since}" if state else "",
        query and f"query: {shorten(query, 100)}",
    ]
    return f"process {pid} ({', '.join(filter(None, known))})"


@contextmanager
def watch_blockers(connection: Connection, lock_timeout: float) -> Iterator[Watch]:
    """While the body runs, log who blocks a statement that waits; on PostgreSQL only."""
    watch = Watch(connection, min(_INTERVAL, lock_timeout / 3) if lock_timeout else _INTERVAL)
    if connection.dialect.name != "postgresql":
        yield watch
        return
    listeners = [("before_cursor_execute", watch.begin), ("after_cursor_execute", watch.end)]
    for name, listener in listeners:
        event.listen(connection, name, listener)
    thread = threading.Thread(target=watch.run, name="alembic_async_template watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stopped.set()
        for name, listener in listeners:
            event.remove(connection, name, listener)
        thread.join(_PATIENCE)
