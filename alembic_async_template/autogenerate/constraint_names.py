"""Names the constraints that a revision adds to tables which exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import Constraint, UniqueConstraint, text

from ..postgresql import MAX_BYTES
from .operation_tree import TableKey, find_table, list_operations, list_table_operations

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


# The names that PostgreSQL does not give to a unique constraint, which is an index as well: those of all relations and all
# constraints of its schema, https://www.postgresql.org/docs/current/catalog-pg-class.html.
_RELATIONS_AND_CONSTRAINTS = text("""
    SELECT CAST(nspname AS text) AS schema, CAST(relname AS text) AS name
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    UNION SELECT CAST(nspname AS text), CAST(conname AS text)
    FROM pg_catalog.pg_constraint JOIN pg_catalog.pg_namespace ON pg_namespace.oid = connamespace
""")


def name_constraints(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> None:
    """Name the constraints that are added to a table which exists: without a name, no downgrade can drop them.

    SQLite's batch operations need a name as well. The names are those that PostgreSQL would choose. Constraints that a naming
    convention covers have a name already.
    """
    taken: dict[TableKey, set[str]] = {}
    in_schemas = _list_names_of_schemas(context, upgrade_ops)
    for table_ops in list_table_operations(upgrade_ops):
        for operation in table_ops.ops:
            key = find_table(table_ops)
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
    """The names, by schema, that a new unique constraint cannot have: those of the database, and those that the revision adds."""
    unnamed = (
        isinstance(one, ops.CreateUniqueConstraintOp) and one.constraint_name is None for one in list_operations(upgrade_ops)
    )
    if context.dialect.name != "postgresql" or not any(unnamed):
        return {}
    assert context.connection is not None
    names: dict[str | None, set[str]] = {}
    for row in context.connection.execute(_RELATIONS_AND_CONSTRAINTS):
        names.setdefault(row.schema, set()).add(row.name)
    creations = [operation for operation in upgrade_ops.ops if isinstance(operation, ops.CreateTableOp)]
    for operation in list_operations(upgrade_ops):
        given = {getattr(operation, attribute, None) for attribute in ("index_name", "constraint_name")}
        if isinstance(operation, ops.CreateTableOp):
            given = {operation.table_name, *(read_name(part) for part in operation.columns if isinstance(part, Constraint))}
        schema = getattr(operation, "schema", None) or context.dialect.default_schema_name
        names.setdefault(schema, set()).update(name for name in given if isinstance(name, str))
    for creation in creations:
        here = names[creation.schema or context.dialect.default_schema_name]
        for part in creation.columns:
            if isinstance(part, UniqueConstraint) and read_name(part) is None:
                here.add(choose_name(creation.table_name, [column.name for column in part.columns], "key", here))
    return names


def _list_names(context: AutogenContext, key: TableKey, upgrade_ops: ops.UpgradeOps) -> set[str]:
    """The names of the constraints that a table has."""
    schema, name = key
    if any(isinstance(operation, ops.CreateTableOp) and find_table(operation) == key for operation in upgrade_ops.ops):
        return set()
    inspector = context.inspector
    reflected: Iterable[Any] = (*inspector.get_foreign_keys(name, schema), *inspector.get_unique_constraints(name, schema))
    return {str(constraint["name"]) for constraint in reflected if constraint["name"]}


def choose_name(table: str, columns: Sequence[str], label: str, taken: Iterable[str] = ()) -> str:
    """The name that PostgreSQL gives to an unnamed constraint; it shortens long ones."""
    number = 0
    while True:
        suffix = f"_{label}{number or ''}"
        first, second = table.encode(), "_".join(columns).encode()
        room = MAX_BYTES - len(suffix) - 1
        while len(first) + len(second) > room:
            if len(first) > len(second):
                first = first[:-1]
            else:
                second = second[:-1]
        name = "_".join(part.decode(errors="ignore") for part in (first, second) if part) + suffix
        if name not in taken:
            return name
        number += 1


def read_name(constraint: Constraint) -> str | None:
    """The name of a constraint. SQLAlchemy has an object of its own for an unnamed one that a naming convention covers."""
    return constraint.name if isinstance(constraint.name, str) else None
