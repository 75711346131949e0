"""The tables and indexes that are there before the pending revisions run, and how the statements of a revision leave them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..postgresql import FIRST_OID

Ask = Callable[[str], list[Any]]
"""Sends a query, and gives its rows."""


_RELATIONS = f"""
    SELECT pg_class.oid, CAST(nspname AS text), CAST(relname AS text), CAST(relkind AS text),
           pg_catalog.pg_relation_filenode(pg_class.oid), coalesce(pg_index.indrelid, pg_class.oid)
    FROM pg_catalog.pg_class
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    LEFT JOIN pg_catalog.pg_index ON pg_index.indexrelid = pg_class.oid
    WHERE pg_class.oid >= {FIRST_OID} AND relkind IN ('r', 'p', 'm', 'i', 'I', 'f')
      AND nspname !~ '^pg_' AND relpersistence <> 't'
"""
_FILENODES = f"""
    SELECT oid, pg_catalog.pg_relation_filenode(oid) FROM pg_catalog.pg_class
    WHERE oid >= {FIRST_OID} AND relkind IN ('r', 'm', 'i')
"""
_COLUMNS = """
    SELECT attrelid, attnum, CAST(nspname AS text), CAST(relname AS text), CAST(attname AS text), attnotnull,
           atthasdef OR attidentity <> '',
           (SELECT CAST(pg_catalog.json_agg(enumlabel ORDER BY enumsortorder) AS text)
            FROM pg_catalog.pg_enum WHERE enumtypid IN (atttypid, typelem))
    FROM pg_catalog.pg_attribute
    JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_catalog.pg_type ON pg_type.oid = atttypid
    WHERE attnum > 0 AND NOT attisdropped AND attrelid IN ({tables})
"""
_KEYS = f"""
    SELECT conrelid, pg_catalog.quote_ident(attname) FROM pg_catalog.pg_constraint
    JOIN pg_catalog.pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE contype = 'p' AND pg_catalog.cardinality(conkey) = 1 AND conrelid >= {FIRST_OID}
      AND atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
"""
_WORDS = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]*|\.|\S')


@dataclass(slots=True)
class Relation:
    """A table or an index, by the name that it has before the revisions run."""

    schema: str
    name: str
    kind: str
    filenode: int | None
    table: int
    """Of an index, its table; of a table, itself."""

    @property
    def is_index(self) -> bool:
        return self.kind in {"i", "I"}

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """What of a column the running application relies on."""

    schema: str
    table: str
    name: str
    is_required: bool
    has_default: bool
    values: tuple[str, ...]
    """Those of its enum type."""


class Relations:
    """What is there before the pending revisions run; nothing is said of what they create."""

    def __init__(self, ask: Ask, version_table: tuple[str | None, str]) -> None:
        self._ask = ask
        schema, name = version_table
        self.known = {
            oid: Relation(*rest) for oid, *rest in ask(_RELATIONS) if not (rest[1] == name and schema in {None, rest[0]})
        }
        self.tables = [oid for oid, relation in self.known.items() if not relation.is_index]
        self.columns = self._read_columns(self.tables)
        self.keys: dict[int, str] = dict(ask(_KEYS))
        """The primary key of a table, where it is one column with a whole number."""

    def _read_columns(self, tables: Iterable[int]) -> dict[tuple[int, int], Column]:
        listed = ", ".join(map(str, tables))
        if not listed:
            return {}
        rows = self._ask(_COLUMNS.format(tables=listed))
        return {
            (row[0], row[1]): Column(row[2], row[3], row[4], row[5], row[6], tuple(json.loads(row[7] or "[]"))) for row in rows
        }

    def read_again(self) -> None:
        """Read what statements change, after a rollback has taken that back."""
        self.find_rewritten(dict(self._ask(_FILENODES)))
        self.columns = self._read_columns(self.tables)

    def find_rewritten(self, filenodes: Mapping[int, int | None]) -> list[int]:
        """The relations that another file has now: their rows were written again."""
        changed = [
            oid
            for oid, filenode in filenodes.items()
            if oid in self.known and filenode is not None and filenode != self.known[oid].filenode
        ]
        for oid in changed:
            self.known[oid].filenode = filenodes[oid]
        return changed

    def list_named(self, statement: str) -> list[int]:
        """The tables that a statement names, in their order: itself, or an index of theirs."""
        by_name: dict[str, int] = {}
        for relation in self.known.values():
            by_name.setdefault(relation.name, relation.table)
            by_name[f"{relation.schema}.{relation.name}"] = relation.table
        for (renamed, _), column in self.columns.items():  # what has been renamed
            by_name.setdefault(column.table, renamed)
            by_name.setdefault(f"{column.schema}.{column.table}", renamed)
        words = [_fold(word) for word in _WORDS.findall(statement)]
        found: list[int] = []
        for number, word in enumerate(words):
            whole = ".".join([words[number - 2], word]) if words[number - 1 : number] == ["."] and number > 1 else word
            table = by_name.get(whole)
            if table is not None and table not in found:
                found.append(table)
        return found

    def find_breaks(self, tables: Iterable[int]) -> list[str]:
        """What of these tables the running version of the application relies on, and does not find any more."""
        tables = [oid for oid in tables if oid in self.known and not self.known[oid].is_index]
        if not tables:
            return []
        before = {key: column for key, column in self.columns.items() if key[0] in tables}
        after = self._read_columns(tables)
        self.columns = {key: column for key, column in self.columns.items() if key[0] not in tables} | after
        found = [line for oid in tables for line in self._compare_table(oid, before, after)]
        return list(dict.fromkeys(found))

    def find_last_constraint(self, table: int) -> str | None:
        """The name of the constraint that was added last, in quotes if it needs them."""
        found = self._ask(f"""
            SELECT pg_catalog.quote_ident(conname) FROM pg_catalog.pg_constraint
            WHERE conrelid = {table} AND contype <> 'n' ORDER BY oid DESC LIMIT 1
        """)
        return found[0][0] if found else None

    def list_with_enums(self) -> list[int]:
        """The tables that have a column of an enum type."""
        return list(dict.fromkeys(oid for (oid, _), column in self.columns.items() if column.values))

    def _compare_table(
        self, oid: int, before: Mapping[tuple[int, int], Column], after: Mapping[tuple[int, int], Column]
    ) -> Iterator[str]:
        relation = self.known[oid]
        now = next((column for key, column in after.items() if key[0] == oid), None)
        had = next((column for key, column in before.items() if key[0] == oid), None)
        if now is None:
            if had is not None:
                yield f"drops {relation}"
            return
        if had is not None and (had.schema, had.table) != (now.schema, now.table):
            yield f"renames {relation} to {now.schema}.{now.table}"
        for key, column in before.items():
            if key[0] == oid:
                yield from _compare_column(f"{relation}.{column.name}", column, after.get(key))
        for key in sorted(after.keys() - before.keys()):
            column = after[key]
            if key[0] == oid and column.is_required and not column.has_default:
                yield f"adds {relation}.{column.name} NOT NULL without a default, which fails if there are rows"


def _compare_column(name: str, column: Column, now: Column | None) -> Iterator[str]:
    if now is None:
        yield f"drops {name}"
        return
    if now.name != column.name:
        yield f"renames {name} to {now.name}"
    if now.is_required and not now.has_default and (not column.is_required or column.has_default):
        yield f"{name} is NOT NULL without a default"
    for value in column.values:
        if now.values and value not in now.values:
            yield f'{name} has no value "{value}" any more'


def _fold(word: str) -> str:
    """A name as the catalog has it."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()
