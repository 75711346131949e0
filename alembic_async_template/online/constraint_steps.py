"""The steps that add a constraint while the table is read and written: a check or foreign key, NOT NULL, a key of an index."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any

from alembic.operations import ops
from sqlalchemy.schema import AddConstraint

from ..errors import OnlineDefinitionError
from ..postgresql import MAX_BYTES, identifier, qualified
from .found import Table, find_column, find_constraint
from .index_steps import make_index_step
from .made_names import find_referred, is_same, name_constraint, read_name, try_constraint
from .steps import Step, Way, get_connection, is_violation, run_step
from .trial_copy import compile_statement, try_on_copy
from .work import Work, change, find_address

log = logging.getLogger("alembic_async_template.online")


def list_check_steps(work: Work, operation: ops.CreateCheckConstraintOp | ops.CreateForeignKeyOp) -> list[Step]:
    """A check or a foreign key: of new rows first, and then of those that are there."""
    address = find_address(operation)
    table = work.find_table(*address)
    named, name = name_constraint(work, operation, table)
    on_table, quoted = f"ALTER TABLE {qualified(*address)}", identifier(name)
    tables = [] if table is None else [table.oid]
    if (referred := find_referred(work, operation)) is not None:
        tables.append(referred.oid)
    was_added: list[bool] = []

    def add() -> None:
        work.invoke(change(named, options={"postgresql_not_valid": True}))()
        was_added.append(True)

    def is_added() -> bool:
        return table is not None and _has_constraint(work, named, table, name)

    def is_valid() -> bool:
        found = find_constraint(get_connection(work.context), table, name) if table else None
        return found is not None and bool(found.is_valid)

    def clean_up(error: Exception) -> None:
        if was_added and is_violation(error):
            _drop(work, table, f"{on_table} DROP CONSTRAINT {quoted}", lambda: not is_added())

    steps = [Step(Way.BRIEF, add, is_added, tables)]
    if not operation.kw.get("postgresql_not_valid"):
        validate = work.execute(f"{on_table} VALIDATE CONSTRAINT {quoted}")
        steps.append(Step(Way.PATIENT, validate, is_valid, tables, clean_up))
    return steps


def list_key_steps(work: Work, operation: ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp) -> list[Step]:
    """A unique constraint or a primary key: its index first."""
    address = find_address(operation)
    table = work.find_table(*address)
    named, name = name_constraint(work, operation, table)
    constraint = named.to_constraint(work.context)
    given = constraint.dialect_options["postgresql"]
    # Whatever else an index and a key have in common.
    options = {f"postgresql_{option}": given[option] for option in ("include", "nulls_not_distinct") if given.get(option)}
    columns = [str(column) for column in operation.columns]
    index = ops.CreateIndexOp(work.operations.f(name), address[0], columns, schema=address[1], unique=True, **options)
    is_primary = isinstance(operation, ops.CreatePrimaryKeyOp)
    use = f"{'PRIMARY KEY' if is_primary else 'UNIQUE'} USING INDEX {identifier(name)}"
    use += {True: " DEFERRABLE", False: " NOT DEFERRABLE"}.get(constraint.deferrable, "")
    use += f" INITIALLY {constraint.initially.upper()}" if constraint.initially else ""
    add = work.execute(f"ALTER TABLE {qualified(*address)} ADD CONSTRAINT {identifier(name)} {use}")

    def is_added() -> bool:
        return table is not None and _has_constraint(work, named, table, name)

    required = [step for column in columns for step in list_required_steps(work, address, column)] if is_primary else []
    return [
        make_index_step(work, index, table, name, is_added),
        *required,
        Step(Way.BRIEF, add, is_added, () if table is None else (table.oid,)),
    ]


def list_required_steps(work: Work, address: tuple[str, str | None], column: str) -> list[Step]:
    """NOT NULL: a check that is valid spares PostgreSQL the scan, in a statement of its own.

    See https://www.postgresql.org/docs/current/sql-altertable.html, at SET NOT NULL.
    """
    table = work.find_table(*address)
    on_table, name, quoted = f"ALTER TABLE {qualified(*address)}", _name_check(column), identifier(column)
    tables = () if table is None else (table.oid,)

    def find_check() -> Any:
        found = None if table is None else find_constraint(get_connection(work.context), table, name)
        if found is not None and (found.kind != "c" or not found.definition.endswith(" IS NOT NULL))")):
            raise OnlineDefinitionError(f'Constraint "{name}"', found.shown, f"CHECK ({quoted} IS NOT NULL)")
        return found

    def is_required() -> bool:
        found = None if table is None else find_column(get_connection(work.context), table, column)
        return found is not None and bool(found.is_required)

    def is_valid() -> bool:
        found = find_check()
        return is_required() or (found is not None and bool(found.is_valid))

    def clean_up(error: Exception) -> None:
        if is_violation(error):
            _drop(work, table, drop, lambda: find_check() is None)

    drop = f"{on_table} DROP CONSTRAINT {identifier(name)}"
    check = f"{on_table} ADD CONSTRAINT {identifier(name)} CHECK ({quoted} IS NOT NULL) NOT VALID"
    return [
        Step(Way.BRIEF, work.execute(check), lambda: is_required() or find_check() is not None, tables),
        Step(Way.PATIENT, work.execute(f"{on_table} VALIDATE CONSTRAINT {identifier(name)}"), is_valid, tables, clean_up),
        Step(Way.BRIEF, work.execute(f"{on_table} ALTER COLUMN {quoted} SET NOT NULL"), is_required, tables),
        Step(Way.BRIEF, work.execute(drop), lambda: find_check() is None, tables),
    ]


def is_made_later(work: Work, table: Table, name: str) -> bool:
    """Whether a constraint is there by a later operation of the block: one that was dropped, and made otherwise."""
    for later in work.later:
        if isinstance(later, ops.AddConstraintOp) and work.find_table(*find_address(later)) == table:
            made: Any = later
            if read_name(made.to_constraint(work.context), work.dialect) == name:
                found = find_constraint(get_connection(work.context), table, name)
                return found is not None and _is_wanted(work, made, table, found)
    return False


def _has_constraint(work: Work, operation: Any, table: Table, name: str) -> bool:
    """Whether the constraint is there.

    :raises OnlineDefinitionError: another one has its name.
    """
    found = find_constraint(get_connection(work.context), table, name)
    if found is None:
        return False
    if not _is_wanted(work, operation, table, found) and not work.changes_columns_later(*find_address(operation)):
        wanted = compile_statement(AddConstraint(operation.to_constraint(work.context)), work.dialect)
        raise OnlineDefinitionError(f'Constraint "{name}" of table "{table.name}"', found.shown, wanted)
    return True


def _is_wanted(work: Work, operation: Any, table: Table, found: Any) -> bool:
    referred = find_referred(work, operation)
    with try_on_copy(get_connection(work.context), table) as copy:
        trial = try_constraint(work, operation, copy)
    return is_same(operation, referred, found, trial)


def _drop(work: Work, table: Table | None, statement: str, is_done: Callable[[], bool]) -> None:
    """Take a constraint away that rows break: it would refuse every change of them."""
    log.warning("Rows break it, so it is dropped again: %s", statement)
    run_step(work.context, Step(Way.BRIEF, work.execute(statement), is_done, () if table is None else (table.oid,)))


def _name_check(column: str) -> str:
    """A name for the check of a column that no one else chooses, and that is the same in the next run."""
    name = f"online_not_null_{column}"
    if len(name.encode()) <= MAX_BYTES:
        return name
    return f"online_not_null_{hashlib.sha256(column.encode()).hexdigest()[:16]}"
