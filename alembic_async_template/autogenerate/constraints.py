"""Arranges the constraints of a revision so that it runs both ways: foreign keys apart from their tables, names, checks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alembic import util
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import CheckConstraint, Column, Constraint, ForeignKeyConstraint, Table, UniqueConstraint, text
from sqlalchemy.exc import SAWarning

from .. import _compat

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("alembic_async_template.autogenerate")

# Schema and name of a table, as the operations have them.
Key = tuple[str | None, str]

# PostgreSQL cuts off what is longer, https://www.postgresql.org/docs/current/sql-syntax-lexical.html.
_MAX_BYTES = 63

# The names that PostgreSQL does not give to a unique constraint, which is an index as well: those of all relations and all
# constraints of its schema, https://www.postgresql.org/docs/current/catalog-pg-class.html.
_TAKEN_NAMES = text("""
    SELECT CAST(nspname AS text), CAST(relname AS text)
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    UNION SELECT CAST(nspname AS text), CAST(conname AS text)
    FROM pg_catalog.pg_constraint JOIN pg_catalog.pg_namespace ON pg_namespace.oid = connamespace
""")


def sort_tables(context: AutogenContext, _upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Sort the tables of the models once, without SQLAlchemy's warning of cycles: `arrange_constraints` takes care of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Cannot correctly sort tables", SAWarning)
        _ = context.sorted_tables  # kept by the context
    return PriorityDispatchResult.CONTINUE


def arrange_constraints(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Rewrite what Alembic has found so that the revision runs, and so that its reverse does."""
    for operation in _list_operations(upgrade_ops):
        if isinstance(operation, ops.CreateForeignKeyOp):
            # Alembic writes it and `op.create_foreign_key` has no use for it.
            operation.kw.pop("use_alter", None)
    _move_column_checks(upgrade_ops)
    if context.dialect.supports_alter:  # SQLite cannot add a key to a table: https://www.sqlite.org/lang_altertable.html
        _create_keys_after_tables(upgrade_ops)
        _drop_keys_before_tables(upgrade_ops)
        _put_keys_around_the_rest(upgrade_ops)
    for table_ops in _list_table_operations(upgrade_ops):
        table_ops.ops = [operation for operation in table_ops.ops if not _is_needless(context, operation)]
    upgrade_ops.ops = [
        operation for operation in upgrade_ops.ops if not (isinstance(operation, ops.ModifyTableOps) and operation.is_empty())
    ]
    _name_constraints(context, upgrade_ops)
    return PriorityDispatchResult.CONTINUE


def _list_table_operations(upgrade_ops: ops.UpgradeOps) -> list[ops.ModifyTableOps]:
    return [operation for operation in upgrade_ops.ops if isinstance(operation, ops.ModifyTableOps)]


def _list_operations(upgrade_ops: ops.UpgradeOps) -> Iterator[ops.MigrateOperation]:
    for operation in upgrade_ops.ops:
        yield from operation.ops if isinstance(operation, ops.ModifyTableOps) else [operation]


def _find_key(operation: Any) -> Key:
    return operation.schema, str(operation.table_name)


def _sort_key(table: Key) -> tuple[str, str]:
    return table[0] or "", table[1]


def _find_target(key: ops.CreateForeignKeyOp) -> Key:
    return key.kw.get("referent_schema"), str(key.referent_table)


# Checks of columns


def _move_column_checks(upgrade_ops: ops.UpgradeOps) -> None:
    """Make the checks that stand in a column checks of its table: Alembic renders those only."""
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
                name = _read_name(check) or choose_name(operation.table_name, [operation.column.name], "check", taken)
                taken.add(name)
                yield ops.CreateCheckConstraintOp(name, operation.table_name, check.sqltext, schema=operation.schema)


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
    return CheckConstraint(check.sqltext, name=_read_name(check), **check.dialect_kwargs)


def _read_name(constraint: Constraint) -> str | None:
    """The name of a constraint; SQLAlchemy has an object of its own for one that a naming convention leaves without."""
    return constraint.name if isinstance(constraint.name, str) else None


# Foreign keys


def _create_keys_after_tables(upgrade_ops: ops.UpgradeOps) -> None:
    """Take a key out of its new table where it needs what comes later, or has `use_alter`, which `op.create_table` leaves out."""
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
    """Whether an operation makes what a key refers to: the table, columns, their type, or that they are unique.

    Alembic names the default schema or does not, so that the operations on a table that exists are told by its name alone.
    """
    if isinstance(operation, ops.ModifyTableOps):
        return operation.table_name == key.referent_table and any(_provides(inner, key) for inner in operation.ops)
    columns: Iterable[Any]
    match operation:
        case ops.CreateTableOp():
            return _find_key(operation) == _find_target(key)
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
    """Drop keys before what they refer to is changed, and create them after: columns, unique constraints, unique indexes."""
    dropped: list[ops.ModifyTableOps] = []
    created: list[ops.ModifyTableOps] = []
    for table_ops in _list_table_operations(upgrade_ops):
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


def _concerns(operation: ops.MigrateOperation, tables: set[Key]) -> bool:
    kinds = (ops.CreateTableOp, ops.DropTableOp, ops.ModifyTableOps)
    return isinstance(operation, kinds) and _find_key(operation) in tables


def _drop_keys_before_tables(upgrade_ops: ops.UpgradeOps) -> None:
    """Drop tables in an order in which nothing refers to them, and the keys of cycles before."""
    drops = {_find_key(operation): operation for operation in upgrade_ops.ops if isinstance(operation, ops.DropTableOp)}
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
    keys: dict[Key, list[ops.CreateForeignKeyOp]],
) -> tuple[list[Key], dict[Key, list[ops.CreateForeignKeyOp]]]:
    """The order in which tables can be dropped, and the keys that have to go before, which are those of cycles."""
    order: list[Key] = []
    cyclic: dict[Key, list[ops.CreateForeignKeyOp]] = {}
    referring: dict[Key, set[Key]] = {table: set() for table in keys}
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
    """The same, whose reverse creates the table without these keys."""
    table: Table = drop.to_table()
    table.constraints -= {constraint for constraint in table.foreign_key_constraints if constraint.name in names}
    return ops.DropTableOp.from_table(table)


# Unique constraints and names


def _is_needless(context: AutogenContext, operation: ops.MigrateOperation) -> bool:
    """Whether PostgreSQL does without: a unique constraint on the columns of the primary key, of which it makes one constraint.

    Or the removal of a column that belongs to the parent table. See https://www.postgresql.org/docs/current/sql-createtable.html,
    UNIQUE and INHERITS.
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


def _name_constraints(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> None:
    """Name the constraints that are added to a table which exists: without a name, no downgrade can drop them.

    SQLite's batch operations need a name as well. The names are those that PostgreSQL would choose; a naming convention has given
    its own before.
    """
    taken: dict[Key, set[str]] = {}
    in_schemas = _list_names_of_schemas(context, upgrade_ops)
    for table_ops in _list_table_operations(upgrade_ops):
        for operation in table_ops.ops:
            key = _find_key(table_ops)
            others: set[str] = set()
            if isinstance(operation, ops.CreateUniqueConstraintOp):
                columns, label = operation.columns, "key"
                others = in_schemas.setdefault(key[0] or context.dialect.default_schema_name, set())
            elif isinstance(operation, ops.CreateForeignKeyOp):
                columns, label = operation.local_cols, "fkey"
            else:
                continue
            if key not in taken:
                taken[key] = _list_names(context, key, upgrade_ops)
            if operation.constraint_name is None:
                operation.constraint_name = choose_name(
                    str(table_ops.table_name), list(map(str, columns)), label, taken[key] | others
                )
            taken[key].add(str(operation.constraint_name))
            others.add(str(operation.constraint_name))


def _list_names_of_schemas(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> dict[str | None, set[str]]:
    """The names that a unique constraint cannot have, by schema: those in the database, and those that the revision gives."""
    unnamed = (
        isinstance(one, ops.CreateUniqueConstraintOp) and one.constraint_name is None for one in _list_operations(upgrade_ops)
    )
    if context.dialect.name != "postgresql" or not any(unnamed):
        return {}
    assert context.connection is not None
    names: dict[str | None, set[str]] = {}
    for schema, name in context.connection.execute(_TAKEN_NAMES):
        names.setdefault(schema, set()).add(name)
    creations = [operation for operation in upgrade_ops.ops if isinstance(operation, ops.CreateTableOp)]
    for operation in _list_operations(upgrade_ops):
        given = {getattr(operation, attribute, None) for attribute in ("index_name", "constraint_name")}
        if isinstance(operation, ops.CreateTableOp):
            given = {operation.table_name, *(_read_name(part) for part in operation.columns if isinstance(part, Constraint))}
        schema = getattr(operation, "schema", None) or context.dialect.default_schema_name
        names.setdefault(schema, set()).update(name for name in given if isinstance(name, str))
    for creation in creations:
        here = names[creation.schema or context.dialect.default_schema_name]
        for part in creation.columns:
            if isinstance(part, UniqueConstraint) and _read_name(part) is None:
                here.add(choose_name(creation.table_name, [column.name for column in part.columns], "key", here))
    return names


def _list_names(context: AutogenContext, key: Key, upgrade_ops: ops.UpgradeOps) -> set[str]:
    """The names of the constraints that a table has."""
    schema, name = key
    if any(isinstance(operation, ops.CreateTableOp) and _find_key(operation) == key for operation in upgrade_ops.ops):
        return set()
    inspector = context.inspector
    reflected: Iterable[Any] = (*inspector.get_foreign_keys(name, schema), *inspector.get_unique_constraints(name, schema))
    return {str(constraint["name"]) for constraint in reflected if constraint["name"]}


def choose_name(table: str, columns: Sequence[str], label: str, taken: Iterable[str] = ()) -> str:
    """The name that PostgreSQL gives to a constraint without one, cut off where it is too long."""
    number = 0
    while True:
        suffix = f"_{label}{number or ''}"
        first, second = table.encode(), "_".join(columns).encode()
        room = _MAX_BYTES - len(suffix) - 1
        while len(first) + len(second) > room:
            if len(first) > len(second):
                first = first[:-1]
            else:
                second = second[:-1]
        name = f"{first.decode(errors='ignore')}_{second.decode(errors='ignore')}{suffix}"
        if name not in taken:
            return name
        number += 1
