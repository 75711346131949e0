"""Compares the enum types that the models declare with those of the database, and puts what differs into the revision."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.engine import Connection
from sqlalchemy.schema import DefaultClause
from sqlalchemy.types import NullType

from ..enums.catalog import Part, find_taken_names, reflect_enums, reflect_uses
from ..enums.model import EnumType, check_labels, check_name, qualify
from ..enums.ops import CreateEnumOp, DropEnumOp
from ..errors import ExistingEnumsError, InvalidEnumError
from .column_conversions import ConvertColumnOp, plan_conversion
from .declared_enums import Comparison, begin_comparison, describe_column, find_comparison
from .enum_changes import EnumAdditionOps, EnumRebuildOps
from .enum_columns import EnumUse, find_enum_use, make_passive
from .render_enums import render_item
from .server_defaults import simplify_default

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("alembic_async_template.enums")


def list_differing_enums(
    connection: Connection, metadatas: Sequence[MetaData]
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The enum types that the models declare with other values than the database has: name, declared and reflected values."""
    if connection.dialect.name != "postgresql":
        return []
    comparison = begin_comparison(connection.dialect, reflect_enums(connection))
    for column in (column for metadata in metadatas for table in metadata.tables.values() for column in table.columns):
        comparison.declare(column)
    return [
        (qualify(key[1], key[0]), use.labels, known.labels if known else ())
        for key, (use, _) in comparison.declared.items()
        for known in [comparison.reflected.get(key)]
        if use.labels and (known is None or set(known.labels) != set(use.labels))
    ]


def compare_column(
    context: AutogenContext,
    _operation: ops.AlterColumnOp,
    schema: str | None,
    table_name: str,
    column_name: str,
    reflected: Column[Any],
    declared: Column[Any],
) -> PriorityDispatchResult:
    """Take note of a column that is compared, and of the enum type that the models give it.

    :raises EnumDeclarationsDifferError: another column declares it with other values.
    """
    comparison = find_comparison(context)
    if comparison.declare(declared) is not None or find_enum_use(reflected.type, context.dialect) is not None:
        comparison.columns[schema, str(table_name), str(column_name)] = declared
    return PriorityDispatchResult.CONTINUE


def compare_type(
    context: AutogenContext,
    operation: ops.AlterColumnOp,
    _schema: str | None,
    table_name: str,
    column_name: str,
    reflected: Column[Any],
    declared: Column[Any],
) -> PriorityDispatchResult:
    """Decide whether a column has another type, where it has or had an enum type; leave all others to Alembic."""
    current, target = find_enum_use(reflected.type, context.dialect), find_enum_use(declared.type, context.dialect)
    if current is target is None or NullType in (type(reflected.type), type(declared.type)):
        return PriorityDispatchResult.CONTINUE
    if not find_comparison(context).is_same(current, target):
        operation.existing_type, operation.modify_type = reflected.type, declared.type
        log.info("Detected type change from %r to %r on '%s.%s'", reflected.type, declared.type, table_name, column_name)
    return PriorityDispatchResult.STOP


def compare_table(
    context: AutogenContext,
    _operations: ops.ModifyTableOps,
    _schema: str | None,
    _table_name: str,
    reflected: Table | None,
    _declared: Table | None,
) -> PriorityDispatchResult:
    """Take note of the enum types that a table of the database has.

    What Alembic writes of its columns, mostly for the downgrade, does not create the types and has readable defaults.
    """
    comparison = find_comparison(context)
    for column in () if reflected is None else reflected.columns:
        use = find_enum_use(column.type, context.dialect)
        if use is not None:
            comparison.used.add(comparison.identify(use))
            use.enum.create_type = False
            if isinstance(column.server_default, DefaultClause):
                simplify_default(column.server_default)
    return PriorityDispatchResult.CONTINUE


def compare_enums(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add the differences between declared and reflected types to the operations that Alembic has found.

    Additions come first, then new types, Alembic's operations, dropped types, and last removals and new orders. The reverse of
    the revision has the same order.

    :raises EnumDeclarationsDifferError: two columns declare a type with different values.
    :raises InvalidEnumError: a declared name or value that PostgreSQL does not take.
    :raises ExistingEnumsError: there is no revision yet, and a type of the models is in the database.
    """
    comparison = find_comparison(context)
    for column in _added_columns(upgrade_ops):
        comparison.declare(column, needed=True)
    _expand_conversions(context, upgrade_ops, comparison)
    new, known = _pair_with_reflected(context, comparison)
    additions, rebuilds = [], []
    for use, column, reflected in known:
        if reflected.labels != use.labels:
            _check_declared(use, column)
            log.info("Detected change of enum '%s' from %r to %r", qualify(use.name, use.schema), reflected.labels, use.labels)
            additions.append(EnumAdditionOps(use.name, reflected.labels, use.labels, schema=use.schema))
            rebuilds.append(EnumRebuildOps(use.name, reflected.labels, use.labels, schema=use.schema))
    used = {comparison.reflected[key].oid for key in comparison.used & comparison.reflected.keys()}
    _mention_adopted(context, [reflected for _, _, reflected in known if reflected.oid not in used])
    created = _create(context, upgrade_ops, new, comparison.default_schema)
    dropped = _drop(context, upgrade_ops, comparison)
    _pair_types(created, dropped)
    # In a downgrade too, additions come before rebuilds.
    rebuilds.sort(key=lambda container: not container.reverse().ops)
    upgrade_ops.ops = [*additions, *created, *upgrade_ops.ops, *dropped, *rebuilds]
    make_passive(upgrade_ops, context.dialect)
    given = context.opts.get("render_item")
    if getattr(given, "func", None) is not render_item:
        context.opts["render_item"] = partial(render_item, given)
    return PriorityDispatchResult.CONTINUE


def _pair_with_reflected(
    context: AutogenContext, comparison: Comparison
) -> tuple[list[tuple[EnumUse, Column[Any]]], list[tuple[EnumUse, Column[Any], EnumType]]]:
    """The declared types that the database does not have, and those that it has."""
    new, known = [], []
    for key, (use, column) in sorted(comparison.declared.items(), key=lambda item: item[0]):
        reflected = comparison.reflected.get(key)
        if reflected is None and key not in comparison.needed:
            continue  # the column is left as it is, since types are not compared
        if use.labels and _is_included(context, use, reflected):
            if reflected is None:
                new.append((use, column))
            else:
                known.append((use, column, reflected))
    return new, known


def _added_columns(upgrade_ops: ops.UpgradeOps) -> Iterator[Column[Any]]:
    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.CreateTableOp):
            yield from (column for column in operation.columns if isinstance(column, Column))
        elif isinstance(operation, ops.ModifyTableOps):
            yield from (inner.column for inner in operation.ops if isinstance(inner, ops.AddColumnOp))


def _expand_conversions(context: AutogenContext, upgrade_ops: ops.UpgradeOps, comparison: Comparison) -> None:
    for table_ops in upgrade_ops.ops:
        if not isinstance(table_ops, ops.ModifyTableOps):
            continue
        expanded: list[ops.MigrateOperation] = []
        for operation in table_ops.ops:
            if isinstance(operation, ops.AlterColumnOp):
                types = [type_ for type_ in (operation.existing_type, operation.modify_type) if type_ is not None]
                if len(types) == 2 and any(find_enum_use(type_, context.dialect) for type_ in types):
                    declared = comparison.columns[table_ops.schema, str(table_ops.table_name), str(operation.column_name)]
                    comparison.declare(declared, needed=True)
                    expanded += plan_conversion(operation, declared.server_default, context.dialect)
                    continue
            expanded.append(operation)
        table_ops.ops = expanded


def _check_declared(use: EnumUse, column: Column[Any]) -> None:
    """Refuse names and labels that PostgreSQL would refuse when the revision runs, and name the column of the models."""
    name = qualify(use.name, use.schema)
    try:
        check_name(use.name, use.schema)
        check_labels(name, use.labels)
    except InvalidEnumError as error:
        raise InvalidEnumError(f"{name} of {describe_column(column)}", error.problem, _EXAMPLE) from error


_EXAMPLE = 'sqlalchemy.Enum("draft", "live", name="post_status")'


def _create(
    context: AutogenContext, upgrade_ops: ops.UpgradeOps, new: list[tuple[EnumUse, Column[Any]]], default_schema: str
) -> list[CreateEnumOp]:
    """The operations that create the declared types which the database does not have.

    :raises InvalidEnumError: a column would get another type that has the name.
    """
    if not new:
        return []
    assert context.connection is not None
    taken = find_taken_names(context.connection, [use.name for use, _ in new])
    tables = {(op.schema or default_schema, op.table_name) for op in upgrade_ops.ops if isinstance(op, ops.CreateTableOp)}
    for use, column in new:
        _check_declared(use, column)
        key = (use.schema or default_schema, use.name)
        problem = None
        if use.schema is None and (use.name, "pg_catalog") in taken:
            problem = "PostgreSQL has a type of that name, which the column would get"
        elif key in tables or (use.name, key[0]) in taken:
            problem = "A table of that name, or another type, is in the schema, and a table has a type of its name"
        if problem:
            name = f"{column.table.name}_{use.name}"
            raise InvalidEnumError(
                f"{qualify(use.name, use.schema)} of {describe_column(column)}", problem, f"sqlalchemy.Enum(..., name={name!r})"
            )
        log.info("Detected added enum '%s'", qualify(use.name, use.schema))
    return [CreateEnumOp(use.name, use.labels, schema=use.schema) for use, _ in new]


def _mention_adopted(context: AutogenContext, adopted: list[EnumType]) -> None:
    """Warn of types in the database that no compared table had: this revision does not create them.

    :raises ExistingEnumsError: there is no revision that could have created a type, and nothing uses it.
    """
    if not adopted:
        return
    assert context.connection is not None
    script = context.migration_context.script
    if script is not None and not script.get_heads():
        uses = reflect_uses(context.connection)
        if unused := [enum.qualified_name for enum in adopted if enum.oid not in uses]:
            raise ExistingEnumsError(unused)
    for enum in adopted:
        log.warning(
            "Enum %s is in the database, though no table that is compared has it: this revision does not create it. If no other "
            "revision does and it is left over, drop it and write this one again: DROP TYPE %s",
            *(enum.qualified_name, enum.qualified_name),
        )


def _drop(context: AutogenContext, upgrade_ops: ops.UpgradeOps, comparison: Comparison) -> list[DropEnumOp]:
    """The types that nothing uses once this revision has run.

    A type that nothing uses before is dropped only with `drop_unused_enums=True` among the arguments of `context.configure`.
    """
    asked = context.opts.get("drop_unused_enums", False)
    gone = _find_gone(upgrade_ops)
    undeclared = {key: enum for key, enum in comparison.reflected.items() if key not in comparison.declared and enum.labels}
    if not undeclared or not (gone or asked):
        return []
    assert context.connection is not None
    uses = reflect_uses(context.connection)
    dropped = []
    for (schema, name), enum in sorted(undeclared.items()):
        named = None if schema == comparison.default_schema else schema
        used = uses.get(enum.oid, [])
        if not used and not (asked and _is_schema_compared(context, named)):
            continue
        if all(_goes(parts, gone) for parts in used) and _is_included(context, None, enum):
            log.info("Detected removed enum '%s'", enum.qualified_name)
            dropped.append(DropEnumOp(name, enum.labels, schema=named))
    return dropped


def _find_gone(upgrade_ops: ops.UpgradeOps) -> set[Part]:
    """The tables and columns that the revision drops, and the columns that it gives another type."""
    gone: set[Part] = set()
    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.DropTableOp):
            gone.add((operation.schema, operation.table_name, None))
        elif isinstance(operation, ops.ModifyTableOps):
            for inner in operation.ops:
                if isinstance(inner, ops.DropColumnOp | ConvertColumnOp):
                    gone.add((operation.schema, operation.table_name, inner.column_name))
    return gone


def _goes(parts: set[Part], gone: set[Part]) -> bool:
    return any(part in gone or (part[0], part[1], None) in gone for part in parts)


def _is_included(context: AutogenContext, declared: EnumUse | None, reflected: EnumType | None) -> bool:
    """Ask `include_object` of `env.py` about a type, as it is asked about tables, with "enum" for the kind of object."""
    types = [
        None if enum is None else ENUM(*enum.labels, name=enum.name, schema=enum.schema, create_type=False)
        for enum in (declared, reflected)
    ]
    for type_ in types:
        if type_ is not None:
            type_.info = {}  # type: ignore[attr-defined]  # everything has it that Alembic itself asks about
    first, second = types if declared is not None else (types[1], None)
    assert first is not None
    arguments: tuple[Any, ...] = (first, str(first.name), "enum", declared is None, second)
    if context.run_object_filters(*arguments):
        return True
    if reflected is None:
        log.warning("include_object leaves out enum %s, which is not in the database", first.name)
    return False


def _is_schema_compared(context: AutogenContext, schema: str | None) -> bool:
    """Whether the schema is one of those whose tables are compared."""
    return bool(schema is None or context.opts.get("include_schemas")) and context.run_name_filters(schema, "schema", {})


def _pair_types(created: list[CreateEnumOp], dropped: list[DropEnumOp]) -> None:
    """Note on a new type that it may be a dropped one with the same values, renamed or moved."""
    for new in created:
        alike = [old for old in dropped if old.values == new.values and old.renamed_to is None]
        old = min(alike, key=lambda old: old.enum_name != new.enum_name, default=None)
        if old is not None:
            new.renamed_from = old.schema, old.enum_name
            old.renamed_to = new.schema, new.enum_name
