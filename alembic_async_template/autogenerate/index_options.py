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


def list_unsettled_indexes(context: AutogenContext) -> set[tuple[str | None, str, str]]:
    """The indexes that differ in their text only, by schema, table and name; kept with what the inspector has read."""
    unsettled: set[tuple[str | None, str, str]] = context.inspector.info_cache.setdefault(_UNSETTLED, set())
    return unsettled


def compare_index_texts(context: AutogenContext, _upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Let Alembic take each index for another one that is written otherwise than the database shows it.

    Where the server sees no difference, `settle_differences` takes that back.
    """
    impl, unsettled = context.migration_context.impl, list_unsettled_indexes(context)
    stock = impl.compare_indexes

    def compare_indexes(declared: Index, reflected: Index) -> Any:
        result = stock(declared, reflected)
        if not result.is_equal or _write(declared, context.dialect) == _write(reflected, context.dialect):
            return result
        assert declared.table is not None
        unsettled.add((declared.table.schema, declared.table.name, str(declared.name)))
        return type(result).Different("its predicate, method, columns or options")

    # A public method, https://alembic.sqlalchemy.org/en/latest/api/ddl.html, of this comparison's own object.
    impl.compare_indexes = compare_indexes  # type: ignore[method-assign,assignment]
    return PriorityDispatchResult.CONTINUE


def _write(index: Index, dialect: Dialect | None) -> str | None:
    try:
        return normalise(str(CreateIndex(index).compile(dialect=dialect)))
    except CompileError:
        return None
