"""Compares the enum types that the models declare with those of the database, and puts what differs into the revision."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.types import NullType

from ..errors import EnumDeclarationsDifferError
from .catalog import Part, reflect_enums, reflect_uses
from .declared import EnumUse, find_enum_use
from .differences import ConvertColumnOp, EnumAdditionOps, EnumRebuildOps, plan_conversion
from .model import EnumType, check_labels, check_name, qualify
from .operations import CreateEnumOp, DropEnumOp
from .render import render_item

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("alembic_async_template.enums")

Key = tuple[str, str]


@dataclass(slots=True)
class _Comparison:
    """What the comparators of one run have come by."""

    default_schema: str
    reflected: dict[Key, EnumType]
    visible: dict[str, Key]
    # Of the columns that are compared or new, and not left out by `include_object`: the first that declares a type.
    declared: dict[Key, tuple[EnumUse, Column[Any]]] = field(default_factory=dict)
    conversions: list[tuple[ops.AlterColumnOp, Column[Any]]] = field(default_factory=list)

    def identify(self, use: EnumUse) -> Key:
        """The schema and name that the type has in the database, or will have."""
        if use.schema is not None:
            return use.schema, use.name
        return self.visible.get(use.name, (self.default_schema, use.name))

    def is_same(self, one: EnumUse | None, other: EnumUse | None) -> bool:
        if one is None or other is None:
            return False
        return one.is_array == other.is_array and self.identify(one) == self.identify(other)

    def declare(self, column: Column[Any], use: EnumUse | None) -> None:
        if use is None:
            return
        key = self.identify(use)
        known, first = self.declared.get(key, (None, column))
        if known is None or not known.labels:
            self.declared[key] = use, column
        elif use.labels and use.labels != known.labels:
            raise EnumDeclarationsDifferError(
                qualify(use.name, use.schema),
                (_describe(first), known.labels),
                (_describe(column), use.labels),
                f"{column.table.name}_{column.name}",
            )


def _describe(column: Column[Any]) -> str:
    return f"{column.table.fullname}.{column.name}"


def _find_comparison(context: AutogenContext) -> _Comparison:
    """What is known of the running comparison; kept with what SQLAlchemy's inspector has read for it."""
    cache, key = context.inspector.info_cache, "alembic_async_template.enums"
    if key not in cache:
        assert context.connection is not None
        default = context.dialect.default_schema_name or ""  # without one, a type needs a schema to be created at all
        reflected = {}
        for enum in reflect_enums(context.connection):
            schema = None if enum.schema == default else enum.schema
            arguments: tuple[Any, ...] = (enum.name, "enum", {"schema_name": schema})
            if context.run_name_filters(*arguments):
                reflected[enum.schema, enum.name] = enum
        visible = {enum.name: (enum.schema, enum.name) for enum in reflected.values() if enum.visible}
        cache[key] = _Comparison(default, reflected, visible)
    comparison: _Comparison = cache[key]
    return comparison


def compare_column(
    context: AutogenContext,
    _operation: ops.AlterColumnOp,
    _schema: str | None,
    _table_name: str,
    _column_name: str,
    _reflected: Column[Any],
    declared: Column[Any],
) -> PriorityDispatchResult:
    """Take note of the enum type that a column of the models has.

    :raises EnumDeclarationsDifferError: another column declares it with other values.
    """
    _find_comparison(context).declare(declared, find_enum_use(declared.type, context.dialect))
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
    comparison = _find_comparison(context)
    if comparison.is_same(current, target):
        return PriorityDispatchResult.STOP
    operation.modify_type = declared.type
    comparison.conversions.append((operation, declared))
    log.info("Detected type change from %r to %r on '%s.%s'", reflected.type, declared.type, table_name, column_name)
    return PriorityDispatchResult.STOP


def compare_enums(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add to what Alembic has found what differs between declared and reflected types.

    Additions come first, then the new types, then what Alembic has found, types that go, and last removals and other orders;
    in the reverse of it, the same holds.

    :raises EnumDeclarationsDifferError: two columns declare a type with different values.
    :raises InvalidEnumError: a declared name or value that PostgreSQL does not take.
    """
    comparison = _find_comparison(context)
    for column in _added_columns(upgrade_ops):
        comparison.declare(column, find_enum_use(column.type, context.dialect))
    _expand_conversions(context, upgrade_ops, comparison)
    created: list[CreateEnumOp] = []
    additions: list[EnumAdditionOps] = []
    rebuilds: list[EnumRebuildOps] = []
    for key, (use, _) in sorted(comparison.declared.items()):
        reflected = comparison.reflected.get(key)
        if not use.labels or (reflected is not None and reflected.labels == use.labels):
            continue
        compared = None if reflected is None else _to_type(reflected)
        if not _is_included(context, use.enum, reflected=False, compared=compared):
            continue
        name = qualify(use.name, use.schema)
        check_name(use.name, use.schema)
        check_labels(name, use.labels)
        if reflected is None:
            log.info("Detected added enum '%s'", name)
            created.append(CreateEnumOp(use.name, use.labels, schema=use.schema))
        else:
            log.info("Detected change of the values of enum '%s' from %r to %r", name, reflected.labels, use.labels)
            additions.append(EnumAdditionOps(use.name, reflected.labels, use.labels, schema=use.schema))
            rebuilds.append(EnumRebuildOps(use.name, reflected.labels, use.labels, schema=use.schema))
    dropped = _find_dropped(context, upgrade_ops, comparison)
    _pair_types(created, dropped)
    # In a downgrade, additions come before what is made anew, as they do here.
    rebuilds.sort(key=lambda container: not container.reverse().ops)
    upgrade_ops.ops = [*additions, *created, *upgrade_ops.ops, *dropped, *rebuilds]
    _render_types(context)
    return PriorityDispatchResult.CONTINUE


def _added_columns(upgrade_ops: ops.UpgradeOps) -> Iterator[Column[Any]]:
    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.CreateTableOp):
            yield from (column for column in operation.columns if isinstance(column, Column))
        elif isinstance(operation, ops.ModifyTableOps):
            yield from (inner.column for inner in operation.ops if isinstance(inner, ops.AddColumnOp))


def _expand_conversions(context: AutogenContext, upgrade_ops: ops.UpgradeOps, comparison: _Comparison) -> None:
    defaults = {id(operation): column.server_default for operation, column in comparison.conversions}
    for table_ops in upgrade_ops.ops:
        if isinstance(table_ops, ops.ModifyTableOps):
            expanded: list[ops.MigrateOperation] = []
            for operation in table_ops.ops:
                if isinstance(operation, ops.AlterColumnOp) and id(operation) in defaults:
                    expanded += plan_conversion(operation, defaults[id(operation)], context.dialect)
                else:
                    expanded.append(operation)
            table_ops.ops = expanded


def _find_dropped(context: AutogenContext, upgrade_ops: ops.UpgradeOps, comparison: _Comparison) -> list[DropEnumOp]:
    """The types that nothing uses any more once this revision has run; one that nothing ever used, only if that is asked for.

    It is asked for with `drop_unused_enums=True` among the arguments of `context.configure`.
    """
    asked = context.opts.get("drop_unused_enums", False)
    gone = _find_gone(upgrade_ops, comparison.default_schema)
    undeclared = {key: enum for key, enum in comparison.reflected.items() if key not in comparison.declared}
    if not undeclared or not (gone or asked):
        return []
    assert context.connection is not None
    uses = reflect_uses(context.connection)
    dropped = []
    for (schema, name), enum in sorted(undeclared.items()):
        used = uses.get(enum.oid, [])
        if not used and not (asked and _is_compared(context, None if schema == comparison.default_schema else schema)):
            continue
        if all(_goes(parts, gone) for parts in used) and _is_included(context, _to_type(enum), reflected=True):
            log.info("Detected removed enum '%s'", enum.qualified_name)
            dropped.append(DropEnumOp(name, enum.labels, schema=None if enum.visible else schema))
    return dropped


def _find_gone(upgrade_ops: ops.UpgradeOps, default_schema: str) -> set[Part]:
    """The tables and columns that the revision drops, and the columns that it gives another type."""
    gone: set[Part] = set()
    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.DropTableOp):
            gone.add((operation.schema or default_schema, operation.table_name, None))
        elif isinstance(operation, ops.ModifyTableOps):
            for inner in operation.ops:
                if isinstance(inner, ops.DropColumnOp | ConvertColumnOp):
                    gone.add((operation.schema or default_schema, operation.table_name, inner.column_name))
    return gone


def _goes(parts: set[Part], gone: set[Part]) -> bool:
    return any(part in gone or (part[0], part[1], None) in gone for part in parts)


def _is_included(context: AutogenContext, enum: ENUM, *, reflected: bool, compared: ENUM | None = None) -> bool:
    """Ask `include_object` of `env.py` about a type, as it is asked about tables, with "enum" for the kind of object."""
    arguments: tuple[Any, ...] = (enum, str(enum.name), "enum", reflected, compared)
    return context.run_object_filters(*arguments)


def _is_compared(context: AutogenContext, schema: str | None) -> bool:
    """Whether the schema is one of those whose tables are compared."""
    return bool(schema is None or context.opts.get("include_schemas")) and context.run_name_filters(schema, "schema", {})


def _to_type(enum: EnumType) -> ENUM:
    return ENUM(*enum.labels, name=enum.name, schema=enum.schema, create_type=False)


def _pair_types(created: list[CreateEnumOp], dropped: list[DropEnumOp]) -> None:
    """Note of each new type with the values of one that goes that it may be that one, renamed or moved."""
    for new in created:
        alike = [old for old in dropped if old.values == new.values and old.renamed_to is None]
        old = min(alike, key=lambda old: old.enum_name != new.enum_name, default=None)
        if old is not None:
            new.renamed_from = old.schema, old.enum_name
            old.renamed_to = new.schema, new.enum_name


def _render_types(context: AutogenContext) -> None:
    """Have the columns' types rendered by `render_item`, after the one given in `env.py`."""
    given = context.opts.get("render_item")
    if getattr(given, "func", None) is not render_item:
        context.opts["render_item"] = partial(render_item, given)
