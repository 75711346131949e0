"""Completes a revision that is written on a database without enum types, so that it runs both ways on PostgreSQL too.

There `op.create_table` creates the enum types of its columns, even those that an older table has; `op.add_column` creates none;
and `op.drop_table` leaves them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import Column, Enum, MetaData
from sqlalchemy.dialects import postgresql

from ..application.column_types import find_implementation
from ..enums.model import check_labels, check_name, qualify
from ..enums.ops import CreateEnumOp, DropEnumOp
from ..errors import InvalidEnumError
from .comments import CommentOp
from .enum_columns import EnumUse, find_enum_use, make_passive
from .operation_tree import find_table, list_table_operations

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]

# Schema and name of a type, as the models have them.
_Key = tuple[str | None, str]
# Schema and name of a table, and a column.
_Place = tuple[str | None, str, str]


def add_enum_types(context: MigrationContext, directive: ops.MigrationScript, metadatas: Iterable[MetaData]) -> None:
    """Create, share and drop the types of new columns as PostgreSQL needs it; other databases have nothing to do for it.

    A type that an older column of the models has is there already. What PostgreSQL would refuse is left as it is.
    """
    if context.dialect.name == "postgresql":
        return
    upgrade_ops, downgrade_ops = directive.upgrade_ops_list[-1], directive.downgrade_ops_list[-1]
    in_new_tables, added = dict(_list_columns_of_tables(upgrade_ops)), dict(_list_added_columns(upgrade_ops))
    types = _find_types([*in_new_tables.values(), *added.values()])
    new = types.keys() - _find_older_types(metadatas, {**in_new_tables, **added})
    created = new & _find_types(added.values()).keys()

    def is_passive(column: Column[Any]) -> bool:
        use = _find_use(column)
        is_there = use is not None and _key(use) in (types.keys() - new) | created
        return is_there and isinstance(find_implementation(column.type, context.dialect), Enum)

    make_passive(upgrade_ops, _POSTGRESQL, is_passive)
    upgrade_ops.ops[:0] = [
        CreateEnumOp(name, types[schema, name], schema=schema) for schema, name in types if (schema, name) in created
    ]
    dropped = [DropEnumOp(name, types[schema, name], schema=schema) for schema, name in reversed(types) if (schema, name) in new]
    if dropped:
        downgrade_ops.ops += [CommentOp("For PostgreSQL, which keeps an enum type without columns:"), *dropped]


def _list_columns_of_tables(upgrade_ops: ops.UpgradeOps) -> Iterator[tuple[_Place, Column[Any]]]:
    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.CreateTableOp):
            yield from (((*find_table(operation), one.name), one) for one in operation.columns if isinstance(one, Column))


def _list_added_columns(upgrade_ops: ops.UpgradeOps) -> Iterator[tuple[_Place, Column[Any]]]:
    for table_ops in list_table_operations(upgrade_ops):
        for operation in table_ops.ops:
            if isinstance(operation, ops.AddColumnOp):
                yield (*find_table(operation), operation.column.name), operation.column


def _find_older_types(metadatas: Iterable[MetaData], new_columns: Container[_Place]) -> set[_Key]:
    columns = [column for metadata in metadatas for table in metadata.tables.values() for column in table.columns]
    older = [column for column in columns if (column.table.schema, column.table.name, column.name) not in new_columns]
    return {_key(use) for column in older if (use := find_enum_use(column.type, _POSTGRESQL))}


def _find_types(columns: Iterable[Column[Any]]) -> dict[_Key, tuple[str, ...]]:
    """The values of each type that the columns declare, without the types that they declare in several ways."""
    found: dict[_Key, set[tuple[str, ...]]] = {}
    for use in filter(None, map(_find_use, columns)):
        found.setdefault(_key(use), set()).add(use.labels)
    return {key: next(iter(labels)) for key, labels in found.items() if len(labels) == 1}


def _find_use(column: Column[Any]) -> EnumUse | None:
    """The enum type that PostgreSQL creates for a column, None where it creates none."""
    use = find_enum_use(column.type, _POSTGRESQL)
    if use is None or not getattr(use.enum, "create_type", True):
        return None
    try:
        check_name(use.name, use.schema)
        check_labels(qualify(use.name, use.schema), use.labels)
    except InvalidEnumError:
        return None
    return use


def _key(use: EnumUse) -> _Key:
    return use.schema, use.name
