"""Says of each traced statement what it blocks on the live database, and for how long."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .live_facts import TableFacts
from .lock_modes import what_blocks
from .tracer import TracedStatement

MEGABYTE = 1_000_000
# How fast a server works, from fast to slow: bytes and rows in a second. On two cores, 312 MB were rewritten in 4.1 s, and
# 300,000 rows changed in 5 s; a server may be several times faster, and one that is busy or cold several times slower.
_SCANNED = (1000 * MEGABYTE, 100 * MEGABYTE)
_WRITTEN = (150 * MEGABYTE, 20 * MEGABYTE)
_ROWS = (200_000, 20_000)
_BUILDS = re.compile(r"\bINDEX\b|\b(UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b", re.IGNORECASE)

Seconds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Explained:
    """What the live server says of the way in which it would carry out an UPDATE or DELETE."""

    rows: int
    """About how many it changes."""
    scans: tuple[str, ...]
    """The tables that it reads from one end to the other."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a statement blocks."""

    blocks: str | None
    """`reads and writes`, or `writes`; None where it does so for an instant only, or not at all."""
    tables: tuple[str, ...]
    """The tables that it blocks."""
    seconds: Seconds | None
    """How long it runs, where it reads or writes tables; not how long it waits."""
    until_end: Seconds | None
    """How long it blocks: from when it runs to the end of its transaction."""
    cause: TracedStatement | None
    """The long statement that follows in its transaction, where that is why its lock is long."""


def judge(
    statements: Sequence[TracedStatement],
    tables: Mapping[str, TableFacts],
    explained: Mapping[int, Explained],
    blocking_rows: int,
) -> list[Verdict]:
    """Judge the statements of a run.

    :param tables: what is known of the tables; one that is not there counts as large.
    :param explained: by the place of a statement, what the live server says of it.
    """
    durations = [_last(one, tables, explained.get(number)) for number, one in enumerate(statements)]
    long = [_is_long(one, tables, explained.get(number), blocking_rows) for number, one in enumerate(statements)]
    many = {number for number, one in explained.items() if one.rows > blocking_rows}
    return [_judge_one(number, statements, durations, long, changes_many=number in many) for number in range(len(statements))]


def _judge_one(
    number: int,
    statements: Sequence[TracedStatement],
    durations: Sequence[Seconds | None],
    long: Sequence[bool],
    *,
    changes_many: bool,
) -> Verdict:
    one = statements[number]
    seconds = durations[number]
    rest = [
        later
        for later in range(number, len(statements))
        if statements[later].transaction == one.transaction and (later == number or long[later])
    ]
    is_blocking = any(long[later] for later in rest)
    modes: dict[str, set[str]] = {}
    for table, mode in one.locks:
        modes.setdefault(table, set()).add(mode)
    blocked = {table: what_blocks(taken) for table, taken in modes.items() if is_blocking and what_blocks(taken)}
    strongest = "reads and writes" if "reads and writes" in blocked.values() else "writes" if blocked else None
    if strongest is None and changes_many:
        # The rows that it changes are locked until its transaction ends.
        strongest, blocked = "writes", {table: "writes" for table, mode in one.locks if mode == "RowExclusiveLock"}
    known = [found for later in rest if (found := durations[later]) is not None]
    until_end = (sum(low for low, _ in known), sum(high for _, high in known)) if known and blocked else None
    cause = next((statements[later] for later in rest if later != number), None) if blocked and not long[number] else None
    names = tuple(table for table, what in blocked.items() if what == strongest)
    return Verdict(strongest, tuple(dict.fromkeys(names)), seconds, until_end, cause)


def list_worked_on(statement: TracedStatement, explained: Explained | None) -> list[str]:
    """The tables that a statement reads from one end to the other, or writes again."""
    return list(dict.fromkeys([*statement.rewrites, *statement.scans, *(explained.scans if explained else ())]))


def _is_long(
    statement: TracedStatement, tables: Mapping[str, TableFacts], explained: Explained | None, blocking_rows: int
) -> bool:
    """Whether a statement takes long: it works on a large table."""
    if explained is not None and explained.rows > blocking_rows:
        return True
    worked = [name for name in list_worked_on(statement, explained) if name in tables or not tables]
    return any(name not in tables for name in worked) or sum(tables[name].rows for name in worked) > blocking_rows


def _last(statement: TracedStatement, tables: Mapping[str, TableFacts], explained: Explained | None) -> Seconds | None:
    """How long a statement runs, by what it reads and writes; None where that is not known, or nothing."""
    worked = [name for name in list_worked_on(statement, explained) if name in tables]
    rewritten = [name for name in worked if name in statement.rewrites]
    read = [name for name in worked if name not in rewritten]
    rate = (
        _WRITTEN
        if _BUILDS.search(statement.sql) and not re.search(r"\bUSING\s+INDEX\b", statement.sql, re.IGNORECASE)
        else _SCANNED
    )
    parts: list[Callable[[int], float]] = [
        lambda end: sum(tables[name].bytes for name in rewritten) / _WRITTEN[end],
        lambda end: sum(tables[name].bytes for name in read) / rate[end],
        lambda end: (explained.rows if explained else 0) / _ROWS[end],
    ]
    if not worked and not (explained and explained.rows):
        return None
    low, high = (sum(part(end) for part in parts) for end in (0, 1))
    return (round(low, 3), round(high, 3))
