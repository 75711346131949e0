"""The steps of each operation in a block."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import singledispatch
from typing import Any

from alembic.ddl.base import AddColumn
from alembic.operations import MigrateOperation, ops
from sqlalchemy import CheckConstraint, Column

from .. import _compat
from ..enums.catalog import reflect_enums
from ..enums.model import EnumType
from ..enums.ops import (
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
from ..errors import OnlineDefinitionError
from .change_steps import has_column, list_change_steps, make_plain_step
from .constraint_steps import is_made_later, list_check_steps, list_key_steps
from .found import find_column, find_constraint, list_columns
from .index_steps import list_drop_steps, list_index_steps
from .made_names import read_name
from .steps import Step, Way, get_connection
from .trial_copy import TRIAL_SCHEMA, try_on_copy
from .work import Work, find_address

log = logging.getLogger("alembic_async_template.online")


def list_steps(operation: MigrateOperation, work: Work) -> Iterable[Step]:
    """The steps of an operation: each is to be done before the next is asked for.

    None if its table is gone by what comes later in the block.
    """
    name, schema = find_address(operation)
    is_about_table = isinstance(operation, ops.DropTableOp | ops.RenameTableOp | ops.CreateTableOp | EnumOperation)
    if (
        work.connection
        and name
        and not is_about_table
        and work.find_table(name, schema) is None
        and work.is_gone_later(name, schema)
    ):
        return []
    return _list(operation, work)


@singledispatch
def _list(operation: MigrateOperation, work: Work) -> Iterable[Step]:
    """What is brief runs as it is; to do it twice does no harm."""
    return [make_plain_step(work, operation, lambda: False)]


@_list.register
def _list_create_index(operation: ops.CreateIndexOp, work: Work) -> list[Step]:
    return list_index_steps(work, operation)


@_list.register
def _list_drop_index(operation: ops.DropIndexOp, work: Work) -> list[Step]:
    return list_drop_steps(work, operation)


@_list.register
def _list_check(operation: ops.CreateCheckConstraintOp | ops.CreateForeignKeyOp, work: Work) -> list[Step]:
    return list_check_steps(work, operation)


@_list.register
def _list_key(operation: ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp, work: Work) -> list[Step]:
    return list_key_steps(work, operation)


@_list.register
def _list_add_column(operation: ops.AddColumnOp, work: Work) -> Iterator[Step]:
    """The column alone, and then what came with it."""
    address, name = find_address(operation), str(operation.column.name)
    column = _compat.copy_column(operation.column)
    checks = [one for one in column.constraints if isinstance(one, CheckConstraint)]
    column.constraints.difference_update(checks)
    whole = work.operations.schema_obj.table(address[0], column, schema=address[1])
    impl, table = work.operations.impl, work.find_table(*address)

    def add() -> None:
        impl.add_column(address[0], column, schema=address[1], if_not_exists=operation.if_not_exists, **operation.kw)
        if column.comment is not None:
            impl.create_column_comment(column)

    yield Step(Way.BRIEF, add, lambda: _has_column(work, operation, name), () if table is None else (table.oid,))
    for check in checks:
        made = ops.CreateCheckConstraintOp(check.name, address[0], check.sqltext, schema=address[1])
        yield from list_steps(made, work)
    for constraint in sorted(whole.constraints, key=lambda one: type(one).__name__):
        if constraint is not whole.primary_key and _compat.is_created(constraint, work.dialect):
            yield from list_steps(ops.AddConstraintOp.from_constraint(constraint), work)
    for index in sorted(whole.indexes, key=lambda one: str(one.name)):
        yield from list_steps(ops.CreateIndexOp.from_index(index), work)


@_list.register
def _list_alter_column(operation: ops.AlterColumnOp, work: Work) -> list[Step]:
    return list_change_steps(work, operation)


@_list.register
def _list_drop_column(operation: ops.DropColumnOp, work: Work) -> list[Step]:
    address, name = find_address(operation), str(operation.column_name)

    def is_done() -> bool:
        if not has_column(work, address, name):
            return _say_absent(f'Column "{name}"')
        again = [later for later in work.list_later(ops.AddColumnOp, *address) if str(later.column.name) == name]
        return bool(again) and _is_same_column(work, again[0], name)

    return [make_plain_step(work, operation, is_done)]


@_list.register
def _list_drop_constraint(operation: ops.DropConstraintOp, work: Work) -> list[Step]:
    address = find_address(operation)
    constraint = work.operations.schema_obj.generic_constraint(
        operation.constraint_name, address[0], operation.constraint_type, schema=address[1]
    )
    name = read_name(constraint, work.dialect)

    def is_done() -> bool:
        table = work.find_table(*address)
        if table is None or name is None:
            return False
        if find_constraint(get_connection(work.context), table, name) is None:
            return _say_absent(f'Constraint "{name}"')
        return is_made_later(work, table, name)

    return [make_plain_step(work, operation, is_done)]


@_list.register
def _list_rename_table(operation: ops.RenameTableOp, work: Work) -> list[Step]:
    name, schema = find_address(operation)
    new = str(operation.new_table_name)
    return [
        make_plain_step(
            work, operation, lambda: work.find_table(name, schema) is None and work.find_table(new, schema) is not None
        )
    ]


@_list.register
def _list_create_table(operation: ops.CreateTableOp, work: Work) -> list[Step]:
    def is_done() -> bool:
        table = work.find_table(*find_address(operation))
        if table is None:
            return work.is_gone_later(*find_address(operation))
        if not _has_columns(work, operation) and not work.changes_columns_later(*find_address(operation)):
            names = ", ".join(sorted(list_columns(get_connection(work.context), table)))
            raise OnlineDefinitionError(
                f'Table "{table.name}"', f"columns {names}", f"columns {', '.join(_name_columns(operation))}"
            )
        return True

    return [make_plain_step(work, operation, is_done)]


@_list.register
def _list_drop_table(operation: ops.DropTableOp, work: Work) -> list[Step]:
    def is_done() -> bool:
        name, schema = find_address(operation)
        if work.find_table(name, schema) is None:
            return _say_absent(f'Table "{name}"')
        return any(_has_columns(work, later) for later in work.list_later(ops.CreateTableOp, name, schema))

    return [make_plain_step(work, operation, is_done)]


@_list.register
def _list_enum(operation: EnumOperation, work: Work) -> list[Step]:
    """As they are, unless the type is already as it is to be."""

    def is_done() -> bool:
        same = [later for later in work.later if isinstance(later, EnumOperation) and later.enum_name == operation.enum_name]
        return _is_type_changed(operation, reflect_enums(get_connection(work.context)), same)

    way = Way.OWN if isinstance(operation, AddEnumValueOp) else Way.BRIEF
    return [Step(way, work.invoke(operation), is_done)]


def _is_type_changed(operation: EnumOperation, enums: list[EnumType], later: list[EnumOperation]) -> bool:
    """Whether a type is as an operation makes it, or as those do that come later in the block."""

    def find(name: str) -> EnumType | None:
        schema = operation.schema
        return next((one for one in enums if one.name == name and (one.schema == schema if schema else one.visible)), None)

    found = find(operation.enum_name)
    labels = () if found is None else found.labels
    match operation:
        case CreateEnumOp():
            return found is not None and (labels == tuple(operation.values) or bool(later))
        case AddEnumValueOp():
            renames = {one.old_value: one.new_value for one in later if isinstance(one, RenameEnumValueOp)}
            return operation.value not in labels and renames.get(operation.value) in labels
        case ReorderEnumValuesOp() | ReplaceEnumValuesOp():
            return labels == tuple(operation.values)
        case DropEnumOp():
            return found is None
        case RenameEnumOp():
            return found is None and find(operation.new_name) is not None
        case RenameEnumValueOp():
            return operation.old_value not in labels and operation.new_value in labels
        case RemoveEnumValueOp():
            return found is not None and operation.value not in labels
    return False


def _has_column(work: Work, operation: ops.AddColumnOp, name: str) -> bool:
    """Whether the column is there, with this or the next name of the block.

    :raises OnlineDefinitionError: it is another one.
    """
    address = find_address(operation)
    table = work.find_table(*address)
    changes: list[Any] = [later for later in work.list_later(ops.AlterColumnOp, *address) if later.column_name == name]
    if table is None:
        return False
    if not has_column(work, address, name):
        return any(later.modify_name is not None and has_column(work, address, str(later.modify_name)) for later in changes)
    # A value of its type may have another name by now.
    changes += [later for later in work.later if isinstance(later, EnumOperation)]
    if not (changes or operation.if_not_exists or _is_same_column(work, operation, name)):
        found = find_column(get_connection(work.context), table, name)
        raise OnlineDefinitionError(f'Column "{name}" of table "{table.name}"', _show_column(found), repr(operation.column))
    return True


def _is_same_column(work: Work, operation: ops.AddColumnOp, name: str) -> bool:
    table = work.find_table(*find_address(operation))
    assert table is not None
    found = find_column(get_connection(work.context), table, name)
    column = _compat.copy_column(operation.column)
    work.operations.schema_obj.table(operation.table_name, column, schema=TRIAL_SCHEMA)
    with try_on_copy(get_connection(work.context), table) as copy:
        copy.drop_column(name)
        copy.run(AddColumn(operation.table_name, column, schema=TRIAL_SCHEMA))
        return copy.read_column(name) == _compat.name_values(found)


def _show_column(found: Any) -> str:
    default = f" DEFAULT {found.default}" if found.default else ""
    return f"{found.type}{default}{' NOT NULL' if found.is_required else ''}"


def _name_columns(operation: ops.CreateTableOp) -> list[str]:
    return [str(item.name) for item in operation.columns if isinstance(item, Column)]


def _has_columns(work: Work, operation: ops.CreateTableOp) -> bool:
    table = work.find_table(*find_address(operation))
    return table is not None and set(_name_columns(operation)) <= list_columns(get_connection(work.context), table)


def _say_absent(what: str) -> bool:
    log.info("%s is not there, and not dropped", what)
    return True
