"""Refuses a downgrade by steps, such as `-1`, of a database on several branches: Alembic would choose one, and only warn."""

from __future__ import annotations

from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.util.exc import CommandError

from .. import _compat
from ..diagnosis.command_errors import AMBIGUOUS
from ..diagnosis.typed import RELATIVE


def refuse_ambiguous_steps(context: MigrationContext) -> None:
    """Let the running command refuse such a target once it knows where the database is, before any revision runs.

    :raises CommandError: when the command asks for its steps.
    """
    relative = RELATIVE.fullmatch(str(_compat.environment_options().get("destination_rev")))
    if _compat.running_command() != "downgrade" or relative is None or relative["branch"] or relative["symbol"]:
        return

    def find_steps(heads: tuple[str, ...], context: MigrationContext) -> Any:
        if len(set(heads)) > 1 and int(relative["steps"]) < 0:
            raise CommandError(AMBIGUOUS)
        return asked(heads, context)

    asked = _compat.exchange_work(context, find_steps)
