"""Plans the operations that change the values of one enum type, in order, and their exact reverse.

The plan is computed from the labels of the database and those that the models declare.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    """The additions, which come first in a revision, so that everything after them can use the new values.

    Without additions it still serves its reverse, which restores the order of the values at the end of a downgrade.
    """

    def plan(self) -> list[EnumOperation]:
        _, added = _merge(self.existing_values, self.values)
        return [AddEnumValueOp(self.enum_name, value, **position, schema=self.schema) for value, position in added]

    def reverse(self) -> EnumRebuildOps:
        return EnumRebuildOps(self.enum_name, self.values, self.existing_values, schema=self.schema)


class EnumRebuildOps(EnumChangeOps):
    """Removals and a new order, as one operation; it comes last in a revision, when nothing uses the old values."""

    def plan(self) -> list[EnumOperation]:
        if not self.values:
            return []  # no operation makes a type without values
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
    """The existing values with each new one after the value that it follows in `values`, and where each is added."""
    merged, added = list(existing_values), []
    for position, value in enumerate(values):
        if value not in merged:
            merged.insert(merged.index(values[position - 1]) + 1 if position else 0, value)
            added.append((value, _position(merged, value)))
    return merged, added


def _position(values: Sequence[str], value: str) -> dict[str, str]:
    """The position of a value as `op.add_enum_value` takes it; empty for the end, which is its default."""
    index = values.index(value)
    if index == len(values) - 1:
        return {}
    return {"before": values[1]} if index == 0 else {"after": values[index - 1]}
