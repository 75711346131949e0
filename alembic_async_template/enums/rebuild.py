"""Gives an enum type other labels on a live database: reads what uses it, then refuses or carries out the plan."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ..diagnosis.driver_errors import describe, find_sqlstate
from ..errors import EnumChangeBlockedError, EnumChangeFailedError, EnumValueInUseError
from ..masking import mask_statement
from ..postgresql import SQLState
from .catalog import DUMP_SETTINGS, change_settings, reflect_enums
from .dependents import Usage, read_usage
from .plan import (
    Change,
    Statement,
    count_rows,
    find_blockers,
    find_defaults,
    lock_tables,
    lock_type,
    plan_change,
    refresh_views,
    reveal_rows,
)

log = logging.getLogger("alembic_async_template.enums")

# The level of this transaction, and whether it is one that the server gives to the role.
_ISOLATION = text("""
    SELECT current_setting('transaction_isolation'),
           current_setting('transaction_isolation') = setting AND source NOT IN ('client', 'session'), quote_ident(session_user)
    FROM pg_catalog.pg_settings WHERE name = 'default_transaction_isolation'
""")
_HOLDERS = text("""
    SELECT DISTINCT format('process %s (%s, since %s): ', pid, COALESCE(NULLIF(application_name, ''), usename), xact_start), query
    FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
    WHERE relation = ANY (CAST(:oids AS oid[])) AND granted AND pid <> pg_catalog.pg_backend_pid()
""")


def rebuild_enum(connection: Connection, change: Change, example: str) -> None:
    """Carry out a change whole, or leave catalog and rows as they are.

    :param example: the call that would work where rows hold a value that goes.
    """
    enum = change.enum.qualified_name
    if change.target == change.enum.labels:
        log.info("Enum %s has these values already", enum)
        return
    try:
        with connection.begin_nested():
            settings = change_settings(connection, DUMP_SETTINGS)
            usage = _read_and_lock(connection, change)
            _execute(connection, change, reveal_rows(usage))
            _refuse_held_values(connection, change, usage, example)
            log.info("Enum %s: %s", enum, _describe(change, usage))
            _execute(connection, change, plan_change(usage, change, f"old_enum_{change.enum.oid}"))
            change_settings(connection, settings)
            _execute(connection, change, refresh_views(usage))
    except _LockNotAvailableError as error:
        rows = connection.execute(_HOLDERS, {"oids": error.relations})
        holders = [f"{process}{mask_statement(query)}" for process, query in rows]
        raise EnumChangeFailedError(enum, error.statement, error.problem, holders) from error.__cause__
    except DBAPIError as error:
        if find_sqlstate(error.orig) == SQLState.NO_ACTIVE_SQL_TRANSACTION:
            problem = "the connection commits every statement, and a change is one transaction"
            raise EnumChangeFailedError(enum, "SAVEPOINT", problem) from error
        raise


def _lock_type(connection: Connection, change: Change) -> None:
    """Keep others from adding and renaming values, and wait for those who have begun to.

    An addition of a value that is there changes nothing and locks the type. Had somebody renamed that value meanwhile, it would
    be added, and taken back with the savepoint.
    """
    _execute(connection, change, lock_type(change))
    known = (change.enum.qualified_name, change.enum.labels)
    if known not in ((enum.qualified_name, enum.labels) for enum in reflect_enums(connection)):
        raise EnumChangeFailedError(
            change.enum.qualified_name, "ALTER TYPE", "another transaction has changed the type at the same time"
        )


def _read_and_lock(connection: Connection, change: Change) -> Usage:
    """Read until what is read and what is locked are the same tables."""
    _refuse_isolation(connection, change)
    usage = read_usage(connection, change.enum)
    _refuse_blockers(usage, change)
    _lock_type(connection, change)
    while True:
        _execute(connection, change, lock_tables(usage), [relation.oid for relation in usage.relations])
        locked, usage = usage, read_usage(connection, change.enum)
        if {relation.oid for relation in usage.relations} <= {relation.oid for relation in locked.relations}:
            _refuse_blockers(usage, change)
            return usage


def _refuse_isolation(connection: Connection, change: Change) -> None:
    """Refuse a transaction that would restore definitions that others have changed since it began."""
    isolation, is_default, role = connection.execute(_ISOLATION).one()
    if isolation == "read committed":
        return
    reason = f"is {isolation} and does not see what others have committed since it began"
    if is_default:
        example = f"ALTER ROLE {role} SET default_transaction_isolation = 'read committed'"
    else:
        example = 'create_async_engine(url, isolation_level="READ COMMITTED")'
    fix = f"Let the {'role' if is_default else 'engine'} that migrates have others, for example: {example}"
    raise EnumChangeBlockedError(change.enum.qualified_name, [("this transaction", reason)], fix)


def _refuse_blockers(usage: Usage, change: Change) -> None:
    if blockers := find_blockers(usage, change):
        named = list(dict.fromkeys((blocker.name, blocker.reason) for blocker in blockers))
        raise EnumChangeBlockedError(change.enum.qualified_name, named)


def _refuse_held_values(connection: Connection, change: Change, usage: Usage, example: str) -> None:
    if not change.unmapped:
        return
    held: dict[str, int] = {}
    for relation, columns, query in count_rows(usage, change.unmapped):
        counts = connection.exec_driver_sql(query, execution_options={"no_parameters": True}).one()
        for column, count in zip(columns, counts, strict=True):
            if count:
                held[f"{relation}.{column.quoted_name}"] = count
    defaults = find_defaults(usage, change.unmapped)
    if held or defaults:
        raise EnumValueInUseError(change.enum.qualified_name, change.unmapped, held, defaults, example)


def _execute(connection: Connection, change: Change, statements: Iterable[Statement], relations: Sequence[int] = ()) -> None:
    for statement in statements:
        if statement.progress:
            log.info("Enum %s: %s", change.enum.qualified_name, statement.progress)
        log.debug("%s (lock: %s)", mask_statement(statement.text), statement.lock)
        try:
            # No parameters: a percent sign in a name or label is nobody's placeholder.
            connection.exec_driver_sql(statement.text, execution_options={"no_parameters": True})
        except DBAPIError as error:
            shown, problem = mask_statement(statement.text), describe(error)
            if find_sqlstate(error.orig) == SQLState.LOCK_NOT_AVAILABLE:
                raise _LockNotAvailableError(shown, problem, relations) from error
            raise EnumChangeFailedError(change.enum.qualified_name, shown, problem) from error


class _LockNotAvailableError(Exception):
    """A table was locked for longer than lock_timeout; who holds it can be asked once the savepoint is rolled back."""

    def __init__(self, statement: str, problem: str, relations: Sequence[int]) -> None:
        self.statement = statement
        self.problem = problem
        self.relations = list(relations)
        super().__init__(problem)


def _describe(change: Change, usage: Usage) -> str:
    target = ", ".join(f'"{label}"' for label in change.target)
    others = sum(1 for dependent in usage.dependents if dependent.drop)
    return f"the values become {target}; tables to rewrite: {len(usage.relations)}, other objects to make again: {others}"
