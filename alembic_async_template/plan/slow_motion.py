"""Holds a statement that has transactions of its own, such as CREATE INDEX CONCURRENTLY, until its locks were read.

It ends without any, so that they show only while it runs. It waits for every transaction that may write to its table:
https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from .. import _compat
from ..diagnosis.driver_errors import describe
from ..postgresql import FIRST_OID, qualified
from ..run.connection import call_on_new_connection

log = logging.getLogger("alembic_async_template")

# How long a statement has to come to where it waits, and between two looks at it, in seconds.
_PATIENCE = 5.0
_INTERVAL = 0.005
_LOCKS = text(f"""
    SELECT relation, mode FROM pg_catalog.pg_locks
    WHERE pid = :pid AND locktype = 'relation' AND relation >= {FIRST_OID}
      AND EXISTS (SELECT FROM pg_catalog.pg_locks AS waits WHERE waits.pid = :pid AND NOT waits.granted)
""")


class SlowMotion:
    """Another session that may write to every table, without a snapshot, until the statement is seen to wait for it."""

    def __init__(self, engine: Engine, pid: int | None, tables: Sequence[tuple[str, str]]) -> None:
        self._engine = engine
        self._pid = pid
        self._tables = tables
        self._locks: dict[int, set[str]] = {}
        self._is_held = threading.Event()
        self._is_over = threading.Event()
        self._holder = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        """Return when the tables are locked."""
        self._holder.start()
        self._is_held.wait(_PATIENCE)

    def end(self) -> dict[int, set[str]]:
        """The statement has ended: the locks that it had by relation."""
        self._is_over.set()
        self._holder.join(_PATIENCE)
        return self._locks

    def _run(self) -> None:
        try:
            call_on_new_connection(_compat.clone_engine(self._engine), self._hold)
        except Exception as error:
            log.warning("The locks of a statement are not known: %s", describe(error))
        finally:
            self._is_held.set()

    def _hold(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")
        if self._tables:
            names = ", ".join(qualified(name, schema) for schema, name in self._tables)
            connection.exec_driver_sql(f"LOCK TABLE {names} IN ROW EXCLUSIVE MODE")
        self._is_held.set()
        call_on_new_connection(_compat.clone_engine(self._engine), self._look)
        connection.exec_driver_sql("ROLLBACK")

    def _look(self, connection: Connection) -> None:
        end = time.monotonic() + _PATIENCE
        while not self._locks and not self._is_over.is_set() and time.monotonic() < end:
            for relation, mode in connection.execute(_LOCKS, {"pid": self._pid}):
                self._locks.setdefault(relation, set()).add(mode)
            time.sleep(_INTERVAL)
