"""The values that the revision which runs adds to enum types: advice names them, and they stay when it fails later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .model import EnumType

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_WANTED, _COMMITTED = "alembic_async_template.wanted_values", "alembic_async_template.committed_values"


def note_addition(context: MigrationContext, enum: EnumType, value: str, *, committed: bool) -> None:
    """Take note of a value that the revision wants, and whether it was committed for that."""
    context.opts.setdefault(_WANTED, []).append((enum.oid, value))
    if committed:
        context.opts.setdefault(_COMMITTED, []).append(f'value "{value}" of enum {enum.qualified_name}')


def forget_additions(context: MigrationContext) -> None:
    """Another revision begins."""
    for key in (_WANTED, _COMMITTED):
        context.opts.pop(key, None)


def list_committed(context: MigrationContext) -> tuple[str, ...]:
    """The values that were committed, as messages name them."""
    return tuple(dict.fromkeys(context.opts.get(_COMMITTED, ())))


def suggest_replacement(context: MigrationContext, enum: EnumType, kept: Sequence[str]) -> str:
    """The value that most likely takes the place of a removed one: the one that the revision adds, if it adds one."""
    wanted = context.opts.get(_WANTED, ())
    added = [label for label in kept if label not in enum.labels or (enum.oid, label) in wanted]
    return added[0] if len(added) == 1 else kept[0]
