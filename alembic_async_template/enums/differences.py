"""What autogenerate puts into a revision for one enum type: which operations, in which order, and their exact reverse.

All of it is computed from the labels that the database has and those that the models declare.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from alembic.operations import ops
from sqlalchemy.engine import Dialect
from sqlalchemy.types import ARRAY, String, TypeEngine

from .declared import EnumUse, find_enum_use, find_implementation
from .operations import AddEnumValueOp, EnumOperation, RemoveEnumValueOp, ReorderEnumValuesOp, ReplaceEnumValuesOp


class EnumChangeOps(ops.OpContainer):
    """The operations that bring the values of a type from `existing_values` to `values`, or the first or last part of them."""

    ops: list[EnumOperation]  # type: ignore[assignment]

    def __init__(
        self, enum_name: str, existing_values: Sequence[str], values: Sequence[str], *, schema: str | None = None
    ) -> None:
        self.enum_name = enum_name
        self.existing_values = tuple(existing_values)
        self.values = tuple(values)
        self.schema = schema
        super().__init__(self.plan())

    def plan(self) -> list[EnumOperation]:
        raise NotImplementedError


class EnumAdditionOps(EnumChangeOps):
    """The additions, which come first in a revision, so that all that follows can use the new values.

    Where there is nothing to add, it is there for its reverse: what was put in another order is put back last.
    """

    def plan(self) -> list[EnumOperation]:
        _, added = _merge(self.existing_values, self.values)
        return [AddEnumValueOp(self.enum_name, value, **position, schema=self.schema) for value, position in added]

    def reverse(self) -> EnumRebuildOps:
        return EnumRebuildOps(self.enum_name, self.values, self.existing_values, schema=self.schema)


class EnumRebuildOps(EnumChangeOps):
    """What cannot be had by adding, in one operation; it comes last in a revision, when nothing uses the old values."""

    def plan(self) -> list[EnumOperation]:
        merged, _ = _merge(self.existing_values, self.values)
        removed = [value for value in merged if value not in self.values]
        if not removed:
            if merged == list(self.values):
                return []
            return [ReorderEnumValuesOp(self.enum_name, self.values, existing_values=merged, schema=self.schema)]
        if len(removed) == 1 and [value for value in merged if value in self.values] == list(self.values):
            position = _position(merged, removed[0])
            return [RemoveEnumValueOp(self.enum_name, removed[0], **position, schema=self.schema)]
        return [ReplaceEnumValuesOp(self.enum_name, self.values, existing_values=merged, schema=self.schema)]

    def reverse(self) -> EnumAdditionOps:
        return EnumAdditionOps(self.enum_name, self.values, self.existing_values, schema=self.schema)


def _merge(existing_values: Sequence[str], values: Sequence[str]) -> tuple[list[str], list[tuple[str, dict[str, str]]]]:
    """The existing values, with each new one behind the value that it follows among `values`; and where each is added."""
    merged, added = list(existing_values), []
    for position, value in enumerate(values):
        if value not in merged:
            merged.insert(merged.index(values[position - 1]) + 1 if position else 0, value)
            added.append((value, _position(merged, value)))
    return merged, added


def _position(values: Sequence[str], value: str) -> dict[str, str]:
    """How `op.add_enum_value` says where a value is; at the end, where it adds by itself, not at all."""
    index = values.index(value)
    if index == len(values) - 1:
        return {}
    return {"before": values[1]} if index == 0 else {"after": values[index - 1]}


def pair_renames(existing_values: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """The values that may have been renamed: as many went as came, between the same neighbours."""
    pairs: dict[str, str] = {}
    for tag, first, last, new_first, new_last in SequenceMatcher(None, existing_values, values, False).get_opcodes():
        old, new = existing_values[first:last], values[new_first:new_last]
        if tag == "replace" and len(old) == len(new) and not set(old) & set(values) and not set(new) & set(existing_values):
            pairs.update(zip(old, new, strict=True))
    return pairs


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


def plan_conversion(operation: ops.AlterColumnOp, default: Any, dialect: Dialect) -> list[ops.AlterColumnOp]:
    """The steps in which a column with a default changes to an enum type or from one.

    PostgreSQL does not cast the default along, https://www.postgresql.org/docs/current/sql-altertable.html: it is dropped, and
    set again.

    :param default: the default that the models declare.
    """
    assert operation.existing_type is not None
    assert operation.modify_type is not None
    existing = operation.existing_server_default or None
    changed = operation.modify_server_default
    target = (existing and default) if changed is False else changed
    common: dict[str, Any] = {"schema": operation.schema, "existing_nullable": operation.existing_nullable}
    column = (operation.table_name, operation.column_name)
    steps: list[ops.AlterColumnOp] = [
        ConvertColumnOp(
            *column,
            **common,
            existing_type=operation.existing_type,
            existing_comment=operation.existing_comment,
            modify_type=operation.modify_type,
            modify_nullable=operation.modify_nullable,
            modify_comment=operation.modify_comment,
            using=write_using(operation, operation.existing_type, operation.modify_type, dialect),
            reverse_using=write_using(operation, operation.modify_type, operation.existing_type, dialect),
        )
    ]
    nullable = operation.existing_nullable if operation.modify_nullable is None else operation.modify_nullable
    if existing is not None:
        dropped = ops.AlterColumnOp(
            *column,
            **common,
            existing_type=operation.existing_type,
            existing_server_default=existing,
            modify_server_default=None,
        )
        steps.insert(0, dropped)
    if target is not None:
        added = ops.AlterColumnOp(
            *column,
            schema=operation.schema,
            existing_nullable=nullable,
            existing_type=operation.modify_type,
            existing_server_default=None,
            modify_server_default=target,
        )
        steps.append(added)
    return steps


def write_using(operation: ops.AlterColumnOp, existing: TypeEngine[Any], target: TypeEngine[Any], dialect: Dialect) -> str | None:
    """The USING clause that makes of a column's values those of another type; None where PostgreSQL needs none."""
    column = _quote(operation.column_name, dialect)
    current, wanted = find_enum_use(existing, dialect), find_enum_use(target, dialect)
    existing, target = find_implementation(existing, dialect), find_implementation(target, dialect)
    from_array, to_array = isinstance(existing, ARRAY), isinstance(target, ARRAY)
    if wanted is None:
        if from_array == to_array and _is_text(target):
            return None
        cast = target.compile(dialect=dialect)
    else:
        cast = _quote_type(wanted, dialect)
    if from_array and not to_array:
        return f"({column}::text[])[1]::{cast}"
    if to_array and not from_array:
        array = f"ARRAY[{column}::text]::{cast}"
        return array if operation.existing_nullable is False else f"CASE WHEN {column} IS NOT NULL THEN {array} END"
    if current is None and _is_text(existing):
        return f"{column}::{cast}"
    return f"{column}::text{'[]' if from_array else ''}::{cast}"


def _is_text(type_: TypeEngine[Any]) -> bool:
    """Whether it is a text type, or an array of one."""
    return isinstance(getattr(type_, "item_type", type_), String)


def _quote_type(use: EnumUse, dialect: Dialect) -> str:
    name = _quote(use.name, dialect)
    qualified = f"{_quote(use.schema, dialect)}.{name}" if use.schema else name
    return qualified + "[]" if use.is_array else qualified


def _quote(name: str, dialect: Dialect) -> str:
    """A name in a clause that reaches the driver as it is: some drivers would read a percent sign.

    See https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS-UESCAPE.
    """
    if "%" in name:
        escaped = name.replace("\\", "\\\\").replace('"', '""').replace("%", "\\0025")
        return f'U&"{escaped}"'
    return dialect.identifier_preparer.quote(name)
