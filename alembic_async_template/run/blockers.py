"""Asks PostgreSQL which processes block a statement: it knows that only while the statement waits."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection

from ..diagnosis.processes import PROCESS_COLUMNS, describe_process

_BLOCKERS = text(f"""
    SELECT blocker AS pid, {PROCESS_COLUMNS}
    FROM (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(:pid)) AS blocker) AS blockers
    LEFT JOIN pg_catalog.pg_stat_activity ON pid = blocker
    ORDER BY blocker
""")


def find_blockers(connection: Connection, pid: int | None) -> list[str]:
    """The processes that the process with this number waits for, as a message shows them.

    See https://www.postgresql.org/docs/current/functions-info.html for `pg_blocking_pids`: zero is a prepared transaction.
    """
    rows = connection.execute(_BLOCKERS, {"pid": pid})
    return [describe_process(row) if row.pid else "a prepared transaction (see pg_prepared_xacts)" for row in rows]
