"""Compares a length, precision or scale of a type with a type that has none, which are equal to Alembic."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from alembic.ddl.impl import DefaultImpl
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Column
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("alembic_async_template.autogenerate")

# A type has a collation in its text, but not among its arguments.
_COLLATION = re.compile(r'\s+collate\s+(?:"[^"]*"|[\w.])+$')
# Two texts of one type, https://www.postgresql.org/docs/current/datatype.html.
_SPELLINGS = [
    (re.compile(r"\s*([(,)])\s*"), r"\1"),
    (re.compile(r"\)(?=\w)"), ") "),
    (re.compile(r"(?:\[\d*\])+$"), "[]"),
    (re.compile(r"^decimal\b"), "numeric"),
    (re.compile(r"^numeric\((\d+)\)"), r"numeric(\1,0)"),
    (re.compile(r"^(char|bit)(?=\[|$)"), r"\1(1)"),
    (re.compile(r"^float\((?:1?\d|2[0-4])\)"), "real"),
    (re.compile(r"^float\b(?:\(\d+\))?"), "double precision"),
]
# The types whose texts tell all, without a server that creates them.
_BUILT_IN = re.compile(r"(?:bit|char|double precision|interval|numeric|real|time|timestamp|varchar)\b")


def compare_type_arguments(
    context: AutogenContext,
    operation: ops.AlterColumnOp,
    schema: str | None,
    table_name: str,
    column_name: str,
    reflected: Column[Any],
    declared: Column[Any],
) -> PriorityDispatchResult:
    """Report a type that differs in its text only, where Alembic does not see it; `settle_differences` may take that back."""
    existing, target = _write(reflected.type, context.dialect), _write(declared.type, context.dialect)
    if existing is None or target is None:
        return PriorityDispatchResult.CONTINUE
    implementation = context.migration_context.impl
    if existing == target and type(implementation).compare_type is DefaultImpl.compare_type:
        return PriorityDispatchResult.STOP  # it would compare the same texts
    existing, target = _normalise(existing), _normalise(target)
    if existing == target or implementation.compare_type(reflected, declared):
        return PriorityDispatchResult.CONTINUE
    if not _BUILT_IN.match(target):
        if context.dialect.name != "postgresql":
            return PriorityDispatchResult.CONTINUE
        list_unsure(context).add((schema, str(table_name), str(column_name)))
    operation.existing_type, operation.modify_type = reflected.type, declared.type
    log.info("Detected type change from %r to %r on '%s.%s'", reflected.type, declared.type, table_name, column_name)
    return PriorityDispatchResult.STOP


def list_unsure(context: AutogenContext) -> set[tuple[str | None, str, str]]:
    """The columns whose type is no difference unless the server says so; kept in the inspector's cache."""
    unsure: set[tuple[str | None, str, str]] = context.inspector.info_cache.setdefault(
        "alembic_async_template.autogenerate.type_arguments", set()
    )
    return unsure


def _write(type_: TypeEngine[Any], dialect: Dialect) -> str | None:
    try:
        return type_.compile(dialect=dialect)
    except CompileError:  # of a type that the database has and SQLAlchemy does not know
        return None


def _normalise(type_: str) -> str:
    """The text of a type without its collation, and the same for all its spellings."""
    text = _COLLATION.sub("", type_.lower())
    for spelling, replacement in _SPELLINGS:
        text = spelling.sub(replacement, text)
    return text
