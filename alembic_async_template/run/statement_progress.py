"""How far a statement is, where PostgreSQL knows it: for the building of an index."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.engine import Connection

# https://www.postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PROGRESS-REPORTING
_PROGRESS = text("""
    SELECT phase, lockers_done, lockers_total, blocks_done, blocks_total, tuples_done, tuples_total
    FROM pg_catalog.pg_stat_progress_create_index WHERE pid = :pid
""")
_FIRST_VERSION = (12,)


def find_progress(connection: Connection, pid: int | None) -> str:
    """What the process with this number does, and how much of it is done; empty where the server does not say."""
    if (connection.dialect.server_version_info or ()) < _FIRST_VERSION:
        return ""
    row = connection.execute(_PROGRESS, {"pid": pid}).first()
    return "" if row is None else describe_progress(row)


def describe_progress(row: Row[Any]) -> str:
    """The phase in PostgreSQL's words, and which part of it is done: the server counts one thing at a time, or nothing."""
    for done, total, what in (
        (row.lockers_done, row.lockers_total, "transactions"),
        (row.tuples_done, row.tuples_total, "rows"),
        (row.blocks_done, row.blocks_total, "blocks"),
    ):
        if total:
            return f"{row.phase} ({100 * done // total} % of {total} {what})"
    return str(row.phase)
