"""Reads which tables of a PostgreSQL database are large, and what of one decides how long an operation takes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..postgresql import FIRST_OID, quote_if_needed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection

# As the planner estimates: from how many rows were on how many pages at the last ANALYZE. Else what is known to have been
# written and, of a table never analysed (-1), its size: https://www.postgresql.org/docs/current/catalog-pg-class.html. The size
# waits for a lock, so a table that another session has for itself, or is to have, is not asked for it.
# Percent signs would be read by the driver.
_SIZES = """
WITH RECURSIVE locked AS MATERIALIZED (
    SELECT relation FROM pg_catalog.pg_locks WHERE mode = 'AccessExclusiveLock' AND pid <> pg_catalog.pg_backend_pid()
), sizes AS (
    SELECT oid, CASE
        WHEN relkind = 'p' THEN 0
        WHEN reltuples > 0 AND relpages > 0 THEN reltuples * pages / relpages
        WHEN live > 0 OR reltuples = 0 THEN live
        ELSE pages * block / {row}
    END AS own
    FROM pg_catalog.pg_class
    CROSS JOIN LATERAL (SELECT CAST(pg_catalog.current_setting('block_size') AS float)) AS setting (block)
    CROSS JOIN LATERAL (SELECT CAST(pg_catalog.pg_stat_get_live_tuples(oid) AS float)) AS counted (live)
    CROSS JOIN LATERAL (SELECT CASE
        WHEN EXISTS (SELECT FROM locked WHERE relation = oid) THEN relpages
        ELSE coalesce(pg_catalog.pg_relation_size(oid), 0) / block
    END) AS measured (pages)
    WHERE relkind IN ('r', 'p', 'm') AND oid >= {first_oid}
), parts (root, leaf) AS (
    SELECT oid, oid FROM sizes
    UNION ALL
    SELECT root, inhrelid FROM parts JOIN pg_catalog.pg_inherits ON inhparent = leaf
    JOIN pg_catalog.pg_class ON pg_class.oid = inhrelid AND relispartition
), large AS (
    SELECT root, sum(own) AS rows FROM parts JOIN sizes ON oid = leaf GROUP BY root HAVING sum(own) > {blocking_rows}
)
SELECT root, CAST(nspname AS text), CAST(relname AS text), pg_catalog.pg_table_is_visible(root), relkind = 'p',
       CAST(rows AS bigint)
FROM large JOIN pg_catalog.pg_class ON pg_class.oid = root JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
"""
# What of a table decides how long a change of a column takes. `conbin` is read as it is stored: to print it waits for locks.
_DETAILS = """
WITH domains AS (
    SELECT oid, typbasetype, typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contypid = pg_type.oid) AS checks
    FROM pg_catalog.pg_type WHERE typtype = 'd'
), casts (source, target) AS (
    SELECT castsource, casttarget FROM pg_catalog.pg_cast WHERE castmethod = 'b'
    UNION ALL SELECT oid, typbasetype FROM domains
    UNION ALL SELECT domains.oid, casttarget FROM domains JOIN pg_catalog.pg_cast ON castsource = typbasetype AND castmethod = 'b'
    UNION ALL SELECT typbasetype, oid FROM domains WHERE NOT checks
)
SELECT CAST(pg_catalog.json_build_object(
    'indexes', (SELECT pg_catalog.json_agg(relname) FROM pg_catalog.pg_index
                JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid WHERE indrelid = {oid}),
    'checks', (SELECT pg_catalog.json_agg(CAST(conbin AS text)) FROM pg_catalog.pg_constraint
               WHERE conrelid = {oid} AND contype = 'c' AND convalidated
                 AND pg_catalog.strpos(CAST(conbin AS text), ':nulltesttype 1') > 0),
    'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', attname, 'number', attnum, 'type', pg_catalog.format_type(atttypid, atttypmod),
        'is_required', attnotnull AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint
            WHERE conrelid = {oid} AND contype = 'n' AND attnum = ANY (conkey) AND NOT convalidated),
        'is_tied', EXISTS (
            SELECT FROM pg_catalog.pg_constraint
            WHERE conrelid = {oid} AND contype = 'c' AND attnum = ANY (conkey) AND convalidated)
          OR EXISTS (
            SELECT FROM pg_catalog.pg_index
            JOIN pg_catalog.pg_depend ON classid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass) AND objid = indexrelid
            WHERE indrelid = {oid} AND coalesce(indexprs, indpred) IS NOT NULL AND refobjid = {oid} AND refobjsubid = attnum),
        'is_indexed', EXISTS (
            SELECT FROM pg_catalog.pg_index WHERE indrelid = {oid} AND attnum = ANY (CAST(indkey AS smallint[])))
    )) FROM pg_catalog.pg_attribute WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped),
    'time_zone', pg_catalog.current_setting('TimeZone'),
    'volatile', (SELECT pg_catalog.json_agg(DISTINCT proname) FROM pg_catalog.pg_proc WHERE provolatile = 'v'),
    'domains', (SELECT pg_catalog.json_agg(pg_catalog.format_type(oid, NULL)) FROM domains WHERE checks),
    'casts', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
        pg_catalog.format_type(source, NULL), pg_catalog.format_type(target, NULL))) FROM casts)
) AS text)
"""
# How many bytes a row takes at least, where a table was never counted.
_ROW = 100
_AND = "{BOOLEXPR :boolop and :args ("
_REQUIRED = re.compile(r"\{NULLTEST :arg \{VAR :varno 1 :varattno (\d+) [^{}]*\} :nulltesttype 1 ")


@dataclass(frozen=True, slots=True)
class LargeColumn:
    """A column of a large table."""

    type: str
    """As PostgreSQL prints it."""
    is_required: bool
    """Whether it has no nulls, by NOT NULL or by a valid CHECK."""
    is_tied: bool
    """Whether a valid CHECK, or an index with an expression or a condition, uses it."""
    is_indexed: bool


@dataclass(frozen=True, slots=True)
class LargeTable:
    """A table of more rows than may be blocked."""

    oid: int
    schema: str
    name: str
    is_visible: bool
    """Whether it is found without its schema."""
    is_partitioned: bool
    rows: int
    """About how many; of a partitioned table, those of its partitions."""

    def __str__(self) -> str:
        return f"{quote_if_needed(self.schema)}.{quote_if_needed(self.name)}"


@dataclass(frozen=True, slots=True)
class Details:
    """What decides how long an operation on one table takes."""

    indexes: frozenset[str]
    columns: Mapping[str, LargeColumn]
    time_zone: str
    volatile: frozenset[str]
    """The functions whose value differs from row to row."""
    domains: frozenset[str]
    """Those with a check."""
    casts: frozenset[tuple[str, str]]
    """From which type to which no value changes."""


def read_large_tables(connection: Connection, blocking_rows: int) -> tuple[LargeTable, ...]:
    """Read which ones there are, in the transaction that there is."""
    query = _SIZES.format(blocking_rows=int(blocking_rows), row=_ROW, first_oid=FIRST_OID)
    return tuple(LargeTable(*row) for row in connection.exec_driver_sql(query))


def read_details(connection: Connection, table: LargeTable) -> Details:
    """Read what decides how long an operation on a table takes, as it is now."""
    found: dict[str, Any] = json.loads(connection.exec_driver_sql(_DETAILS.format(oid=int(table.oid))).scalar_one())
    proven = {number for check in found["checks"] or () for number in _list_required(check)}
    columns = {}
    for column in found["columns"] or ():
        name, number = column.pop("name"), column.pop("number")
        columns[name] = LargeColumn(**{**column, "is_required": column["is_required"] or number in proven})
    return Details(
        frozenset(found["indexes"] or ()),
        columns,
        found["time_zone"],
        frozenset(found["volatile"]),
        frozenset(found["domains"] or ()),
        frozenset((source, target) for source, target in found["casts"]),
    )


def _list_required(check: str) -> Iterator[int]:
    """The columns that a stored condition requires not to be null: it is `x IS NOT NULL`, or that AND something."""
    for part in _split(check.removeprefix(_AND)) if check.startswith(_AND) else [check]:
        if found := _REQUIRED.match(part):
            yield int(found[1])


def _split(arguments: str) -> Iterator[str]:
    """The parts of a list in braces, up to its end."""
    depth = start = 0
    for place, character in enumerate(arguments):
        if character == "{":
            start, depth = (place, 1) if not depth else (start, depth + 1)
        elif character == "}":
            depth -= 1
            if depth == 0:
                yield arguments[start : place + 1]
        elif character == ")" and not depth:
            return
