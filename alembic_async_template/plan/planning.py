"""Makes a plan: where the live database is, what the pending revisions do on a shadow, and what that means for its tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.script import ScriptDirectory
from alembic.util import to_tuple

from .. import _compat
from ..application.settings import read_settings
from ..errors.block import Fix
from ..errors.failure import shorten_path
from ..masking import mask_url
from ..run.connection import call_on_new_connection
from ..run.history import list_pending
from ..run.known_facts import list_facts
from ..run.reading import read_database
from ..shadow.tried_history import LiveDatabase, read_script, try_history
from . import traced_run
from .advice import advise
from .explain_rows import explain_rows
from .live_facts import Counters, LiveFacts, TableFacts, measure_rates, read_live_facts, read_stats_file
from .script import write_script
from .tracer import TracedStatement
from .verdict import Explained, Seconds, judge, list_worked_on

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table that a statement is about."""

    table: str
    rows: int | None
    bytes: int | None
    reads: float | None = None
    """How many scans of it begin a second."""
    writes: float | None = None
    """How many of its rows are written a second."""


@dataclass(frozen=True, slots=True)
class PlannedLock:
    """A lock that a statement takes."""

    table: str
    mode: str


@dataclass(frozen=True, slots=True)
class PlannedStatement:
    """What a statement will do to the tables that are there."""

    sql: str
    line: int
    transaction: int
    locks: tuple[PlannedLock, ...]
    rewrites: tuple[str, ...]
    scans: tuple[str, ...]
    tables: tuple[PlannedTable, ...]
    blocks: str | None
    """`reads and writes`, `writes`, or None: not at all, or for an instant."""
    blocked: tuple[str, ...]
    """The tables that it blocks."""
    seconds: Seconds | None
    """How long it runs."""
    until_end: Seconds | None
    """How long it blocks: until its transaction ends."""
    breaks: tuple[str, ...]
    """What the version of the application that still runs does not find any more."""
    meant: str | None
    """Why it may block: the reason of `op.blocking` around it."""
    advice: str | None
    """The code that does the same without blocking."""

    @property
    def is_refused(self) -> bool:
        """Whether it blocks, and no one has said that it may."""
        return self.blocks is not None and self.meant is None


@dataclass(frozen=True, slots=True)
class PlannedRevision:
    """A pending revision, and its statements."""

    revision: str
    message: str
    file: str
    statements: tuple[PlannedStatement, ...]

    @property
    def name(self) -> str:
        """How reports name it."""
        return f'{self.revision} "{self.message}", {self.file}' if self.message else f"{self.revision}, {self.file}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What `alembic plan` reports."""

    database: str
    """Its URL, secrets masked."""
    server_version: str
    start: tuple[str, ...]
    """The revisions that the database is at."""
    target: tuple[str, ...]
    error: str | None
    """Why a revision failed; what was traced until then is there."""
    notes: tuple[str, ...]
    revisions: tuple[PlannedRevision, ...]
    blocking_rows: int
    script: str | None = None
    """What `alembic plan --sql` prints: the pending revisions as a script for psql."""

    @property
    def blocking(self) -> int:
        """How many statements block a table while one works on a large one, without a reason that is given."""
        return sum(one.is_refused for revision in self.revisions for one in revision.statements)

    def to_json(self) -> dict[str, Any]:
        """What `alembic plan --json` prints."""
        return {
            "version": 1,
            "database": self.database,
            "server_version": self.server_version,
            "from": self.start,
            "to": self.target,
            "error": self.error,
            "notes": self.notes,
            "revisions": [asdict(revision) for revision in self.revisions],
            "blocking": self.blocking,
        }


def make_plan(
    config: Config,
    revision: str | None = None,
    *,
    schema: Path | None = None,
    stats: Path | None = None,
    write_stats: Path | None = None,
    keep_shadow: bool = False,
    sql: bool = False,
) -> Plan:
    """Plan an upgrade of the database of a configuration, which is read and not changed.

    The revisions run on a shadow: a temporary database on the same server, or the one of `shadow_url`.

    :param revision: where the upgrade leads, by default to the heads; `a:b` for a range, without the live database.
    :param schema: a dump of the live database's schema, which takes the place of the history up to where that is.
    :param stats: a file with what is known of the live database, which is then not reached.
    :param write_stats: a file to write that into.
    :param keep_shadow: whether the history that has run is kept on the server, for the next plan to begin there.
    :param sql: whether the revisions are written as a script, too.
    :raises ShadowError: there is no shadow, or the history does not run on it.
    :raises ScriptError: the revisions cannot be written as a script.
    :raises alembic.util.CommandError: the settings, the revisions or the database cannot be read.
    """
    settings = read_settings(config)
    script = read_script(config)
    range_start, separator, target = (revision or "").rpartition(":")
    target = target or "heads"
    live: LiveDatabase | None = None
    counters: Counters | None = None
    table: tuple[str | None, str] = (None, "alembic_version")
    if separator or stats is not None:
        facts = _read_file(stats, range_start if separator else None)
    else:
        facts, counters, live, table = _read_live(config, settings.lock_timeout)
    if write_stats is not None:
        facts = _measure_rates(live, facts, counters)
        facts.write(write_stats)
    to = _resolve_target(script, target)
    wanted = _list_within(script, to)
    pending = [one for one in list_pending(script, facts.current) if one in wanted]
    notes = [f"a transaction is open that its locks may wait for: {one}" for one in facts.old_transactions]
    if not pending:
        nothing = "-- Nothing is pending" if sql else None
        return Plan(facts.database, facts.server_version, facts.current, to, None, (*notes,), (), settings.blocking_rows, nothing)
    with try_history(config, script, live, facts.current, schema=schema, keep=keep_shadow, fixes=_advise_dump(live)) as run:
        found = run(traced_run.__name__, {"target": target, "version_table": table, "sql": sql})
    statements = [_read_statement(one) for one in found["statements"]]
    explained: dict[int, Explained] = {}
    if live is not None:
        facts = _measure_rates(live, facts, counters)
        explained = explain_rows(live.engine, statements, facts.tables)
    if live is None and stats is None:
        notes.append("how large the tables are is not known: each one counts as large")
    planned = _put_together(statements, facts.tables, explained, settings.blocking_rows)
    revisions = tuple(_describe_revision(script, one, planned) for one in pending)
    text = None
    if sql and (found["script"]["refused"] or not found["error"]):
        names = {one.revision: one.name for one in revisions}
        text = write_script(found["script"], facts, live.engine if live else None, settings, names)
    return Plan(
        facts.database,
        facts.server_version,
        facts.current,
        to,
        found["error"],
        tuple(notes),
        revisions,
        settings.blocking_rows,
        text,
    )


def _read_file(stats: Path | None, range_start: str | None) -> LiveFacts:
    """What a file knows of the live database, which is not reached; in front of a range, it stands where that begins."""
    facts = LiveFacts("", "", ()) if stats is None else read_stats_file(stats)
    if range_start is None:
        return facts
    current = () if range_start in {"", "base"} else tuple(to_tuple(range_start, ()))
    return LiveFacts(facts.database, facts.server_version, current, facts.tables)


def _read_live(config: Config, lock_timeout: float) -> tuple[LiveFacts, Counters, LiveDatabase, tuple[str | None, str]]:
    """What the live database knows, how its server is reached, and its version table."""
    found: list[tuple[LiveFacts, Counters, LiveDatabase, tuple[str | None, str]]] = []

    def look(context: MigrationContext, _script: ScriptDirectory, current: Sequence[str]) -> None:
        live = LiveDatabase.of(context)
        assert context.connection is not None
        facts, counters = read_live_facts(context.connection, mask_url(live.engine.url), current, lock_timeout)
        found.append((facts, counters, live, (context.version_table_schema, context.version_table)))

    read_database(config, look)
    return found[0]


def _measure_rates(live: LiveDatabase | None, facts: LiveFacts, counters: Counters | None) -> LiveFacts:
    """The same with the rates; without the live database, those that a file has."""
    if live is None or counters is None:
        return facts
    found: list[LiveFacts] = []

    def look(connection: Connection) -> None:
        connection.execution_options(isolation_level=connection.default_isolation_level)
        found.append(measure_rates(connection, facts, counters))

    call_on_new_connection(_compat.clone_engine(live.engine), look)
    return found[0]


def _advise_dump(live: LiveDatabase | None) -> list[Fix]:
    """A dump takes the place of a history that does not run from the beginning."""
    if live is None:
        return []
    place = list_facts(live.engine.url, only_reads=True)["psql"]
    dump = f"pg_dump --schema-only --no-owner --no-privileges{str(place).removeprefix('psql')} > schema.sql"
    return [Fix("begin with a dump of the schema, in place of the history", f"{dump}\nalembic plan --schema schema.sql")]


def _resolve_target(script: ScriptDirectory, target: str) -> tuple[str, ...]:
    return tuple(sorted(one.revision for one in script.get_revisions(target) if one is not None))


def _list_within(script: ScriptDirectory, targets: Sequence[str]) -> set[str]:
    """The revisions that an upgrade to these runs, from nothing."""
    return {one.revision for one in script.iterate_revisions(tuple(targets), "base", implicit_base=True, inclusive=True)}


def _read_statement(found: Mapping[str, Any]) -> TracedStatement:
    return TracedStatement(**{**found, "locks": [tuple(pair) for pair in found["locks"]]})


def _put_together(
    statements: Sequence[TracedStatement],
    tables: Mapping[str, TableFacts],
    explained: Mapping[int, Explained],
    blocking_rows: int,
) -> dict[str, list[PlannedStatement]]:
    """The statements of each revision."""
    planned: dict[str, list[PlannedStatement]] = {}
    verdicts = judge(statements, tables, explained, blocking_rows)
    for number, (one, verdict) in enumerate(zip(statements, verdicts, strict=True)):
        about = dict.fromkeys([*(table for table, _ in one.locks), *list_worked_on(one, explained.get(number))])
        names = [name for name in about if name in tables or not tables]
        advice = None
        if verdict.blocks is not None and one.meant is None:
            is_partitioned = any(tables[name].is_partitioned for name in verdict.tables if name in tables)
            advice = advise(one, verdict.cause, is_partitioned=is_partitioned)
        planned.setdefault(one.revision, []).append(
            PlannedStatement(
                sql=one.sql,
                line=one.line,
                transaction=one.transaction,
                locks=tuple(PlannedLock(table, _shorten_mode(mode)) for table, mode in one.locks),
                rewrites=tuple(one.rewrites),
                scans=tuple(dict.fromkeys([*one.scans, *(explained[number].scans if number in explained else ())])),
                tables=tuple(
                    PlannedTable(name, *(getattr(tables[name], fact) for fact in ("rows", "bytes", "reads", "writes")))
                    if name in tables
                    else PlannedTable(name, None, None)
                    for name in names
                ),
                blocks=verdict.blocks,
                meant=one.meant,
                blocked=verdict.tables,
                seconds=verdict.seconds,
                until_end=verdict.until_end,
                breaks=tuple(one.breaks),
                advice=advice,
            )
        )
    return planned


def _shorten_mode(mode: str) -> str:
    """The name of a lock as PostgreSQL's documentation has it: ACCESS EXCLUSIVE."""
    return " ".join(re.findall("[A-Z][a-z]+", mode.removesuffix("Lock"))).upper()


def _describe_revision(
    script: ScriptDirectory, revision: str, planned: Mapping[str, Sequence[PlannedStatement]]
) -> PlannedRevision:
    found = script.get_revision(revision)
    return PlannedRevision(revision, found.doc, shorten_path(Path(found.path)), tuple(planned.get(revision, ())))
