"""The statements for enum types, as SQLAlchemy DDL: names and labels are quoted by the dialect, never by formatting."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.sql.sqltypes import String


class AddEnumValue(ExecutableDDLElement):
    """`ALTER TYPE ... ADD VALUE IF NOT EXISTS`, see https://www.postgresql.org/docs/current/sql-altertype.html."""

    inherit_cache = False

    def __init__(self, enum_name: str, value: str, *, before: str | None, after: str | None, schema: str | None) -> None:
        self.enum_name = enum_name
        self.value = value
        self.before = before
        self.after = after
        self.schema = schema


@compiles(AddEnumValue)
def _compile_add_enum_value(element: AddEnumValue, compiler: DDLCompiler, **_: Any) -> str:
    statement = f"ALTER TYPE {quote_name(compiler, element.enum_name, element.schema)} ADD VALUE IF NOT EXISTS "
    statement += quote_label(compiler, element.value)
    if element.before is not None:
        statement += f" BEFORE {quote_label(compiler, element.before)}"
    if element.after is not None:
        statement += f" AFTER {quote_label(compiler, element.after)}"
    return statement


def quote_name(compiler: DDLCompiler, name: str, schema: str | None) -> str:
    """A schema-qualified name in SQL, quoted always: what needs quotes differs between server versions."""
    quote = compiler.preparer.quote_identifier
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def quote_label(compiler: DDLCompiler, label: str) -> str:
    """A label as a string literal; a percent sign is doubled where the driver reads it."""
    return compiler.sql_compiler.render_literal_value(label, String())
