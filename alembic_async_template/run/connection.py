"""The engine that migrations run on: one connection and no pool, made when the database is up."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .. import _compat
from ..application.url import Database, is_memory
from ..diagnosis.driver_errors import describe_outage
from ..diagnosis.match import find_fix
from ..diagnosis.rules.connection import CONNECTION_RULES
from ..errors import ConnectionFailedError, DatabaseNotReachableError, MemoryDatabaseError
from ..masking import mask_url
from .cancellation import raise_if_cancelled
from .known_facts import list_facts, list_url_facts
from .logs import WAITS
from .loop import run_coroutine
from .session import Limits, prepare
from .silence import ANSWER, KEEPALIVE_WORDS, SILENCE, cut_after, keep_alive

log = logging.getLogger("alembic_async_template")
waits = logging.getLogger(WAITS)

# Set while a migration connects: a cloned engine shares its dialect with the application's, whose connections stay as they are.
_connecting: ContextVar[bool] = ContextVar("_connecting", default=False)

# How long one attempt to connect may take at least, in seconds, and the pause before the next one.
_ATTEMPT = 10
_PAUSE = (0.2, 0.6)


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
    outage = _Outage(database, wait)
    if database.engine is not None:
        engine = AsyncEngine(_compat.clone_engine(database.engine.sync_engine))
    else:
        try:
            engine = create_async_engine(database.url, poolclass=NullPool, connect_args=database.connect_arguments)
        except Exception as error:  # the driver itself cannot be loaded
            outage.meet(error)
            raise
    try:
        connection = await _open(engine, outage, limits)
        try:
            yield connection
        finally:
            await _close(connection)
    finally:
        await engine.dispose()


async def _close(connection: AsyncConnection) -> None:
    """Close a connection, which waits for the server to say so."""
    assert connection.sync_connection is not None
    with cut_after(connection.sync_connection, ANSWER):
        await connection.close()


async def _open(engine: AsyncEngine, outage: _Outage, limits: Limits | None) -> AsyncConnection:
    while True:
        try:
            connection = await _start(engine, max(_ATTEMPT, outage.end - time.monotonic()))
            try:
                await connection.run_sync(_prepare_in_time, limits)
            except BaseException:
                await _close(connection)
                raise
            return connection
        except Exception as error:
            pause = outage.meet(error)
        await asyncio.sleep(pause)


def _prepare_in_time(connection: Connection, limits: Limits | None, seconds: float = SILENCE) -> None:
    with cut_after(connection, seconds):
        prepare(connection, limits)


async def _start(engine: AsyncEngine, seconds: float) -> AsyncConnection:
    known = threading.enumerate()
    with _fit_for_migration(engine.sync_engine):
        try:
            async with asyncio.timeout(seconds):
                return await engine.connect().start()
        except Exception:
            await _wait_for_workers(known)
            raise


async def _wait_for_workers(known: Sequence[threading.Thread]) -> None:
    """Let aiosqlite's thread end after a failure: it tells the loop, which is closed soon, and would print a traceback then."""
    workers = [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name and thread not in known]
    end = time.monotonic() + 1
    while any(thread.is_alive() for thread in workers) and time.monotonic() < end:
        await asyncio.sleep(0.01)


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
            _prepare_in_time(connection, limits)
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
        """How long to pause before the next attempt; an unknown error is raised as it is.

        :raises ConnectionFailedError: it is not an outage, or one of too many connections that does not end.
        :raises DatabaseNotReachableError: the time is over.
        """
        url = self.database.url
        problem = describe_outage(error, on_socket=str(url.query.get("host") or url.host or "").startswith("/"))
        over = problem is None or time.monotonic() >= self.end
        if over and (known := find_fix(CONNECTION_RULES, error, list_facts(url) | list_url_facts(self.database))):
            raise ConnectionFailedError(mask_url(url), self.database.source, known.problem, *known.fixes) from error
        if problem is None:
            raise error
        if over:
            raise DatabaseNotReachableError(mask_url(url), self.database.source, problem, self.wait) from error
        if not self.mentioned:
            waits.info("Waiting for the database: %s", problem)
            self.mentioned = True
        return random.uniform(*_PAUSE)


@contextmanager
def connect_again(connection: Connection, within: float = SILENCE) -> Iterator[Connection]:
    """A second connection to the database of one that is open, with the same limits lifted, from no pool.

    :param within: how many seconds a server has to answer it.
    """
    engine = _compat.clone_engine(connection.engine)
    try:
        with _fit_for_migration(engine):
            second = engine.connect()
        try:
            _prepare_in_time(second, None, within)
            yield second
        finally:
            try:
                with cut_after(second, ANSWER):
                    second.close()
            except Exception as error:  # it ended before
                log.debug("The second connection could not be closed: %s", error)
    finally:
        engine.dispose()


def call_on_new_connection(engine: Engine, work: Callable[[Connection], None]) -> None:
    """Call `work` with a new connection that commits each statement, from a thread in which no loop runs."""

    def work_in_autocommit(connection: Connection) -> None:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        work(connection)

    async def connect_and_work() -> None:
        connection = await _start(AsyncEngine(engine), _ATTEMPT)
        try:
            await connection.run_sync(work_in_autocommit)
        finally:
            await _close(connection)

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
        # As asyncpg has it, whatever the role's encoding is.
        parameters = {"connect_timeout": _ATTEMPT, "client_encoding": "utf8", **KEEPALIVE_WORDS, **parameters}
    connection = dialect.connect(*arguments, **parameters)
    keep_alive(getattr(connection, "driver_connection", None))
    return connection
