"""What `alembic drift` reports: the differences of a live database from what its revisions make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the revisions make it, or is only in one of the two."""

    kind: str
    """What it is, such as `column` or `materialized view`."""
    name: str
    """As SQL writes it, with its schema."""
    problem: str
    statements: tuple[str, ...] = ()
    """What makes it as the revisions do; empty where no statement does without a loss."""

    @property
    def statement(self) -> str | None:
        """What to type; several statements take effect together, but for those that cannot run in a transaction."""
        if not self.statements:
            return None
        statements = self.statements
        if len(statements) > 1 and not any(" CONCURRENTLY " in statement for statement in statements):
            statements = ("BEGIN", *statements, "COMMIT")
        return "\n".join(f"{statement};" for statement in statements)

    def to_json(self) -> dict[str, Any]:
        """What `alembic drift --json` has of it."""
        return {"kind": self.kind, "name": self.name, "problem": self.problem, "statement": self.statement}


@dataclass(frozen=True, slots=True)
class Drift:
    """How a live database differs from what its own revisions make."""

    database: str
    """Its URL, secrets masked."""
    server_version: str
    revision: tuple[str, ...]
    """Where the database stands, and as far as the revisions were run to compare."""
    differences: Sequence[Difference]

    def to_json(self) -> dict[str, Any]:
        """What `alembic drift --json` prints."""
        return {
            "version": 1,
            "error": None,
            "database": self.database,
            "server_version": self.server_version,
            "revision": list(self.revision),
            "differences": [difference.to_json() for difference in self.differences],
        }
