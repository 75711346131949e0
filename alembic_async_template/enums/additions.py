"""The values that the revision which runs adds to enum types: advice names them, and they stay when it fails later.

An addition commits, so it is refused where it would commit half a revision.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from .. import _compat
from ..errors import UncommittedWorkError
from ..postgresql import qualified
from .calls import write_call
from .catalog import has_done_work
from .model import EnumType

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_WANTED, _COMMITTED = "alembic_async_template.wanted_values", "alembic_async_template.committed_values"
_CREATED = "alembic_async_template.created_enums"

log = logging.getLogger("alembic_async_template.enums")


def note_addition(context: MigrationContext, enum: EnumType, value: str, *, committed: bool) -> None:
    """Take note of a value that the revision wants, and whether it was committed for that."""
    context.opts.setdefault(_WANTED, []).append((enum.oid, value))
    if committed:
        context.opts.setdefault(_COMMITTED, []).append(f'value "{value}" of enum {enum.qualified_name}')


def note_creation(context: MigrationContext, name: str, schema: str | None) -> None:
    """Take note of a type that the revision creates."""
    context.opts.setdefault(_CREATED, []).append((name, schema))


def forget_additions(context: MigrationContext) -> None:
    """Another revision begins."""
    for key in (_WANTED, _COMMITTED, _CREATED):
        context.opts.pop(key, None)


def list_committed(context: MigrationContext) -> tuple[str, ...]:
    """The values that were committed, as messages name them."""
    return tuple(dict.fromkeys(context.opts.get(_COMMITTED, ())))


def list_earlier_labels(context: MigrationContext, enum: EnumType, target: Sequence[str]) -> tuple[str, ...]:
    """The labels that a type had before the revision added those which stay; an addition is perhaps a new name."""
    wanted = context.opts.get(_WANTED, ())
    return tuple(label for label in enum.labels if label not in target or (enum.oid, label) not in wanted)


def protect_work(context: MigrationContext, connection: Connection, enum: EnumType, value: str) -> None:
    """Refuse to commit half a revision, or say that more than the addition is committed.

    With one transaction for all revisions, what it holds are finished revisions too. And where Alembic makes the version
    table in the transaction of the first revision, there is no telling whether that is all it did.
    """
    worked, made_version_table = has_done_work(connection, qualified(context.version_table, context.version_table_schema))
    if not worked:
        return
    if _compat.has_transaction_per_migration(context) and not made_version_table:
        made = [schema for name, schema in context.opts.get(_CREATED, ()) if name == enum.name and schema in (None, enum.schema)]
        creation = write_call("create_enum", enum.name, [*enum.labels, value], schema=made[0]) if made else ""
        raise UncommittedWorkError(enum.qualified_name, value, creation)
    log.warning(
        'The addition of value "%s" to enum %s commits what this run has done before: should it fail later, that stays. '
        "With transaction_per_migration=True in env.py, each revision has a transaction of its own",
        *(value, enum.qualified_name),
    )
