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


def list_earlier_labels(context: MigrationContext, enum: EnumType, target: Sequence[str]) -> tuple[str, ...]:
    """The labels that a type had before the revision added those which stay; an addition is perhaps a new name."""
    wanted = context.opts.get(_WANTED, ())
    return tuple(label for label in enum.labels if label not in target or (enum.oid, label) not in wanted)
