"""The migration lock: one process at a time changes a database, however many start at once.

It is held on a connection of its own, so that it holds over the commits of the migrations. A waiter has only its one connection,
and tries repeatedly, with no transaction open in between: `CREATE INDEX CONCURRENTLY` in a revision
waits for every transaction that has a snapshot.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection

from ..diagnosis.driver_errors import describe, describe_outage, is_lock_failure
from ..diagnosis.match import find_fix
from ..diagnosis.processes import LOCK_HOLDER, PROCESS_COLUMNS, describe_lock_holder
from ..diagnosis.rules.connection import CONNECTION_RULES
from ..errors import MigrationLockedError, MigrationLockLostError, MigrationLockUnavailableError
from .connection import connect_again
from .session import BACKEND, pause
from .silence import ANSWER, cut_after

log = logging.getLogger("alembic_async_template")

# How long a waiter pauses between two attempts, in seconds; at random, so that waiters do not come all at once.
_PAUSE = (0.1, 0.5)
# How long a pooler may take to find another server, in seconds; it is asked again until the wait is over.
_BESIDE = 2.0
# Of the file next to a SQLite database.
_SUFFIX = "-migration-lock"


class _Lock(Protocol):
    """The migration lock of one kind of database."""

    # Why the lock could not be acquired although no one holds it, and an example of what to do then.
    problem: tuple[str, str] | None

    def acquire(self) -> bool:
        """Take the lock if it is free, and leave nothing open if it is not."""
        ...

    def describe_holder(self) -> str | None:
        """The process that has it, None if it cannot be seen (any more)."""
        ...

    def check(self) -> None:
        """Raise an exception, of any class, if the lock is not held any more."""
        ...


@contextmanager
def hold_migration_lock(
    connection: Connection, version_table: str, wait: float, end: float | None = None
) -> Iterator[Callable[[], None]]:
    """Hold the lock of a database and a version table while the body runs, or until the caller's transaction ends.

    In a transaction of the caller, there is a lock on PostgreSQL only.

    :param connection: the one that migrates, which is left as it is.
    :param wait: how many seconds to wait for the lock; they are over at `end` on the monotonic clock, where that is known.
    :return: what raises `MigrationLockLostError` if the lock is not held any more.
    :raises MigrationLockedError: it was not free in time.
    """
    name = connection.dialect.name
    with ExitStack() as stack:
        lock: _Lock | None = None
        if connection.in_transaction():
            if name == "postgresql":
                lock = _CallersLock(connection, version_table)
        elif name == "postgresql":
            lock = _PostgreSQLLock(connection, version_table, stack)
        elif name in {"mysql", "mariadb"}:
            lock = _MySQLLock(stack.enter_context(connect_again(connection)), version_table)
        elif name == "sqlite" and (path := _find_file(connection)):
            path += _SUFFIX
            lock = _SQLiteLock(stack.enter_context(closing(sqlite3.connect(path, timeout=0, isolation_level=None))), path)
        if lock is not None:
            _acquire(lock, connection, wait, time.monotonic() + wait if end is None else end)
        yield partial(_check, lock, connection)


def name_version_table(context: MigrationContext) -> str:
    """The version table, as the lock of its migrations has it in its key."""
    assert context.connection is not None
    schema = context.version_table_schema
    in_default = schema is None or schema == context.connection.dialect.default_schema_name
    return context.version_table if in_default else f"{schema}.{context.version_table}"


def _check(lock: _Lock | None, connection: Connection) -> None:
    try:
        if lock is not None:
            lock.check()
    except Exception as error:
        raise MigrationLockLostError(connection.engine.url.database or "", describe(error)) from error


def _find_file(connection: Connection) -> str:
    """The file of a SQLite database, however its URL names it; empty if it is in memory."""
    files = [row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main"]
    connection.rollback()
    return files[0] or ""


def _acquire(lock: _Lock, connection: Connection, wait: float, end: float) -> None:
    holder = None
    mentioned = False
    while not lock.acquire():
        holder = lock.describe_holder() or holder
        if time.monotonic() >= end:
            database = connection.engine.url.database or ""
            if lock.problem:
                raise MigrationLockUnavailableError(database, wait, *lock.problem)
            raise MigrationLockedError(database, holder, wait)
        if not mentioned:
            reason = lock.problem[0] if lock.problem else f"{holder or 'another process'} holds it"
            log.info("Waiting for the migration lock: %s", reason)
            mentioned = True
        pause(connection, random.uniform(*_PAUSE))


def _describe_self() -> str:
    return f"{LOCK_HOLDER}{os.getpid()} on {socket.gethostname()}"


@dataclass(slots=True)
class _PostgreSQLLock:
    """A transaction-level advisory lock, which holds behind a pooler in transaction mode too.

    See https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """

    connection: Connection
    version_table: str
    stack: ExitStack
    second: Connection | None = None
    problem: tuple[str, str] | None = None

    def acquire(self) -> bool:
        # The second connection is made when the lock is free: waiters need one each, and a server has so many.
        free = _take(self.connection, self.version_table)
        self.connection.rollback()
        self.problem = None
        if not free:
            return False
        with ExitStack() as attempt:
            try:
                second = attempt.enter_context(connect_again(self.connection))
            except Exception as error:
                if describe_outage(error) is None:
                    raise
                found = find_fix(CONNECTION_RULES, error, {"user": self.connection.engine.url.username})
                self.problem = (
                    f"it needs a second connection, and there was none ({describe(error)})",
                    (found and found.fixes[0].example) or "lock_wait = 300s",
                )
                return False
            if not _take(second, self.version_table):
                return False
            if not self._is_served_beside(second):
                return False
            second.execute(text("SELECT pg_catalog.set_config('application_name', :name, true)"), {"name": _describe_self()[:63]})
            self.second = second
            self.check()
            self.stack.push(attempt.pop_all())
        return True

    def _is_served_beside(self, second: Connection) -> bool:
        """Whether there is a session for the migration while one is kept for the lock; otherwise it would wait for itself.

        Only a pooler in transaction mode gives both the same one.
        """
        if second.info.get(BACKEND) is None or second.info[BACKEND] != self.connection.info.get(BACKEND):
            return True
        try:
            with connect_again(self.connection, _BESIDE):
                return True
        except Exception as error:
            if describe_outage(error) is None:
                raise
            self.problem = (
                "it needs two connections to the server at once, and the pooler has one only (default_pool_size or pool_size of "
                "PgBouncer)",
                "default_pool_size = 10",
            )
            return False

    def check(self) -> None:
        """Ask the holder for nothing, in the simple protocol.

        In the extended protocol the last query stays open in the transaction, with its snapshot, until the next one:
        https://www.postgresql.org/docs/current/protocol-flow.html
        """
        assert self.second is not None
        try:
            with cut_after(self.second, ANSWER):
                self._query(self.second)
        except Exception:
            self.second.invalidate()
            raise

    def _query(self, second: Connection) -> None:
        driver: Any = second.connection
        if second.dialect.is_async:
            driver.dbapi_connection.run_async(lambda connection: connection.execute("SELECT 1"))
        elif hasattr(driver.driver_connection, "execute"):
            driver.driver_connection.execute("SELECT 1")
        else:  # psycopg2 knows no other protocol
            second.exec_driver_sql("SELECT 1")

    def describe_holder(self) -> str | None:
        holder = find_holder(self.connection, self.version_table)
        self.connection.rollback()
        return holder


@dataclass(slots=True)
class _CallersLock:
    """The same lock as a part of the caller's transaction, which it ends with."""

    connection: Connection
    version_table: str
    problem: tuple[str, str] | None = None

    def acquire(self) -> bool:
        return _take(self.connection, self.version_table)

    def check(self) -> None:
        """The transaction that does the work has the lock: they cannot part."""

    def describe_holder(self) -> str | None:
        return find_holder(self.connection, self.version_table)


def _take(connection: Connection, version_table: str) -> bool:
    taken = text("SELECT pg_catalog.pg_try_advisory_xact_lock(:key)")
    return bool(connection.scalar(taken, {"key": make_lock_key(version_table)}))


def make_lock_key(version_table: str) -> int:
    digest = hashlib.sha256(f"alembic_async_template {version_table}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def find_holder(connection: Connection, version_table: str) -> str | None:
    """The process of PostgreSQL that holds the migration lock, None if there is none."""
    query = text(f"""
        SELECT pid, {PROCESS_COLUMNS}
        FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
          AND pg_locks.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
          AND (CAST(classid AS bigint) << 32) | CAST(pg_locks.objid AS bigint) = :key
    """)
    row = connection.execute(query, {"key": make_lock_key(version_table)}).first()
    return None if row is None else describe_lock_holder(row)


@dataclass(slots=True)
class _MySQLLock:
    """A named lock of the session: https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html#function_get-lock"""

    connection: Connection
    version_table: str
    problem: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        database = self.connection.engine.url.database
        return hashlib.sha256(f"alembic_async_template {database} {self.version_table}".encode()).hexdigest()

    def acquire(self) -> bool:
        taken = self.connection.scalar(text("SELECT GET_LOCK(:name, 0)"), {"name": self.name})
        self.connection.rollback()  # a named lock is not a part of the transaction
        return bool(taken)

    def describe_holder(self) -> str | None:
        query = text(
            "SELECT id AS number, user AS role, host AS place, time AS seconds "
            "FROM information_schema.processlist WHERE id = IS_USED_LOCK(:name)"
        )
        row = self.connection.execute(query, {"name": self.name}).first()
        self.connection.rollback()
        return None if row is None else f"connection {row.number} ({row.role} from {row.place}, for {row.seconds} s)"

    def check(self) -> None:
        if not self.connection.scalar(text("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()"), {"name": self.name}):
            raise ConnectionError("the session that held it is another one")
        self.connection.rollback()


@dataclass(slots=True)
class _SQLiteLock:
    """The write lock of a file next to the database, which SQLite gives back when the process ends.

    See https://www.sqlite.org/lockingv3.html. A reserved lock lets others read who has it.
    """

    file: sqlite3.Connection
    path: str
    problem: tuple[str, str] | None = None

    def acquire(self) -> bool:
        try:
            self.file.execute("BEGIN IMMEDIATE")
            self.file.execute("CREATE TABLE IF NOT EXISTS holder (description text)")
            self.file.execute("DELETE FROM holder")
            self.file.execute("INSERT INTO holder VALUES (?)", [f"{_describe_self()}, since {time.strftime('%H:%M:%S')}"])
            self.file.execute("COMMIT")
            self.file.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if not is_lock_failure(error):
                problem, example = f"{self.path}: {error}", f"rm {self.path}"
                raise MigrationLockUnavailableError(self.path.removesuffix(_SUFFIX), 0, problem, example) from error
            if self.file.in_transaction:
                self.file.execute("ROLLBACK")
            return False
        return True

    def describe_holder(self) -> str | None:
        try:
            row = self.file.execute("SELECT description FROM holder").fetchone()
        except sqlite3.OperationalError:
            return None
        return None if row is None else str(row[0])

    def check(self) -> None:
        """The file is locked for as long as this process has it open."""
