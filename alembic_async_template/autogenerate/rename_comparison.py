"""Compares models and database once more as if tables and columns were renamed: in a savepoint in which they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from alembic import util
from alembic.autogenerate import produce_migrations
from alembic.operations import Operations, ops
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from ..diagnosis.driver_errors import describe
from ..errors import RenameTrialError
from .enum_changes import EnumAdditionOps
from .held_records import HeldRecords
from .rename_operations import RenamedObjectOp, name_like_models, write_rename
from .renames import Difference, Rename, read_difference

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

log = logging.getLogger("alembic_async_template.autogenerate")

# A comparison does not wait for long, since other programs wait behind it.
_SET_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '2s'")

# Which of the renames that are possible are real ones.
Choose = Callable[[Difference, Sequence[Rename]], Sequence[Rename]]


def settle_renames(context: MigrationContext, directive: ops.MigrationScript, choose: Choose, held: HeldRecords) -> None:
    """Write the renames that are chosen, and what differs apart from them; the renames come first.

    :param choose: is asked until it chooses nothing more, since the columns of a renamed table can be renamed too.
    :param held: what the comparison has logged, in whose place the renames are logged and what differs apart from them.
    :raises RenameTrialError: the database does not let this connection rename them.
    """
    upgrade_ops, downgrade_ops = directive.upgrade_ops_list[-1], directive.downgrade_ops_list[-1]
    accepted: list[Rename] = []
    while chosen := choose(read_difference(upgrade_ops, context.dialect), accepted):
        accepted += chosen
        held.drop()
        for rename in accepted:
            log.info("Detected rename of %s to %r", repr(".".join(filter(None, rename.old))), rename.new_name)
        upgrade_ops.ops = _compare(context, accepted)
    if accepted:
        upgrade_ops.reverse_into(downgrade_ops)
    held.release()


def _compare(context: MigrationContext, renames: Sequence[Rename]) -> list[ops.MigrateOperation]:
    """The operations of these renames, and of what differs after them.

    The database itself says how constraints, indexes, defaults and expressions look afterwards.
    """
    connection, metadata = context.connection, context.opts["target_metadata"]
    assert connection is not None
    operations = Operations(context)
    steps: list[Any] = [write_rename(rename) for rename in renames]
    savepoint = connection.begin_nested()
    try:
        if context.dialect.name == "postgresql":
            connection.execute(_SET_LOCK_TIMEOUT)
        for rename, step in zip(renames, list(steps), strict=True):
            try:
                operations.invoke(step)
            except DBAPIError as error:
                raise RenameTrialError(rename.argument, describe(error)) from error
        if context.dialect.name == "postgresql":
            for step in name_like_models(inspect(connection), renames, util.to_list(metadata), context.dialect):
                steps.append(step)
                _execute(connection, step)
        compared = produce_migrations(context, metadata).upgrade_ops
    finally:
        if savepoint.is_active:
            savepoint.rollback()
    assert compared is not None
    # Enum values are added in a transaction of their own, before anything else is done.
    first = sum(isinstance(one, EnumAdditionOps) for one in compared.ops)
    return [*compared.ops[:first], *steps, *compared.ops[first:]]


def _execute(connection: Any, step: RenamedObjectOp) -> None:
    connection.exec_driver_sql(step.write(step.name, step.new_name), execution_options={"no_parameters": True})
