"""Where a command failed, and what of its work is committed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Progress:
    """How far a command has come."""

    revision: str | None = None
    """The revision that runs, if one does."""
    upgrades: bool = True
    """Whether it is applied, and not taken back."""
    done: tuple[str, ...] = ()
    """The revisions of this run that are committed."""
    committed: bool = False
    """Whether the one that runs may have committed something."""
    in_callers_transaction: bool = False
    in_one_transaction: bool = False
    """Whether all revisions of the run are committed together."""
    offline: bool = False
    """Whether SQL is written (`--sql`)."""
    invalid_indexes: tuple[str, ...] = ()
    """What a `CREATE INDEX CONCURRENTLY` that failed has left."""


@dataclass(slots=True)
class Failure(Progress):
    """Where a command failed, and how far it had come by then."""

    file: Path | None = None
    line: int | None = None
    operation: str | None = None
    """The source text that failed, of a file of revisions; or COMMIT."""

    @property
    def place(self) -> str:
        """For a message: revision, operation, line and file."""
        return self.describe_place("failed")

    def describe_place(self, happened: str) -> str:
        """The same for what is no failure."""
        revision = f"Revision {self.revision}" if self.upgrades else f"The downgrade of revision {self.revision}"
        subject = revision if self.revision else "The command"
        if self.line is None:
            return f"{subject} {happened}{f' at {self.operation}' if self.operation else ''}"
        line = f"line {self.line} of {self.file}"
        return f"{subject} {happened} at {f'{self.operation} ({line})' if self.operation else line}"

    @property
    def state(self) -> str:
        """For a message: what is committed, and what is not."""
        if self.offline:
            return "The script is not complete, and nothing was run"
        if self.in_callers_transaction:
            rest = "; what the database commits by itself stays" if self.committed else ""
            return f"The transaction is yours: roll it back{rest}"
        done = f"{'revisions' if self.upgrades else 'downgrades'} committed in this run: {', '.join(self.done) or 'none'}"
        if self.revision is None and self.operation != "COMMIT":
            return f"It is between two of them; {done}" if self.done else "Nothing was changed"
        if self.in_one_transaction:
            return "Whatever the run had committed before stays" if self.committed else "All of the run was rolled back"
        own = "Whatever it had committed before stays" if self.committed else "It was rolled back"
        indexes = "".join(
            f"; it has left the invalid index {index}, which is to be dropped first: DROP INDEX CONCURRENTLY {index}"
            for index in self.invalid_indexes
        )
        return f"{own}{indexes}; {done}"
