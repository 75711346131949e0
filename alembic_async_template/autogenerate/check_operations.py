"""Creates and drops a CHECK constraint of a table that exists, each the exact reverse of the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alembic.autogenerate.render import render_op_text
from alembic.operations import ops
from sqlalchemy import CheckConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.naming import conv

from .plain_dialect import make_plain

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# A colon that `text()` would read as the start of a parameter.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")


class CreateCheckOp(ops.CreateCheckConstraintOp):
    """Alembic's operation, which Alembic before 1.19.2 does not render."""

    def reverse(self) -> DropCheckOp:
        return DropCheckOp(self)


class DropCheckOp(ops.DropConstraintOp):
    """Drops a check and knows how to create it."""

    def __init__(self, creation: CreateCheckOp) -> None:
        name, table = creation.constraint_name, creation.table_name
        super().__init__(name, table, type_="check", schema=creation.schema, _reverse=creation)
        self.creation = creation

    def reverse(self) -> CreateCheckOp:
        return self.creation


def render_check(context: AutogenContext, operation: CreateCheckOp) -> str:
    """`op.create_check_constraint`, with the condition as SQL has it: the driver's dialect would double percent signs."""
    dropping = render_op_text(context, ops.DropConstraintOp("name", operation.table_name, "check"))
    prefix, _, arguments = dropping.partition("drop_constraint(")
    name = repr(str(operation.constraint_name))
    if isinstance(operation.constraint_name, conv):
        name = f"{context.opts['alembic_module_prefix'] or ''}f({name})"
    is_in_batch = arguments.startswith("'name', type_")
    options = {} if is_in_batch or not operation.schema else {"schema": str(operation.schema)}
    shown = [
        name,
        *([] if is_in_batch else [repr(str(operation.table_name))]),
        repr(_PARAMETER.sub(r"\\:", write_condition(operation.to_constraint(), make_plain(context.dialect)))),
        *(f"{option}={value!r}" for option, value in {**options, **operation.kw}.items()),
    ]
    return f"{prefix}create_check_constraint({', '.join(shown)})"


def write_condition(check: CheckConstraint, dialect: Dialect) -> str:
    """The SQL of a condition, without the name of its table."""
    return str(check.sqltext.compile(dialect=dialect, compile_kwargs={"literal_binds": True, "include_table": False}))
