"""Walks the operations that autogenerate has found: a tree, in which those on one table are under a `ModifyTableOps`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.operations import ops

# Schema and name of a table, as the operations have them.
TableKey = tuple[str | None, str]


def find_table(operation: Any) -> TableKey:
    """The table of an operation."""
    return operation.schema, str(operation.table_name)


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
