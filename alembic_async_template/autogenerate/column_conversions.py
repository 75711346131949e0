"""Changes a column to an enum type, or from one, and back: drops its default, casts its values, and sets the default."""

from __future__ import annotations

from typing import Any

from alembic.operations import ops
from sqlalchemy import text
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import DefaultClause
from sqlalchemy.types import ARRAY, CHAR, String, TypeEngine

from ..application.column_types import find_implementation
from ..postgresql import quote_without_percent
from .enum_columns import EnumUse, find_enum_use, make_passive_type
from .server_defaults import read_expression, simplify_default


class ConvertColumnOp(ops.AlterColumnOp):
    """Changes a column to an enum type, or from one, with the USING clause that each direction needs."""

    def __init__(self, *arguments: Any, using: str | None, reverse_using: str | None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if using is not None:
            self.kw["postgresql_using"] = using
        self.using = using
        self.reverse_using = reverse_using

    def reverse(self) -> ConvertColumnOp:
        return ConvertColumnOp(
            self.table_name,
            self.column_name,
            schema=self.schema,
            existing_type=self.modify_type,
            existing_nullable=self.existing_nullable if self.modify_nullable is None else self.modify_nullable,
            existing_comment=self.existing_comment if self.modify_comment is False else self.modify_comment,
            modify_type=self.existing_type,
            modify_nullable=None if self.modify_nullable is None else self.existing_nullable,
            modify_comment=False if self.modify_comment is False else self.existing_comment,
            using=self.reverse_using,
            reverse_using=self.using,
        )


def plan_conversion(operation: ops.AlterColumnOp, declared: Any, dialect: Dialect) -> list[ops.AlterColumnOp]:
    """The steps in which a column with a default changes to an enum type or from one.

    PostgreSQL does not cast the default along, https://www.postgresql.org/docs/current/sql-altertable.html.

    :param declared: the default that the models declare.
    """
    assert operation.existing_type is not None
    assert operation.modify_type is not None
    existing_type = make_passive_type(operation.existing_type, dialect)
    new_type = make_passive_type(operation.modify_type, dialect)
    using = write_using(operation, existing_type, new_type, dialect)
    column = (operation.table_name, operation.column_name)
    facts: dict[str, Any] = {"schema": operation.schema, "existing_type": existing_type}
    facts["existing_nullable"] = operation.existing_nullable
    steps: list[ops.AlterColumnOp] = [
        ConvertColumnOp(
            *column,
            **facts,
            existing_comment=operation.existing_comment,
            modify_type=new_type,
            modify_nullable=operation.modify_nullable,
            modify_comment=operation.modify_comment,
            using=using,
            reverse_using=write_using(operation, new_type, existing_type, dialect),
        )
    ]
    existing, changed = operation.existing_server_default, operation.modify_server_default
    if isinstance(existing, DefaultClause):
        simplify_default(existing)
        steps.insert(0, ops.AlterColumnOp(*column, **facts, existing_server_default=existing, modify_server_default=None))
        if changed is False:
            changed = declared or _cast_default(existing, using)
    if isinstance(changed, DefaultClause):
        facts["existing_type"] = new_type
        if operation.modify_nullable is not None:
            facts["existing_nullable"] = operation.modify_nullable
        steps.append(ops.AlterColumnOp(*column, **facts, existing_server_default=None, modify_server_default=changed))
    return steps


def _cast_default(default: DefaultClause, using: str | None) -> DefaultClause:
    """The existing default, of which the models say nothing, for the new type of a column."""
    if isinstance(default.arg, str):
        return DefaultClause(default.arg)
    cast = "text" if using is None else f"text::{using.rpartition('::')[2]}"
    return DefaultClause(text(f"({read_expression(default)})::{cast}"))


def write_using(operation: ops.AlterColumnOp, existing: TypeEngine[Any], target: TypeEngine[Any], dialect: Dialect) -> str | None:
    """The USING clause that converts a column's values to another type; None where PostgreSQL needs none."""
    column = quote_without_percent(operation.column_name)
    current, wanted = find_enum_use(existing, dialect), find_enum_use(target, dialect)
    existing, target = find_implementation(existing, dialect), find_implementation(target, dialect)
    from_array, to_array = isinstance(existing, ARRAY), isinstance(target, ARRAY)
    if wanted is None and _is_text(target) and (from_array or not to_array):
        return None  # an assignment cast, which refuses text that is too long; an array becomes its text
    cast = target.compile(dialect=dialect) if wanted is None else _quote_type(wanted)
    if from_array and not to_array:
        return f"array_to_string({column}::text[], chr(31))::{cast}"  # no value is made of several
    if to_array and not from_array and current is not None:
        array = f"ARRAY[{column}::text]" + ("" if wanted is None else f"::{cast}")
        return array if operation.existing_nullable is False else f"CASE WHEN {column} IS NOT NULL THEN {array} END"
    if current is None and _is_text(existing) and not isinstance(existing, CHAR):
        return f"{column}::{cast}"
    return f"{column}::text{'[]' if from_array else ''}::{cast}"


def _is_text(type_: TypeEngine[Any]) -> bool:
    """Whether it is a text type, or an array of one."""
    return isinstance(getattr(type_, "item_type", type_), String)


def _quote_type(use: EnumUse) -> str:
    name = ".".join(quote_without_percent(part) for part in (use.schema, use.name) if part)
    return name + "[]" if use.is_array else name
