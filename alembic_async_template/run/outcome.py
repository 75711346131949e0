"""Says what a command has done to the database, once it has."""

from __future__ import annotations

import logging
from contextlib import nullcontext

from alembic.runtime.environment import EnvironmentContext
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from .. import _compat
from ..diagnosis.driver_errors import describe
from ..errors.failure import Progress
from .session import end_reading

log = logging.getLogger("alembic_async_template")


def report_outcome(
    environment: EnvironmentContext,
    connection: Connection,
    progress: Progress,
    steps: int,
    seconds: float = 0,
    *,
    is_stamp: bool,
) -> None:
    """Log where the database is now, and how many revisions have brought it there.

    :param steps: how many steps were done, however often one was retried.
    """
    in_transaction = progress.in_callers_transaction
    try:
        with connection.begin_nested() if in_transaction else nullcontext():  # a read that fails would end what the caller began
            current = tuple(sorted(environment.get_context().get_current_heads()))
        end_reading(connection, in_transaction=in_transaction)
    except SQLAlchemyError as error:  # the command has succeeded all the same
        log.debug("Where the database is now is not known: %s", describe(error))
        return
    purged = is_stamp and environment.get_context().purge
    outcome = describe_outcome(
        current, environment.script.get_heads(), steps or int(purged), seconds, is_stamp=is_stamp, upgrades=progress.upgrades
    )
    older = [] if steps or _compat.running_command() != "upgrade" else _find_older(environment, current)
    if older:
        outcome += f", which is after {', '.join(older)}; to go back to it: alembic downgrade {older[0]}"
    theirs = ", in your transaction, which is not committed yet" if steps and in_transaction else ""
    log.info("%s%s", outcome, theirs)


def _find_older(environment: EnvironmentContext, current: tuple[str, ...]) -> list[str]:
    """The revisions that an upgrade was for, of which the database is ahead."""
    target = environment.get_revision_argument()
    if not target:  # it is the base
        return ["base"] if current else []
    try:
        asked = [revision.revision for revision in environment.script.get_revisions(target) if revision]
    except CommandError:  # a relative one, such as `head-1`, is only known to the steps
        return []
    return [name for name in asked if name not in current]


def describe_outcome(
    current: tuple[str, ...], heads: list[str], steps: int, seconds: float, *, is_stamp: bool, upgrades: bool
) -> str:
    """One sentence: where the database is, and how it came there."""
    place = ", ".join(f"{revision} (head)" if revision in heads else revision for revision in current) or "base"
    if not steps:
        return f"Already at {place}"
    if is_stamp:
        return f"Database is marked as being at {place}; no revision was run"
    count = f"{steps} revision{'' if steps == 1 else 's'}"
    duration = f"{seconds:.1f} s" if seconds >= 0.05 else "less than 0.1 s"
    return f"Database is at {place}; {count} {'applied' if upgrades else 'downgraded'} in {duration}"
