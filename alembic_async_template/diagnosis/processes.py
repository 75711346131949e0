"""Describes a process of PostgreSQL that is in the way, as every message and log shows it."""

from __future__ import annotations

from typing import Any

from ..masking import shorten_statement

PROCESS_COLUMNS = """CAST(usename AS text) AS usename, application_name, state,
    to_char(coalesce(xact_start, query_start), 'HH24:MI:SS') AS since, query"""
"""What `describe_process` needs of `pg_catalog.pg_stat_activity`, apart from the number of the process."""

# How the name of a connection begins that holds nothing but a lock, for a process of this package.
LOCK_HOLDER = "alembic, pid "


def describe_lock_holder(row: Any) -> str:
    """The process that holds the migration lock.

    One of this package holds it on a connection that is idle meanwhile, which is no reason to end it.
    """
    if not (row.application_name or "").startswith(LOCK_HOLDER):
        return describe_process(row)
    user = f", user {row.usename}" if row.usename else ""
    since = f", since {row.since}" if row.since else ""
    return f"process {row.pid} ({row.application_name}{user}{since}, which migrates on another connection)"


def describe_process(row: Any) -> str:
    """A process of PostgreSQL, as a message shows it.

    :param row: has `pid` and the `PROCESS_COLUMNS`; what the role may not see is null.
    """
    known = [
        row.application_name,
        f"user {row.usename}" if row.usename else "",
        f"{row.state} since {row.since}" if row.state else "",
        f"query: {shorten_statement(row.query, 100)}" if row.query else "",
    ]
    return f"process {row.pid} ({', '.join(filter(None, known))})"
