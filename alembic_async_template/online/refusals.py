"""What has no safe sequence, and what to do instead: refused when it is called, before anything of its block runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alembic.ddl.base import AddColumn
from alembic.operations import MigrateOperation, ops
from sqlalchemy import Column, Numeric, String
from sqlalchemy.types import TypeEngine

from .. import _compat
from ..diagnosis.driver_errors import find_sqlstate, is_lock_failure
from ..enums.ops import EnumOperation
from ..errors import OnlineRefusedError
from .change_steps import write_type_change
from .found import Table
from .trial_copy import TRIAL_SCHEMA, try_on_copy
from .work import Work, find_address, name_operation

_AFTER = "put it below the block, where it runs in a transaction"
_PLAIN = (
    ops.CreateTableOp,
    ops.DropTableOp,
    ops.RenameTableOp,
    ops.CreateTableCommentOp,
    ops.DropTableCommentOp,
    ops.DropColumnOp,
    ops.DropConstraintOp,
    ops.CreateIndexOp,
    ops.DropIndexOp,
    ops.CreateCheckConstraintOp,
    EnumOperation,
)
# From which version on a partitioned table takes a foreign key NOT VALID.
_KEYS_OF_PARTITIONED = (18,)
_BACKFILL = "add it as nullable, fill it in batches, then op.alter_column with nullable=False in op.online()"
_REWRITES = "add a column of the new type, fill it in batches, and switch over in a later revision"


def refuse_unsafe(work: Work, operation: MigrateOperation) -> bool:
    """Refuse an operation that would block a table for as long as it has rows.

    :return: whether that could be found out: what it needs may be made earlier in its block.
    :raises OnlineRefusedError: it would, or nothing is known of it.
    """
    if isinstance(operation, _PLAIN):
        return True
    check = next((check for kind, check in _CHECKS.items() if isinstance(operation, kind)), None)
    if check is None:
        raise OnlineRefusedError(name_operation(operation), "it has no safe sequence", _AFTER)
    table = work.find_table(*find_address(operation))
    try:
        check(work, operation, table)
    except Exception as error:
        if find_sqlstate(error) is None or is_lock_failure(error):
            raise
        return False
    return table is not None or work.connection is None


def _check_statement(_work: Work, operation: Any, _table: Table | None) -> None:
    raise OnlineRefusedError(
        name_operation(operation), "what it does is not known, so it could not be looked up after a crash", _AFTER
    )


def _check_key(_work: Work, operation: Any, table: Table | None) -> None:
    if table is not None and table.is_partitioned:
        raise OnlineRefusedError(
            name_operation(operation),
            f'PostgreSQL cannot make it from an index where "{table.name}" is partitioned',
            "op.create_index with unique=True has a safe sequence, and keeps duplicates out as well",
            "or run it below the block, when the table may be locked",
        )


def _check_foreign_key(work: Work, operation: Any, table: Table | None) -> None:
    version = work.dialect.server_version_info or ()
    if table is not None and table.is_partitioned and version < _KEYS_OF_PARTITIONED:
        raise OnlineRefusedError(
            name_operation(operation),
            f'"{table.name}" is partitioned, which takes no foreign key NOT VALID before PostgreSQL 18',
            "create the key on each partition instead, or run it below the block, when the table may be locked",
        )


def _check_column(work: Work, operation: ops.AddColumnOp, table: Table | None) -> None:
    column = operation.column
    if column.primary_key or operation.inline_primary_key:
        raise OnlineRefusedError("op.add_column", "a primary key scans the table", f"{_BACKFILL}, and op.create_primary_key")
    if column.computed is not None and column.computed.persisted is not False:
        raise OnlineRefusedError(
            "op.add_column",
            "a stored generated column rewrites the table",
            "add a plain column, and fill it by a trigger and in batches",
        )
    if column.identity is not None:
        raise OnlineRefusedError(
            "op.add_column", "an identity column rewrites the table", f"{_BACKFILL}, and make it the identity"
        )
    if not column.nullable and column.server_default is None:
        raise OnlineRefusedError("op.add_column", "rows that are there already break NOT NULL", _BACKFILL)
    if table is None or work.connection is None:
        return
    copied = _compat.copy_column(column)
    copied.constraints.clear()  # which are added later
    work.operations.schema_obj.table(operation.table_name, copied, schema=TRIAL_SCHEMA)
    with try_on_copy(work.connection, table) as copy:
        copy.drop_column(str(column.name))  # of an earlier try
        if copy.does_work(AddColumn(operation.table_name, copied, schema=TRIAL_SCHEMA)):
            raise OnlineRefusedError(
                "op.add_column",
                "its type, or a default that is another one in each row, rewrites or scans the table",
                "add it without the default, set that with op.alter_column, and fill the rows in batches",
            )


def _check_change(work: Work, operation: ops.AlterColumnOp, table: Table | None) -> None:
    wanted: Any = operation.modify_type
    if wanted is None:
        return
    if _makes_check(work, operation, wanted):
        raise OnlineRefusedError("op.alter_column", "the type has a CHECK, which scans the table", "create the CHECK by itself")
    if work.connection is None:
        is_free = _is_free(operation.existing_type, wanted)
    elif table is None:
        return
    else:
        with try_on_copy(work.connection, table, "INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING GENERATED") as copy:
            is_free = not copy.does_work(write_type_change(operation, TRIAL_SCHEMA))
    if not is_free:
        raise OnlineRefusedError("op.alter_column", "the change of the type rewrites or scans the table", _REWRITES)


def _makes_check(work: Work, operation: ops.AlterColumnOp, wanted: TypeEngine[Any]) -> bool:
    column: Column[Any] = Column(operation.column_name, wanted)
    table = work.operations.schema_obj.table(operation.table_name, column, schema=operation.schema)
    checks = [one for one in table.constraints if one is not table.primary_key]
    return any(_compat.is_created(one, work.dialect) for one in checks)


def _is_free(existing: Any, wanted: Any) -> bool:
    """Whether no row changes: what is certain without the server."""
    existing = existing() if isinstance(existing, type) else existing
    wanted = wanted() if isinstance(wanted, type) else wanted
    if isinstance(existing, String) and isinstance(wanted, String):
        is_text = wanted.__visit_name__.lower() in {"text", "unicode_text"}
        is_varying = {existing.__visit_name__.lower(), wanted.__visit_name__.lower()} <= {"string", "varchar", "unicode"}
        longer = wanted.length is None or (existing.length is not None and wanted.length >= existing.length)
        return (is_text and existing.__visit_name__.lower() != "char") or (is_varying and longer)
    names = {getattr(type_, "__visit_name__", "").lower() for type_ in (existing, wanted)}
    if isinstance(existing, Numeric) and isinstance(wanted, Numeric) and existing.precision and wanted.precision:
        return (
            names <= {"numeric", "decimal"}
            and wanted.precision >= existing.precision
            and (wanted.scale or 0) == (existing.scale or 0)
        )
    return False


_CHECKS: dict[type[MigrateOperation], Callable[[Work, Any, Table | None], None]] = {
    ops.ExecuteSQLOp: _check_statement,
    ops.BulkInsertOp: _check_statement,
    ops.CreateForeignKeyOp: _check_foreign_key,
    ops.CreateUniqueConstraintOp: _check_key,
    ops.CreatePrimaryKeyOp: _check_key,
    ops.AddColumnOp: _check_column,
    ops.AlterColumnOp: _check_change,
}
