"""Collects the enum types that the compared columns of the models declare, next to those of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column
from sqlalchemy.engine import Dialect

from ..enums.catalog import reflect_enums
from ..enums.model import EnumType
from ..errors import EnumDeclarationsDifferError
from .enum_columns import EnumUse, find_enum_use

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# Schema and name of a type, as the database has them or will have.
TypeKey = tuple[str, str]


@dataclass(slots=True)
class Comparison:
    """State shared by the comparators of one run."""

    dialect: Dialect
    default_schema: str
    reflected: dict[TypeKey, EnumType]
    visible: dict[str, TypeKey]
    # The types of columns that are compared or new and that `include_object` includes, each with its first such column.
    declared: dict[TypeKey, tuple[EnumUse, Column[Any]]] = field(default_factory=dict)
    # Declared types that the revision needs, and types that compared tables have.
    needed: set[TypeKey] = field(default_factory=set)
    used: set[TypeKey] = field(default_factory=set)
    columns: dict[tuple[str | None, str, str], Column[Any]] = field(default_factory=dict)

    def identify(self, use: EnumUse) -> TypeKey:
        """The schema and name that the type has in the database, or will have."""
        if use.schema is not None:
            return use.schema, use.name
        return self.visible.get(use.name, (self.default_schema, use.name))

    def is_same(self, one: EnumUse | None, other: EnumUse | None) -> bool:
        if one is None or other is None:
            return False
        return one.is_array == other.is_array and self.identify(one) == self.identify(other)

    def declare(self, column: Column[Any], *, needed: bool = False) -> EnumUse | None:
        """Take note of the type of a column, if it is an enum type.

        :raises EnumDeclarationsDifferError: another column declares it with other values.
        """
        use = find_enum_use(column.type, self.dialect, in_domain=True)
        if use is None:
            return None
        key = self.identify(use)
        if needed:
            self.needed.add(key)
        known, first = self.declared.get(key, (None, column))
        if known is None or not known.labels:
            self.declared[key] = use, column
        elif use.labels and use.labels != known.labels:
            raise EnumDeclarationsDifferError(
                ".".join(key),
                (describe_column(first), known.labels),
                (describe_column(column), use.labels),
                f"{column.table.name}_{column.name}",
            )
        return use


def describe_column(column: Column[Any]) -> str:
    return f"{column.table.fullname}.{column.name}"


def find_comparison(context: AutogenContext) -> Comparison:
    """The state of the running comparison, kept in the cache of SQLAlchemy's inspector, which lives as long."""
    cache, key = context.inspector.info_cache, "alembic_async_template.enums"
    if key not in cache:
        assert context.connection is not None
        default = context.dialect.default_schema_name or ""  # without one, a type needs a schema to be created at all
        compared = []
        for enum in reflect_enums(context.connection):
            schema = None if enum.schema == default else enum.schema
            arguments: tuple[Any, ...] = (enum.name, "enum", {"schema_name": schema})
            if context.run_name_filters(*arguments):
                compared.append(enum)
        cache[key] = begin_comparison(context.dialect, compared)
    comparison: Comparison = cache[key]
    return comparison


def begin_comparison(dialect: Dialect, enums: Sequence[EnumType]) -> Comparison:
    reflected = {(enum.schema, enum.name): enum for enum in enums}
    visible = {enum.name: (enum.schema, enum.name) for enum in enums if enum.visible}
    return Comparison(dialect, dialect.default_schema_name or "", reflected, visible)
