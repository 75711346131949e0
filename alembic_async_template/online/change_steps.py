"""The steps that change a column: each change by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from alembic.ddl.base import ColumnDefault
from alembic.ddl.postgresql import PostgresqlColumnType
from alembic.operations import MigrateOperation, ops
from sqlalchemy import Computed, Identity
from sqlalchemy.schema import DDLElement

from .constraint_steps import list_required_steps
from .found import find_column, find_comment
from .steps import Step, Way, get_connection
from .trial_copy import TRIAL_SCHEMA, try_on_copy
from .work import Work, change, find_address

_NOTHING: dict[str, Any] = {
    "modify_type": None,
    "modify_nullable": None,
    "modify_server_default": False,
    "modify_comment": False,
    "modify_name": None,
}


def list_change_steps(work: Work, operation: ops.AlterColumnOp) -> list[Step]:
    """In Alembic's order."""
    steps = [make_plain_step(work, part, _make_question(work, part)) for part in _split(operation, "modify_type")]
    if operation.modify_nullable is False:
        steps += list_required_steps(work, find_address(operation), operation.column_name)
    for attribute in ("modify_nullable", "modify_server_default", "modify_comment", "modify_name"):
        if attribute != "modify_nullable" or operation.modify_nullable:
            steps += [make_plain_step(work, part, _make_question(work, part)) for part in _split(operation, attribute)]
    if operation.modify_name is None:
        return steps
    # Where it has its new name, the other changes were made before.
    is_renamed = _make_question(work, change(operation, **_NOTHING | {"modify_name": operation.modify_name}))
    return [_unless(step, is_renamed) for step in steps]


def make_plain_step(work: Work, operation: MigrateOperation, is_done: Callable[[], bool]) -> Step:
    """The operation as it is: it is brief."""
    name, schema = find_address(operation)
    table = work.find_table(name, schema) if name else None
    return Step(Way.BRIEF, work.invoke(operation), is_done, () if table is None else (table.oid,))


def has_column(work: Work, address: tuple[str, str | None], column: str) -> bool:
    table = work.find_table(*address)
    return table is not None and find_column(get_connection(work.context), table, column) is not None


def write_type_change(operation: ops.AlterColumnOp, schema: str | None) -> DDLElement:
    """The statement that changes the type of a column."""
    return PostgresqlColumnType(
        operation.table_name,
        operation.column_name,
        operation.modify_type,  # type: ignore[arg-type]
        schema=schema,
        using=operation.kw.get("postgresql_using"),
        existing_type=operation.existing_type,
        existing_server_default=operation.existing_server_default,
        existing_nullable=operation.existing_nullable,
    )


def _make_question(work: Work, part: ops.AlterColumnOp) -> Callable[[], bool]:
    """Whether the column is as one change makes it."""
    address, name = find_address(part), part.column_name

    def is_done() -> bool:
        if part.modify_name is not None:
            return not has_column(work, address, name) and has_column(work, address, str(part.modify_name))
        table = work.find_table(*address)
        found = None if table is None else find_column(get_connection(work.context), table, name)
        if table is None or found is None:
            return False
        if part.modify_nullable:
            return not found.is_required
        if part.modify_comment is not False:
            return bool(find_comment(get_connection(work.context), table, name) == (part.modify_comment or None))
        default = part.modify_server_default
        if part.modify_type is None:
            if default is None:
                return found.default is None and not found.identity and found.expression is None
            if isinstance(default, Identity):
                return bool(found.identity) and not isinstance(part.existing_server_default, Identity)
            if isinstance(default, Computed):
                return False
        with try_on_copy(get_connection(work.context), table) as copy:
            if part.modify_type is not None:
                copy.run(write_type_change(part, TRIAL_SCHEMA))
            else:
                copy.run(ColumnDefault(part.table_name, name, default, schema=TRIAL_SCHEMA))
            made = copy.read_column(name)
        assert made is not None
        if part.modify_type is not None:
            return (made["type"], made["collation"]) == (found.type, found.collation)
        return bool(made["default"] == found.default)

    return is_done


def _unless(step: Step, is_over: Callable[[], bool]) -> Step:
    return Step(step.way, step.run, lambda: is_over() or step.is_done(), step.tables, step.clean_up)


def _split(operation: ops.AlterColumnOp, attribute: str) -> Iterator[ops.AlterColumnOp]:
    """The operation with one of its changes alone, if it has that."""
    value = getattr(operation, attribute)
    if value is _NOTHING[attribute]:
        return
    kw = operation.kw if attribute == "modify_type" else {k: v for k, v in operation.kw.items() if k != "postgresql_using"}
    yield change(operation, **(_NOTHING | {attribute: value}), kw=kw)
