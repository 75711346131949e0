"""Writes, for a statement that blocks, the code that does the same without: with the names of the statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ..postgresql import escape_colons, identifier, quote_if_needed
from .tracer import TracedStatement

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE = rf"(?P<table>(?:{_NAME}\.)?{_NAME})"
_ALTER = rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{_TABLE}\s+"
_COLUMNS = r"\s*\((?P<columns>[^()]*)\)"
_BATCH = 10_000

Match = re.Match[str]


def advise(statement: TracedStatement, cause: TracedStatement | None, *, is_partitioned: bool = False) -> str | None:
    """The code to write in place of a statement that blocks; None where nothing that does not block is known.

    Each statement in an autocommit block is a transaction of its own, with which its lock ends. The block stands first in its
    function.

    :param cause: the long statement that follows in its transaction, if that is why it blocks.
    """
    if cause is not None:
        return f"# in a revision of its own, so that its lock has ended before revision {cause.revision} runs line {cause.line}"
    sql = re.sub(r"\s+", " ", statement.sql).rstrip("; ")
    for pattern, write in _ADVICE:
        match = re.fullmatch(pattern, sql, re.IGNORECASE)
        if match is not None:
            return None if is_partitioned and write in _NOT_FOR_PARTITIONED else "\n".join(write(match))
    for pattern in _ROWS:
        if (match := re.fullmatch(pattern, sql, re.IGNORECASE)) is not None:
            return "\n".join(_change_rows(match, statement.key)) if statement.key else None
    if re.match(_ALTER, sql, re.IGNORECASE) and statement.rewrites:
        return (
            "# a new column of the new type; a trigger that fills it with each write; the rows that exist, in batches;\n"
            "# and the names exchanged in a last revision"
        )
    return None


def _write_block(*statements: str) -> Iterator[str]:
    yield "with op.get_context().autocommit_block():"
    yield from (f"    op.execute({_quote(sql)})" for sql in statements)


def _quote(sql: str) -> str:
    """A string of Python, in double quotes where that needs no backslash."""
    text = escape_colons(sql)
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return repr(text)


def _create_index(match: Match) -> Iterator[str]:
    yield from _write_block(f"{match['create']} CONCURRENTLY {match['rest']}")


def _drop_index(match: Match) -> Iterator[str]:
    yield from _write_block(f"DROP INDEX CONCURRENTLY {match['rest']}")


def _reindex(match: Match) -> Iterator[str]:
    yield from _write_block(f"REINDEX {match['kind']} CONCURRENTLY {match['rest']}")


def _add_constraint(match: Match) -> Iterator[str]:
    table, name = match["table"], match["name"] or _name_constraint(match)
    yield from _write_block(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {match['definition']} NOT VALID",
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
    )


def _add_unique(match: Match) -> Iterator[str]:
    table, name = match["table"], match["name"] or _name_constraint(match)
    kind = re.sub(r"\s+", " ", match["kind"]).upper()
    yield from _write_block(
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({match['columns'].strip()})",
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}",
    )


def _set_not_null(match: Match) -> Iterator[str]:
    table, column = match["table"], match["column"]
    check = _join_name(table, column, "not_null")
    yield from _write_block(
        f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID",
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL",
        f"ALTER TABLE {table} DROP CONSTRAINT {check}",
    )


def _add_column(match: Match) -> Iterator[str]:
    table, column, default = match["table"], match["column"], match["default"].strip()
    yield from _write_block(
        f"ALTER TABLE {table} ADD COLUMN {column} {match['type'].strip()}",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}",
    )
    yield f"# then the rows that exist, in batches: UPDATE {table} SET {column} = {default} WHERE {column} IS NULL"


def _change_rows(match: Match, key: str) -> Iterator[str]:
    where = f"({match['where']}) AND " if match["where"] else ""
    change = f"{match['change']} WHERE {where}{key} BETWEEN "
    last = f"SELECT max({key}) FROM {match['table']}"
    yield "with op.get_context().autocommit_block():"
    yield f"    last = op.get_bind().execute(sa.text({_quote(last)})).scalar() or 0"
    yield f"    for first in range(1, last + 1, {_BATCH}):"
    yield f"        batch = sa.text({_quote(change)[:-1]}:first AND :last{_quote(change)[-1]})"
    yield f"        op.execute(batch.bindparams(first=first, last=first + {_BATCH - 1}))"


def _name_constraint(match: Match) -> str:
    """The name that PostgreSQL would give."""
    columns = re.findall(_NAME, match.groupdict().get("columns") or "")
    definition = match.groupdict().get("definition") or ""
    if re.match(r"FOREIGN", definition, re.IGNORECASE):
        columns = re.findall(_NAME, definition.partition("(")[2].partition(")")[0])
        return _join_name(match["table"], *columns, "fkey")
    if re.match(r"CHECK", definition, re.IGNORECASE):
        return _join_name(match["table"], "check")
    if re.match(r"PRIMARY", match["kind"], re.IGNORECASE):
        return _join_name(match["table"], "pkey")
    return _join_name(match["table"], *columns, "key")


def _join_name(table: str, *parts: str) -> str:
    last = re.findall(_NAME, table)[-1]
    words = [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in (last, *parts)]
    name = "_".join(words)
    return identifier(name) if len(name) < 64 and quote_if_needed(name) != name else name[:63]


_Advice = Callable[[Match], Iterator[str]]
_ADVICE: Sequence[tuple[str, _Advice]] = [
    (r"(?P<create>CREATE (?:UNIQUE )?INDEX)(?! CONCURRENTLY) (?P<rest>.*)", _create_index),
    (r"DROP INDEX(?! CONCURRENTLY) (?P<rest>.*)", _drop_index),
    (r"REINDEX (?P<kind>INDEX|TABLE)(?! CONCURRENTLY) (?P<rest>.*)", _reindex),
    (
        rf"{_ALTER}ADD (?:CONSTRAINT (?P<name>{_NAME}) )?(?P<definition>(?:CHECK|FOREIGN KEY)\b(?!.*\bNOT VALID\b).*)",
        _add_constraint,
    ),
    (rf"{_ALTER}ADD (?:CONSTRAINT (?P<name>{_NAME}) )?(?P<kind>UNIQUE|PRIMARY KEY){_COLUMNS}", _add_unique),
    (rf"{_ALTER}ALTER (?:COLUMN )?(?P<column>{_NAME}) SET NOT NULL", _set_not_null),
    (rf"{_ALTER}ADD (?:COLUMN )?(?P<column>{_NAME}) (?P<type>.*?) DEFAULT (?P<default>.*?)(?: NOT NULL)?", _add_column),
]
_ROWS = (
    rf"(?P<change>UPDATE (?:ONLY )?{_TABLE} SET (?:(?! WHERE ).)*)(?: WHERE (?P<where>.*))?",
    rf"(?P<change>DELETE FROM (?:ONLY )?{_TABLE})(?: WHERE (?P<where>.*))?",
)
_NOT_FOR_PARTITIONED = frozenset({_create_index, _drop_index, _add_unique})
