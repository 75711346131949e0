"""Takes note of the statements that a revision commits before it ends: they stay when it fails later."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.engine import Connection

from ..masking import shorten_statement

# What changes something that a person has to know of. Values of enum types are told by their own names.
_CHANGES = re.compile(
    r"\s*(?!ALTER\s+TYPE\s.*\sADD\s+VALUE\b)(CREATE|ALTER|DROP|INSERT|UPDATE|DELETE|TRUNCATE|REFRESH|REINDEX)\b",
    re.IGNORECASE | re.DOTALL,
)
# What MySQL commits, with all before it: https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html.
_DEFINITION = re.compile(r"\s*(CREATE|ALTER|DROP|TRUNCATE)\b", re.IGNORECASE)
_COMMIT = re.compile(r"(^|;)\s*(COMMIT|END|PREPARE\s+TRANSACTION)\b", re.IGNORECASE)
_LENGTH = 100


class CommittedWork:
    """What of a revision's statements is committed, as the events of its connection tell.

    :param autocommits: whether each statement is committed as it is run.
    :param definitions_commit: whether each definition of a table, index and the like is.
    :param version_table: what is not told of, since it is Alembic's.
    """

    def __init__(self, *, autocommits: bool, definitions_commit: bool, version_table: str) -> None:
        self._commits_each = self._autocommits = autocommits
        self._definitions_commit = definitions_commit
        self._version_table = version_table
        self._before_commit: list[str] = []
        self._pending: list[str] = []
        self._committed: list[str] = []
        self._savepoints: dict[str, int] = {}

    @property
    def statements(self) -> tuple[str, ...]:
        """The committed ones, as messages show them."""
        return tuple(dict.fromkeys(self._committed))

    def forget(self) -> None:
        """Another revision begins."""
        self._pending.clear()
        self._committed.clear()

    def note_options(self, _connection: Connection, options: dict[str, Any]) -> None:
        """An autocommit block begins or ends."""
        if "isolation_level" in options:
            self._autocommits = self._commits_each or options["isolation_level"] == "AUTOCOMMIT"

    def note_statement(self, _connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        """A statement has run."""
        if _CHANGES.match(statement) and self._version_table not in statement:
            self._pending.append(shorten_statement(statement, _LENGTH))
        if self._autocommits or _COMMIT.search(statement) or (self._definitions_commit and _DEFINITION.match(statement)):
            self.note_commit()

    def note_commit(self, _connection: Connection | None = None) -> None:
        """What has run is committed."""
        self._before_commit = [*self._committed]
        self._committed += self._pending
        self._pending.clear()

    def undo_commit(self) -> None:
        """The commit has failed."""
        self._committed = self._before_commit

    def note_rollback(self, _connection: Connection) -> None:
        """What has run is taken back."""
        self._pending.clear()

    def note_savepoint(self, _connection: Connection, name: str) -> None:
        """A rollback may lead to here."""
        self._savepoints[name] = len(self._pending)

    def note_rollback_to(self, _connection: Connection, name: str, _context: None) -> None:
        """What has run since the savepoint is taken back."""
        del self._pending[self._savepoints.get(name, 0) :]
