"""Arranges the constraints of a revision so that it runs both ways: foreign keys apart from their tables, checks, names."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from alembic import util
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Table
from sqlalchemy.exc import SAWarning

from .. import _compat
from .check_operations import CreateCheckOp
from .constraint_names import choose_name, name_constraints, read_name
from .operation_tree import TableKey, drop_empty_containers, find_table, list_operations, list_table_operations
from .unnamed_keys import name_dropped_keys

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("alembic_async_template.autogenerate")


def sort_tables(context: AutogenContext, _upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Sort the tables of the models without SQLAlchemy's warning of cycles, which `arrange_constraints` takes care of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Cannot correctly sort tables", SAWarning)
        _ = context.sorted_tables  # kept by the context
    return PriorityDispatchResult.CONTINUE


def arrange_constraints(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Rewrite the operations that Alembic has found so that the revision and its reverse run."""
    for operation in list_operations(upgrade_ops):
        if isinstance(operation, ops.CreateForeignKeyOp):
            # Alembic writes it and `op.create_foreign_key` has no use for it.
            operation.kw.pop("use_alter", None)
    _move_column_checks(upgrade_ops)
    if context.dialect.supports_alter:  # SQLite cannot add a key to a table: https://www.sqlite.org/lang_altertable.html
        _create_keys_after_tables(upgrade_ops)
        _drop_keys_before_tables(upgrade_ops)
        _put_keys_around_the_rest(upgrade_ops)
    for table_ops in list_table_operations(upgrade_ops):
        table_ops.ops = [operation for operation in table_ops.ops if not _is_needless(context, operation)]
    drop_empty_containers(upgrade_ops)
    name_constraints(context, upgrade_ops)
    name_dropped_keys(context, upgrade_ops)
    return PriorityDispatchResult.CONTINUE


def _sort_key(table: TableKey) -> tuple[str, str]:
    return table[0] or "", table[1]


def _find_target(key: ops.CreateForeignKeyOp) -> TableKey:
    return key.kw.get("referent_schema"), str(key.referent_table)


# Checks of columns


def _move_column_checks(upgrade_ops: ops.UpgradeOps) -> None:
    """Turn the checks of a column into checks of its table: Alembic renders only those."""
    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.CreateTableOp):
            checks = [check for column in operation.columns for check in _list_checks(column)]
            if checks:
                operation.columns = [*map(_without_checks, operation.columns), *map(_copy_check, checks)]
        elif isinstance(operation, ops.ModifyTableOps):
            operation.ops = list(_add_checks_after_columns(operation))


def _add_checks_after_columns(table_ops: ops.ModifyTableOps) -> Iterator[ops.MigrateOperation]:
    taken: set[str] = set()
    for operation in table_ops.ops:
        yield operation
        if isinstance(operation, ops.AddColumnOp):
            checks = _list_checks(operation.column)
            operation.column = _without_checks(operation.column)
            for check in checks:
                name = read_name(check) or choose_name(operation.table_name, [operation.column.name], "check", taken)
                taken.add(name)
                yield CreateCheckOp(name, operation.table_name, check.sqltext, schema=operation.schema)


def _list_checks(column: Any) -> list[CheckConstraint]:
    if not isinstance(column, Column):
        return []
    return [constraint for constraint in column.constraints if isinstance(constraint, CheckConstraint)]


def _without_checks(column: Any) -> Any:
    if not _list_checks(column):
        return column
    copy = _compat.copy_column(column)
    copy.constraints = {constraint for constraint in copy.constraints if not isinstance(constraint, CheckConstraint)}
    return copy


def _copy_check(check: CheckConstraint) -> CheckConstraint:
    return CheckConstraint(check.sqltext, name=read_name(check), **check.dialect_kwargs)


# Foreign keys


def _create_keys_after_tables(upgrade_ops: ops.UpgradeOps) -> None:
    """Take a key out of its new table where it refers to a later one, or has `use_alter`, which `op.create_table` leaves out."""
    to_come = [operation for operation in upgrade_ops.ops if isinstance(operation, ops.CreateTableOp | ops.ModifyTableOps)]
    for creation in list(to_come):
        to_come.remove(creation)
        if isinstance(creation, ops.ModifyTableOps):
            continue
        kept, later = [], []
        for part in creation.columns:
            if isinstance(part, ForeignKeyConstraint):
                operation = ops.CreateForeignKeyOp.from_constraint(part)
                if operation.kw.pop("use_alter", False) or any(_provides(other, operation) for other in to_come):
                    later.append(operation)
                    continue
            kept.append(part)
        if later:
            later.sort(key=lambda operation: (list(operation.local_cols), _sort_key(_find_target(operation))))
            creation.columns = kept
            upgrade_ops.ops.append(ops.ModifyTableOps(creation.table_name, later, schema=creation.schema))


def _provides(operation: ops.MigrateOperation, key: ops.CreateForeignKeyOp) -> bool:
    """Whether a key refers to what an operation creates: the table, columns, their type, or their uniqueness.

    Alembic sometimes names the default schema and sometimes does not, so only the name of an existing table is compared.
    """
    if isinstance(operation, ops.ModifyTableOps):
        return operation.table_name == key.referent_table and any(_provides(inner, key) for inner in operation.ops)
    columns: Iterable[Any]
    match operation:
        case ops.CreateTableOp():
            return find_table(operation) == _find_target(key)
        case ops.AddColumnOp():
            columns = [operation.column]
        case ops.AlterColumnOp(modify_type=type_) if type_ is not None:
            columns = [operation.column_name]
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp() | ops.CreateIndexOp(unique=True):
            columns = operation.columns
        case _:
            return False
    return {getattr(column, "name", column) for column in columns} <= set(key.remote_cols)


def _put_keys_around_the_rest(upgrade_ops: ops.UpgradeOps) -> None:
    """Drop keys before the columns, unique constraints and indexes that they refer to change, and create keys after that."""
    dropped: list[ops.ModifyTableOps] = []
    created: list[ops.ModifyTableOps] = []
    for table_ops in list_table_operations(upgrade_ops):
        for is_one, taken in ((_drops_key, dropped), (_creates_key, created)):
            keys = [operation for operation in table_ops.ops if is_one(operation)]
            if keys:
                table_ops.ops = [operation for operation in table_ops.ops if not is_one(operation)]
                taken.append(ops.ModifyTableOps(table_ops.table_name, keys, schema=table_ops.schema))
    kinds = (ops.CreateTableOp, ops.DropTableOp, ops.ModifyTableOps)
    places = [place for place, operation in enumerate(upgrade_ops.ops) if isinstance(operation, kinds)]
    if dropped or created:
        upgrade_ops.ops[places[-1] + 1 : places[-1] + 1] = created
        upgrade_ops.ops[places[0] : places[0]] = dropped


def _drops_key(operation: ops.MigrateOperation) -> bool:
    return isinstance(operation, ops.DropConstraintOp) and operation.constraint_type == "foreignkey"


def _creates_key(operation: ops.MigrateOperation) -> bool:
    return isinstance(operation, ops.CreateForeignKeyOp)


def _concerns(operation: ops.MigrateOperation, tables: set[TableKey]) -> bool:
    kinds = (ops.CreateTableOp, ops.DropTableOp, ops.ModifyTableOps)
    return isinstance(operation, kinds) and find_table(operation) in tables


def _drop_keys_before_tables(upgrade_ops: ops.UpgradeOps) -> None:
    """Drop each table when no key refers to it any more; the keys of cycles are dropped first."""
    drops = {find_table(operation): operation for operation in upgrade_ops.ops if isinstance(operation, ops.DropTableOp)}
    if not drops:
        return
    keys = {table: _list_keys(drops[table]) for table in sorted(drops, key=_sort_key)}
    order, cyclic = _order_drops(keys)
    first = min(position for position, operation in enumerate(upgrade_ops.ops) if _concerns(operation, set(drops)))
    units = {table: [operation for operation in upgrade_ops.ops if _concerns(operation, {table})] for table in order}
    others = [operation for operation in upgrade_ops.ops if not _concerns(operation, set(drops))]
    before = [
        ops.ModifyTableOps(name, [operation.reverse() for operation in cyclic[schema, name]], schema=schema)
        for schema, name in cyclic
    ]
    for table in cyclic:
        units[table][-1] = _without_keys(drops[table], {operation.constraint_name for operation in cyclic[table]})
    upgrade_ops.ops = [
        *others[:first],
        *before,
        *(operation for table in order for operation in units[table]),
        *others[first:],
    ]


def _list_keys(drop: ops.DropTableOp) -> list[ops.CreateForeignKeyOp]:
    return [ops.CreateForeignKeyOp.from_constraint(constraint) for constraint in drop.to_table().foreign_key_constraints]


def _order_drops(
    keys: dict[TableKey, list[ops.CreateForeignKeyOp]],
) -> tuple[list[TableKey], dict[TableKey, list[ops.CreateForeignKeyOp]]]:
    """The order in which tables can be dropped, and the keys of cycles, which are dropped before."""
    order: list[TableKey] = []
    cyclic: dict[TableKey, list[ops.CreateForeignKeyOp]] = {}
    referring: dict[TableKey, set[TableKey]] = {table: set() for table in keys}
    for table, own in keys.items():
        for target in {_find_target(key) for key in own} & keys.keys() - {table}:
            referring[target].add(table)
    remaining = dict.fromkeys(keys)
    while remaining:
        free = (table for table in remaining if not referring[table] & remaining.keys())
        table = next(free, next(iter(remaining)))
        for other in sorted(referring[table] & remaining.keys(), key=_sort_key):
            cyclic.setdefault(other, []).extend(key for key in keys[other] if _find_target(key) == table)
        del remaining[table]
        order.append(table)
    return order, cyclic


def _without_keys(drop: ops.DropTableOp, names: set[Any]) -> ops.DropTableOp:
    """An operation that drops the table, and whose reverse creates it without these keys."""
    table: Table = drop.to_table()
    table.constraints -= {constraint for constraint in table.foreign_key_constraints if constraint.name in names}
    return ops.DropTableOp.from_table(table)


# Unique constraints


def _is_needless(context: AutogenContext, operation: ops.MigrateOperation) -> bool:
    """Whether an operation changes nothing on PostgreSQL.

    That is a unique constraint on the columns of the primary key, which are one constraint there, and the removal of a column
    that belongs to a parent table: https://www.postgresql.org/docs/current/sql-createtable.html, UNIQUE and INHERITS.
    """
    if isinstance(operation, ops.CreateUniqueConstraintOp):
        primary_key = context.inspector.get_pk_constraint(operation.table_name, operation.schema)["constrained_columns"]
        needless = list(operation.columns) == primary_key
        if needless:
            log.info("No difference on the server: unique constraint on the primary key of %s", operation.table_name)
        return needless
    if isinstance(operation, ops.DropColumnOp):
        table = _find_declared(context, operation.table_name, operation.schema)
        parents = None if table is None else table.kwargs.get("postgresql_inherits")
        declared = [_find_declared(context, name, operation.schema) for name in util.to_list(parents, [])]
        return any(operation.column_name in parent.c for parent in declared if parent is not None)
    return False


def _find_declared(context: AutogenContext, name: str, schema: str | None) -> Table | None:
    return context.table_key_to_table.get(f"{schema}.{name}" if schema else name)
