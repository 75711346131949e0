"""The statements that create, change, rename and drop an enum type.

`type_name` is always the quoted name, from `postgresql.qualified`. Quotes are written even where a name needs none, since that
differs between server versions.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import DDL

from ..postgresql import identifier, literal

# https://www.postgresql.org/docs/current/sql-altertype.html, sql-createtype.html and sql-droptype.html


def create_type(type_name: str, labels: Sequence[str]) -> str:
    return f"CREATE TYPE {type_name} AS ENUM ({', '.join(map(literal, labels))})"


def drop_type(type_name: str) -> str:
    return f"DROP TYPE {type_name}"


def rename_type(type_name: str, new_name: str) -> str:
    return f"ALTER TYPE {type_name} RENAME TO {identifier(new_name)}"


def add_value(type_name: str, value: str, *, before: str | None = None, after: str | None = None) -> str:
    position = "".join(f" {word} {literal(at)}" for word, at in (("BEFORE", before), ("AFTER", after)) if at is not None)
    return f"ALTER TYPE {type_name} ADD VALUE IF NOT EXISTS {literal(value)}{position}"


def rename_value(type_name: str, old_value: str, new_value: str) -> str:
    return f"ALTER TYPE {type_name} RENAME VALUE {literal(old_value)} TO {literal(new_value)}"


def make_executable(statement: str) -> DDL:
    """A statement for `op.execute`: the dialect doubles a percent sign where its driver reads it."""
    # DDL fills in names with %, https://docs.sqlalchemy.org/en/20/core/ddl.html#sqlalchemy.schema.DDL
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
