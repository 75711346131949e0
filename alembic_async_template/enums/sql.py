"""Statements for enum types, as SQLAlchemy DDL: names and labels are quoted by the dialect, never by formatting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.sql.sqltypes import String


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a type or table, with its schema; quoted always, since what needs quotes differs between server versions."""

    name: str
    schema: str | None = None

    def render(self, dialect: Dialect) -> str:
        quote = dialect.identifier_preparer.quote_identifier
        return f"{quote(self.schema)}.{quote(self.name)}" if self.schema else quote(self.name)


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels as string literals; the dialect doubles a percent sign where its driver reads it."""

    labels: Sequence[str]

    def render(self, dialect: Dialect) -> str:
        process = String().literal_processor(dialect)  # type: ignore[no-untyped-call]
        assert process is not None
        # A backslash means the same in an escape string whatever standard_conforming_strings is.
        literals = [f"E{process(label)}".replace("\\", "\\\\") if "\\" in label else process(label) for label in self.labels]
        return ", ".join(literals)


class Statement(ExecutableDDLElement):
    """One statement: a text of this package with `{}` for each part."""

    inherit_cache = False

    def __init__(self, text: str, *parts: Name | Labels) -> None:
        self.text = text
        self.parts = parts


@compiles(Statement)
def _compile_statement(statement: Statement, compiler: DDLCompiler, **_: Any) -> str:
    return statement.text.format(*(part.render(compiler.dialect) for part in statement.parts))


# https://www.postgresql.org/docs/current/sql-altertype.html, sql-createtype.html and sql-droptype.html


def add_value(enum: Name, value: str, *, before: str | None, after: str | None) -> Statement:
    text, parts = "ALTER TYPE {} ADD VALUE IF NOT EXISTS {}", [Labels([value])]
    for word, neighbour in (("BEFORE", before), ("AFTER", after)):
        if neighbour is not None:
            text += f" {word} {{}}"
            parts.append(Labels([neighbour]))
    return Statement(text, enum, *parts)


def rename_value(enum: Name, old_value: str, new_value: str) -> Statement:
    return Statement("ALTER TYPE {} RENAME VALUE {} TO {}", enum, Labels([old_value]), Labels([new_value]))


def create(enum: Name, values: Sequence[str]) -> Statement:
    return Statement("CREATE TYPE {} AS ENUM ({})", enum, Labels(values))


def drop(enum: Name) -> Statement:
    return Statement("DROP TYPE {}", enum)


def rename(enum: Name, new_name: str) -> Statement:
    return Statement("ALTER TYPE {} RENAME TO {}", enum, Name(new_name))
