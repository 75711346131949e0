"""What an exception of a driver means, whichever driver raised it."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator

from ..masking import is_about_secret, mask_message
from ..postgresql import SQLState

# Errors that end by themselves when a lock is released, of PostgreSQL,
_LOCK_STATES = {SQLState.LOCK_NOT_AVAILABLE, SQLState.DEADLOCK_DETECTED}
# ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK, https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
_LOCK_NUMBERS = {1205, 1213}
# and SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy.
_SQLITE_BUSY = 5

# A server that is not up (any more), or full.
_OUTAGE_STATES = {
    SQLState.CANNOT_CONNECT_NOW,
    SQLState.ADMIN_SHUTDOWN,
    SQLState.CRASH_SHUTDOWN,
    SQLState.TOO_MANY_CONNECTIONS,
}
# CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST and ER_CON_COUNT_ERROR.
_OUTAGE_NUMBERS = {2002, 2003, 2006, 2013, 1040}
_OUTAGE_ERRNOS = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ETIMEDOUT}
# libpq has no codes for what happens before a session, and asyncio none where it has tried several addresses.
_OUTAGE_WORDS = (
    "connection refused",
    "connect call failed",
    "could not translate host name",
    "failed to resolve host",
    "name or service not known",
    "timeout expired",
    "server closed the connection unexpectedly",
    "connection is closed",
    "connection was closed",
    "connection is lost",
    "the database system is",
    "too many clients already",
    "too many connections",
    "remaining connection slots are reserved",
    "cannot connect to server",  # PgBouncer
    "no such file or directory is the server running",  # libpq, of a Unix socket
)
# A list of hosts is described at once, and what one of them said may be final.
_FINAL_WORDS = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "ssl upgrade",
    "support ssl",
    "ssl error",
    "certificate",
)
# What SQLAlchemy adds, and where asyncpg prints an object instead of the words that it takes.
_NOISE = re.compile(r"^<class '[^']*'>: | \(Background on this error at: .*| to be one of <built-in method [^>]*>")
_MYSQL_DRIVERS = {"asyncmy", "aiomysql", "pymysql", "MySQLdb", "mysql"}


def list_causes(error: BaseException | None) -> Iterator[BaseException]:
    """The driver's own exception and its causes, without SQLAlchemy's around it."""
    seen: set[int] = set()
    while isinstance(error, BaseException) and id(error) not in seen:
        seen.add(id(error))
        original = getattr(error, "orig", None)
        if not isinstance(original, BaseException):
            yield error
            original = None
        error = original or error.__cause__


def describe(error: BaseException) -> str:
    """What the driver said, on one line: PostgreSQL's details and SQLAlchemy's prefixes left out."""
    cause = next(list_causes(error))
    number = find_number(cause)
    text = f"{cause.args[1]} ({number})" if number is not None and len(cause.args) > 1 else str(cause)  # MySQL's are pairs
    line = text.strip().partition("\n")[0]
    return mask_message(_NOISE.sub("", line), always=is_about_secret(error)).removesuffix(".")


def find_detail(error: BaseException) -> str | None:
    """What PostgreSQL adds about rows or dependents."""
    for cause in list_causes(error):
        detail = getattr(cause, "detail", None) or getattr(getattr(cause, "diag", None), "message_detail", None)
        if isinstance(detail, str):
            return mask_message("; ".join(detail.splitlines()), always=is_about_secret(error)).removesuffix(".")
    return None


def find_sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE of an error of PostgreSQL, or of the one that caused it."""
    return next(filter(None, map(find_own_sqlstate, list_causes(error))), None)


def find_own_sqlstate(cause: BaseException) -> str | None:
    """The SQLSTATE of a driver's error."""
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state if isinstance(state, str) else None


def is_lock_failure(error: BaseException) -> bool:
    """Whether a statement was ended because it did not get a lock: the same may succeed in a moment."""
    return find_sqlstate(error) in _LOCK_STATES or any(
        (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF == _SQLITE_BUSY or find_number(cause) in _LOCK_NUMBERS
        for cause in list_causes(error)
    )


def describe_outage(error: BaseException, *, on_socket: bool = False) -> str | None:
    """Why a database cannot be reached although it may be up in a moment, None if waiting would not help.

    :param on_socket: whether the server is reached through a file, which is there when the server is.
    """
    return next(filter(None, (_describe_outage(cause, on_socket) for cause in list_causes(error))), None)


def _describe_outage(cause: BaseException, on_socket: bool) -> str | None:
    words = " ".join(str(cause).lower().split())
    state = find_sqlstate(cause) or ""
    if any(final in words for final in _FINAL_WORDS):
        return None
    if (
        isinstance(cause, ConnectionError | TimeoutError | socket.gaierror)
        or (isinstance(cause, OSError) and cause.errno in _OUTAGE_ERRNOS)
        or (isinstance(cause, FileNotFoundError) and on_socket)
        or state in _OUTAGE_STATES
        # The class of connections; 08P01 is all that older PgBouncers say, whatever has happened.
        or (state.startswith("08") and state != SQLState.PROTOCOL_VIOLATION)
        or find_number(cause) in _OUTAGE_NUMBERS
        or any(known in words for known in _OUTAGE_WORDS)
    ):
        return describe(cause) or "no answer in time"
    return None


def find_number(error: BaseException) -> int | None:
    """The number by which drivers of MySQL tell errors apart."""
    number = error.args[0] if error.args and type(error).__module__.partition(".")[0] in _MYSQL_DRIVERS else None
    return number if isinstance(number, int) else None
