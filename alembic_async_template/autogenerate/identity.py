"""Writes changes of identity columns as statements that PostgreSQL takes; none where the database numbers rows anyway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from alembic.autogenerate.render import render_op_text
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy.schema import Column, Identity, Sequence

from .. import _compat
from ..postgresql import escape_colons, identifier, literal, qualified
from .operation_tree import list_table_operations
from .serial_columns import SEQUENCE_TYPES, sequence_type
from .server_defaults import is_next_value

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


class AlterIdentityOp(ops.AlterColumnOp):
    """Turns a column into an identity column, changes its options, or turns it into a plain one.

    Alembic knows which of these it is only if it is told the existing default.
    """

    def reverse(self) -> AlterIdentityOp:
        return _copy(self, existing=self.modify_server_default, modified=self.existing_server_default)


def _copy(operation: ops.AlterColumnOp, *, existing: Any, modified: Any) -> AlterIdentityOp:
    return AlterIdentityOp(
        operation.table_name,
        operation.column_name,
        schema=operation.schema,
        existing_type=operation.modify_type if operation.modify_type is not None else operation.existing_type,
        existing_nullable=False,  # which an identity column never is
        existing_comment=operation.existing_comment,
        existing_server_default=existing,
        modify_server_default=modified,
    )


def compare_identity(
    context: AutogenContext,
    operation: ops.AlterColumnOp,
    _schema: str | None,
    _table_name: str,
    _column_name: str,
    reflected: Column[Any],
    declared: Column[Any],
) -> PriorityDispatchResult:
    """Decide about columns that are identity columns either in the models or in the database, and not in both.

    Alembic refuses a default there, and sees a difference in any column that the database numbers in another way.
    """
    current, target = reflected.server_default, declared.server_default
    if context.opts.get("compare_server_default") is not True or isinstance(current, Identity) == isinstance(target, Identity):
        return PriorityDispatchResult.CONTINUE
    operation.existing_server_default = current
    if isinstance(current, Identity):
        takes_values = isinstance(declared.default, Sequence) and current.always
        numbered = target is None and declared is declared.table.autoincrement_column and not takes_values
    else:
        # Alembic has left out the default of a serial column, whose sequence is the column's own.
        numbered = reflected.autoincrement is True or is_next_value(current)
    if not numbered:
        operation.modify_server_default = target
        if target is None and declared.nullable:
            operation.modify_nullable = True  # which Alembic does not look at in an identity column
    return PriorityDispatchResult.STOP


def write_identities(_context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Replace each change of an identity column by the steps that it takes."""
    for table_ops in list_table_operations(upgrade_ops):
        table_ops.ops = [step for operation in table_ops.ops for step in _list_steps(operation)]
    return PriorityDispatchResult.CONTINUE


def _list_steps(operation: ops.MigrateOperation) -> Iterator[ops.MigrateOperation]:
    """The steps of a change: drop the identity, change everything else, add the identity."""
    if not isinstance(operation, ops.AlterColumnOp) or operation.modify_server_default is False:
        yield operation
        return
    existing, modified = operation.existing_server_default, operation.modify_server_default
    if not isinstance(existing, Identity) and not isinstance(modified, Identity):
        yield operation
        return
    operation.kw.pop("autoincrement", None)  # MySQL's
    if isinstance(existing, Identity) and not isinstance(modified, Identity):
        yield _copy(operation, existing=existing, modified=None)
        operation.existing_server_default = None
        operation.modify_server_default = False if modified is None else modified
        if operation.has_changes():
            yield operation
        return
    operation.modify_server_default = False
    if not isinstance(existing, Identity):
        operation.modify_nullable = False if operation.existing_nullable else operation.modify_nullable
        operation.modify_server_default = False if existing is None else None
    change = _copy(operation, existing=existing if isinstance(existing, Identity) else None, modified=modified)
    steps = [operation, change] if operation.has_changes() else [change]
    # While options change, the column has the wider type, in both directions: its numbers bound them.
    yield from reversed(steps) if isinstance(existing, Identity) and _narrows(operation) else steps


def _narrows(operation: ops.AlterColumnOp) -> bool:
    kinds = [sequence_type(type_) for type_ in (operation.existing_type, operation.modify_type)]
    order = [None, *SEQUENCE_TYPES.values()]
    return None not in kinds and order.index(kinds[1]) < order.index(kinds[0])


def render_identity(context: AutogenContext, operation: AlterIdentityOp) -> list[str]:
    """`op.alter_column` with the existing default; a new identity counts on from the numbers of the rows."""
    existing, modified = operation.existing_server_default, operation.modify_server_default
    plain = ops.AlterColumnOp(
        operation.table_name,
        operation.column_name,
        schema=operation.schema,
        existing_type=operation.existing_type,
        existing_nullable=operation.existing_nullable,
        modify_server_default=modified,
    )
    text = render_op_text(context, plain)
    if existing is not None:
        rendered = _compat.render_server_default(existing, context)
        return [f"{text.removesuffix(')')},\n{' ' * 11}existing_server_default={rendered})"]
    prefix = text.partition("alter_column")[0]
    return [text, f"{prefix}execute({escape_colons(_write_first_number(operation))!r})"]


def _write_first_number(operation: AlterIdentityOp) -> str:
    """SQL that lets a new identity count on: https://www.postgresql.org/docs/current/functions-sequence.html."""
    identity = operation.modify_server_default
    assert isinstance(identity, Identity)
    column = identifier(operation.column_name)
    table = qualified(operation.table_name, operation.schema)
    last, order = ("min", "<=") if (identity.increment or 1) < 0 else ("max", ">=")
    bound, first = (identity.maxvalue, -1) if last == "min" else (identity.minvalue, 1)
    start = next(number for number in (identity.start, bound, first) if number is not None)
    sequence = f"pg_get_serial_sequence({literal(table)}, {literal(operation.column_name)})"
    return f"SELECT setval({sequence}, {last}({column})) FROM {table} HAVING {last}({column}) {order} {start}"
