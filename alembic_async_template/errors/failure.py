"""Where a command failed, and what of its work is committed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .block import Fix, Part, list_fixes, series

# How many statements a message names.
_MOST = 5


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
    cut: bool = False
    """Whether it ended without the answer of the database: a statement, or the commit, may go on there."""
    offline: bool = False
    """Whether SQL is written (`--sql`)."""
    start: str = ""
    """The revision from which on it is written."""
    committed_values: tuple[str, ...] = ()
    """The enum values that the one that runs has committed."""
    committed_work: tuple[str, ...] = ()
    """The statements that the one that runs has committed."""
    maker: str | None = None
    """The revision of this run that has made what a statement cannot make again."""
    invalid_indexes: tuple[str, ...] = ()
    """What a `CREATE INDEX CONCURRENTLY` that failed has left."""


@dataclass(slots=True)
class Failure(Progress):
    """Where a command failed, and how far it had come by then."""

    file: Path | None = None
    line: int | None = None
    operation: str | None = None
    """The source text that failed, of a file of revisions; or COMMIT."""
    message: str = ""
    """What the revision says that it does."""
    previous: str = ""
    """The revision before it; none for the first one, and for one that joins several."""

    @property
    def where(self) -> str:
        """Revision, file and line, and below them the operation."""
        revision = f"{'' if self.upgrades else 'downgrade of '}revision {self.revision}" if self.revision else ""
        named = f'{revision} "{self.message}"' if revision and self.message else revision
        place = f"{shorten_path(self.file)}:{self.line}" if self.file else ""
        return "\n".join(filter(None, [", ".join(filter(None, [named, place])), self.operation]))

    @property
    def state(self) -> str:
        """What is committed, and what is not."""
        if self.offline:
            return "the script is not complete, and nothing was run"
        if self.in_callers_transaction:
            rest = "; what the database commits by itself stays" if self.committed else ""
            return f"the transaction is yours: roll it back{rest}"
        done = self.describe_done()
        if self.revision is None and self.operation != "COMMIT":
            return f"between two revisions; {done}" if self.done else "nothing was changed"
        stays = f"had committed before stays{self._name_committed()}"
        if self.cut:
            stays += "; whether the rest was committed too is not known"
        later = "rolled back as soon as its last statement has ended in the database"
        if self.in_one_transaction:
            return (
                f"what the run {stays}"
                if self.committed
                else f"all of the run {f'is {later}' if self.cut else 'was rolled back'}"
            )
        return f"{f'what it {stays}' if self.committed else later if self.cut else 'rolled back'}; {done}"

    def _name_committed(self) -> str:
        work = [*self.committed_values, *self.committed_work]
        named = f": {series(work, _MOST)}" if work else ""
        return named + "".join(f", and the invalid index {index}" for index in self.invalid_indexes)

    def describe_done(self) -> str:
        """The revisions of this run that are committed."""
        return f"{'applied' if self.upgrades else 'downgraded'} before it in this run: {', '.join(self.done) or 'none'}"

    @property
    def repairs(self) -> tuple[Fix, ...]:
        """What has to be done before anything else."""
        return tuple(
            Fix("drop the invalid index", f"DROP INDEX CONCURRENTLY {index}", label="first") for index in self.invalid_indexes
        )

    def list_parts(self) -> list[Part]:
        """For the message of an error that is not one of this package's."""
        return [("where", self.where), ("state", self.state), *list_fixes(self.repairs)]


def shorten_path(file: Path) -> str:
    """The path from the working directory, of a file that is inside."""
    with suppress(ValueError, OSError):
        return str(file.relative_to(Path.cwd()))
    return str(file)
