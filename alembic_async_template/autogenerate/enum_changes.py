"""What autogenerate does about the values of one enum type: which operations, in which order, and their exact reverse.

All of it is computed from the labels that the database has and those that the models declare.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from alembic.operations import ops

from ..enums.ops import AddEnumValueOp, EnumOperation, RemoveEnumValueOp, ReorderEnumValuesOp, ReplaceEnumValuesOp


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
        if not self.values:
            return []  # a type without values is none that an operation can make
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
