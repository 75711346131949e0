"""How each enum operation is carried out.

Each function first refuses what has no meaning, then reads the catalog and refuses what would fail there, then emits its
one statement. A database without enum types stores the labels as text.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations
from sqlalchemy import event, inspect
from sqlalchemy.engine import Connection, ExceptionContext

from .. import _compat
from ..diagnosis.driver_errors import describe, find_sqlstate
from ..diagnosis.statement_facts import write_labels
from ..errors import (
    EnumCheckError,
    EnumExistsError,
    EnumInUseError,
    EnumOfflineError,
    EnumValueExistsError,
    InvalidEnumError,
    UncommittedEnumValueError,
)
from ..errors.block import quote_all
from ..postgresql import SQLState, escape_colons, literal, qualified
from . import sql
from .additions import list_earlier_labels, note_addition, note_creation, protect_work
from .calls import write_call
from .catalog import current_schema, describe_dependents, find_enum, reflect_enums, require_labels
from .model import Change, EnumType, check_labels, check_name, qualify
from .ops import (
    AddEnumValueOp,
    CreateEnumOp,
    DropEnumOp,
    EnumOperation,
    RemoveEnumValueOp,
    RenameEnumOp,
    RenameEnumValueOp,
    ReorderEnumValuesOp,
    ReplaceEnumValuesOp,
)
from .rebuild import AdvisedCalls, holds_value, rebuild_enum
from .replacements import suggest_replacements

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

log = logging.getLogger("alembic_async_template.enums")


@singledispatch
def carry_out(operation: EnumOperation, operations: Operations) -> None:
    """Carry out an operation, or write its SQL in offline mode."""
    raise NotImplementedError(operation)


@carry_out.register
def _add_enum_value(operation: AddEnumValueOp, operations: Operations) -> None:
    name, value = _check_name(operation), operation.value
    check_labels(name, [label for label in (value, operation.before, operation.after) if label is not None])
    if operation.before is not None and operation.after is not None:
        raise InvalidEnumError(
            name,
            f'Value "{value}" cannot be both before "{operation.before}" and after "{operation.after}": keep one of them',
            _write_call(operation, "add_enum_value", value, after=operation.after),
        )
    context = operations.get_context()
    if _lacks_enum_types(context, operation, f'Value "{value}" is not added to enum'):
        _require_listed(context, operation, value)
        return
    addition = sql.add_value(_type_name(operation), value, before=operation.before, after=operation.after)
    statement = sql.make_executable(addition)
    enum = None
    if connection := _online(context):
        # Asked before anything is read, since reading begins a transaction where there is none.
        callers, none = _compat.in_callers_transaction(context), not connection.in_transaction()
        enum = find_enum(reflect_enums(connection), operation.enum_name, operation.schema)
        if none:
            connection.rollback()
        note_addition(context, enum, value, committed=False)
        if value in enum.labels:
            _mention_position(enum, operation)
            return
        require_labels(enum, operation.before, operation.after)
        if callers:
            _explain_unsafe_use(connection)
            operations.execute(statement)
            return
        if not none:
            protect_work(context, connection, enum, value)
    with context.autocommit_block():
        operations.execute(statement)
    if enum is not None:
        note_addition(context, enum, value, committed=True)


@carry_out.register
def _rename_enum_value(operation: RenameEnumValueOp, operations: Operations) -> None:
    name, old, new = _check_name(operation), operation.old_value, operation.new_value
    check_labels(name, [old, new])
    context = operations.get_context()
    if _lacks_enum_types(context, operation, f'Value "{old}" is not renamed to "{new}" in enum'):
        _require_listed(context, operation, new)
        _mention_rows(old, new)
        return
    if connection := _online(context):
        enum = find_enum(reflect_enums(connection), operation.enum_name, operation.schema)
        require_labels(enum, old)
        if new in enum.labels:
            kept = [label for label in enum.labels if label != old]
            merge = _write_call(operation, "replace_enum_values", kept, replace_with={old: new})
            removal, is_used = _write_call(operation, "remove_enum_value", new), holds_value(connection, enum, new)
            raise EnumValueExistsError(enum.qualified_name, old, new, removal, merge, is_used=is_used)
    operations.execute(sql.make_executable(sql.rename_value(_type_name(operation), old, new)))


@carry_out.register
def _remove_enum_value(operation: RemoveEnumValueOp, operations: Operations) -> None:
    name, value, new = _check_name(operation), operation.value, operation.replace_with
    _require_choice(operation, {value: new})
    check_labels(name, [value] if new is None else [value, new])
    context = operations.get_context()
    if _lacks_enum_types(context, operation, f'Value "{value}" is not removed from enum'):
        if new is not None:
            _mention_rows(value, new)
        return
    connection, enum = _require_enum(context, operation, "remove_enum_value")
    require_labels(enum, value, addition=_write_call(operation, "add_enum_value", value))
    require_labels(enum, new)
    target = tuple(label for label in enum.labels if label != value)
    if not target:
        raise InvalidEnumError(name, f'Value "{value}" is the only one', _write_call(operation, "drop_enum", [value]))
    suggestion = suggest_replacements(list_earlier_labels(context, enum, target), target)[value]
    calls = AdvisedCalls(
        _write_call(operation, "remove_enum_value", value, replace_with=new),
        _write_call(operation, "remove_enum_value", value, replace_with=suggestion),
        choices=target if suggestion is ... else (),
    )
    rebuild_enum(connection, Change(enum, target, {} if new is None else {value: new}), calls)


@carry_out.register
def _reorder_enum_values(operation: ReorderEnumValuesOp, operations: Operations) -> None:
    name, values = _check_name(operation), tuple(operation.values)
    check_labels(name, operation.values)
    context = operations.get_context()
    if _lacks_enum_types(context, operation, "No other order is given to the values of enum"):
        return
    connection, enum = _require_enum(context, operation, "reorder_enum_values")
    require_labels(enum, *values)
    if missing := [label for label in enum.labels if label not in values]:
        example = _write_call(operation, "reorder_enum_values", [*values, *missing])
        raise InvalidEnumError(name, f"The new order leaves out {', '.join(map(repr, missing))}", example)
    rebuild_enum(connection, Change(enum, values, {}), AdvisedCalls(_write_call(operation, "reorder_enum_values", list(values))))


@carry_out.register
def _replace_enum_values(operation: ReplaceEnumValuesOp, operations: Operations) -> None:
    name, values, replace_with = _check_name(operation), tuple(operation.values), operation.replace_with
    check_labels(name, operation.values)
    _require_choice(operation, replace_with)
    for old, new in replace_with.items():
        check_labels(name, [old, new])
        if old in values or new not in values:
            problem = f'"{old}", which stays' if old in values else f'"{new}" as a replacement, which is not one of the values'
            example = _write_call(operation, "replace_enum_values", list(values), replace_with={"old": values[0]})
            raise InvalidEnumError(name, f"replace_with names {problem}", example)
    context = operations.get_context()
    if _lacks_enum_types(context, operation, "No other values are given to enum"):
        _require_listed(context, operation, *values)
        for old, new in replace_with.items():
            _mention_rows(old, new)
        return
    connection, enum = _require_enum(context, operation, "replace_enum_values")
    if values == enum.labels:
        log.info("Enum %s has these values already", enum.qualified_name)
        return
    require_labels(enum, *replace_with)
    change = Change(enum, values, replace_with)
    suggestions = suggest_replacements(list_earlier_labels(context, enum, values), values, replace_with)
    calls = AdvisedCalls(
        _write_call(operation, "replace_enum_values", values, replace_with=replace_with),
        _write_call(operation, "replace_enum_values", values, replace_with=replace_with | suggestions),
        [_write_call(operation, "rename_enum_value", old, new) for old, new in change.renames.items()],
        choices=values if ... in suggestions.values() else (),
    )
    rebuild_enum(connection, change, calls)


@carry_out.register
def _create_enum(operation: CreateEnumOp, operations: Operations) -> None:
    check_labels(_check_name(operation), operation.values)
    if _lacks_enum_types(operations.get_context(), operation, "Not created is enum"):
        return
    if connection := _online(operations.get_context()):
        schema = operation.schema or current_schema(connection)
        _require_free_name(reflect_enums(connection), schema, operation.enum_name, operation.values)
    operations.execute(sql.make_executable(sql.create_type(_type_name(operation), operation.values)))
    note_creation(operations.get_context(), operation.enum_name, operation.schema)


@carry_out.register
def _drop_enum(operation: DropEnumOp, operations: Operations) -> None:
    check_labels(_check_name(operation), operation.values)
    if _lacks_enum_types(operations.get_context(), operation, "Not dropped is enum"):
        return
    if connection := _online(operations.get_context()):
        enum = find_enum(reflect_enums(connection), operation.enum_name, operation.schema)
        if dependents := describe_dependents(connection, enum):
            raise EnumInUseError(enum.qualified_name, dependents)
    operations.execute(sql.make_executable(sql.drop_type(_type_name(operation))))


@carry_out.register
def _rename_enum(operation: RenameEnumOp, operations: Operations) -> None:
    _check_name(operation)
    check_name(operation.new_name)
    if _lacks_enum_types(operations.get_context(), operation, "Not renamed is enum"):
        return
    if connection := _online(operations.get_context()):
        enums = reflect_enums(connection)
        enum = find_enum(enums, operation.enum_name, operation.schema)
        _require_free_name(enums, enum.schema, operation.new_name)
    operations.execute(sql.make_executable(sql.rename_type(_type_name(operation), operation.new_name)))


def _write_call(operation: EnumOperation, name: str, *arguments: Any, **options: Any) -> str:
    """A call of an operation for the type of another, as a revision has it."""
    return write_call(name, operation.enum_name, *arguments, **options, schema=operation.schema or None)


def _require_choice(operation: EnumOperation, replace_with: Mapping[str, object]) -> None:
    """Refuse the dots of an example, in whose place a value is to be put."""
    if open_ := [old for old, new in replace_with.items() if new is ...]:
        problem = f"replace_with has three dots for {quote_all(open_)}: put the value that takes its place there"
        raise InvalidEnumError(_check_name(operation), problem, "")


def _check_name(operation: EnumOperation) -> str:
    check_name(operation.enum_name, operation.schema)
    return qualify(operation.enum_name, operation.schema)


def _type_name(operation: EnumOperation) -> str:
    return qualified(operation.enum_name, operation.schema)


def _online(context: MigrationContext) -> Connection | None:
    return None if context.as_sql else context.connection


def _lacks_enum_types(context: MigrationContext, operation: EnumOperation, what_is_not_done: str) -> bool:
    """Whether the database has no enum types; if so, the log says what is not done."""
    if context.dialect.name == "postgresql":
        return False
    name = qualify(operation.enum_name, operation.schema)
    log.info("%s %s: %s has no enum types", what_is_not_done, name, context.dialect.name)
    return True


def _require_enum(context: MigrationContext, operation: EnumOperation, name: str) -> tuple[Connection, EnumType]:
    """The connection and the type of an operation that cannot be written offline."""
    connection = _online(context)
    if connection is None:
        raise EnumOfflineError(qualify(operation.enum_name, operation.schema), name)
    return connection, find_enum(reflect_enums(connection), operation.enum_name, operation.schema)


def _mention_rows(old: str, new: str) -> None:
    log.warning(
        'Rows hold the text "%s", change it in each table that has it, for example: op.execute(%s)',
        *(old, write_labels([escape_colons(f"UPDATE post SET status = {literal(new)} WHERE status = {literal(old)}")])),
    )


def _require_listed(context: MigrationContext, operation: EnumOperation, *values: str) -> None:
    """Without enum types: make sure that no CHECK that SQLAlchemy made for the enum keeps one of the values out.

    Its name is that of the enum, or what a naming convention makes of it:
    https://docs.sqlalchemy.org/en/20/core/type_basics.html#sqlalchemy.types.Enum.params.create_constraint
    """
    connection = _online(context)
    if connection is None:
        return
    enum = operation.enum_name
    for (_, table), constraints in inspect(connection).get_multi_check_constraints().items():
        for constraint in constraints:
            name, definition = constraint["name"] or "", constraint["sqltext"]
            is_meant = name in {enum, f"ck_{enum}"} or name.endswith(f"{table}_{enum}")
            if not is_meant or " in " not in definition.lower():
                continue
            written = definition.replace("\\'", "''")  # MariaDB writes the first for the second
            missing = [value for value in values if "'" + value.replace("'", "''") + "'" not in written]
            if missing:
                raise EnumCheckError(enum, missing, connection.dialect.name, table, name, definition)


def _require_free_name(enums: list[EnumType], schema: str | None, name: str, values: Sequence[str] | None = None) -> None:
    """Refuse a name that a type has already; without `values`, another type is to get it."""
    for enum in enums:
        if (enum.schema, enum.name) == (schema, name):
            raise EnumExistsError(enum.qualified_name, enum.labels, wanted=values, renames=values is None)


def _mention_position(enum: EnumType, operation: AddEnumValueOp) -> None:
    """Say that the type has the value, and whether it is somewhere else than where it was wanted."""
    position = enum.labels.index(operation.value)
    previous, following = ["", *enum.labels][position], [*enum.labels, ""][position + 1]
    if operation.before not in (None, following) or operation.after not in (None, previous):
        log.warning(
            'Value "%s" of enum %s is there already, at another position, where it stays: the order is %s',
            *(operation.value, enum.qualified_name, ", ".join(f'"{label}"' for label in enum.labels)),
        )
    else:
        log.info('Value "%s" of enum %s is there already', operation.value, enum.qualified_name)


def _explain_unsafe_use(connection: Connection) -> None:
    """Have the error explained that a use of the value in the caller's transaction will meet."""
    if not event.contains(connection.dialect, "handle_error", _raise_explained):
        event.listen(connection.dialect, "handle_error", _raise_explained)


def _raise_explained(context: ExceptionContext) -> None:
    error = context.original_exception
    if find_sqlstate(error) == SQLState.UNSAFE_NEW_ENUM_VALUE_USAGE:
        raise UncommittedEnumValueError(describe(error)) from error
