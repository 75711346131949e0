"""Records what revisions run on a shadow, as the statements of a script that does the same on the live database."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine

from .. import _compat
from ..enums.catalog import DUMP_SETTINGS, change_settings, reflect_enums
from ..enums.model import Change
from ..enums.rebuild import REBUILD
from ..enums.rebuild_script import RebuildScript, write_rebuild
from ..postgresql import READING, empty_strings, split_statements
from ..run.connection import call_on_new_connection
from ..run.session import is_autocommit
from .explain_rows import list_nodes
from .literals import write_literals
from .places import OWN_ENUMS, Place, Places

_SAVEPOINT = re.compile(r"(SAVEPOINT|RELEASE|ROLLBACK\s+TO)\b", re.IGNORECASE)
_ENDS_TRANSACTION = re.compile(r"(BEGIN|START|COMMIT|END|ROLLBACK(?!\s+TO)|ABORT|PREPARE\s+TRANSACTION)\b", re.IGNORECASE)
_READS = re.compile(
    r"(SELECT|VALUES|SHOW|TABLE|EXPLAIN|WITH\b(?!.*\b(INSERT|UPDATE|DELETE|MERGE)\b))\b", re.IGNORECASE | re.DOTALL
)
_RETURNS = re.compile(r"\bRETURNING\b", re.IGNORECASE)
_CALLS = re.compile(r"(\w+)\s*\(")
_HAS_EFFECT = text("SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = ANY (:names) AND provolatile = 'v')")
_SYSTEM = {"pg_catalog", "information_schema", "pg_toast"}
# What begins the creation of what Alembic itself needs.
_CREATES = re.compile(r"\s*CREATE (TABLE|SCHEMA) (?!IF NOT EXISTS)")


class Refusal(StrEnum):
    """Why a statement cannot be in a script."""

    RESULT = "does what the result of a statement decides"
    TRANSACTION = "begins or ends a transaction"


@dataclass(slots=True)
class Recorded:
    """A statement of the script, or all of those of one rebuild of an enum type."""

    revision: str | None
    """None for what Alembic itself writes into its version table."""
    transaction: int | None
    """Which one of the run it is in; None for a statement that cannot be in one."""
    sql: str = ""
    rebuild: dict[str, Any] | None = None


@dataclass(slots=True)
class Recording:
    """What was recorded, and what cannot be in a script."""

    statements: list[Recorded] = field(default_factory=list)
    refused: list[tuple[str, int, Refusal]] = field(default_factory=list)
    """Files, lines and reasons."""
    version_table: tuple[str | None, str] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class _Recorder:
    """Listens to the statements of an engine while revisions run."""

    def __init__(self, folders: Sequence[Path], uses: dict[str, RebuildScript]) -> None:
        self.recording = Recording()
        self._uses = uses
        self._places = Places(folders)
        self._numbers = itertools.count(1)
        self._transactions: dict[Connection, int] = {}
        self._change: Change | None = None
        self._running: list[Recorded] = []

    def before(
        self, connection: Connection, _cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if context.execution_options.get(READING):
            return
        self._running.clear()
        place = self._places.find()
        if place is None:
            self._note_version(connection, statement, parameters, context)
            return
        connection.execution_options(**{READING: True})
        try:
            change = context.execution_options.get(REBUILD)
            if change is not None:
                self._note_rebuild(connection, place, change)
            else:
                self._note(connection, place, statement, parameters, context, executemany)
        finally:
            connection.execution_options(**{READING: False})

    def fail(self, context: Any) -> None:
        """A statement has failed, which a revision may have expected: it has done nothing."""
        if not (context.execution_context and context.execution_context.execution_options.get(READING)):
            self.recording.statements = [
                one for one in self.recording.statements if not any(one is failed for failed in self._running)
            ]

    def end(self, connection: Connection) -> None:
        self._transactions.pop(connection, None)
        self._change = None

    def roll_back(self, connection: Connection) -> None:
        """What has run in the transaction is taken back."""
        number = self._transactions.pop(connection, None)
        if number is not None:
            self.recording.statements = [one for one in self.recording.statements if one.transaction != number]

    def _number(self, connection: Connection) -> int | None:
        if is_autocommit(connection):
            return None
        if connection not in self._transactions:
            self._transactions[connection] = next(self._numbers)
        return self._transactions[connection]

    def _note_version(self, connection: Connection, statement: str, parameters: Any, context: Any) -> None:
        """What Alembic writes into its version table, and what makes that table."""
        compiled = getattr(context, "compiled", None)
        written = getattr(compiled, "statement", None)
        table = getattr(written, "table", None)
        if context.isddl and (found := _CREATES.match(statement)):
            statement = f"CREATE {found[1]} IF NOT EXISTS {statement[found.end() :]}"
        elif table is None or not (context.isinsert or context.isupdate or context.isdelete):
            return
        else:
            is_default = table.schema == connection.dialect.default_schema_name
            self.recording.version_table = (None if is_default else table.schema, table.name)
        for sql in self._write(connection, statement, parameters, context, executemany=False):
            self._record(Recorded(None, self._number(connection), sql))

    def _note_rebuild(self, connection: Connection, place: Place, change: Change) -> None:
        """The first statement of a rebuild stands for all of them; nothing is changed yet."""
        if change is self._change:
            return
        self._change = change
        enum = change.enum
        rebuild = {
            "schema": enum.schema,
            "name": enum.name,
            "labels": enum.labels,
            "target": change.target,
            "replace_with": dict(change.replace_with),
            "earlier": asdict(self._uses[enum.quoted_name]) if enum.quoted_name in self._uses else None,
            "now": asdict(write_rebuild(connection, change)),
            "file": place.file,
            "line": place.line,
        }
        self._record(Recorded(place.revision, self._number(connection), rebuild=rebuild))

    def _note(
        self, connection: Connection, place: Place, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        bare = empty_strings(statement).lstrip("( ")
        is_read = bool(_READS.match(bare))
        if (is_read or _SAVEPOINT.match(bare)) and self._places.passes(OWN_ENUMS):
            return  # what the enum operations read
        if any(_ENDS_TRANSACTION.match(part) for part in split_statements(empty_strings(statement))):
            self._refuse(place, Refusal.TRANSACTION)
            return
        written = self._write(connection, statement, parameters, context, executemany=executemany)
        uses_result = not _SAVEPOINT.match(bare) and self._places.uses_result()
        if is_read and _only_looks(connection, written[0], bare):
            return  # it has no effect, and finds in the catalog what the revisions have made
        if uses_result or (_RETURNS.search(bare) and self._places.passes("sqlalchemy.orm")):
            self._refuse(place, Refusal.RESULT)
            return
        number = self._number(connection)
        for sql in written:
            self._record(Recorded(place.revision, number, sql))

    def _record(self, statement: Recorded) -> None:
        self._running.append(statement)
        self.recording.statements.append(statement)

    def _refuse(self, place: Place, refusal: Refusal) -> None:
        found = (place.file, place.line, refusal)
        if found not in self.recording.refused:  # once in a loop
            self.recording.refused.append(found)

    def _write(self, connection: Connection, statement: str, parameters: Any, context: Any, *, executemany: bool) -> list[str]:
        is_escaped = not context.execution_options.get("no_parameters", False)
        return write_literals(connection, statement, parameters, many=executemany, escaped=is_escaped)


def _read_uses(engine: Engine) -> dict[str, RebuildScript]:
    """How each enum type is used before the pending revisions run."""
    uses: dict[str, RebuildScript] = {}

    def read(connection: Connection) -> None:
        with connection.execution_options(isolation_level=connection.default_isolation_level).begin():
            change_settings(connection, DUMP_SETTINGS)
            for enum in reflect_enums(connection):
                uses[enum.quoted_name] = write_rebuild(connection, Change(enum, enum.labels, {}))

    call_on_new_connection(_compat.clone_engine(engine), read)
    return uses


def _only_looks(connection: Connection, sql: str, bare: str) -> bool:
    """Whether a query reads nothing but PostgreSQL's own catalog, and calls nothing that has an effect."""
    if bare.upper().startswith(("SHOW", "EXPLAIN")):
        return True
    names = [name.lower() for name in _CALLS.findall(bare)]
    if names and connection.scalar(_HAS_EFFECT, {"names": names}):
        return False
    plan = connection.exec_driver_sql(
        f"EXPLAIN (FORMAT JSON, VERBOSE) {sql}", execution_options={"no_parameters": True}
    ).scalar_one()
    (whole,) = json.loads(plan) if isinstance(plan, str) else plan
    return all(node["Schema"] in _SYSTEM for node in list_nodes(whole["Plan"]) if "Relation Name" in node)


@contextmanager
def record(engine: Engine, folders: Sequence[Path]) -> Iterator[Recording]:
    """Record what revisions run on an engine while the body runs."""
    recorder = _Recorder(folders, _read_uses(engine))
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", recorder.before),
        ("handle_error", recorder.fail),
        ("commit", recorder.end),
        ("rollback", recorder.roll_back),
    ]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield recorder.recording
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
