"""Traces the statements of revisions while they run: what each of them locks, rewrites and scans.

For DDL that is the same on an empty table as on a full one. The catalog is asked after each statement, on its own connection and
in its own transaction, since counts of scans are known to that connection only:
https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-STATS-FUNCTIONS
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic import context as migrations
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from ..masking import mask_statement
from ..online.guard import REASONS
from ..postgresql import FIRST_OID, READING, empty_strings
from ..run.session import find_backend, is_autocommit
from .lock_modes import ACCESS_EXCLUSIVE, ROW_SHARE, SHARE_ROW_EXCLUSIVE, take_again
from .places import OWN_ENUMS, Places
from .relations import Relations
from .slow_motion import SlowMotion

# The locks of this session, and of each locked relation its file and how often it was scanned since the transaction began.
# What is counted is handed over at the end of each transaction, so that the next one starts at zero.
_STATE = f"""
    SELECT CAST(pg_catalog.now() AS text), CAST(pg_catalog.pg_stat_force_next_flush() AS text), locked.*
    FROM (SELECT 1) AS one LEFT JOIN (
        SELECT relation, pg_catalog.string_agg(DISTINCT mode, ','), pg_catalog.pg_relation_filenode(relation),
               pg_catalog.pg_stat_get_xact_numscans(relation)
        FROM pg_catalog.pg_locks
        WHERE locktype = 'relation' AND pid = pg_catalog.pg_backend_pid() AND relation >= {FIRST_OID}
        GROUP BY relation
    ) AS locked ON true
"""
# The same for all relations, where a statement cannot run in a transaction: what was handed over by then.
_FLUSH = "SELECT CAST(pg_catalog.pg_stat_force_next_flush() AS text)"
_TOTALS = f"""
    SELECT oid, pg_catalog.pg_relation_filenode(oid), pg_catalog.pg_stat_get_numscans(oid)
    FROM pg_catalog.pg_class WHERE oid >= {FIRST_OID} AND relkind IN ('r', 'm', 'i')
"""
# Statements that cannot run in a transaction, see each one's page in https://www.postgresql.org/docs/current/sql-commands.html.
_OWN_TRANSACTION = re.compile(
    r"^(CREATE|DROP|REINDEX|ALTER)\b.*\bCONCURRENTLY\b|^(VACUUM|CLUSTER$|REINDEX (\(.*?\) ?)?(DATABASE|SCHEMA|SYSTEM))\b"
    r"|^(BEGIN|START|COMMIT|END|ROLLBACK|ABORT)\b",
    re.IGNORECASE,
)
_READS = re.compile(
    r"^\s*(SELECT|SHOW|SAVEPOINT|RELEASE|ROLLBACK\s+TO|VALUES|EXPLAIN|WITH\b(?!.*\b(INSERT|UPDATE|DELETE|MERGE)\b))\b",
    re.IGNORECASE | re.DOTALL,
)
_ASKS_CATALOG = re.compile(r"\bpg_(class|depend|type)\b")
_CHANGES_ROWS = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|COPY)\b", re.IGNORECASE)
_ROLLS_BACK = re.compile(r"^\s*(ROLLBACK|ABORT)\b", re.IGNORECASE)
_ADDS_UNNAMED = re.compile(r"\bADD (CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY)\b", re.IGNORECASE)
_EMPTIES = re.compile(r"^\s*TRUNCATE\b", re.IGNORECASE)


@dataclass(slots=True)
class TracedStatement:
    """What one statement of a revision has done to the tables that were there before."""

    revision: str
    file: str
    line: int
    sql: str
    has_parameters: bool
    transaction: int
    """Which one of the run it is in; a lock lasts until that ends."""
    locks: list[tuple[str, str]] = field(default_factory=list)
    """Tables, and the modes that the statement itself takes, whether its transaction had them already or not."""
    rewrites: list[str] = field(default_factory=list)
    scans: list[str] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)
    key: str | None = None
    """The column with a number by which the rows of its table can be told apart."""
    meant: str | None = None
    """The reason of `op.blocking` around it."""
    constraint: str | None = None
    """The name that the server has given to the constraint that it adds, if it has none itself."""


class Tracer:
    """Listens to the statements of an engine while revisions run."""

    def __init__(self, engine: Engine, folders: Sequence[Path], version_table: tuple[str | None, str]) -> None:
        self.engine = engine
        self.places = Places(folders)
        self.version_table = version_table
        self.statements: list[TracedStatement] = []
        self.relations: Relations | None = None
        self._began: str | None = None
        self._transaction = 0
        self._held: dict[int, set[str]] = {}
        self._scans: dict[int, int] = {}
        self._has_begun = False
        self._is_rolled_back = False
        self._slow: SlowMotion | None = None
        self._totals: dict[int, tuple[int | None, int]] = {}

    def before(
        self, connection: Connection, _cursor: Any, statement: str, _parameters: Any, context: Any, _executemany: bool
    ) -> None:
        if context.execution_options.get(READING) or self.places.find() is None:
            return
        if self.relations is None:
            self.relations = Relations(_asker(connection), self.version_table)
        if self._is_rolled_back:
            self.relations.read_again()
            self._is_rolled_back = False
        if not (is_autocommit(connection) or _has_left_transaction(connection)):
            return
        ask = _asker(connection)
        if _OWN_TRANSACTION.search(empty_strings(statement)):
            ask(_FLUSH)
            self._totals = {oid: (filenode, scans) for oid, filenode, scans in ask(_TOTALS)}
            tables = [relation for relation in self.relations.known.values() if relation.kind == "r"]
            self._slow = SlowMotion(self.engine, find_backend(connection), [(one.schema, one.name) for one in tables])
            self._slow.begin()
        else:
            # In a transaction of its own it does the same, and its locks can be seen before they go.
            ask("BEGIN")
            self._has_begun = True

    def after(self, connection: Connection, _cursor: Any, statement: str, parameters: Any, context: Any, *_: Any) -> None:
        place = None if context.execution_options.get(READING) else self.places.find()
        if place is None:
            return
        ask = _asker(connection)
        compiled = getattr(context, "compiled", None) is not None
        shown = statement.replace("%%", "%") if compiled and connection.dialect.paramstyle == "pyformat" else statement
        masked = mask_statement(shown).strip()
        traced = TracedStatement(place.revision, place.file, place.line, masked, bool(parameters), self._transaction)
        traced.meant = (migrations.get_context().opts.get(REASONS) or [None])[-1]
        bare = empty_strings(shown)
        if self._slow is not None:
            self._note_own_transaction(traced, ask, bare)
        else:
            self._note_state(traced, ask, bare)
        if self._has_begun:
            ask("COMMIT")
            self._has_begun = False
        if _ROLLS_BACK.match(bare):
            self.roll_back()
        if _READS.match(bare) and (not traced.locks or (_ASKS_CATALOG.search(bare) and self.places.passes(OWN_ENUMS))):
            return
        self.statements.append(traced)

    def roll_back(self, _connection: Connection | None = None) -> None:
        """What was rewritten is no longer."""
        self._is_rolled_back = True

    def fail(self, context: Any) -> None:
        """The statement has failed: what was begun for it is ended."""
        if self.places.find() is None:
            return
        if self._slow is not None:
            self._slow.end()
            self._slow = None
        if self._has_begun and context.connection is not None:
            self._has_begun = False
            _asker(context.connection)("ROLLBACK")

    def _note_state(self, traced: TracedStatement, ask: Callable[[str], list[Any]], statement: str) -> None:
        rows = ask(_STATE)
        if rows[0][0] != self._began:
            self._began = rows[0][0]
            self._transaction += 1
            self._held, self._scans = {}, {}
        traced.transaction = self._transaction
        state = {row[2]: row[3:] for row in rows if row[2] is not None}
        held = {oid: set(modes.split(",")) for oid, (modes, _, _) in state.items()}
        own = self._find_own_locks(held, statement)
        scanned = [oid for oid, (_, _, scans) in state.items() if (scans or 0) > self._scans.get(oid, 0)]
        filenodes = {oid: filenode for oid, (_, filenode, _) in state.items()}
        self._held = held
        # What a savepoint has counted stays counted when it is rolled back, although its locks are gone.
        self._scans |= {oid: scans or 0 for oid, (_, _, scans) in state.items()}
        self._note(traced, statement, own, scanned, filenodes)

    def _note_own_transaction(self, traced: TracedStatement, ask: Callable[[str], list[Any]], statement: str) -> None:
        assert self._slow is not None
        locks = self._slow.end()
        self._slow = None
        self._transaction += 1
        self._began = None
        traced.transaction = self._transaction
        ask(_FLUSH)
        totals = {oid: (filenode, scans) for oid, filenode, scans in ask(_TOTALS)}
        scanned = [oid for oid, (_, scans) in totals.items() if oid in self._totals and scans > self._totals[oid][1]]
        self._note(traced, statement, locks, scanned, {oid: filenode for oid, (filenode, _) in totals.items()})

    def _find_own_locks(self, held: Mapping[int, set[str]], statement: str) -> dict[int, set[str]]:
        """The locks that a statement takes itself: those that are new, and those that it takes again."""
        assert self.relations is not None
        own = {oid: modes - self._held.get(oid, set()) for oid, modes in held.items()}
        for number, oid in enumerate(self.relations.list_named(statement)):
            if oid in self._held and (number == 0 or not own.get(oid)):
                again = take_again(statement, self._held[oid], is_first=number == 0)
                own.setdefault(oid, set()).update([again] if again else [])
        return {oid: modes for oid, modes in own.items() if modes}

    def _note(
        self,
        traced: TracedStatement,
        statement: str,
        own: Mapping[int, set[str]],
        scanned: Sequence[int],
        filenodes: Mapping[int, int | None],
    ) -> None:
        relations = self.relations
        assert relations is not None
        known = relations.known
        traced.locks = _list_locks(relations, own)
        rewritten = relations.find_rewritten(filenodes)
        if not _EMPTIES.match(statement):
            traced.rewrites = [str(known[oid]) for oid in rewritten]
        # The way of other statements to the rows depends on how many there are.
        if not (_CHANGES_ROWS.match(statement) or _EMPTIES.match(statement)):
            tables = [oid for oid in scanned if oid in known and not known[oid].is_index]
            tables += [oid for oid in _find_referred(statement, own) if oid in known and oid not in tables] if tables else []
            traced.scans = [str(known[oid]) for oid in tables]
        if named := relations.list_named(statement):
            traced.key = relations.keys.get(named[0])
            if _ADDS_UNNAMED.search(statement):
                traced.constraint = relations.find_last_constraint(named[0])
        changed = [oid for oid, modes in own.items() if ACCESS_EXCLUSIVE in modes]
        if re.match(r"\s*ALTER\s+TYPE\b", statement, re.IGNORECASE):
            changed += relations.list_with_enums()
        traced.breaks = relations.find_breaks(changed)


def _list_locks(relations: Relations, locks: Mapping[int, set[str]]) -> list[tuple[str, str]]:
    """The tables and the modes, and indexes only where they are locked more than their table."""
    found = []
    for oid, modes in locks.items():
        relation = relations.known.get(oid)
        if relation is None:
            continue
        if relation.is_index and (ACCESS_EXCLUSIVE not in modes or ACCESS_EXCLUSIVE in locks.get(relation.table, ())):
            continue
        found += [(str(relation), mode) for mode in sorted(modes)]
    return sorted(found)


def _find_referred(statement: str, own: Mapping[int, set[str]]) -> Iterator[int]:
    """The tables that a foreign key refers to: they are scanned too, but where they are empty that does not show."""
    if re.search(r"\bFOREIGN\s+KEY\b(?!.*\bNOT\s+VALID\b)", statement, re.IGNORECASE | re.DOTALL):
        yield from (oid for oid, modes in own.items() if SHARE_ROW_EXCLUSIVE in modes)
    elif re.search(r"\bVALIDATE\s+CONSTRAINT\b", statement, re.IGNORECASE):
        yield from (oid for oid, modes in own.items() if ROW_SHARE in modes)


def _has_left_transaction(connection: Connection) -> bool:
    """Whether a COMMIT in a revision has ended the transaction, and asyncpg has begun no other."""
    driver: Any = connection.connection.driver_connection
    is_in_transaction = getattr(driver, "is_in_transaction", None)
    if is_in_transaction is None or is_in_transaction():
        return False
    _asker(connection)("SELECT 1")  # with the first statement of a transaction, SQLAlchemy begins it
    return not is_in_transaction()


def _asker(connection: Connection) -> Callable[[str], list[Any]]:
    """Sends queries past SQLAlchemy, whose listeners and transactions are the migration's."""

    def ask(query: str) -> list[Any]:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            cursor.close()

    return ask


@contextmanager
def trace(engine: Engine, folders: Sequence[Path], version_table: tuple[str | None, str]) -> Iterator[Tracer]:
    """Trace the statements that revisions run on an engine while the body runs.

    :param folders: where the files of the revisions are.
    :param version_table: its schema and name.
    """
    tracer = Tracer(engine, folders, version_table)
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", tracer.before),
        ("after_cursor_execute", tracer.after),
        ("handle_error", tracer.fail),
        ("rollback", tracer.roll_back),
    ]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield tracer
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
