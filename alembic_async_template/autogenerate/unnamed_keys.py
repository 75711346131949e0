"""Drops foreign keys of SQLite that have no name: a batch operation reads them under the names of a convention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.autogenerate.render import render_op
from alembic.operations import ops

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# The names are those that PostgreSQL gives. See https://alembic.sqlalchemy.org/en/latest/batch.html#dropping-unnamed-or-named-foreign-keys
_CONVENTION = '{"fk": "%(table_name)s_%(column_0_N_name)s_fkey"}'


class UnnamedKeysOps(ops.ModifyTableOps):
    """The operations on a table of which some drop a key without a name."""


def name_dropped_keys(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> None:
    """Name the keys that are dropped and have no name, as their batch operation does."""
    if context.dialect.name != "sqlite" or not context.opts.get("render_as_batch"):
        return
    for number, table_ops in enumerate(upgrade_ops.ops):
        if not isinstance(table_ops, ops.ModifyTableOps):
            continue
        unnamed = [
            operation
            for operation in table_ops.ops
            if isinstance(operation, ops.DropConstraintOp)
            and operation.constraint_type == "foreignkey"
            and operation.constraint_name is None
        ]
        for key in unnamed:
            columns: list[str] = list(key.to_constraint().column_keys)  # type: ignore[attr-defined]
            key.constraint_name = f"{table_ops.table_name}_{'_'.join(columns)}_fkey"
        if unnamed:
            upgrade_ops.ops[number] = UnnamedKeysOps(table_ops.table_name, table_ops.ops, schema=table_ops.schema)


def render(context: AutogenContext, operation: UnnamedKeysOps) -> list[str]:
    """Alembic's own text, with the convention."""
    lines = render_op(context, ops.ModifyTableOps(operation.table_name, operation.ops, schema=operation.schema))
    return [line.replace(") as batch_op:", f", naming_convention={_CONVENTION}) as batch_op:", 1) for line in lines]
