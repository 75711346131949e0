"""Tells which revisions of the files a database has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.script import ScriptDirectory


@dataclass(frozen=True, slots=True)
class History:
    """Where a database stands among the revisions of the files."""

    current: tuple[str, ...]
    """The revisions that its version table names."""
    heads: tuple[str, ...]
    pending: tuple[str, ...]
    """What `alembic upgrade heads` would run, in that order; empty where the database is ahead of the files."""
    unknown: tuple[str, ...]
    """The current revisions that no file has."""

    @property
    def is_at_head(self) -> bool:
        """Whether nothing is left to run."""
        return not (self.pending or self.unknown)


def read_history(script: ScriptDirectory, current: Sequence[str]) -> History:
    """Compare the version table with the files."""
    heads = tuple(script.get_heads())
    known = {revision.revision for revision in script.walk_revisions()}
    unknown = tuple(revision for revision in current if revision not in known)
    pending = () if unknown or not heads else list_pending(script, current)
    return History(tuple(sorted(current)), heads, pending, unknown)


def list_pending(script: ScriptDirectory, current: Sequence[str]) -> tuple[str, ...]:
    """The revisions that `alembic upgrade heads` would run, in that order.

    :raises alembic.util.CommandError: the database is at a revision that no file has.
    """
    revisions = script.iterate_revisions("heads", tuple(current), implicit_base=True)
    return tuple(revision.revision for revision in revisions)[::-1]
