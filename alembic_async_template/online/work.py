"""What the operations of a block share: Alembic's objects, the database, and what comes later in the block."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from alembic.operations import MigrateOperation, Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection, Dialect

from ..enums.sql import make_executable
from .found import Table, find_table

_O = TypeVar("_O", bound=MigrateOperation)


@dataclass(frozen=True, slots=True)
class Work:
    """An operation's place in its block."""

    operations: Operations
    later: Sequence[MigrateOperation] = ()
    """The operations that come after it: they run after it, so it was done if one of them was."""

    @property
    def context(self) -> MigrationContext:
        return self.operations.get_context()

    @property
    def dialect(self) -> Dialect:
        return self.context.dialect

    @property
    def connection(self) -> Connection | None:
        """None where SQL is written."""
        return None if self.context.as_sql else self.context.connection

    def invoke(self, operation: MigrateOperation) -> Callable[[], None]:
        """What carries out an operation as Alembic does."""

        def carry_out() -> None:
            type(self.operations).invoke(self.operations, operation)

        return carry_out

    def execute(self, statement: str) -> Callable[[], None]:
        return partial(self.run, statement)

    def run(self, statement: str) -> None:
        self.invoke(ops.ExecuteSQLOp(make_executable(statement)))()

    def find_table(self, name: str, schema: str | None) -> Table | None:
        return None if self.connection is None else find_table(self.connection, name, schema)

    def list_later(self, kind: type[_O], name: str, schema: str | None) -> Iterator[_O]:
        """The later operations of a kind on a table."""
        for operation in self.later:
            if isinstance(operation, kind) and find_address(operation) == (name, schema):
                yield operation

    def is_gone_later(self, name: str, schema: str | None) -> bool:
        """Whether a later operation takes a table away, or its name."""
        renames = self.list_later(ops.RenameTableOp, name, schema)
        return any(self.list_later(ops.DropTableOp, name, schema)) or any(
            self.find_table(str(rename.new_table_name), schema) for rename in renames
        )

    def changes_columns_later(self, name: str, schema: str | None) -> bool:
        """Whether what is defined by columns of a table may look otherwise afterwards."""
        changes = self.list_later(ops.AlterColumnOp, name, schema)
        return any(self.list_later(ops.DropColumnOp, name, schema)) or any(
            change.modify_name is not None or change.modify_type is not None for change in changes
        )


def find_address(operation: Any) -> tuple[str, str | None]:
    """Name and schema of the table of an operation."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return str(operation.source_table), operation.kw.get("source_schema")
    return str(getattr(operation, "table_name", "")), getattr(operation, "schema", None)


def name_operation(operation: MigrateOperation) -> str:
    """An operation as messages name it."""
    if isinstance(operation, ops.ExecuteSQLOp):
        return "op.execute"
    words = re.findall("[A-Z][a-z]*", type(operation).__name__.removesuffix("Op"))
    return f"op.{'_'.join(words).lower()}"


def change(operation: _O, **attributes: Any) -> _O:
    """A copy of an operation with other attributes; options of its dialect are given as `options`."""
    changed = copy.copy(operation)
    if "options" in attributes:
        changed.kw = {**getattr(operation, "kw", {}), **attributes.pop("options")}  # type: ignore[attr-defined]
    vars(changed).update(attributes)
    return changed
