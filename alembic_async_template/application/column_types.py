"""Which type a column has on one dialect, whatever stands around it: decorators and variants."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from .. import _compat


def find_implementation(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """The type that a column of this type has with a dialect, without decorators and without variants."""
    type_ = _compat.type_variants(type_).get(dialect.name, type_)
    while isinstance(type_, TypeDecorator):
        type_ = type_.load_dialect_impl(dialect)
        type_ = _compat.type_variants(type_).get(dialect.name, type_)
    return type_
