"""A dialect that writes names and types as SQL has them, for statements that go through `text()` or to the driver as they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Dialect


def make_plain(dialect: Dialect) -> Dialect:
    """A dialect of the same kind that doubles no percent sign, as the dialects of some drivers do."""
    return dialect.__class__(paramstyle="named")  # type: ignore[call-arg]


def quote_column(operation: Any, column: str, dialect: Dialect) -> tuple[str, str]:
    """The names of an operation's table and of a column of it, as SQL writes them."""
    quote = make_plain(dialect).identifier_preparer.quote
    return ".".join(quote(part) for part in (operation.schema, operation.table_name) if part), quote(column)
