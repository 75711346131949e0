"""Walks the operations that autogenerate has found: a tree, in which those on one table are under a `ModifyTableOps`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alembic.operations import ops
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.engine import Dialect

# Schema and name of a table, as the operations have them.
TableKey = tuple[str | None, str]


def find_table(operation: Any) -> TableKey:
    """The table of an operation."""
    return operation.schema, str(operation.table_name)


def map_tables(metadatas: Iterable[MetaData], dialect: Dialect) -> dict[TableKey, Table]:
    """The tables of the models, as operations name them."""
    return {
        (None if table.schema == dialect.default_schema_name else table.schema, table.name): table
        for metadata in metadatas
        for table in metadata.tables.values()
    }


def find_column(operation: ops.AlterColumnOp, tables: Mapping[TableKey, Table]) -> Column[Any] | None:
    """The column of the models that an operation changes."""
    table = tables.get(find_table(operation))
    return None if table is None else next((one for one in table.columns if one.name == operation.column_name), None)


def list_table_operations(container: ops.OpContainer) -> list[ops.ModifyTableOps]:
    """The containers of operations on tables that exist."""
    return [operation for operation in container.ops if isinstance(operation, ops.ModifyTableOps)]


def list_operations(container: ops.OpContainer) -> Iterator[ops.MigrateOperation]:
    """Every operation that is no container itself."""
    for operation in container.ops:
        if isinstance(operation, ops.OpContainer):
            yield from list_operations(operation)
        else:
            yield operation


def drop_empty_containers(container: ops.OpContainer) -> None:
    """Remove the containers of tables for which nothing is left to do."""
    container.ops = [one for one in container.ops if not (isinstance(one, ops.ModifyTableOps) and one.is_empty())]
