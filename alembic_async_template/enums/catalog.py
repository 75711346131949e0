"""Reads the database's catalog: which enum types there are, what uses them, and what the transaction has done.

Everything is cast to text, since drivers differ in what they make of PostgreSQL's `name` and `xid`, and the search path
may hold functions of the same names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.engine import Connection

from ..errors import UnknownEnumError, UnknownEnumValueError
from .model import EnumType, qualify

_ENUMS = text("""
    SELECT pg_type.oid, CAST(nspname AS text), CAST(typname AS text), pg_catalog.pg_type_is_visible(pg_type.oid),
           CAST(enumlabel AS text)
    FROM pg_catalog.pg_type
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = typnamespace
    LEFT JOIN pg_catalog.pg_enum ON enumtypid = pg_type.oid
    WHERE typtype = 'e'
    ORDER BY nspname, typname, enumsortorder
""")

# Columns of type status[] depend on the array type, which itself depends on status as a part of it.
_DEPENDENTS = text("""
    SELECT DISTINCT pg_catalog.pg_describe_object(classid, objid, objsubid)
    FROM pg_catalog.pg_depend
    WHERE refclassid = CAST('pg_catalog.pg_type' AS pg_catalog.regclass) AND deptype <> 'i'
      AND refobjid IN (SELECT oid FROM pg_catalog.pg_type WHERE oid = :oid OR typelem = :oid)
    ORDER BY 1
""")

# What uses each enum type, and the tables and columns with which that goes: a column itself, and what PostgreSQL drops
# automatically together with a table or column, see https://www.postgresql.org/docs/current/catalog-pg-depend.html. A column that
# is inherited only, as in a partition, goes with that of its parent.
_USES = text("""
    SELECT DISTINCT enum.oid, used.classid, used.objid, used.objsubid, CAST(nspname AS text),
           pg_catalog.pg_table_is_visible(pg_class.oid), CAST(relname AS text), CAST(attname AS text)
    FROM pg_catalog.pg_type AS enum
    JOIN pg_catalog.pg_depend AS used
      ON used.refclassid = CAST('pg_catalog.pg_type' AS pg_catalog.regclass)
     AND used.refobjid IN (enum.oid, enum.typarray) AND used.deptype <> 'i'
    LEFT JOIN LATERAL (
        SELECT used.objid, used.objsubid
        WHERE used.classid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass) AND used.objsubid > 0
        UNION ALL
        SELECT refobjid, refobjsubid FROM pg_catalog.pg_depend
        WHERE classid = used.classid AND objid = used.objid AND used.objsubid = 0 AND deptype IN ('a', 'i')
          AND refclassid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass)
    ) AS part (relation, number) ON true
    LEFT JOIN pg_catalog.pg_attribute AS own ON own.attrelid = relation AND own.attnum = number
    LEFT JOIN LATERAL (
        WITH RECURSIVE ancestor (oid, inherited) AS (
            SELECT relation, NOT COALESCE(own.attislocal, false)
            UNION
            SELECT inhparent, NOT COALESCE(attislocal, false)
            FROM ancestor
            JOIN pg_catalog.pg_inherits ON inhrelid = ancestor.oid AND inherited
            LEFT JOIN pg_catalog.pg_attribute ON attrelid = inhparent AND attname = own.attname
            WHERE own.attname IS NULL OR attname IS NOT NULL
        )
        SELECT oid FROM ancestor
    ) AS ancestor ON true
    LEFT JOIN pg_catalog.pg_class ON pg_class.oid = ancestor.oid
    LEFT JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE enum.typtype = 'e'
    UNION ALL
    SELECT objid, refclassid, refobjid, 0, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_depend
    WHERE classid = CAST('pg_catalog.pg_type' AS pg_catalog.regclass) AND deptype = 'e'
""")

# Names under which a column would get another type: that of pg_catalog comes first in every search path, and the grammar knows
# some words by itself, https://www.postgresql.org/docs/current/sql-keywords-appendix.html. A table has a type of its name too.
_TAKEN_NAMES = text("""
    SELECT CAST(typname AS text), CAST(nspname AS text) FROM pg_catalog.pg_type
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = typnamespace
    WHERE typtype <> 'e' AND typname = ANY (CAST(:names AS text[]))
    UNION
    SELECT word, 'pg_catalog' FROM pg_catalog.pg_get_keywords()
    WHERE (catcode = 'C' OR word = 'double') AND word = ANY (CAST(:names AS text[]))
""")

# https://www.postgresql.org/docs/current/functions-info.html: txid_current_if_assigned has the epoch in its upper half,
# xmin has not.
_TRANSACTION_WORK = text("""
    SELECT pg_catalog.txid_current_if_assigned() IS NOT NULL,
           EXISTS (
               SELECT FROM pg_catalog.pg_class
               WHERE oid = pg_catalog.to_regclass(:version_table)
                 AND CAST(CAST(xmin AS text) AS bigint) = pg_catalog.txid_current_if_assigned() % 4294967296
           )
""")


def reflect_enums(connection: Connection) -> list[EnumType]:
    """Every enum type of the database, in one query."""
    rows = connection.execute(_ENUMS).all()
    return [
        EnumType(oid, schema, name, tuple(row[4] for row in group if row[4] is not None), visible)
        for (oid, schema, name, visible), group in groupby(rows, lambda row: tuple(row[:4]))
    ]


# Schema, table and column; without a schema, a table that the search path finds, and without a column, the whole table.
Part = tuple[str | None, str, str | None]


def reflect_uses(connection: Connection) -> dict[int, list[set[Part]]]:
    """For the OID of each type: what uses it, each with the columns and tables with which it goes.

    A use without any stays, whatever is dropped: a function, a view, an extension that owns the type.
    """
    uses: dict[int, dict[tuple[int, ...], set[Part]]] = {}
    for oid, *used, schema, visible, table, column in connection.execute(_USES):
        parts = uses.setdefault(oid, {}).setdefault(tuple(used), set())
        if schema is not None:
            parts.add((schema, table, column))
            if visible:
                parts.add((None, table, column))
    return {oid: list(used.values()) for oid, used in uses.items()}


def find_taken_names(connection: Connection, names: Sequence[str]) -> set[tuple[str, str]]:
    """Which of the names belong to types that are no enums, each with the schema."""
    return {(name, schema) for name, schema in connection.execute(_TAKEN_NAMES, {"names": list(names)})}


def current_schema(connection: Connection) -> str | None:
    """The schema in which a type is created that is named without one."""
    schema: str | None = connection.scalar(text("SELECT CAST(pg_catalog.current_schema() AS text)"))
    return schema


# With these, a definition that the server writes means the same when it is read again; pg_dump sets them too.
DUMP_SETTINGS = {
    "search_path": "",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
    "default_tablespace": "",
}


def change_settings(connection: Connection, settings: Mapping[str, str]) -> dict[str, str]:
    """Change settings for this transaction, or until a savepoint is rolled back; returns the values before."""
    names = list(settings)
    known = ", ".join(f"pg_catalog.current_setting('{name}')" for name in names)
    before = connection.execute(text(f"SELECT {known}")).one()
    changed = ", ".join(f"pg_catalog.set_config('{name}', :{name}, true)" for name in names)
    connection.execute(text(f"SELECT {changed}"), dict(settings))
    return dict(zip(names, before, strict=True))


def find_enum(enums: Sequence[EnumType], name: str, schema: str | None) -> EnumType:
    """The type that PostgreSQL would take for this name.

    :raises UnknownEnumError: there is none; names those that are near.
    """
    for enum in enums:
        if enum.name == name and (enum.visible if schema is None else enum.schema == schema):
            return enum
    elsewhere = [enum for enum in enums if enum.name == name]
    similar = get_close_matches(name.lower(), {enum.name.lower() for enum in enums}, n=3)
    near = elsewhere or [enum for match in similar for enum in enums if enum.name.lower() == match]
    example = f"op.create_enum({name!r}, {['draft', 'live']!r}{f', schema={schema!r}' if schema else ''})"
    names = [enum.qualified_name for enum in near]
    raise UnknownEnumError(qualify(name, schema), names, elsewhere=bool(elsewhere), example=example)


def require_labels(enum: EnumType, *labels: str | None) -> None:
    """Make sure that a type has these labels.

    :raises UnknownEnumValueError: it has not; names those that are near.
    """
    for label in labels:
        if label is not None and label not in enum.labels:
            folded = {known.lower(): known for known in enum.labels}
            near = [folded[match] for match in get_close_matches(label.lower(), folded, n=3)]
            raise UnknownEnumValueError(enum.qualified_name, label, enum.labels, near)


def describe_dependents(connection: Connection, enum: EnumType) -> list[str]:
    """What would keep the type from being dropped, as PostgreSQL describes it."""
    return list(connection.scalars(_DEPENDENTS, {"oid": enum.oid}))


def has_done_work(connection: Connection, version_table: str) -> tuple[bool, bool]:
    """Whether the transaction has changed anything, and whether it made the version table, which is a change too."""
    worked, made_version_table = connection.execute(_TRANSACTION_WORK, {"version_table": version_table}).one()
    return bool(worked), bool(made_version_table)
