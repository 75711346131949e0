"""The session of a migration: transactions that hold what a revision does, and limits that are meant for migrations."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateSchema

from .. import _compat
from ..diagnosis.driver_errors import find_sqlstate
from ..postgresql import SQLState
from .cancellation import raise_if_cancelled

log = logging.getLogger("alembic_async_template")

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


# Whether a pooler gives a connection to the server that is free.
_POOLED = "alembic_async_template.pooled"
# How often a statement is sent to servers that do not know it.
_OFTEN = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a migration waits for a lock, and what a statement may take; in seconds, zero for no bound."""

    lock_timeout: float
    statement_timeout: float


def prepare(connection: Connection, limits: Limits | None) -> None:
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
    if connection.dialect.driver == "asyncpg":
        connection.info[_POOLED] = True
        if not event.contains(connection.engine, "do_execute", _execute_on_any_server):
            event.listen(connection.engine, "do_execute", _execute_on_any_server)

    # A session behind a pooler belongs to all clients: the limits hold for one transaction at a time.
    @event.listens_for(connection, "begin")
    def set_in_transaction(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            connection.info.pop(BACKEND, None)
            return
        connection.execute(_SET_LIMITS, {**parameters, "local": True})
        connection.info[BACKEND] = connection.scalar(_BACKEND_PID)


def _execute_on_any_server(cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
    """Execute a statement outside of transactions behind a pooler; None leaves it to SQLAlchemy.

    asyncpg prepares a statement and executes it in two messages, between which the pooler may give the session to another server:
    that one does not know the statement and has done nothing, so that it can be sent again.
    """
    connection = context.root_connection
    if connection.info.get(_POOLED) and connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        for _ in range(_OFTEN):
            try:
                cursor.execute(statement, parameters)
            except Exception as error:
                if find_sqlstate(error) != SQLState.INVALID_SQL_STATEMENT_NAME:
                    raise
            else:
                return True
    return None


_BACKEND_PID = text("SELECT pg_catalog.pg_backend_pid()")


def find_backend(connection: Connection) -> int | None:
    """The process of PostgreSQL that a connection was made to."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "get_server_pid"):
        return int(driver.get_server_pid())
    if hasattr(driver, "info"):
        return int(driver.info.backend_pid)
    return None


def create_schema(connection: Connection, schema: str | None) -> None:
    """Make sure that the schema of the version table is there; no revision could create it, since Alembic needs it before."""
    in_transaction = connection.in_transaction()
    if schema is None or connection.dialect.name != "postgresql" or inspect(connection).has_schema(schema):
        return
    statement = CreateSchema(schema, if_not_exists=True)
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:  # another process did so in this moment
        log.debug("Schema %s was created at the same time", schema)
    if not in_transaction:
        connection.commit()


def end_reading(connection: Connection, *, in_transaction: bool) -> None:
    """End what a command has only read: the next one on the connection is not to take it for a transaction of the caller's."""
    if not in_transaction and connection.in_transaction():
        connection.rollback()


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
