"""Asks PostgreSQL whether types, server defaults and indexes that differ in their text differ at all.

The server creates both versions on temporary tables, in a savepoint that is rolled back, and shows how it has understood them.
The number of queries does not grow with the number of differences.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import Column, CreateIndex, DefaultClause
from sqlalchemy.types import NullType

from ..postgresql import STRING, literal, normalise, qualified
from .enum_columns import find_enum_use
from .index_options import list_unsettled_indexes
from .operation_tree import drop_empty_containers, find_table, list_table_operations
from .plain_dialect import make_plain
from .server_defaults import list_unsettled
from .type_arguments import list_unsure

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("alembic_async_template.autogenerate")

_TABLE = "alembic_async_template_comparison"

# The columns that may differ, https://www.postgresql.org/docs/current/catalog-pg-attrdef.html.
_COLUMNS = text("""
    SELECT position, pg_catalog.format_type(atttypid, atttypmod) AS type, attnotnull AS not_null,
           pg_catalog.pg_get_expr(adbin, adrelid) AS default_expression
    FROM unnest(CAST(:tables AS text[]), CAST(:columns AS text[])) WITH ORDINALITY AS asked (relation, name, position)
    JOIN pg_catalog.pg_attribute ON attrelid = pg_catalog.to_regclass(relation) AND CAST(attname AS text) = name
    LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
""")
_MADE_COLUMNS = text("""
    SELECT CAST(attname AS text) AS name, pg_catalog.format_type(atttypid, atttypmod) AS type,
           pg_catalog.pg_get_expr(adbin, adrelid) AS default_expression
    FROM pg_catalog.pg_attribute LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = pg_catalog.to_regclass(:table) AND attnum > 0
""")
# All in which two indexes can differ, except name and table, https://www.postgresql.org/docs/current/catalog-pg-index.html.
_INDEXES = text("""
    SELECT position, ROW(
               indisunique, pg_catalog.to_jsonb(pg_index) ->> 'indnullsnotdistinct', indnkeyatts, indclass::text,
               indcollation::text, indoption::text, relam, reloptions::text, pg_catalog.pg_get_expr(indpred, indrelid),
               ARRAY(SELECT pg_catalog.pg_get_indexdef(indexrelid, number, false) FROM generate_series(1, indnatts) AS number)
           )::text AS facts
    FROM unnest(CAST(:indexes AS text[])) WITH ORDINALITY AS asked (name, position)
    JOIN pg_catalog.pg_class ON pg_class.oid = pg_catalog.to_regclass(name)
    JOIN pg_catalog.pg_index ON indexrelid = pg_class.oid
""")
# The functions of these names whose value may change, those that are volatile at every call,
# https://www.postgresql.org/docs/current/xfunc-volatility.html.
_CHANGING = text("""
    SELECT CAST(proname AS text) AS name, bool_or(provolatile = 'v') AS is_volatile FROM pg_catalog.pg_proc
    WHERE provolatile <> 'i' AND CAST(proname AS text) = ANY (CAST(:names AS text[])) GROUP BY proname
""")

# Functions that are written without parentheses.
_CHANGING_WORDS = re.compile(r"\b(?:current_\w+|localtime(?:stamp)?|session_user|user)\b", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class _Column:
    """A column whose type or default may differ, and how the server shows both versions."""

    operation: ops.AlterColumnOp
    changes_type: bool
    changes_default: bool
    in_domain: bool
    is_unsure: bool
    existing_type: str = ""
    existing_default: str | None = None
    new_type: str | None = None
    new_default: str | None = None

    @property
    def defaults(self) -> tuple[str, str]:
        return self.existing_default or "", self.new_default or ""


@dataclass(frozen=True, slots=True)
class _Index:
    """An index that would be dropped and created again under its name."""

    table_ops: ops.ModifyTableOps
    dropped: ops.DropIndexOp
    created: ops.CreateIndexOp
    is_detected: bool
    """Whether Alembic itself sees a difference, and has these operations among those of the table."""


def settle_differences(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Take back the differences that the server does not see. What it cannot create stays a difference."""
    columns, indexes = list(_list_columns(context, upgrade_ops)), list(_list_indexes(context, upgrade_ops))
    if columns or indexes:
        assert context.connection is not None
        dialect = make_plain(context.dialect)  # what it writes reaches the driver as it is
        equal = [*_settle_columns(context.connection, columns, dialect), *_settle_indexes(context.connection, indexes, dialect)]
        for table_ops in list_table_operations(upgrade_ops):
            is_left = [not isinstance(operation, ops.AlterColumnOp) or operation.has_changes() for operation in table_ops.ops]
            table_ops.ops = list(compress(table_ops.ops, is_left))
        drop_empty_containers(upgrade_ops)
        if equal:
            log.info("No difference on the server: %s", ", ".join(equal))
    return PriorityDispatchResult.CONTINUE


# What to ask


def _list_columns(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> Iterator[_Column]:
    """The columns with another type or default by their text, except where the project itself compares them.

    Whether a column has another enum type is known already.
    """
    asks_types = not callable(context.opts.get("compare_type"))
    unsettled, unsure = list_unsettled(context), list_unsure(context)
    for table_ops in list_table_operations(upgrade_ops):
        for operation in table_ops.ops:
            if isinstance(operation, ops.AlterColumnOp):
                types = [type_ for type_ in (operation.existing_type, operation.modify_type) if type_ is not None]
                has_enum = any(find_enum_use(type_, context.dialect) for type_ in types)
                key = (operation.schema, str(operation.table_name), str(operation.column_name))
                is_unsure = key in unsure
                changes_type = (asks_types or is_unsure) and operation.modify_type is not None and not has_enum
                changes_default = key in unsettled and isinstance(operation.modify_server_default, DefaultClause)
                in_domain = isinstance(operation.existing_type, DOMAIN)
                if changes_type or changes_default or in_domain:
                    yield _Column(operation, changes_type, changes_default, in_domain, is_unsure)


def _list_indexes(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> Iterator[_Index]:
    for table_ops in list_table_operations(upgrade_ops):
        dropped = {str(operation.index_name): operation for operation in table_ops.ops if isinstance(operation, ops.DropIndexOp)}
        for operation in table_ops.ops:
            if isinstance(operation, ops.CreateIndexOp) and str(operation.index_name) in dropped:
                yield _Index(table_ops, dropped[str(operation.index_name)], operation, True)
    for reflected, declared in list_unsettled_indexes(context):
        if context.run_object_filters(declared, declared.name, "index", False, reflected):
            created = ops.CreateIndexOp.from_index(declared)
            yield _Index(_find_table_ops(upgrade_ops, created), ops.DropIndexOp.from_index(reflected), created, False)


def _find_table_ops(upgrade_ops: ops.UpgradeOps, index: ops.CreateIndexOp) -> ops.ModifyTableOps:
    for table_ops in list_table_operations(upgrade_ops):
        if find_table(table_ops) == find_table(index):
            return table_ops
    table_ops = ops.ModifyTableOps(index.table_name, [], schema=index.schema)
    upgrade_ops.ops.append(table_ops)
    return table_ops


def _write_default(default: Any, dialect: Dialect) -> str:
    if isinstance(default.arg, str):
        return literal(default.arg)
    return str(default.arg.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _write_index(operation: ops.CreateIndexOp, name: str, table: str, dialect: Dialect) -> str:
    options = {key: value for key, value in operation.kw.items() if key != "postgresql_concurrently"}
    copy = ops.CreateIndexOp(name, table, operation.columns, unique=operation.unique, **options)
    index = copy.to_index()
    assert index.table is not None
    for included in options.get("postgresql_include") or ():
        if included not in index.table.c:
            index.table.append_column(Column(included, NullType()))
    return str(CreateIndex(index).compile(dialect=dialect))


# Asking


@contextmanager
def make_temporarily(connection: Connection, statements: Sequence[str]) -> Iterator[bool]:
    """Run the statements that succeed, and roll all of them back at the end; yields whether the server allowed the attempt.

    Each is run in a block that catches its errors, https://www.postgresql.org/docs/current/plpgsql-control-structures.html.
    """
    blocks = [f"BEGIN EXECUTE {literal(one)}; EXCEPTION WHEN OTHERS THEN NULL; END;" for one in statements]
    body = literal(f"BEGIN CREATE TEMPORARY TABLE {_TABLE} (); {' '.join(blocks)} END")
    savepoint = None
    try:
        savepoint = connection.begin_nested()
        connection.exec_driver_sql(f"DO LANGUAGE plpgsql {body}", execution_options={"no_parameters": True})
        allowed = True
    except DBAPIError as error:  # no right to make temporary tables, a server that is read only, no transaction
        log.debug("The server was not asked for its view of the differences: %s", error)
        allowed = False
    try:
        yield allowed
    finally:
        if savepoint is not None and savepoint.is_active:
            savepoint.rollback()


def _settle_columns(connection: Connection, columns: Sequence[_Column], dialect: Dialect) -> list[str]:
    """Take back the changes of types and defaults that the server does not see; returns what they are about."""
    operations = [column.operation for column in columns]
    asked = {
        "tables": [qualified(operation.table_name, operation.schema) for operation in operations],
        "columns": [operation.column_name for operation in operations],
    }
    for row in connection.execute(_COLUMNS, asked).all() if columns else ():
        column = columns[row.position - 1]
        column.existing_type, column.existing_default = row.type, row.default_expression
        if column.in_domain:
            _leave_to_domain(column.operation, not_null=row.not_null, has_default=row.default_expression is not None)
    found = [column for column in columns if column.existing_type]
    _ask_for_columns(connection, found, dialect)
    same = _find_same_defaults(connection, [column for column in found if column.changes_default])
    equal = []
    for column in found:
        operation = column.operation
        name = f"{operation.table_name}.{operation.column_name}"
        if column.changes_type and column.new_type in (column.existing_type, None if column.is_unsure else column.existing_type):
            operation.modify_type = None
            equal.append(f"type of {name}")
        if column in same:
            operation.modify_server_default = False
            equal.append(f"server default of {name}")
    return equal


def _leave_to_domain(operation: ops.AlterColumnOp, *, not_null: bool, has_default: bool) -> None:
    """Take back changes of a column that come from reflecting a property of its domain."""
    if operation.modify_nullable and not not_null:
        operation.modify_nullable = None
    if operation.modify_server_default is None and not has_default:
        operation.modify_server_default = False


def _ask_for_columns(connection: Connection, columns: Sequence[_Column], dialect: Dialect) -> None:
    add = f"ALTER TABLE {_TABLE} ADD COLUMN"
    statements = []
    for number, column in enumerate(columns):
        if column.changes_type and column.operation.modify_type is not None:
            statements.append(f"{add} t{number} {column.operation.modify_type.compile(dialect=dialect)}")
        if column.changes_default:
            default = _write_default(column.operation.modify_server_default, dialect)
            column.new_default = normalise(default)
            statements.append(f"{add} d{number} {column.existing_type} DEFAULT {default}")
    if not statements:
        return
    with make_temporarily(connection, statements) as allowed:
        made = connection.execute(_MADE_COLUMNS, {"table": f"pg_temp.{_TABLE}"}).all() if allowed else ()
        known = {row.name: row for row in made}
    for number, column in enumerate(columns):
        if allowed:
            column.new_type = getattr(known.get(f"t{number}"), "type", None)
            column.new_default = getattr(known.get(f"d{number}"), "default_expression", None)
        else:
            column.existing_default = normalise(column.existing_default or "")


def _find_same_defaults(connection: Connection, columns: Sequence[_Column]) -> list[_Column]:
    """The columns whose two defaults are the same: the server shows them alike, or they always have the same value."""
    made = [column for column in columns if None not in (column.existing_default, column.new_default)]
    same = [column for column in made if column.existing_default == column.new_default]
    others = [column for column in made if column.existing_default != column.new_default]
    if not others:
        return same
    names = {name for column in others for default in column.defaults for name in _list_functions(default)}
    changing = {row.name: bool(row.is_volatile) for row in connection.execute(_CHANGING, {"names": sorted(names)})}
    return same + _find_same_values(connection, [column for column in others if _has_comparable_values(column, changing)])


def _list_functions(expression: str) -> set[str]:
    return set(re.findall(r'(\w+)"?\(', STRING.sub("''", expression)))


def _has_comparable_values(column: _Column, changing: Mapping[str, bool]) -> bool:
    """Whether values that are equal now are always equal: none is volatile, and both may change or none may."""
    called = [_list_functions(default) & changing.keys() for default in column.defaults]
    changes = [
        bool(names or _CHANGING_WORDS.search(STRING.sub("''", default)))
        for names, default in zip(called, column.defaults, strict=True)
    ]
    return changes[0] == changes[1] and not any(changing[name] for names in called for name in names)


def _find_same_values(connection: Connection, columns: Sequence[_Column]) -> list[_Column]:
    """The columns whose two defaults have one value, compared in one query, or in halves if a pair cannot be compared."""
    if not columns:
        return []
    comparisons = [
        " IS NOT DISTINCT FROM ".join(f"CAST(({default}) AS {column.existing_type})" for default in column.defaults)
        for column in columns
    ]
    try:
        with connection.begin_nested():
            query = f"SELECT {', '.join(comparisons)}"
            row = connection.exec_driver_sql(query, execution_options={"no_parameters": True}).one()
            return list(compress(columns, row))
    except DBAPIError:  # a type without equality, such as json
        half = len(columns) // 2
        return [column for part in (columns[:half], columns[half:]) if half for column in _find_same_values(connection, part)]


def _mark_refusal(statement: str, table: str) -> str:
    """Make another index where the server refuses a value of the condition, which this revision may add to an enum type."""
    marked = f"EXCEPTION WHEN invalid_text_representation THEN CREATE INDEX {table}_refused ON {table} ((true))"
    return f"DO LANGUAGE plpgsql {literal(f'BEGIN {statement}; {marked}; END')}"


def _settle_indexes(connection: Connection, indexes: Sequence[_Index], dialect: Dialect) -> list[str]:
    """Take back the changes of indexes that the server does not see; returns what they are about."""
    statements = []
    for number, index in enumerate(indexes):
        table = f"{_TABLE}_{number}"
        statements.append(
            f"CREATE TEMPORARY TABLE {table} (LIKE {qualified(index.table_ops.table_name, index.table_ops.schema)})"
        )
        statements.append(_mark_refusal(_write_index(index.created, f"{table}_index", table, dialect), table))
    if not statements:
        return []
    names = [qualified(str(index.created.index_name), index.table_ops.schema) for index in indexes]
    names += [f"pg_temp.{_TABLE}_{number}_{kind}" for kind in ("index", "refused") for number in range(len(indexes))]
    with make_temporarily(connection, statements) as allowed:
        rows = connection.execute(_INDEXES, {"indexes": names}).all() if allowed else ()
    known = {row.position - 1: row.facts for row in rows}
    equal = []
    for number, index in enumerate(indexes):
        made = known.get(len(indexes) + number)
        if number not in known:
            continue  # the server was not asked
        is_refused = 2 * len(indexes) + number in known
        if not index.is_detected and (is_refused or (made is not None and known[number] != made)):
            log.info("Detected changed index %r on %r", index.created.index_name, index.created.table_name)
            index.table_ops.ops += [index.dropped, index.created]
        elif index.is_detected and known[number] == made:
            changed = (index.dropped, index.created)
            index.table_ops.ops = [operation for operation in index.table_ops.ops if operation not in changed]
            equal.append(f"index {index.created.index_name}")
    return equal
