"""Which enum type a column of the models has, whatever stands around it: an array, a TypeDecorator, a variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


@dataclass(frozen=True, slots=True)
class EnumUse:
    """What a column's type is on PostgreSQL: an enum type, or an array of one."""

    enum: ENUM
    is_array: bool

    @property
    def schema(self) -> str | None:
        return None if self.enum.schema is None else str(self.enum.schema)

    @property
    def name(self) -> str:
        return str(self.enum.name)

    @property
    def labels(self) -> tuple[str, ...]:
        """None of them where a model only refers to a type that somebody else creates."""
        return tuple(self.enum.enums)


def find_enum_use(type_: TypeEngine[Any], dialect: Dialect) -> EnumUse | None:
    """The enum type that a column of this type has on PostgreSQL, None when it has another type or a nameless one."""
    implementation = find_implementation(type_, dialect)
    if isinstance(implementation, ARRAY):
        item = find_enum_use(implementation.item_type, dialect)
        return None if item is None else EnumUse(item.enum, is_array=True)
    if isinstance(implementation, ENUM) and implementation.name:
        return EnumUse(implementation, is_array=False)
    return None


def find_implementation(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """The type without decorators and variants of other databases."""
    implementation = type_.dialect_impl(dialect)
    while isinstance(implementation, TypeDecorator):
        implementation = implementation.impl_instance
    return implementation
