"""The engine that migrations run on: one connection, no pool, and none of the application's time limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .. import _compat
from ..errors import MemoryDatabaseError
from .url import is_memory

if TYPE_CHECKING:
    from .url import Database

# Set while a migration connects: a cloned engine shares its dialect with the application's, whose connections stay as they are.
_connecting: ContextVar[bool] = ContextVar("_connecting", default=False)

# Limits meant for requests, which would end a migration half way; a role or database can have them as defaults.
_RELEASE_LIMITS = text(
    "SELECT set_config(name, '0', :local) FROM pg_catalog.pg_settings WHERE setting <> '0' "
    "AND name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')"
)


@asynccontextmanager
async def connect(database: Database) -> AsyncIterator[AsyncConnection]:
    """Open the one connection of a run, on a new engine that is disposed of afterwards.

    An engine of the application gives its dialect, connect arguments and events; its pool is never touched.

    :raises MemoryDatabaseError: the database would end with the connection.
    """
    if is_memory(database.url):
        raise MemoryDatabaseError(database.source)
    if database.engine is not None:
        engine = AsyncEngine(_compat.clone_engine(database.engine.sync_engine))
    else:
        engine = create_async_engine(database.url, poolclass=NullPool, connect_args=database.connect_arguments)
    try:
        connection = engine.connect()
        with _fit_for_migration(engine.sync_engine):
            await connection.start()
        try:
            await connection.run_sync(_prepare)
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


@contextmanager
def connect_sync(engine: Engine) -> Iterator[Connection]:
    """The same for an engine that needs no event loop, or whose loop is the one that runs: a connection of a clone."""
    clone = _compat.clone_engine(engine)
    try:
        with clone.connect() as connection:
            _prepare(connection)
            yield connection
    finally:
        clone.dispose()


@contextmanager
def connect_again(connection: Connection) -> Iterator[Connection]:
    """A second connection to the database of one that is open, with the same limits lifted, from no pool."""
    engine = _compat.clone_engine(connection.engine)
    try:
        with _fit_for_migration(engine):
            second = engine.connect()
        with second:
            _prepare(second)
            yield second
    finally:
        engine.dispose()


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
    return dialect.connect(*arguments, **parameters)


def _prepare(connection: Connection) -> None:
    """Make a fresh connection fit for migrations, and leave it outside of any transaction.

    Alembic takes an open transaction for the caller's and would never commit it.
    """
    if _compat.starts_in_autocommit(connection.engine):
        connection.execution_options(isolation_level=connection.default_isolation_level)
    if connection.dialect.name == "postgresql":
        _release_limits(connection)
    elif connection.dialect.name == "sqlite":
        _make_transactional(connection)


def _release_limits(connection: Connection) -> None:
    if not _is_pooled(connection):
        connection.execute(_RELEASE_LIMITS, {"local": False})
        connection.commit()
        return
    connection.rollback()

    # A session behind a pooler belongs to everybody: the limits go for one transaction at a time.
    @event.listens_for(connection, "begin")
    def release_in_transaction(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.execute(_RELEASE_LIMITS, {"local": True})


def _is_pooled(connection: Connection) -> bool:
    """Whether the server that answers is another one than the driver was connected to: a pooler stands in between."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "get_server_pid"):
        known = driver.get_server_pid()
    elif hasattr(driver, "info"):
        known = driver.info.backend_pid
    else:
        return False
    return bool(connection.scalar(text("SELECT pg_catalog.pg_backend_pid()")) != known)


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
            connection.exec_driver_sql("BEGIN")
