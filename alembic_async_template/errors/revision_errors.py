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

    def __init__(self, heads: Sequence[str], command: str = "upgrade") -> None:
        self.heads = tuple(heads)
        others = []
        if command == "revision":
            others = [
                Fix("write the revision after one of them", f'alembic revision --autogenerate --head {heads[0]} -m "message"')
            ]
        elif command != "check":  # which needs one
            others = [Fix("go to all of them", f"alembic {command} heads")]
        super().__init__(
            f"The revisions have {len(heads)} heads, {', '.join(heads)}: probably written in parallel; their order is undefined",
            Fix("join them", 'alembic merge -m "merge" heads'),
            *others,
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


class RevisionCycleError(RevisionError):
    """Revisions follow each other in a circle."""

    def __init__(self, revisions: Sequence[str], files: Sequence[Path]) -> None:
        self.revisions = tuple(revisions)
        self.files = tuple(files)
        super().__init__(
            f"Each of the revisions {', '.join(revisions)} comes before itself",
            Fix(
                "let the first of them follow the revision that was written before it, None for the first one of all",
                "down_revision = None",
            ),
            where="\n".join(shorten_path(file) for file in files),
        )


class AmbiguousDowngradeError(RevisionError):
    """One step back from a merge leads to several revisions."""

    def __init__(self, current: Sequence[str], targets: Sequence[str]) -> None:
        self.current = tuple(current)
        self.targets = tuple(targets)
        super().__init__(
            f"One step back from {', '.join(current)} leads to each of {', '.join(targets)}",
            *(Fix("name the one to go to", f"alembic downgrade {target}") for target in targets),
        )


class RevisionFailedError(RevisionError):
    """A revision, or Alembic's own part of a command, failed for a known reason."""

    def __init__(self, failure: Failure, problem: str, *fixes: Fix) -> None:
        self.problem = problem
        super().__init__(problem, *fixes, failure=failure)
