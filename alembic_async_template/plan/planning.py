"""Makes a plan: where the live database is, what the pending revisions do on a shadow, and what that means for its tables."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from alembic.script import ScriptDirectory
from alembic.util import to_tuple
from sqlalchemy.engine import Engine

from .. import _compat
from ..application.settings import read_settings
from ..errors import ShadowError
from ..errors.block import Fix
from ..errors.failure import shorten_path
from ..masking import mask_url
from ..run.command import uses_this_package
from ..run.history import list_pending
from ..run.known_facts import list_facts
from ..run.reading import read_database
from ..shadow.choice import open_place
from ..shadow.replay import Place, run_on_shadow
from . import traced_run
from .advice import advise
from .explain_rows import explain_rows
from .live_facts import LiveFacts, TableFacts, read_live_facts, read_stats_file
from .tracer import TracedStatement
from .verdict import Explained, Seconds, judge, list_worked_on

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table that a statement is about."""

    table: str
    rows: int | None
    bytes: int | None


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
    advice: str | None
    """The code that does the same without blocking."""


@dataclass(frozen=True, slots=True)
class PlannedRevision:
    """A pending revision, and its statements."""

    revision: str
    message: str
    file: str
    statements: tuple[PlannedStatement, ...]


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

    @property
    def blocking(self) -> int:
        """How many statements block a table while one works on a large one."""
        return sum(one.blocks is not None for revision in self.revisions for one in revision.statements)

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
) -> Plan:
    """Plan an upgrade of the database of a configuration, which is read and not changed.

    The revisions run on a shadow: a temporary database on the same server, or the one of `shadow_url`.

    :param revision: where the upgrade leads, by default to the heads; `a:b` for a range, without the live database.
    :param schema: a dump of the live database's schema, which takes the place of the history up to where that is.
    :param stats: a file with what is known of the live database, which is then not reached.
    :param write_stats: a file to write that into.
    :param keep_shadow: whether the history that has run is kept on the server, for the next plan to begin there.
    :raises ShadowError: there is no shadow, or the history does not run on it.
    :raises alembic.util.CommandError: the settings, the revisions or the database cannot be read.
    """
    settings = read_settings(config)
    script = ScriptDirectory.from_config(config)
    if not uses_this_package(script):
        raise ShadowError(
            f"{shorten_path(Path(script.env_py_location))} does not call run_environment, and may not keep to the shadow",
            Fix("turn it into an environment of this package", "alembic adopt"),
        )
    range_start, separator, target = (revision or "").rpartition(":")
    target = target or "heads"
    engine: Engine | None = None
    url: str | None = None
    table: tuple[str | None, str] = (None, "alembic_version")
    if separator:
        facts = LiveFacts("", "", tuple(to_tuple(range_start, ())) if range_start not in {"", "base"} else ())
        if stats is not None:
            known = read_stats_file(stats)
            facts = LiveFacts(known.database, known.server_version, facts.current, known.tables)
    elif stats is not None:
        facts = read_stats_file(stats)
    else:
        facts, engine, url, table = _read_live(config, settings.lock_timeout)
    if write_stats is not None:
        facts.write(write_stats)
    to = _resolve_target(script, target)
    pending = [one for one in list_pending(script, facts.current) if _is_within(script, one, to)]
    notes = [f"a transaction is open that its locks may wait for: {one}" for one in facts.old_transactions]
    if not pending:
        return Plan(facts.database, facts.server_version, facts.current, to, None, (*notes,), (), settings.blocking_rows)
    dump = _read_schema(schema) if schema is not None else None
    request = {"start": list(facts.current), "version_table": list(table), "schema": dump}

    def run(place: Place, target: str | None = None, *, replays: bool = True) -> Mapping[str, Any]:
        found = run_on_shadow(traced_run.__name__, config, place, {**request, "target": target, "replays": replays})
        if isinstance(found, str):
            raise ShadowError(f"The revisions could not be tried: {found}")
        if not found["replayed"]:
            raise ShadowError(f"{_name_history(schema, facts.current)}:\n{found['error']}", *_advise_dump(engine))
        return found

    digest = _digest(script, facts.current, dump)
    with (
        _end_on_termination(),
        open_place(settings, engine, url, digest, run, keep=keep_shadow) as (place, has_history),
    ):
        found = run(place, target, replays=not has_history)
    statements = [_read_statement(one) for one in found["statements"]]
    explained: dict[int, Explained] = {}
    if engine is not None:
        explained = explain_rows(engine, statements)
    if not facts.tables:
        notes.append("how large the tables are is not known: each one counts as large")
    planned = _put_together(statements, facts.tables, explained, settings.blocking_rows)
    revisions = tuple(_describe_revision(script, one, planned) for one in pending)
    return Plan(
        facts.database, facts.server_version, facts.current, to, found["error"], tuple(notes), revisions, settings.blocking_rows
    )


def _read_live(config: Config, lock_timeout: float) -> tuple[LiveFacts, Engine, str, tuple[str | None, str]]:
    """What the live database knows, an engine to reach its server, its URL as the revisions read it, and the version table."""
    found: list[tuple[LiveFacts, Engine, str, tuple[str | None, str]]] = []

    def look(context: MigrationContext, _script: ScriptDirectory, current: Sequence[str]) -> None:
        connection = context.connection
        assert connection is not None
        assert context.config is not None
        if connection.dialect.name != "postgresql":
            raise ShadowError(f"Locks are planned for PostgreSQL only, and this database is {connection.dialect.name}")
        url = context.config.get_main_option("sqlalchemy.url") or ""
        facts = read_live_facts(connection, mask_url(connection.engine.url), current, lock_timeout)
        table = (context.version_table_schema, context.version_table)
        found.append((facts, _compat.clone_engine(connection.engine), url, table))

    read_database(config, look)
    return found[0]


def _resolve_target(script: ScriptDirectory, target: str) -> tuple[str, ...]:
    return tuple(sorted(one.revision for one in script.get_revisions(target) if one is not None))


def _is_within(script: ScriptDirectory, revision: str, targets: Sequence[str]) -> bool:
    """Whether a revision is run by an upgrade to these."""
    wanted = {one.revision for one in script.iterate_revisions(tuple(targets), "base", implicit_base=True, inclusive=True)}
    return revision in wanted


def _read_statement(found: Mapping[str, Any]) -> TracedStatement:
    lists = {name: [tuple(pair) for pair in found[name]] for name in ("locks", "held")}
    return TracedStatement(**{**found, **lists})


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
        if verdict.blocks is not None:
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
                    PlannedTable(name, tables[name].rows, tables[name].bytes)
                    if name in tables
                    else PlannedTable(name, None, None)
                    for name in names
                ),
                blocks=verdict.blocks,
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


def _digest(script: ScriptDirectory, current: Sequence[str], schema: str | None) -> str:
    """What the history depends on: its files, or the dump that takes its place."""
    digest = hashlib.sha256(schema.encode() if schema is not None else b"")
    for one in script.iterate_revisions(tuple(current), "base", implicit_base=True, inclusive=True):
        digest.update(f"{one.revision}\0".encode() + (b"" if schema is not None else Path(one.path).read_bytes()))
    return digest.hexdigest()


def _name_history(schema: Path | None, current: Sequence[str]) -> str:
    if schema is not None:
        return f"{schema} cannot be loaded into an empty database"
    return f"The revisions until {', '.join(current)} do not run on an empty database"


def _read_schema(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ShadowError(f"{file} is not a dump that can be read") from error


def _advise_dump(engine: Engine | None) -> Iterator[Fix]:
    if engine is not None:
        place = list_facts(engine.url, only_reads=True)["psql"]
        dump = f"pg_dump --schema-only --no-owner --no-privileges{str(place).removeprefix('psql')} > schema.sql"
        yield Fix("begin with a dump of the schema, in place of the history", f"{dump}\nalembic plan --schema schema.sql")


@contextmanager
def _end_on_termination() -> Iterator[None]:
    """Let SIGTERM end the body as an exception does, so that the shadow is removed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(143)

    try:
        previous = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
