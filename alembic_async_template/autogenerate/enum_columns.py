"""Finds the enum type of a column under arrays, type decorators and variants, and keeps columns from creating it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops
from sqlalchemy import ARRAY, Column, Enum
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import DOMAIN, ENUM
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from .. import _compat
from ..application.column_types import find_implementation


@dataclass(frozen=True, slots=True)
class EnumUse:
    """What a column's type is on PostgreSQL: an enum type, or an array of one."""

    enum: Enum
    is_array: bool

    @property
    def schema(self) -> str | None:
        return None if self.enum.schema is None else str(self.enum.schema)

    @property
    def name(self) -> str:
        return str(self.enum.name)

    @property
    def labels(self) -> tuple[str, ...]:
        """Empty where a model only refers to a type that is created elsewhere."""
        return tuple(map(str, self.enum.enums))


def find_enum_use(type_: TypeEngine[Any], dialect: Dialect, *, in_domain: bool = False) -> EnumUse | None:
    """The enum type that a column of this type has on PostgreSQL, None when it has another type or a nameless one.

    :param in_domain: whether the type of a domain counts, which has to be there too.
    """
    implementation = find_implementation(type_, dialect)
    if isinstance(implementation, Enum):
        return EnumUse(implementation, is_array=False) if implementation.native_enum and implementation.name else None
    if isinstance(implementation, ARRAY):
        item = find_enum_use(implementation.item_type, dialect)
        return None if item is None else EnumUse(item.enum, is_array=True)
    if in_domain and isinstance(implementation, DOMAIN):
        return find_enum_use(implementation.data_type, dialect, in_domain=True)
    return None


def make_passive_type(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """The type for an operation: an enum type as PostgreSQL's own, which the column does not create; other types unchanged.

    On a database without enum types, the result is text like any other enum.
    """
    variant = _compat.type_variants(type_).get(dialect.name)
    if variant is not None:
        # SQLAlchemy's copies of an enum have lost its variants; those of other types keep them.
        return make_passive_type(variant, dialect) if isinstance(type_, Enum) else type_
    use = find_enum_use(type_, dialect)
    if use is None:
        return type_
    enum = ENUM(
        *use.labels,
        name=use.name,
        schema=use.schema,
        create_type=False,
        create_constraint=use.enum.create_constraint,
        length=use.enum.length,
    )
    copy: ENUM = enum.copy()  # type: ignore[no-untyped-call]
    if (copy.create_constraint, copy.length) != (enum.create_constraint, enum.length):
        return type_  # SQLAlchemy 2.0's copies lose both, which matter elsewhere
    if not use.is_array:
        return enum
    return postgresql.ARRAY(enum, dimensions=getattr(find_implementation(type_, dialect), "dimensions", None))


def make_passive(
    upgrade_ops: ops.UpgradeOps, dialect: Dialect, is_meant: Callable[[Column[Any]], bool] = lambda _column: True
) -> None:
    """Let no operation create an enum type along with a table or column, when it is rendered or when it is run.

    :param is_meant: chooses the new columns that it is about.
    """

    def replace(column: Any) -> Any:
        passive = make_passive_type(column.type, dialect) if isinstance(column, Column) and is_meant(column) else None
        if passive is None or passive is column.type:
            return column
        copy = _compat.copy_column(column)
        copy.type = passive
        return copy

    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.CreateTableOp):
            operation.columns = [replace(column) for column in operation.columns]
        elif isinstance(operation, ops.ModifyTableOps):
            for inner in operation.ops:
                if isinstance(inner, ops.AddColumnOp):
                    inner.column = replace(inner.column)
                elif isinstance(inner, ops.AlterColumnOp) and inner.existing_type is not None:
                    inner.existing_type = make_passive_type(inner.existing_type, dialect)
