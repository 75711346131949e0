"""Errors of the revisions' files, and of what runs in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .base import AlembicAsyncTemplateError
from .block import Fix
from .failure import Failure, shorten_path


class RevisionError(AlembicAsyncTemplateError):
    """Something about the revisions."""


class RevisionNotFoundError(RevisionError):
    """No file has the revision that was asked for."""

    def __init__(self, revision: str, current: Sequence[str] | None, heads: Sequence[str]) -> None:
        self.revision = revision
        self.current = None if current is None else tuple(current)
        self.heads = tuple(heads)
        at = "" if current is None else f"; the database is at {', '.join(current) or 'none'}"
        super().__init__(
            f"There is no revision {revision} among the files",
            Fix("see which there are", "alembic history"),
            where=f"their head is {', '.join(heads) or 'none'}{at}",
        )


class SeveralHeadsError(RevisionError):
    """The history has branches, and the command is for one of them."""

    def __init__(self, heads: Sequence[str], *fixes: Fix) -> None:
        self.heads = tuple(heads)
        super().__init__(
            f"The revisions have {len(heads)} heads, {', '.join(heads)}: probably written in parallel; their order is undefined",
            *(fixes or [Fix("join them", 'alembic merge -m "merge" heads')]),
        )


class DuplicateRevisionError(RevisionError):
    """Several files have the same identifier, so that one of them would not run."""

    def __init__(self, revision: str, files: Sequence[Path]) -> None:
        self.revision = revision
        self.files = tuple(files)
        super().__init__(
            f"Several files have the revision {revision}: one is probably a copy",
            Fix(
                "if the copy is a revision of its own, change these lines in it",
                f'revision = "5b3c"\ndown_revision = "{revision}"',
            ),
            Fix("if it is left over, remove it"),
            where="\n".join(shorten_path(file) for file in files),
        )


class AmbiguousDowngradeError(RevisionError):
    """Steps back lead to several revisions: those before a merge, or those before each revision that the database is at."""

    def __init__(self, current: Sequence[str], targets: Sequence[str], headline: str, *fixes: Fix) -> None:
        self.current = tuple(current)
        self.targets = tuple(targets)
        super().__init__(headline, *fixes)


class InvalidTargetError(RevisionError):
    """The revisions do not lead where a command is to go, or its options exclude each other."""

    def __init__(self, target: str, headline: str, *fixes: Fix, where: str = "") -> None:
        self.target = target
        super().__init__(headline, *fixes, where=where)


class RevisionFailedError(RevisionError):
    """A revision, or Alembic's own part of a command, failed for a known reason."""

    def __init__(self, failure: Failure, problem: str, *fixes: Fix) -> None:
        self.problem = problem
        super().__init__(problem, *fixes, failure=failure)


class BlockingOperationError(RevisionError):
    """An operation would block a large table, and `blocking = refuse`."""

    def __init__(self, operation: str, table: str, rows: int, blocks: str, told: str, *fixes: Fix) -> None:
        self.operation = operation
        self.table = table
        self.rows = rows
        self.blocks = blocks
        super().__init__(f"{operation} would block {told}", *fixes)


class BlockingReasonError(RevisionError):
    """`op.blocking` was given no reason."""

    def __init__(self, reason: object) -> None:
        self.reason = reason
        super().__init__(
            f"op.blocking was given {reason!r}, which is no reason",
            Fix("say in a few words why the table may be blocked", 'with op.blocking("no one uses it at night"):'),
        )
