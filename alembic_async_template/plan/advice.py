"""Writes, for a statement that blocks, the code that does the same without: with the names of the statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ..diagnosis.quotes import quote_statement
from ..masking import HIDDEN, mask_statement
from ..postgresql import MAX_BYTES, empty_strings, escape_colons, hide_nested, identifier, quote_if_needed, strip_comments
from .tracer import TracedStatement

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE = rf"(?P<table>(?:{_NAME}\.)?{_NAME})"
_ALTER = rf"(?P<alter>ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_TABLE})"
_COLUMNS = rf" ?\( ?(?P<columns>{_NAME}(?: ?, ?{_NAME})*) ?\)"
_BATCH = 10_000
_OPERATION = re.compile(
    r"op\.(create_index|drop_index|create_(check_constraint|unique_constraint|primary_key|foreign_key)|alter_column)\(.*\)$"
)
_CHANGES_TYPE = re.compile(r"\btype_ ?=")

Match = re.Match[str]


def advise(statement: TracedStatement, cause: TracedStatement | None, *, is_partitioned: bool = False) -> str | None:
    """The code to write in place of a statement that blocks; None where nothing that does not block is known.

    That is the block `op.online()` for an operation, and for SQL an autocommit block, in which each statement is a transaction
    of its own, with which its lock ends. The block stands first in its function.

    :param cause: the long statement that follows in its transaction, if that is why it blocks.
    """
    sql = strip_comments(statement.sql)
    is_known = not (statement.has_parameters or HIDDEN in sql or ";" in empty_strings(sql))
    for pattern, write in _ADVICE if is_known else ():
        match = re.fullmatch(pattern, sql, re.IGNORECASE | re.DOTALL)
        if match is None or (cause is not None and write is not _drop_index):
            continue
        if write in _ONLINE and not (is_partitioned and write in _KEYS) and (call := _find_call(statement)):
            return f"with op.online():\n    {call}"
        if (is_partitioned and write in _NOT_FOR_PARTITIONED) or ("alter" in match.groupdict() and "," in hide_nested(sql)):
            return None
        lines = list(write(match, statement))
        return "\n".join(["with op.get_context().autocommit_block():", *lines]) if lines else None
    if cause is not None:
        return f"# in a revision of its own, so that its lock has ended before revision {cause.revision} runs line {cause.line}"
    if statement.rewrites and re.fullmatch(
        rf"{_ALTER} ALTER (COLUMN )?{_NAME} (SET DATA )?TYPE .*", sql, re.IGNORECASE | re.DOTALL
    ):
        return (
            "# a new column of the new type; a trigger that fills it with each write; the rows that exist, in batches;\n"
            "# and the names exchanged in a last revision"
        )
    return None


def _find_call(statement: TracedStatement) -> str | None:
    """The operation that the statement is of, as the revision calls it, if the block `op.online()` takes it."""
    source = quote_statement(statement.file, statement.line)
    if source is None or not _OPERATION.match(source) or _CHANGES_TYPE.search(source) or mask_statement(source) != source:
        return None
    return source


def _execute(*statements: str) -> Iterator[str]:
    yield from (f"    op.execute({_quote(sql)})" for sql in statements)


def _quote(sql: str, parameters: str = "") -> str:
    """A string of Python, in double quotes where that needs no backslash."""
    text = escape_colons(sql) + parameters
    return f'"{text}"' if text.isprintable() and not {'"', "\\"} & set(text) else repr(text)


def _create_index(match: Match, _statement: TracedStatement) -> Iterator[str]:
    yield from _execute(f"{match['create']} CONCURRENTLY {match['rest']}")


def _drop_index(match: Match, _statement: TracedStatement) -> Iterator[str]:
    yield from _execute(f"DROP INDEX CONCURRENTLY {match['rest']}")


def _reindex(match: Match, _statement: TracedStatement) -> Iterator[str]:
    yield from _execute(f"REINDEX {match['kind']} CONCURRENTLY {match['rest']}")


def _add_check(match: Match, statement: TracedStatement) -> Iterator[str]:
    alter, name = match["alter"], match["name"] or statement.constraint
    if name and not re.search(r"\bNOT (VALID|ENFORCED)\b", empty_strings(match["definition"]), re.IGNORECASE):
        yield from _execute(
            f"{alter} ADD CONSTRAINT {name} {match['definition']} NOT VALID", f"{alter} VALIDATE CONSTRAINT {name}"
        )


def _add_foreign_key(match: Match, statement: TracedStatement) -> Iterator[str]:
    yield from _add_check(match, statement)


def _add_unique(match: Match, statement: TracedStatement) -> Iterator[str]:
    alter, table, name, kind = match["alter"], match["table"], match["name"] or statement.constraint, match["kind"]
    if not name or re.match("ALTER TABLE IF", alter, re.IGNORECASE):  # CREATE INDEX cannot ask whether its table is there
        return
    if kind.upper() == "PRIMARY KEY":
        for column in re.findall(_NAME, match["columns"]):
            yield from _require(alter, column)
    options = "".join(match[option] or "" for option in ("include", "nulls"))
    yield from _execute(
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({match['columns']}){options}",
        f"{alter} ADD CONSTRAINT {name} {kind} USING INDEX {name}{match['deferrable'] or ''}",
    )


def _set_not_null(match: Match, _statement: TracedStatement) -> Iterator[str]:
    yield from _require(match["alter"], match["column"])


def _require(alter: str, column: str) -> Iterator[str]:
    """Make a column NOT NULL, which a valid check lets the server do without reading the rows."""
    suffix = "_is_not_null"
    bare = column[1:-1].replace('""', '"') if column.startswith('"') else column.lower()
    name = bare.encode()[: MAX_BYTES - len(suffix)].decode(errors="ignore") + suffix
    check = identifier(name) if column.startswith('"') else quote_if_needed(name)
    yield from _execute(
        f"{alter} ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID",
        f"{alter} VALIDATE CONSTRAINT {check}",
        f"{alter} ALTER COLUMN {column} SET NOT NULL",
        f"{alter} DROP CONSTRAINT {check}",
    )


def _add_column(match: Match, statement: TracedStatement) -> Iterator[str]:
    """For a default that has to be computed for each row; where it has not, the type is what rewrites the table."""
    alter, table, column, rest = match["alter"], match["table"], match["column"], match["rest"]
    bare = hide_nested(rest)
    required = re.search(r" NOT NULL\b", bare, re.IGNORECASE)
    if required is not None:
        rest, bare = (text[: required.start()] + text[required.end() :] for text in (rest, bare))
    default = re.search(r" DEFAULT ", bare, re.IGNORECASE)
    if default is None or _MORE.search(bare) or "(" not in rest[default.end() :] or statement.key is None:
        return
    kind, value = rest[: default.start()], rest[default.end() :]
    yield from _execute(
        f"{alter} ADD COLUMN {match['exists'] or ''}{column} {kind}", f"{alter} ALTER COLUMN {column} SET DEFAULT {value}"
    )
    yield from _run_batches(f"UPDATE {table} SET {column} = {value}", f"{column} IS NULL", table, statement.key)
    if required is not None:
        yield from _require(alter, column)


def _change_rows(match: Match, statement: TracedStatement) -> Iterator[str]:
    key, change, rest = statement.key, match["change"], match["rest"]
    outer = hide_nested(rest)
    where = re.search(r" WHERE ", outer, re.IGNORECASE)
    body = rest[: where.start()] if where else rest
    name = re.findall(_NAME, match["table"])[-1]
    # A statement that reads its own table would see what an earlier batch has left of it.
    reads_itself = len(re.findall(rf'(?<![\w"]){re.escape(name)}(?![\w."])', empty_strings(match[0]), re.IGNORECASE)) != 1
    ends = [place.end() for place in re.finditer("(?:^|,) ?", hide_nested(body))]
    changes_key = any(re.match(rf"\(|{re.escape(key or '')} ?=", body[end:], re.IGNORECASE) for end in ends)
    if key is None or reads_itself or changes_key or re.search(r"\b(FROM|USING|RETURNING|CURRENT OF)\b", outer, re.IGNORECASE):
        return
    yield from _run_batches(change + body, rest[where.end() :] if where else "", match["table"], key)


def _run_batches(change: str, where: str, table: str, key: str) -> Iterator[str]:
    condition = f"({where}) AND " if where else ""
    ends = f"SELECT coalesce(min({key}), 0), coalesce(max({key}), -1) FROM {table}"
    yield f"    first, last = op.get_bind().execute(sa.text({_quote(ends)})).one()"
    yield f"    for start in range(first, last + 1, {_BATCH}):"
    yield f"        batch = sa.text({_quote(f'{change} WHERE {condition}{key} BETWEEN ', ':start AND :end')})"
    yield f"        op.execute(batch.bindparams(start=start, end=min(start + {_BATCH - 1}, last)))"


_Advice = Callable[[Match, TracedStatement], Iterator[str]]
_ADD = rf"{_ALTER} ADD (?:CONSTRAINT (?P<name>{_NAME}) )?"
# What a column may have beside its type and its default.
_MORE = re.compile(r"\b(CONSTRAINT|CHECK|UNIQUE|PRIMARY|REFERENCES|GENERATED)\b|\bNULL$", re.IGNORECASE)
_ADVICE: Sequence[tuple[str, _Advice]] = [
    (r"(?P<create>CREATE (?:UNIQUE )?INDEX)(?! CONCURRENTLY\b) (?P<rest>.*)", _create_index),
    (rf"DROP INDEX(?! CONCURRENTLY\b) (?P<rest>(?:IF EXISTS )?{_TABLE})(?: RESTRICT)?", _drop_index),
    (rf"REINDEX (?P<kind>INDEX|TABLE)(?! CONCURRENTLY\b) (?P<rest>{_TABLE})", _reindex),
    (rf"{_ADD}(?P<definition>CHECK\b.*)", _add_check),
    (rf"{_ADD}(?P<definition>FOREIGN KEY\b.*)", _add_foreign_key),
    (
        rf"{_ADD}(?P<kind>UNIQUE|PRIMARY KEY)(?P<nulls> NULLS (?:NOT )?DISTINCT)?{_COLUMNS}(?P<include> INCLUDE ?\([^()]*\))?"
        r"(?P<deferrable>(?: (?:NOT )?DEFERRABLE)?(?: INITIALLY \w+)?)",
        _add_unique,
    ),
    (rf"{_ALTER} ALTER (?:COLUMN )?(?P<column>{_NAME}) SET NOT NULL", _set_not_null),
    (
        rf"{_ALTER} ADD (?!CONSTRAINT\b|CHECK\b|EXCLUDE\b|FOREIGN\b|UNIQUE\b|PRIMARY\b)(?:COLUMN )?(?P<exists>IF NOT EXISTS )?"
        rf"(?P<column>{_NAME}) (?P<rest>.*)",
        _add_column,
    ),
    (rf"(?P<change>UPDATE (?:ONLY )?{_TABLE} SET )(?P<rest>.*)", _change_rows),
    (rf"(?P<change>DELETE FROM (?:ONLY )?{_TABLE})(?P<rest>(?: WHERE .*)?)", _change_rows),
]
# What the block `op.online()` does, and what of it partitioned tables cannot have.
_ONLINE = frozenset({_create_index, _drop_index, _add_check, _add_foreign_key, _add_unique, _set_not_null})
_KEYS = frozenset({_add_unique, _add_foreign_key})
# Before PostgreSQL 18, a foreign key of a partitioned table cannot be NOT VALID.
_NOT_FOR_PARTITIONED = frozenset({_create_index, _drop_index, _add_unique, _add_foreign_key})
