"""Reads the database's catalog: which enum types there are, what uses them, and what the transaction has done.

Names and transaction numbers are cast to text, since drivers read PostgreSQL's `name` and `xid` differently. Functions are
qualified, since the search path may have others of the same names.
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
    SELECT pg_type.oid, CAST(nspname AS text) AS schema, CAST(typname AS text) AS name,
           pg_catalog.pg_type_is_visible(pg_type.oid) AS visible, CAST(enumlabel AS text) AS label
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

# The objects that use each enum type, and the tables and columns with which each is dropped: a column with itself, others as
# https://www.postgresql.org/docs/current/catalog-pg-depend.html says. A column that is only inherited, as in a partition, is
# dropped with that of its parent.
_USES = text("""
    SELECT DISTINCT enum.oid AS enum, used.classid, used.objid, used.objsubid, CAST(nspname AS text) AS schema,
           pg_catalog.pg_table_is_visible(pg_class.oid) AS visible, CAST(relname AS text) AS table_name,
           CAST(attname AS text) AS column_name
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

# Names with which a column would get another type: pg_catalog comes first in every search path, and some words are keywords of
# the grammar, https://www.postgresql.org/docs/current/sql-keywords-appendix.html. A table has a type of its name too.
_OTHER_TYPES = text("""
    SELECT CAST(typname AS text) AS name, CAST(nspname AS text) AS schema FROM pg_catalog.pg_type
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = typnamespace
    WHERE typtype <> 'e' AND typname = ANY (CAST(:names AS text[]))
    UNION
    SELECT word, 'pg_catalog' FROM pg_catalog.pg_get_keywords()
    WHERE (catcode = 'C' OR word = 'double') AND word = ANY (CAST(:names AS text[]))
""")

# https://www.postgresql.org/docs/current/functions-info.html: txid_current_if_assigned has the epoch in its upper half,
# xmin has not.
_TRANSACTION_WORK = text("""
    SELECT pg_catalog.txid_current_if_assigned() IS NOT NULL AS has_worked,
           EXISTS (
               SELECT FROM pg_catalog.pg_class
               WHERE oid = pg_catalog.to_regclass(:version_table)
                 AND CAST(CAST(xmin AS text) AS bigint) = pg_catalog.txid_current_if_assigned() % 4294967296
           ) AS made_version_table
""")


def reflect_enums(connection: Connection) -> list[EnumType]:
    """Every enum type of the database, in one query."""
    enums = []
    for _, group in groupby(connection.execute(_ENUMS), lambda row: row.oid):
        rows = list(group)
        labels = tuple(row.label for row in rows if row.label is not None)
        enums.append(EnumType(rows[0].oid, rows[0].schema, rows[0].name, labels, rows[0].visible))
    return enums


# Schema, table and column; without a schema, a table that the search path finds, and without a column, the whole table.
Part = tuple[str | None, str, str | None]


def reflect_uses(connection: Connection) -> dict[int, list[set[Part]]]:
    """For the OID of each type: the objects that use it, each with the columns and tables with which it is dropped.

    An object without any is not dropped with a table: a function, a view, an extension that owns the type.
    """
    uses: dict[int, dict[tuple[int, ...], set[Part]]] = {}
    for row in connection.execute(_USES):
        parts = uses.setdefault(row.enum, {}).setdefault((row.classid, row.objid, row.objsubid), set())
        if row.schema is not None:
            parts.add((row.schema, row.table_name, row.column_name))
            if row.visible:
                parts.add((None, row.table_name, row.column_name))
    return {oid: list(used.values()) for oid, used in uses.items()}


def find_taken_names(connection: Connection, names: Sequence[str]) -> set[tuple[str, str]]:
    """The names that other types than enums have, each with its schema."""
    return {(row.name, row.schema) for row in connection.execute(_OTHER_TYPES, {"names": list(names)})}


def current_schema(connection: Connection) -> str | None:
    """The schema in which a type is created that is named without one."""
    schema: str | None = connection.scalar(text("SELECT CAST(pg_catalog.current_schema() AS text)"))
    return schema


# With these settings, a definition that the server writes has the same meaning when it is run; pg_dump sets them too.
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
    """Change settings for this transaction, or until a savepoint is rolled back; returns the earlier values."""
    names = list(settings)
    known = ", ".join(f"pg_catalog.current_setting('{name}')" for name in names)
    before = connection.execute(text(f"SELECT {known}")).one()
    changed = ", ".join(f"pg_catalog.set_config('{name}', :{name}, true)" for name in names)
    connection.execute(text(f"SELECT {changed}"), dict(settings))
    return dict(zip(names, before, strict=True))


# How alike two names are at least, of which one may be meant by the other: poststatus and status are two types.
_NEAR = 0.8


def find_enum(enums: Sequence[EnumType], name: str, schema: str | None) -> EnumType:
    """The type that PostgreSQL finds under this name.

    :raises UnknownEnumError: there is none; the error names similar types.
    """
    for enum in enums:
        if enum.name == name and (enum.visible if schema is None else enum.schema == schema):
            return enum
    elsewhere = [enum for enum in enums if enum.name == name]
    similar = get_close_matches(name.lower(), {enum.name.lower() for enum in enums}, 3, _NEAR)
    near = elsewhere or [enum for match in similar for enum in enums if enum.name.lower() == match]
    example = f"op.create_enum({name!r}, {['draft', 'live']!r}{f', schema={schema!r}' if schema else ''})"
    names = [enum.qualified_name for enum in near]
    raise UnknownEnumError(qualify(name, schema), names, elsewhere=bool(elsewhere), example=example)


def require_labels(enum: EnumType, *labels: str | None, addition: str = "") -> None:
    """Make sure that a type has these labels.

    :param addition: the call that adds a missing one, where that may be what is meant.
    :raises UnknownEnumValueError: a label is missing; the error names similar ones.
    """
    for label in labels:
        if label is not None and label not in enum.labels:
            folded = {known.lower(): known for known in enum.labels}
            near = [folded[match] for match in get_close_matches(label.lower(), folded, n=3)]
            raise UnknownEnumValueError(enum.qualified_name, label, enum.labels, near, addition)


def describe_dependents(connection: Connection, enum: EnumType) -> list[str]:
    """The objects that keep the type from being dropped, as PostgreSQL describes them."""
    return list(connection.scalars(_DEPENDENTS, {"oid": enum.oid}))


def has_done_work(connection: Connection, version_table: str) -> tuple[bool, bool]:
    """Whether the transaction has changed anything, and whether it created the version table, which is a change too.

    :param version_table: its qualified name, in quotes.
    """
    row = connection.execute(_TRANSACTION_WORK, {"version_table": version_table}).one()
    return bool(row.has_worked), bool(row.made_version_table)
