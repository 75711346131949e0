"""Reads all things of a PostgreSQL database that its revisions may make, with a constant number of queries.

What is not read: owners and privileges, the order of columns, storage parameters of tables, tablespaces, the values of sequences,
operators, casts, collations, text search, and what is in no schema but extensions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.engine import Connection, Row

from .. import _compat
from ..enums.catalog import DUMP_SETTINGS, change_settings
from . import schema_queries as queries
from .thing import Key, Schema, Thing

_COMMON = ("kind", "name", "label", "plain", "schema", "parent_family", "parent", "inherits", "oid")
# Two connections may have different time zones, in which constants are written.
_SETTINGS = {**DUMP_SETTINGS, "TimeZone": "UTC", "transaction_read_only": "on"}
# A column is found by its table and number.
_Address = tuple[str, int, int]


def read_schema(
    connection: Connection,
    *,
    schemas: Iterable[str] | None = None,
    version_table: str = "alembic_version",
    version_table_schema: str | None = None,
) -> Schema:
    """Read the things of a database, each query in a read-only transaction of its own.

    A transaction that the connection is in already is used and kept. The connection must not be in autocommit mode, since an
    empty search path is set for the transaction.

    :param schemas: which schemas; None for all but those of the system.
    :param version_table: Alembic's table, which is left out.
    :param version_table_schema: its schema; None for the one in which a table is made that is named without one.
    """
    default_schema = connection.dialect.default_schema_name
    rows = _read(connection, queries.SCHEMAS, {"schemas": None if schemas is None else sorted(schemas)})
    names = {"schemas": [row.plain for row in rows]}
    found: list[tuple[str, str, Row[Any]]] = [("schema", "pg_namespace", row) for row in rows]
    found += [("extension", "pg_extension", row) for row in _read(connection, queries.EXTENSIONS)]
    for family, catalog, query in queries.FAMILIES:
        found += [(family, catalog, row) for row in _read(connection, query, names)]
    needs = _resolve_needs(found, _read(connection, queries.NEEDS))
    things = {}
    for family, _, row in found:
        key = Key(family, row.name)
        things[key] = _make_thing(key, row, needs[key])
    ours = next(
        (
            key
            for key, thing in things.items()
            if (key.family, thing.schema, thing.plain) == ("table", version_table_schema or default_schema, version_table)
        ),
        None,
    )
    return {key: thing for key, thing in things.items() if ours is None or ours not in (key, thing.parent)}


def _read(connection: Connection, query: TextClause, parameters: dict[str, Any] | None = None) -> Sequence[Row[Any]]:
    with connection.begin_nested() if connection.in_transaction() else connection.begin() as transaction:
        change_settings(connection, _SETTINGS)
        rows = connection.execute(query, parameters or {}).all()
        transaction.rollback()
    return rows


def _resolve_needs(found: Iterable[tuple[str, str, Row[Any]]], rows: Sequence[Row[Any]]) -> defaultdict[Key, set[Key]]:
    keys: dict[_Address, Key] = {}
    for family, catalog, row in found:
        key = Key(family, row.name)
        keys[catalog, row.oid, row.number if family == "column" else 0] = key
        if family == "constraint" and row.index_oid and row.kind != "foreign key":
            keys["pg_class", row.index_oid, 0] = key
        if family == "type" and row.relation_oid:
            keys["pg_class", row.relation_oid, 0] = key
    needs: defaultdict[Key, set[Key]] = defaultdict(set)
    for row in rows:
        user = keys.get((row.catalog, row.oid, row.number)) or keys.get((row.catalog, row.oid, 0))
        for number in {row.needed_number, 0}:
            needed = keys.get((row.needed_catalog, row.needed_oid, number))
            if user is not None and needed is not None and user != needed:
                needs[user].add(needed)
    return needs


def _make_thing(key: Key, row: Row[Any], needs: Iterable[Key]) -> Thing:
    facts = {
        name: tuple(fact) if isinstance(fact, list) else fact
        for name, fact in _compat.name_values(row).items()
        if name not in _COMMON
    }
    return Thing(
        key=key,
        kind=row.kind,
        label=row.label,
        plain=row.plain,
        schema=row.schema,
        parent=Key(row.parent_family, row.parent) if row.parent else None,
        inherits=Key(key.family, row.inherits) if row.inherits else None,
        order=row.oid,
        needs=frozenset(needs),
        facts=facts,
    )
