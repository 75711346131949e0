"""Carries out the enum operations on a connection, or writes their SQL in offline mode."""

from __future__ import annotations

import logging

from alembic.operations import Operations

from .. import _compat
from .operations import AddEnumValueOp
from .sql import AddEnumValue

log = logging.getLogger("alembic_async_template.enums")


@Operations.implementation_for(AddEnumValueOp)
def _add_enum_value(operations: Operations, operation: AddEnumValueOp) -> None:
    name = f"{operation.schema}.{operation.enum_name}" if operation.schema else operation.enum_name
    if operation.before is not None and operation.after is not None:
        from ..errors import EnumOperationError

        raise EnumOperationError(
            f'Value "{operation.value}" cannot be added to enum {name}: before="{operation.before}" and '
            f'after="{operation.after}" are both given. Keep one of them, for example: '
            f"op.add_enum_value({operation.enum_name!r}, {operation.value!r}, after={operation.after!r})"
        )
    context = operations.get_context()
    if context.dialect.name != "postgresql":
        log.info('Value "%s" is not added to enum %s: %s has no enum types', operation.value, name, context.dialect.name)
        return
    statement = AddEnumValue(
        operation.enum_name,
        operation.value,
        before=operation.before,
        after=operation.after,
        schema=operation.schema,
    )
    if not context.as_sql and _compat.in_callers_transaction(context):
        operations.execute(statement)
        return
    with context.autocommit_block():
        operations.execute(statement)
