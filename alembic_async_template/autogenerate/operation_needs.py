"""What an operation changes, and what has to be there before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops
from sqlalchemy import ARRAY, Column, Enum
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Dialect

from ..application.column_types import find_implementation
from ..enums.ops import CreateEnumOp, DropEnumOp
from ..online.work import find_address
from .operation_tree import TableKey
from .rename_operations import RenamedObjectOp, RenamedTableOp
from .renames import is_known
from .schema_objects import StatementOp

# Stands for schemas, sequences and domains, beside the tables, in what operations change and use.
_OBJECTS: TableKey = (None, "")


@dataclass(frozen=True, slots=True)
class Touched:
    """What an operation changes and needs."""

    table: TableKey | None = None
    """The table that it changes; None if nothing is known of it."""
    parts: frozenset[str] | None = None
    """Its columns, constraints and indexes that are concerned; None for all."""
    uses: frozenset[TableKey] = frozenset()
    """Other tables that it needs as they are."""


def find_touched(operation: Any, dialect: Dialect) -> Touched:
    """What an operation that autogenerate has found changes and needs."""

    def name(table: Any, schema: str | None) -> TableKey:
        return None if schema == dialect.default_schema_name else schema, str(table)

    def find_target(key: Any) -> TableKey:
        schema, _, table = key.elements[0].target_fullname.rpartition(".")[0].rpartition(".")
        return name(table, schema or None)

    own = name(*find_address(operation))
    match operation:
        case CreateEnumOp() | DropEnumOp():
            return Touched(_name_type(operation.enum_name, operation.schema), None, frozenset({_OBJECTS}))
        case StatementOp():
            return Touched(_OBJECTS if operation.table is None else name(operation.table[1], operation.table[0]))
        case RenamedObjectOp():
            return Touched(name(operation.table.name, operation.table.schema))
        case RenamedTableOp():
            return Touched(name(operation.new_table_name, operation.schema), None, frozenset({own}))
        case ops.CreateTableOp() | ops.DropTableOp():
            table = operation.to_table()
            types = {one for column in table.columns for one in _list_types(column.type, dialect)}
            return Touched(own, None, frozenset({_OBJECTS, *map(find_target, table.foreign_key_constraints), *types}))
        case ops.CreateForeignKeyOp():
            target = name(operation.referent_table, operation.kw.get("referent_schema"))
            return Touched(own, _name_parts(operation.constraint_name, operation.local_cols), frozenset({target}))
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
            included = operation.kw.get("postgresql_include") or ()
            return Touched(own, _name_parts(operation.constraint_name, [*operation.columns, *included]))
        case ops.CreateIndexOp():
            included = operation.kw.get("postgresql_include") or ()
            is_partial = operation.kw.get("postgresql_where") is not None
            return Touched(own, None if is_partial else _name_parts(operation.index_name, [*operation.columns, *included]))
        case ops.DropIndexOp() | ops.DropConstraintOp() if vars(operation)["_reverse"] is not None:
            return find_touched(operation.reverse(), dialect)
        case ops.AddColumnOp():
            return Touched(own, _name_parts(operation.column.name), _list_needed(operation.column, dialect))
        case ops.DropColumnOp():
            needed = _list_needed(operation.to_column(), dialect) if is_known(operation) else frozenset({_OBJECTS})
            return Touched(own, _name_parts(operation.column_name), needed)
        case ops.AlterColumnOp():
            needed = _list_types(operation.modify_type, dialect) | _list_types(operation.existing_type, dialect)
            if operation.modify_server_default is not False:
                needed |= {_OBJECTS}
            columns = [operation.modify_name or operation.column_name]
            return Touched(own, _name_parts(operation.column_name, columns), needed)
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
            return Touched(own, frozenset())
        case ops.CreateCheckConstraintOp() | ops.DropIndexOp() | ops.DropConstraintOp():
            return Touched(own)
        case _:
            return Touched()


def _name_parts(name: Any, columns: Sequence[Any] = ()) -> frozenset[str] | None:
    """Columns, and what has them; None where one of them is an expression."""
    names = [column.name if isinstance(column, Column) else column for column in (name, *columns)]
    return frozenset(map(str, names)) if all(isinstance(one, str) for one in names) else None


def _name_type(name: Any, schema: str | None) -> TableKey:
    """A type among the tables."""
    return f"type in {schema or ''}", str(name)


def find_item_type(type_: Any, dialect: Dialect) -> Any:
    """A type, or that of the items of an array."""
    found = find_implementation(type_, dialect)
    while isinstance(found, ARRAY):
        found = find_implementation(found.item_type, dialect)
    return found


def _list_types(type_: Any, dialect: Dialect) -> frozenset[TableKey]:
    """The type that a column needs, if a revision may create or drop it."""
    found = None if type_ is None else find_item_type(type_, dialect)
    if isinstance(found, DOMAIN):
        return frozenset({_OBJECTS})
    return frozenset({_name_type(found.name, found.schema)} if isinstance(found, Enum) else ())


def _list_needed(column: Column[Any], dialect: Dialect) -> frozenset[TableKey]:
    """Whatever a column needs beside its table: its type, or a sequence."""
    has_default = column.server_default is not None
    return _list_types(column.type, dialect) | (frozenset({_OBJECTS}) if has_default else frozenset())
