"""Prepares the comparison of models and database for `revision --autogenerate` and `check`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from .. import _compat
from ..application.left_out_models import find_left_out_modules
from ..application.settings import is_command_line
from ..autogenerate.directives import (
    filter_names,
    model_schemas,
    process_directives,
    refuse_several_heads,
)
from ..autogenerate.existing_tables import refuse_existing_tables
from ..autogenerate.held_records import hold_records
from ..autogenerate.naming_conventions import use_convention, warn_of_lost_convention
from ..autogenerate.rename_comparison import settle_renames
from ..autogenerate.rename_operations import TRANSACTIONAL
from ..autogenerate.renames import Rename
from ..autogenerate.render_types import render_items
from ..errors import NoTablesError
from .command import Command
from .questions import is_terminal
from .rename_answers import UNFIT_ANSWERS, RenameAnswers, warn_of_unread_answers
from .target import Target

if TYPE_CHECKING:
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext


def prepare_comparison(
    command: Command,
    target: Target,
    connection: Connection,
    options: dict[str, Any],
    cleanup: ExitStack,
    *,
    in_transaction: bool,
) -> None:
    """Refuse a comparison that would mislead, and add to the options of `context.configure` what it needs.

    :param in_transaction: whether the connection is in a transaction of the caller's.
    :param cleanup: restores afterwards what was changed of the models for the time of the command.
    :raises NoTablesError: the models have no tables.
    :raises UnversionedTablesError: the database has tables of the models, and counts no revision as done.
    :raises SeveralHeadsError: a revision is to be written, and it is not clear after which one. Where a hook may name that, or
        leave nothing to write, it is raised after the comparison.
    """
    metadatas, script = target.own, command.environment.script
    if not any(metadata.tables for metadata in metadatas):
        raise NoTablesError()
    writes = command.name != "check"
    use_convention(metadatas, command.naming_convention, None if writes else cleanup)
    baseline = writes and "baseline" in command.x_arguments
    heads = script.get_heads() if writes else []
    if not writes:
        warn_of_unread_answers(command.environment.get_x_argument(), "alembic check compares without it")
    else:
        # Alembic itself asks for the head only after the comparison; a hook of a program or of env.py comes in between.
        if is_command_line(command.config) and not options.get("process_revision_directives"):
            refuse_several_heads(heads, _compat.revision_arguments().get("head"), command.config)
    refuse_existing_tables(connection, script, metadatas, options, baseline=baseline, writes=writes)
    if command.naming_convention is None and not baseline:
        warn_of_lost_convention(connection, metadatas)
    options["include_name"] = filter_names(
        connection,
        metadatas,
        target.others,
        options.get("include_name"),
        baseline=baseline,
        every_schema=bool(command.options.get("include_schemas")),
    )
    options.setdefault("include_schemas", bool(model_schemas(metadatas)))
    options["process_revision_directives"] = process_directives(
        command.config,
        metadatas,
        options.get("process_revision_directives"),
        _settle_by(command, connection, options, cleanup, in_transaction=in_transaction) if writes and not baseline else None,
        find_left_out_modules(command.settings) if target.is_scanned else lambda _table: [],
        baseline=baseline,
        writes=writes,
        online=writes and not baseline and _writes_online(command, connection, options),
        heads=heads,
    )
    options["transaction_per_migration"] = True  # nothing is open that a question or a savepoint would be in the way of
    options["render_item"] = render_items(options.get("render_item"))


def _writes_online(command: Command, connection: Connection, options: dict[str, Any]) -> bool:
    """Whether the block `op.online()` is written: where it is asked for, and does anything."""
    is_plain = connection.dialect.name != "postgresql" or options.get("render_as_batch") or _is_partial(options)
    return command.settings.online and not is_plain


def _is_partial(options: dict[str, Any]) -> bool:
    """Whether an `env.py` compares several databases, each of which has its place in the revision."""
    return bool(options.get("upgrade_token", "upgrades") != "upgrades")


def _settle_by(
    command: Command, connection: Connection, options: dict[str, Any], cleanup: ExitStack, *, in_transaction: bool
) -> Callable[[MigrationContext, MigrationScript], Sequence[Rename]]:
    """What settles the renames of a comparison: the answers of `-x`, and on a terminal those of the person who sits there.

    Nothing is asked in a transaction of the caller's, which would stay open meanwhile. What the comparison logs is held
    until then.
    """
    held = cleanup.enter_context(hold_records())
    arguments: Any = command.environment.get_x_argument()
    is_partial = _is_partial(options)
    asks = not in_transaction and is_command_line(command.config) and connection.dialect.name in TRANSACTIONAL and is_terminal()

    def settle(context: MigrationContext, directive: MigrationScript) -> Sequence[Rename]:
        end_transaction = connection.rollback if asks else None
        answers = RenameAnswers(arguments, connection.dialect, end_transaction, is_partial=is_partial)
        settle_renames(context, directive, answers.choose, held)
        if is_partial:
            _compat.environment_options().setdefault(UNFIT_ANSWERS, []).append(answers.unfit)
        return answers.open

    return settle
