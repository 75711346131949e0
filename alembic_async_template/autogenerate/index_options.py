"""Finds indexes that differ in what Alembic does not compare: their predicate, method, included columns and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Index
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex

from ..postgresql import normalise

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

_UNSETTLED = "alembic_async_template.indexes"


def list_unsettled_indexes(context: AutogenContext) -> list[tuple[Index, Index]]:
    """The indexes that differ only in their text, reflected and declared; kept in the inspector's cache."""
    unsettled: list[tuple[Index, Index]] = context.inspector.info_cache.setdefault(_UNSETTLED, [])
    return unsettled


def compare_index_texts(context: AutogenContext, _upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Note each index that Alembic finds equal and that differs in its text from what the database shows.

    `settle_differences` asks the server whether that is a difference.
    """
    impl, unsettled = context.migration_context.impl, list_unsettled_indexes(context)
    stock = impl.compare_indexes

    def compare_indexes(declared: Index, reflected: Index) -> Any:
        result = stock(declared, reflected)
        if result.is_equal and _write_normalised(declared, context.dialect) != _write_normalised(reflected, context.dialect):
            unsettled.append((reflected, declared))
        return result

    # A public method, https://alembic.sqlalchemy.org/en/latest/api/ddl.html, of this comparison's own object.
    impl.compare_indexes = compare_indexes  # type: ignore[method-assign,assignment]
    return PriorityDispatchResult.CONTINUE


def _write_normalised(index: Index, dialect: Dialect | None) -> str | None:
    try:
        return normalise(str(CreateIndex(index).compile(dialect=dialect)))
    except CompileError:
        return None
