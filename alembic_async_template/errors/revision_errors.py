"""Errors of the revisions' files, and of what runs in one."""

from __future__ import annotations

from collections.abc import Sequence

from .base import AlembicAsyncTemplateError, add_sentences
from .failure import Failure


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
            f"There is no revision {revision} among the files, whose head is {', '.join(heads) or 'none'}{at}. See which there "
            "are: alembic history"
        )


class SeveralHeadsError(RevisionError):
    """The history has branches, and the command is for one of them."""

    def __init__(self, heads: Sequence[str], command: str = "upgrade") -> None:
        self.heads = tuple(heads)
        if copied := next((head for head in heads if list(heads).count(head) > 1), None):
            super().__init__(
                f"Several files have the revision {copied}, copied perhaps. Give one of them another identifier and the revision "
                'before it, for example: revision = "5b3c"'
            )
            return
        super().__init__(
            f"The revisions have {len(heads)} heads, {', '.join(heads)}: written at the same time perhaps, and nobody knows "
            f'which comes first. Join them: alembic merge -m "merge" heads; or go to all of them: alembic {command} heads'
        )


class AmbiguousDowngradeError(RevisionError):
    """One step back from a merge leads to several revisions."""

    def __init__(self, current: Sequence[str], targets: Sequence[str]) -> None:
        self.current = tuple(current)
        self.targets = tuple(targets)
        super().__init__(
            f"One step back from {', '.join(current)} leads to each of {', '.join(targets)}. Name the one to go to, for example: "
            f"alembic downgrade {targets[0]}"
        )


class RevisionFailedError(RevisionError):
    """A revision, or Alembic's own part of a command, failed for a reason that is known."""

    def __init__(self, failure: Failure, problem: str, fix: str) -> None:
        self.failure = failure
        self.problem = problem
        self.fix = fix
        super().__init__(add_sentences(f"{failure.place}: {problem}", fix, failure.state))
