"""Gives an enum type other labels on a live database: reads what uses the type, then refuses the change or runs its plan."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ..diagnosis.driver_errors import describe, find_sqlstate
from ..diagnosis.processes import PROCESS_COLUMNS, describe_process
from ..errors import EnumChangeBlockedError, EnumChangeFailedError, EnumValueInUseError
from ..masking import mask_statement
from ..postgresql import SQLState, escape_colons
from .catalog import DUMP_SETTINGS, change_settings, reflect_enums
from .dependents import Usage, list_removals, read_usage
from .model import Change, EnumType
from .rebuild_plan import (
    Statement,
    count_rows,
    find_change_blockers,
    find_defaults,
    lock_tables,
    lock_type,
    plan_change,
    refresh_views,
    reveal_rows,
)

log = logging.getLogger("alembic_async_template.enums")

# The execution option of each statement of a rebuild, which is its change.
REBUILD = "alembic_async_template_rebuild"

# The isolation level of this transaction, and whether the server or the role sets it.
_ISOLATION = text("""
    SELECT current_setting('transaction_isolation') AS isolation,
           current_setting('transaction_isolation') = setting AND source NOT IN ('client', 'session') AS is_default,
           quote_ident(session_user) AS role
    FROM pg_catalog.pg_settings WHERE name = 'default_transaction_isolation'
""")
_HOLDERS = text(f"""
    SELECT DISTINCT pid, {PROCESS_COLUMNS}
    FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
    WHERE relation = ANY (CAST(:oids AS oid[])) AND granted AND pid <> pg_catalog.pg_backend_pid()
""")


@dataclass(frozen=True, slots=True)
class AdvisedCalls:
    """The lines of a revision that messages about a change show."""

    made: str
    """The call that asked for the change."""
    with_replacement: str = ""
    """A call that works although rows hold a removed value."""
    renames: Sequence[str] = ()
    """Calls that do the change without a rebuild, if it only renames values."""
    choices: Sequence[str] = ()
    """The values of which one is to be put in place of each three dots in `with_replacement`."""


def rebuild_enum(connection: Connection, change: Change, calls: AdvisedCalls) -> None:
    """Carry out a change whole, or leave catalog and rows as they are.

    :raises EnumChangeBlockedError: an object that uses the type cannot be restored; all of them are named.
    :raises EnumValueInUseError: rows or defaults hold a removed value that has no replacement.
    :raises EnumChangeFailedError: PostgreSQL refused a statement.
    """
    enum = change.enum.qualified_name
    if change.target == change.enum.labels:
        log.info("Enum %s has these values already", enum)
        return
    try:
        with connection.begin_nested():
            settings = change_settings(connection, DUMP_SETTINGS)
            usage = _read_and_lock(connection, change, calls)
            _run_each(connection, change, reveal_rows(usage))
            _refuse_held_values(connection, change, usage, calls)
            log.info("Enum %s: %s", enum, _describe_change(change, usage))
            _run_each(connection, change, plan_change(usage, change, f"old_enum_{change.enum.oid}"))
            change_settings(connection, settings)
            _run_each(connection, change, refresh_views(usage))
    except _LockNotAvailableError as error:
        rows = connection.execute(_HOLDERS, {"oids": error.relations})
        holders = [describe_process(row) for row in rows]
        raise EnumChangeFailedError(enum, error.statement, error.problem, holders) from error.__cause__
    except DBAPIError as error:
        if find_sqlstate(error.orig) == SQLState.NO_ACTIVE_SQL_TRANSACTION:
            problem = "the connection commits every statement, and a change is one transaction"
            raise EnumChangeFailedError(enum, "SAVEPOINT", problem) from error
        raise


def _lock_type(connection: Connection, change: Change) -> None:
    """Wait for transactions that add or rename values, and keep later ones from it.

    The addition of a value that is there changes nothing and locks the type. If another transaction has renamed that value
    meanwhile, the addition does add it, and the savepoint takes that back.
    """
    _run_each(connection, change, lock_type(change))
    known = (change.enum.qualified_name, change.enum.labels)
    if known not in ((enum.qualified_name, enum.labels) for enum in reflect_enums(connection)):
        raise EnumChangeFailedError(
            change.enum.qualified_name, "ALTER TYPE", "another transaction has changed the type at the same time"
        )


def _read_and_lock(connection: Connection, change: Change, calls: AdvisedCalls) -> Usage:
    """Read what uses the type and lock its tables, until every table that was read is locked."""
    _refuse_isolation(connection, change)
    usage = read_usage(connection, change.enum)
    _refuse_blockers(connection, usage, change, calls)
    _lock_type(connection, change)
    while True:
        _run_each(connection, change, lock_tables(usage), [relation.oid for relation in usage.relations])
        locked, usage = usage, read_usage(connection, change.enum)
        if {relation.oid for relation in usage.relations} <= {relation.oid for relation in locked.relations}:
            _refuse_blockers(connection, usage, change, calls)
            return usage


def _refuse_isolation(connection: Connection, change: Change) -> None:
    """Refuse a transaction that would restore definitions that others have changed since it began."""
    row = connection.execute(_ISOLATION).one()
    if row.isolation == "read committed":
        return
    reason = f"is {row.isolation} and does not see what others have committed since it began"
    if row.is_default:
        example = f"ALTER ROLE {row.role} SET default_transaction_isolation = 'read committed'"
    else:
        example = 'create_async_engine(url, isolation_level="READ COMMITTED")'
    fix = f"let the {'role' if row.is_default else 'engine'} that migrates use READ COMMITTED"
    raise EnumChangeBlockedError(change.enum.qualified_name, [("this transaction", reason)], fix, example)


def _refuse_blockers(connection: Connection, usage: Usage, change: Change, calls: AdvisedCalls) -> None:
    """Refuse the change if an object blocks it, and say how each object is taken out of the way."""
    blockers = list(dict.fromkeys(find_change_blockers(usage, change)))
    if not blockers:
        return
    one = len(blockers) == 1
    own = [blocker for blocker in blockers if not blocker.is_foreign]
    owner = "" if len(own) == len(blockers) else f"migrate with the role that owns {'it' if one else 'them'}"
    example: str | None
    if calls.renames:
        fix, example = "rename the value, which needs no rebuild", "\n".join(calls.renames)
    elif not own:
        fix, example = owner, "postgresql://owner@localhost/app"
    else:
        way = f"drop or change {'it' if one else 'each of these'} first, and restore it afterwards in the same revision"
        fix = f"{owner}; {way}" if owner else way
        removals = list_removals(connection, own)
        steps = [f"op.execute({escape_colons(statement)!r})" for statement in removals or ()]
        call = calls.with_replacement if _is_held(connection, usage, change) else calls.made
        example = None if removals is None else "\n".join([*steps, call])
    named = list(dict.fromkeys((blocker.name, blocker.reason) for blocker in blockers))
    raise EnumChangeBlockedError(change.enum.qualified_name, named, fix, example)


def _refuse_held_values(connection: Connection, change: Change, usage: Usage, calls: AdvisedCalls) -> None:
    held, defaults = _find_held(connection, change, usage)
    if held or defaults:
        raise EnumValueInUseError(
            change.enum.qualified_name, change.unmapped, held, defaults, calls.with_replacement, calls.choices
        )


def _find_held(connection: Connection, change: Change, usage: Usage) -> tuple[dict[str, int], list[str]]:
    """How many rows of each column hold a value that goes without a replacement, and the columns with it as default."""
    held: dict[str, int] = {}
    for relation, columns, query in count_rows(usage, change.unmapped) if change.unmapped else ():
        counts = connection.exec_driver_sql(query, execution_options={"no_parameters": True}).one()
        for column, count in zip(columns, counts, strict=True):
            if count:
                held[f"{relation}.{column.quoted_name}"] = count
    return held, find_defaults(usage, change.unmapped)


def _is_held(connection: Connection, usage: Usage, change: Change) -> bool:
    """The same for an example, where no table is locked and some may not be read."""
    try:
        with connection.begin_nested():
            return any(_find_held(connection, change, usage))
    except DBAPIError:
        return False


def holds_value(connection: Connection, enum: EnumType, value: str) -> bool:
    """Whether rows or defaults hold a value, or may hold it: some may not be read."""
    change = Change(enum, tuple(label for label in enum.labels if label != value), {})
    try:
        with connection.begin_nested():
            return any(_find_held(connection, change, read_usage(connection, enum)))
    except DBAPIError:
        return True


def _run_each(connection: Connection, change: Change, statements: Iterable[Statement], relations: Sequence[int] = ()) -> None:
    for statement in statements:
        if statement.progress:
            log.info("Enum %s: %s", change.enum.qualified_name, statement.progress)
        log.debug("%s (lock: %s)", mask_statement(statement.text), statement.lock)
        try:
            # No parameters: the driver does not read a percent sign in a name or label as a placeholder.
            connection.exec_driver_sql(statement.text, execution_options={"no_parameters": True, REBUILD: change})
        except DBAPIError as error:
            shown, problem = mask_statement(statement.text), describe(error)
            if find_sqlstate(error.orig) == SQLState.LOCK_NOT_AVAILABLE:
                raise _LockNotAvailableError(shown, problem, relations) from error
            raise EnumChangeFailedError(change.enum.qualified_name, shown, problem) from error


class _LockNotAvailableError(Exception):
    """A table was locked for longer than lock_timeout; the holders are asked for once the savepoint is rolled back."""

    def __init__(self, statement: str, problem: str, relations: Sequence[int]) -> None:
        self.statement = statement
        self.problem = problem
        self.relations = list(relations)
        super().__init__(problem)


def _describe_change(change: Change, usage: Usage) -> str:
    target = ", ".join(f'"{label}"' for label in change.target)
    others = sum(1 for dependent in usage.dependents if dependent.drop)
    return f"the values become {target}; tables to rewrite: {len(usage.relations)}, other objects to restore: {others}"
