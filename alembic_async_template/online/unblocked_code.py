"""Writes the code that does what an operation does and does not block, and the operation itself as a revision has it."""

from __future__ import annotations

import logging
from copy import copy
from textwrap import indent
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import render_python_code
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import DefaultClause

from ..errors.block import Fix
from ..postgresql import MAX_BYTES, escape_colons, quote_if_needed
from .blocking_table import Blocking, Way
from .work import name_operation

if TYPE_CHECKING:
    from alembic.operations import MigrateOperation

log = logging.getLogger("alembic_async_template")

_BLOCK = "with op.online():\n"
_ADVICE = {
    Way.IDENTITY_LATER: "add the column without it, fill the rows in batches, set NOT NULL, then add the identity",
    Way.VIRTUAL: "add a column that a trigger fills, or on PostgreSQL 18 a virtual one (persisted=False)",
    Way.TYPE_BELOW: "add a column of the type below the domain, and the check of the domain as one of the table",
    Way.NEW_COLUMN: "add a column of the new type, filled by a trigger and in batches, that takes the name of the old one",
    Way.WITHOUT_DEPENDENTS: "drop the checks and indexes that use the column, change its type, and create them in op.online()",
    Way.NONE: "nothing does the same without; run it while the table is not used",
}


def write_fix(blocking: Blocking, operation: MigrateOperation, context: MigrationContext) -> Fix:
    """What to do instead of an operation that blocks."""
    if blocking.way in _ADVICE:
        return Fix(_ADVICE[blocking.way])
    advice = "let it not block"
    if blocking.way is Way.ONLINE:
        return Fix(advice, _BLOCK + indent(write_operation(operation, context), "    "))
    if isinstance(operation, ops.AddColumnOp):
        bare = _bare(operation)
        if blocking.way is Way.DEFAULT_LATER:
            change = ops.AlterColumnOp(
                operation.table_name,
                operation.column.name,
                schema=operation.schema,
                modify_server_default=operation.column.server_default,
            )
            code = f"{write_operation(bare, context)}\n{write_operation(change, context)}"
            later = "" if operation.column.nullable else ", and let it take no nulls in a later revision"
            return Fix(f"add the column, then its default, and then fill the rows that exist, in batches{later}", code)
        rest = [write_operation(one, context) for one in _list_constraints(operation)]
        return Fix(advice, _BLOCK + indent("\n".join([write_operation(bare, context), *rest]), "    "))
    assert isinstance(operation, ops.AlterColumnOp)
    return Fix("let a check keep the values short", _BLOCK + indent(_check_length(operation, context), "    "))


def write_operation(operation: MigrateOperation, context: MigrationContext) -> str:
    """The operation as Python, as autogenerate writes it; what that does not write, from its arguments."""
    if isinstance(operation, ops.CreateCheckConstraintOp):
        condition = escape_colons(_write_condition(operation.condition))
        return _call("create_check_constraint", operation.constraint_name, operation.table_name, condition, _options(operation))
    if isinstance(operation, ops.CreatePrimaryKeyOp):
        columns = list(map(str, operation.columns))
        return _call("create_primary_key", operation.constraint_name, operation.table_name, columns, _options(operation))
    if isinstance(operation, ops.AlterColumnOp):
        operation = copy(operation)
        operation.modify_type, operation.existing_type = map(_instantiate, (operation.modify_type, operation.existing_type))
    try:
        code = render_python_code(
            ops.UpgradeOps([operation]),
            migration_context=MigrationContext.configure(dialect=context.dialect),  # the run's own may have no models
            render_item=context.opts.get("render_item"),
            user_module_prefix=context.opts.get("user_module_prefix"),
        )
    except Exception as error:  # an element that only its own code can write
        log.debug("The operation could not be written: %r", error)
        return f"{name_operation(operation)}(...)"
    return " ".join(line.strip() for line in code.splitlines() if not line.strip().startswith("# ###"))


def _instantiate(type_: Any) -> Any:
    """A type may be given as its class."""
    return type_() if isinstance(type_, type) else type_


def _bare(operation: ops.AddColumnOp) -> ops.AddColumnOp:
    """The column with nothing that would have to be computed or checked."""
    column = operation.column
    default = column.server_default
    constant = default if isinstance(default, DefaultClause) and isinstance(default.arg, str) else None
    plain: Column[Any] = Column(column.name, column.type, nullable=True, server_default=constant, comment=column.comment)
    return ops.AddColumnOp(operation.table_name, plain, schema=operation.schema)


def _list_constraints(operation: ops.AddColumnOp) -> list[MigrateOperation]:
    """What a column brings along, as operations of their own."""
    column, table, schema = operation.column, operation.table_name, operation.schema
    found: list[MigrateOperation] = []
    for constraint in column.constraints:
        found.append(ops.CreateCheckConstraintOp(constraint.name, table, constraint.sqltext, schema=schema))  # type: ignore[attr-defined]
    if column.unique:
        found.append(ops.CreateUniqueConstraintOp(None, table, [column.name], schema=schema))
    for key in column.foreign_keys:
        *place, referent, remote = key.target_fullname.split(".")
        options = {"source_schema": schema, "referent_schema": ".".join(place) or None}
        given = {name: value for name, value in options.items() if value}
        found.append(ops.CreateForeignKeyOp(key.name, table, referent, [column.name], [remote], **given))
    if column.index:
        found.append(ops.CreateIndexOp(f"ix_{table}_{column.name}", table, [column.name], schema=schema))
    return found


def _check_length(operation: ops.AlterColumnOp, context: MigrationContext) -> str:
    column, longest = operation.column_name, getattr(operation.modify_type, "length", None)
    suffix = "_length"
    name = column.encode()[: MAX_BYTES - len(suffix)].decode(errors="ignore") + suffix
    condition = f"length({quote_if_needed(column)}) <= {longest}"
    check = ops.CreateCheckConstraintOp(name, operation.table_name, condition, schema=operation.schema)
    return write_operation(check, context)


def _write_condition(condition: Any) -> str:
    if isinstance(condition, str):
        return condition
    text = getattr(condition, "text", None)
    dialect = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return str(text if text is not None else condition.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _options(operation: Any) -> str:
    options = {"schema": operation.schema} if operation.schema else {}
    return ", ".join(f"{name}={value!r}" for name, value in {**options, **operation.kw}.items())


def _call(name: str, constraint: Any, table: str, argument: Any, options: str) -> str:
    shown = [repr(constraint and str(constraint)), repr(str(table)), repr(argument), *filter(None, [options])]
    return f"op.{name}({', '.join(shown)})"
