"""The engine that migrations run on: one connection, no pool, and none of the application's time limits."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .. import _compat
from ..driver_errors import describe_outage
from ..errors import DatabaseNotReachableError, MemoryDatabaseError
from .loops import raise_if_cancelled, run_coroutine
from .url import Database, is_memory, mask_url

log = logging.getLogger("alembic_async_template")

# Set while a migration connects: a cloned engine shares its dialect with the application's, whose connections stay as they are.
_connecting: ContextVar[bool] = ContextVar("_connecting", default=False)

# Limits meant for requests, which would end a migration half way; a role or database can have them as defaults.
_NO_LIMITS = {
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
}
# Those that the server knows: transaction_timeout is new in PostgreSQL 17.
_SET_LIMITS = text(
    "SELECT pg_catalog.set_config(name, value, :local) FROM pg_catalog.pg_settings "
    "JOIN pg_catalog.json_each_text(CAST(:limits AS json)) AS wanted (key, value) ON key = name"
)
# A connection that holds a lock of MySQL says nothing for as long as a migration takes: a week.
_MYSQL_WAIT_TIMEOUT = 604_800
# As good as no limit, where that cannot be said.
_SQLITE_FOREVER = 2**31 - 1
# Under which key a connection's information has the process that answers it, where a pooler may change that.
BACKEND = "alembic_async_template.backend"
# And whether its transactions will write.
_WRITES = "alembic_async_template.writes"

# How long one attempt to connect may take at least, in seconds, and the pause before the next one.
_ATTEMPT = 10
_PAUSE = (0.2, 0.6)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a migration waits for a lock, and what a statement may take; in seconds, zero for no bound."""

    lock_timeout: float
    statement_timeout: float


@asynccontextmanager
async def connect(database: Database, wait: float, limits: Limits | None) -> AsyncIterator[AsyncConnection]:
    """Open the one connection of a run, on a new engine that is disposed of afterwards.

    An engine of the application gives its dialect, connect arguments and events; its pool is never touched.

    :param wait: how many seconds to wait for a database that is not up.
    :param limits: those of a command that changes the database.
    :raises MemoryDatabaseError: the database would end with the connection.
    :raises DatabaseNotReachableError: it was not up in time.
    """
    if is_memory(database.url):
        raise MemoryDatabaseError(database.source)
    if database.engine is not None:
        engine = AsyncEngine(_compat.clone_engine(database.engine.sync_engine))
    else:
        engine = create_async_engine(database.url, poolclass=NullPool, connect_args=database.connect_arguments)
    try:
        connection = await _open(engine, _Outage(database, wait))
        try:
            await connection.run_sync(_prepare, limits)
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


async def _open(engine: AsyncEngine, outage: _Outage) -> AsyncConnection:
    while True:
        connection = engine.connect()
        try:
            with _fit_for_migration(engine.sync_engine):
                async with asyncio.timeout(max(_ATTEMPT, outage.end - time.monotonic())):
                    return await connection.start()
        except Exception as error:
            pause = outage.meet(error)
        await asyncio.sleep(pause)


@contextmanager
def connect_sync(database: Database, engine: Engine, wait: float, limits: Limits | None) -> Iterator[Connection]:
    """The same for an engine that needs no event loop, or whose loop is the one that runs: a connection of a clone."""
    clone = _compat.clone_engine(engine)
    outage = _Outage(database, wait)
    try:
        while True:
            try:
                with _fit_for_migration(clone):
                    connection = clone.connect()
                break
            except Exception as error:
                pause = outage.meet(error)
            time.sleep(pause)
            raise_if_cancelled()
        with connection:
            _prepare(connection, limits)
            yield connection
    finally:
        clone.dispose()


class _Outage:
    """The attempts to reach a database that may not be up yet."""

    def __init__(self, database: Database, wait: float) -> None:
        self.database = database
        self.wait = wait
        self.end = time.monotonic() + wait
        self.mentioned = False

    def meet(self, error: Exception) -> float:
        """How long to pause before the next attempt; what is no outage is raised as it is.

        :raises DatabaseNotReachableError: the time is over.
        """
        url = self.database.url
        problem = describe_outage(error, on_socket=str(url.query.get("host") or url.host or "").startswith("/"))
        if problem is None:
            raise error
        if time.monotonic() >= self.end:
            raise DatabaseNotReachableError(mask_url(url), self.database.source, problem, self.wait) from error
        if not self.mentioned:
            log.info("Waiting for the database: %s", problem)
            self.mentioned = True
        return random.uniform(*_PAUSE)


@contextmanager
def connect_again(connection: Connection) -> Iterator[Connection]:
    """A second connection to the database of one that is open, with the same limits lifted, from no pool."""
    engine = _compat.clone_engine(connection.engine)
    try:
        with _fit_for_migration(engine):
            second = engine.connect()
        try:
            _prepare(second, None)
            yield second
        finally:
            try:
                second.close()
            except Exception as error:  # it ended before
                log.debug("The second connection could not be closed: %s", error)
    finally:
        engine.dispose()


def call_apart(engine: Engine, work: Callable[[Connection], None]) -> None:
    """Call `work` with a new connection that commits each statement, from a thread in which no loop runs."""

    def work_in_autocommit(connection: Connection) -> None:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        work(connection)

    async def connect_and_work() -> None:
        connection = AsyncEngine(engine).connect()
        with _fit_for_migration(engine):
            async with asyncio.timeout(_ATTEMPT):
                await connection.start()
        try:
            await connection.run_sync(work_in_autocommit)
        finally:
            await connection.close()

    if engine.dialect.is_async:
        run_coroutine(connect_and_work(), engine.dialect.driver)
        return
    with _fit_for_migration(engine):
        connection = engine.connect()
    with connection:
        work_in_autocommit(connection)


@contextmanager
def _fit_for_migration(engine: Engine) -> Iterator[None]:
    """While this lasts, the engine connects as migrations need it.

    The listener stays: engines that share a dialect share it, and several may connect at once.
    """
    if not event.contains(engine, "do_connect", _connect_for_migration):
        event.listen(engine, "do_connect", _connect_for_migration)
    token = _connecting.set(True)
    try:
        yield
    finally:
        _connecting.reset(token)


def _connect_for_migration(dialect: Any, _record: object, arguments: Any, parameters: dict[str, Any]) -> Any:
    """Connect with what a migration needs; None leaves the connection to SQLAlchemy.

    Behind a pooler in transaction mode, named prepared statements of one client meet those of another:
    https://docs.sqlalchemy.org/en/20/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
    """
    if not _connecting.get():
        return None
    parameters = dict(parameters)
    if dialect.driver == "asyncpg":
        parameters.pop("command_timeout", None)
        parameters |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__",
        }
    elif dialect.driver in {"psycopg", "psycopg_async"}:
        parameters["prepare_threshold"] = None
        parameters.setdefault("connect_timeout", _ATTEMPT)
    return dialect.connect(*arguments, **parameters)


def _prepare(connection: Connection, limits: Limits | None) -> None:
    """Make a fresh connection fit for migrations, and leave it outside of any transaction.

    Alembic takes an open transaction for the caller's and would never commit it. What there is of limits:
    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT,
    https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_lock_wait_timeout,
    https://www.sqlite.org/pragma.html#pragma_busy_timeout
    """
    if is_autocommit(connection):
        connection.execution_options(isolation_level=connection.default_isolation_level)
    if connection.dialect.name == "postgresql":
        _set_limits(connection, _NO_LIMITS | (_write_limits(limits) if limits else {}))
    elif connection.dialect.name in {"mysql", "mariadb"}:
        connection.exec_driver_sql(f"SET SESSION wait_timeout = {_MYSQL_WAIT_TIMEOUT}")
        if limits and limits.lock_timeout:
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {math.ceil(limits.lock_timeout)}")
        connection.rollback()
    elif connection.dialect.name == "sqlite":
        if limits:
            milliseconds = math.ceil(limits.lock_timeout * 1000) or _SQLITE_FOREVER
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
        _make_transactional(connection)


def _write_limits(limits: Limits) -> dict[str, str]:
    milliseconds = {"lock_timeout": limits.lock_timeout, "statement_timeout": limits.statement_timeout}
    return {name: str(math.ceil(seconds * 1000)) for name, seconds in milliseconds.items()}


def is_autocommit(connection: Connection) -> bool:
    """Whether each statement is committed: by the connection's options, its engine's, or the driver's."""
    level = connection.get_execution_options().get("isolation_level")
    if level is not None:
        return bool(level == "AUTOCOMMIT")
    driver: Any = connection.connection.driver_connection
    return _compat.starts_in_autocommit(connection.engine) or getattr(driver, "autocommit", None) is True


def _set_limits(connection: Connection, limits: dict[str, str]) -> None:
    parameters = {"limits": json.dumps(limits)}
    if not _is_pooled(connection):
        connection.execute(_SET_LIMITS, {**parameters, "local": False})
        connection.commit()
        return
    connection.rollback()

    # A session behind a pooler belongs to everybody: the limits hold for one transaction at a time.
    @event.listens_for(connection, "begin")
    def set_in_transaction(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            connection.info.pop(BACKEND, None)
            return
        connection.execute(_SET_LIMITS, {**parameters, "local": True})
        connection.info[BACKEND] = connection.scalar(_BACKEND_PID)


_BACKEND_PID = text("SELECT pg_catalog.pg_backend_pid()")


def find_backend(connection: Connection) -> int | None:
    """The process of PostgreSQL that a connection was made to."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "get_server_pid"):
        return int(driver.get_server_pid())
    if hasattr(driver, "info"):
        return int(driver.info.backend_pid)
    return None


def pause(connection: Connection, seconds: float) -> None:
    """Sleep; where the connection belongs to an event loop, let that run.

    :raises asyncio.CancelledError: the call was cancelled, and no loop is there to end it.
    """
    if connection.dialect.is_async:
        driver: Any = connection.connection.dbapi_connection
        driver.run_async(lambda _: asyncio.sleep(seconds))
    else:
        time.sleep(seconds)
        raise_if_cancelled()


def _is_pooled(connection: Connection) -> bool:
    """Whether the server that answers is another one than the driver was connected to: a pooler stands in between."""
    known = find_backend(connection)
    return known is not None and connection.scalar(_BACKEND_PID) != known


def expect_writes(connection: Connection) -> None:
    """Let the transactions on a connection of `connect` wait at their begin, on SQLite, until they may write.

    One that has read does not wait to become one that writes: it fails, https://www.sqlite.org/lang_transaction.html.
    """
    connection.info[_WRITES] = True


def _make_transactional(connection: Connection) -> None:
    """Let a migration on SQLite happen whole or not at all, and its batch operations keep the rows of other tables.

    Python's driver begins no transaction before DDL: it is begun here instead, see
    https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#serializable-isolation-savepoints-transactional-ddl.
    With foreign keys enforced, dropping the old copy of a table deletes its rows and those that cascade:
    https://www.sqlite.org/lang_droptable.html.
    """
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.commit()
    adapted: Any = connection.connection.dbapi_connection
    adapted.isolation_level = None

    @event.listens_for(connection, "begin")
    def begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.info.get(_WRITES) else "BEGIN")
