"""What the live database knows of its tables: how large they are, and how much they are used. It is read, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ..diagnosis.processes import PROCESS_COLUMNS, describe_process
from ..errors import ShadowError
from ..errors.block import Fix

# How long one query may take and wait for a lock, and between two looks at the counters; in seconds.
_PATIENCE = 5
_APART = 1.0

# What ANALYZE has counted, and what has changed since; -1 for a table never analysed, and for a partitioned one:
# https://www.postgresql.org/docs/current/catalog-pg-class.html. The size waits for a lock of the table, and the pages that
# are known do not.
_TABLES = """
    SELECT pg_class.oid, CAST(pg_namespace.nspname AS text) AS schema, CAST(pg_class.relname AS text) AS name,
           CAST(relkind AS text) AS kind, inhparent AS parent,
           reltuples, relpages, {pages} AS pages, coalesce(n_live_tup, 0) AS live, {size} AS bytes,
           coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS reads,
           coalesce(n_tup_ins, 0) + coalesce(n_tup_upd, 0) + coalesce(n_tup_del, 0) AS writes
    FROM pg_catalog.pg_class
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    LEFT JOIN pg_catalog.pg_inherits ON inhrelid = pg_class.oid AND relispartition
    LEFT JOIN pg_catalog.pg_stat_all_tables AS counters ON counters.relid = pg_class.oid
    WHERE relkind IN ('r', 'p', 'm') AND pg_namespace.nspname !~ '^pg_' AND pg_namespace.nspname <> 'information_schema'
"""
_BLOCK = "CAST(pg_catalog.current_setting('block_size') AS bigint)"
_SIZES = (
    {
        "size": "pg_catalog.pg_total_relation_size(pg_class.oid)",
        "pages": f"pg_catalog.pg_relation_size(pg_class.oid) / {_BLOCK}",
    },
    {"size": f"relpages * {_BLOCK}", "pages": "relpages"},
)
_OLD = text(f"""
    SELECT {PROCESS_COLUMNS}, pid, CAST(extract(epoch FROM pg_catalog.clock_timestamp() - xact_start) AS float) AS seconds
    FROM pg_catalog.pg_stat_activity
    WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
      AND xact_start < pg_catalog.clock_timestamp() - CAST(:seconds * interval '1 second' AS interval)
    ORDER BY xact_start
""")
# How many bytes a row takes at least, where a table was never counted.
_ROW = 100


@dataclass(frozen=True, slots=True)
class TableFacts:
    """How large a table is, and how much it is used."""

    rows: int
    """About how many; of a partitioned table, those of its partitions."""
    bytes: int
    """With its indexes."""
    reads: float
    """How many scans began a second."""
    writes: float
    """How many rows were written a second."""
    is_partitioned: bool = False


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """Where the live database stands, and how large its tables are."""

    database: str
    """Its URL, secrets masked."""
    server_version: str
    current: tuple[str, ...]
    """The revisions that it is at."""
    tables: dict[str, TableFacts] = field(default_factory=dict)
    """By schema and name."""
    old_transactions: tuple[str, ...] = ()
    """Those that have been open for longer than a migration waits for a lock."""

    def write(self, path: Path) -> None:
        """Write them into a file, from which a plan can be made without the database."""
        path.write_text(json.dumps({"version": 1, **asdict(self)}, indent=2) + "\n", "utf-8")


def read_stats_file(path: Path) -> LiveFacts:
    """The facts of a file that `--write-stats` has written.

    :raises ShadowError: it is not one.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        tables = {name: TableFacts(**facts) for name, facts in found["tables"].items()}
        return LiveFacts(
            found["database"], found["server_version"], tuple(found["current"]), tables, tuple(found["old_transactions"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        fix = Fix("write one where the live database can be reached", f"alembic plan --write-stats {path}")
        raise ShadowError(f"{path} has no statistics of tables", fix) from error


@contextmanager
def only_reading(connection: Connection) -> Iterator[None]:
    """A transaction that cannot change anything, and does not wait for long."""
    connection.rollback()
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    for name in ("statement_timeout", "lock_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = '{_PATIENCE}s'")
    try:
        yield
    finally:
        connection.rollback()


@dataclass(frozen=True, slots=True)
class Counters:
    """How often each table had been read and written at a moment."""

    moment: float
    reads: dict[str, int]
    writes: dict[str, int]


def read_live_facts(
    connection: Connection, database: str, current: Sequence[str], lock_timeout: float
) -> tuple[LiveFacts, Counters]:
    """Read them in short transactions; the rates need a second look."""
    rows = _read_tables(connection)
    moment = time.monotonic()
    with only_reading(connection):
        old = [
            f"{describe_process(row)}, for {row.seconds:.0f} s"
            for row in connection.execute(_OLD, {"seconds": lock_timeout or _PATIENCE})
        ]
    leaves = {f"{row.schema}.{row.name}": found for row, found in _list_leaves(rows)}
    partitioned = {f"{row.schema}.{row.name}" for row in rows if row.kind == "p"}
    tables = {
        name: TableFacts(
            rows=sum(_estimate_rows(leaf) for leaf in found),
            bytes=sum(int(leaf.bytes) for leaf in found),
            reads=0.0,
            writes=0.0,
            is_partitioned=name in partitioned,
        )
        for name, found in leaves.items()
    }
    version = ".".join(map(str, connection.dialect.server_version_info or ()))
    facts = LiveFacts(database, version, tuple(sorted(current)), tables, tuple(old))
    return facts, _count(leaves, moment)


def measure_rates(connection: Connection, facts: LiveFacts, before: Counters) -> LiveFacts:
    """Look again at the counters, which do not move inside a transaction, at least a second after the first look."""
    time.sleep(max(0.0, before.moment + _APART - time.monotonic()))
    rows = _read_tables(connection)
    now = _count({f"{row.schema}.{row.name}": found for row, found in _list_leaves(rows)}, time.monotonic())
    seconds = now.moment - before.moment

    def find_rate(name: str, counted: Mapping[str, int], earlier: Mapping[str, int]) -> float:
        return round(max(0, counted.get(name, 0) - earlier.get(name, 0)) / seconds, 1)

    tables = {
        name: replace(table, reads=find_rate(name, now.reads, before.reads), writes=find_rate(name, now.writes, before.writes))
        for name, table in facts.tables.items()
    }
    return replace(facts, tables=tables)


def _list_leaves(rows: Sequence[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Each table, and itself or, of a partitioned one, the partitions that have rows."""
    children: dict[int, list[Any]] = {}
    for row in rows:
        children.setdefault(row.parent, []).append(row)

    def descend(row: Any) -> list[Any]:
        parts = children.get(row.oid, [])
        return [leaf for part in parts for leaf in descend(part)] if parts else [row]

    for row in rows:
        yield row, descend(row) if row.kind == "p" else [row]


def _count(leaves: Mapping[str, Sequence[Any]], moment: float) -> Counters:
    return Counters(
        moment,
        {name: sum(leaf.reads for leaf in found) for name, found in leaves.items()},
        {name: sum(leaf.writes for leaf in found) for name, found in leaves.items()},
    )


def _read_tables(connection: Connection) -> Sequence[Any]:
    failed: DBAPIError | None = None
    for sizes in _SIZES:
        try:
            with only_reading(connection):
                return connection.exec_driver_sql(_TABLES.format(**sizes)).all()
        except DBAPIError as error:  # another transaction has a table for itself
            failed = error
    assert failed is not None
    raise failed


def _estimate_rows(row: Any) -> int:
    """As the planner does, from how many rows were on how many pages at the last ANALYZE; or what was counted since then."""
    if row.reltuples > 0 and row.relpages:
        return round(float(row.reltuples) * int(row.pages) / int(row.relpages))
    return int(row.live) or (0 if row.reltuples == 0 else int(row.bytes) // _ROW)
