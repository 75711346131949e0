"""The enum operations of a revision: what each is, and its exact reverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from alembic.operations import MigrateOperation


class EnumOperation(MigrateOperation):
    """An operation on one enum type."""

    enum_name: str
    schema: str | None
    for_reverse: ClassVar[frozenset[str]] = frozenset()
    """The parameters that only the reverse needs: no directive takes them, and no revision has them."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))  # what equal operations share and what never changes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class AddEnumValueOp(EnumOperation):
    """Adds a value to an enum type."""

    def __init__(
        self,
        enum_name: str,
        value: str,
        *,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.value = value
        self.before = before
        self.after = after
        self.schema = schema

    def reverse(self) -> RemoveEnumValueOp:
        return RemoveEnumValueOp(self.enum_name, self.value, before=self.before, after=self.after, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("add_enum_value", self.schema, self.enum_name, self.value, self.before, self.after)


class RenameEnumValueOp(EnumOperation):
    """Gives a value of an enum type another name."""

    def __init__(self, enum_name: str, old_value: str, new_value: str, *, schema: str | None = None) -> None:
        self.enum_name = enum_name
        self.old_value = old_value
        self.new_value = new_value
        self.schema = schema

    def reverse(self) -> RenameEnumValueOp:
        return RenameEnumValueOp(self.enum_name, self.new_value, self.old_value, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("rename_enum_value", self.schema, self.enum_name, self.old_value, self.new_value)


class CreateEnumOp(EnumOperation):
    """Creates an enum type; `renamed_from` is schema and name of one that goes, if this may be that under another name."""

    for_reverse = frozenset({"renamed_from"})

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        renamed_from: tuple[str | None, str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.renamed_from = renamed_from
        self.schema = schema

    def reverse(self) -> DropEnumOp:
        return DropEnumOp(self.enum_name, self.values, renamed_to=self.renamed_from, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("create_enum", self.schema, self.enum_name, self.values)


class DropEnumOp(EnumOperation):
    """Drops an enum type; `renamed_to` is schema and name of one that comes, if that may be this under another name."""

    for_reverse = frozenset({"renamed_to"})

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        renamed_to: tuple[str | None, str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.renamed_to = renamed_to
        self.schema = schema

    def reverse(self) -> CreateEnumOp:
        return CreateEnumOp(self.enum_name, self.values, renamed_from=self.renamed_to, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("drop_enum", self.schema, self.enum_name, self.values)


class RenameEnumOp(EnumOperation):
    """Gives an enum type another name."""

    def __init__(self, enum_name: str, new_name: str, *, schema: str | None = None) -> None:
        self.enum_name = enum_name
        self.new_name = new_name
        self.schema = schema

    def reverse(self) -> RenameEnumOp:
        return RenameEnumOp(self.new_name, self.enum_name, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("rename_enum", self.schema, self.enum_name, self.new_name)


class RemoveEnumValueOp(EnumOperation):
    """Takes a value away from an enum type; `before` and `after` say where it was, for the reverse."""

    for_reverse = frozenset({"before", "after"})

    def __init__(
        self,
        enum_name: str,
        value: str,
        *,
        replace_with: str | None = None,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.value = value
        self.replace_with = replace_with
        self.before = before
        self.after = after
        self.schema = schema

    def reverse(self) -> AddEnumValueOp:
        return AddEnumValueOp(self.enum_name, self.value, before=self.before, after=self.after, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("remove_enum_value", self.schema, self.enum_name, self.value)


class ReorderEnumValuesOp(EnumOperation):
    """Gives the values of an enum type another order; `existing_values` is the one before, for the reverse."""

    for_reverse = frozenset({"existing_values"})

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        existing_values: Sequence[str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.existing_values = None if existing_values is None else tuple(existing_values)
        self.schema = schema

    def reverse(self) -> ReorderEnumValuesOp:
        """The operation that brings the old order back.

        :raises ValueError: the old order is not known.
        """
        existing = _require_existing(self.existing_values)
        return ReorderEnumValuesOp(self.enum_name, existing, existing_values=self.values, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("reorder_enum_values", self.schema, self.enum_name, self.existing_values, self.values)


class ReplaceEnumValuesOp(EnumOperation):
    """Gives an enum type other values; `existing_values` are those before, for the reverse."""

    for_reverse = frozenset({"existing_values"})

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        replace_with: Mapping[str, str] | None = None,
        existing_values: Sequence[str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.replace_with = dict(replace_with or {})
        self.existing_values = None if existing_values is None else tuple(existing_values)
        self.schema = schema

    def reverse(self) -> ReplaceEnumValuesOp:
        """The operation that brings the old values back; rows keep what `replace_with` gave them.

        :raises ValueError: the old values are not known.
        """
        existing = _require_existing(self.existing_values)
        return ReplaceEnumValuesOp(self.enum_name, existing, existing_values=self.values, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("replace_enum_values", self.schema, self.enum_name, self.existing_values, self.values)


def _require_existing(values: tuple[str, ...] | None) -> tuple[str, ...]:
    if values is None:
        raise ValueError("existing_values are needed to reverse the operation")
    return values


DIRECTIVES: dict[str, type[EnumOperation]] = {
    "add_enum_value": AddEnumValueOp,
    "remove_enum_value": RemoveEnumValueOp,
    "reorder_enum_values": ReorderEnumValuesOp,
    "replace_enum_values": ReplaceEnumValuesOp,
    "rename_enum_value": RenameEnumValueOp,
    "create_enum": CreateEnumOp,
    "drop_enum": DropEnumOp,
    "rename_enum": RenameEnumOp,
}
