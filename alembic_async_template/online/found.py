"""Looks up in the catalog what of an operation is there already."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from ..diagnosis.processes import PROCESS_COLUMNS, describe_process
from ..postgresql import qualified

_TABLE = text("""
    SELECT pg_class.oid, CAST(nspname AS text) AS schema, CAST(relname AS text) AS name, CAST(relkind AS text) AS kind
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = pg_catalog.to_regclass(:name)
""")
# All that is known of an index; what is no index has a kind only.
_INDEX = """
    SELECT one.oid, CAST(one.relkind AS text) AS kind, indrelid AS table_oid, coalesce(indisvalid, false) AS is_valid,
           coalesce(indisunique, false) AS is_unique, pg_catalog.pg_get_indexdef(indexrelid) AS definition,
           pg_catalog.quote_ident(one.relname) AS quoted, pg_catalog.quote_ident(tables.relname) AS quoted_table,
           EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index
                   WHERE index_relid = one.oid AND pid <> pg_catalog.pg_backend_pid()) AS is_built,
           inhparent AS parent
    FROM pg_catalog.pg_class AS one
    LEFT JOIN pg_catalog.pg_index ON indexrelid = one.oid
    LEFT JOIN pg_catalog.pg_class AS tables ON tables.oid = indrelid
    LEFT JOIN pg_catalog.pg_inherits ON inhrelid = one.oid
"""
# A name that is too long is cut by the server when it is made, and so it is here.
_RELATION = text(f"""{_INDEX}
    WHERE one.relnamespace = CAST(CAST(:schema AS text) AS pg_catalog.regnamespace) AND one.relname = CAST(:name AS name)
""")
_INDEXES = text(f"{_INDEX} WHERE indrelid = :table ORDER BY one.oid")
# The referred table of a trial is another one, so of a foreign key all is compared but that. confdelsetcols: since PostgreSQL 15.
_CONSTRAINTS = """
    SELECT pg_constraint.oid, CAST(conname AS text) AS name, CAST(contype AS text) AS kind, convalidated AS is_valid,
           pg_catalog.pg_get_constraintdef(pg_constraint.oid) AS shown, confrelid AS referred,
           ARRAY(SELECT CAST(attname AS text) FROM unnest(confkey) WITH ORDINALITY AS key (number, place)
                 JOIN pg_catalog.pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place) AS referred_columns,
           CASE contype WHEN 'f' THEN pg_catalog.concat_ws(' ', confupdtype, confdeltype, confmatchtype,
               condeferrable, condeferred,
               ARRAY(SELECT attname FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
                     JOIN pg_catalog.pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place),
               ARRAY(SELECT attname FROM pg_catalog.jsonb_array_elements_text(
                         nullif(pg_catalog.to_jsonb(pg_constraint) -> 'confdelsetcols', 'null')) AS number
                     JOIN pg_catalog.pg_attribute ON attrelid = conrelid AND attnum = CAST(number AS int) ORDER BY attname))
           ELSE regexp_replace(pg_catalog.pg_get_constraintdef(pg_constraint.oid), ' NOT VALID$', '') END AS definition
    FROM pg_catalog.pg_constraint
"""
_CONSTRAINT = text(f"{_CONSTRAINTS} WHERE conrelid = :table AND conname = CAST(:name AS name)")
LAST_CONSTRAINT = f"{_CONSTRAINTS} WHERE conrelid = CAST(%s AS pg_catalog.regclass) ORDER BY oid DESC LIMIT 1"
_IS_TAKEN = text("""
    SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = CAST(:name AS name)
                   AND connamespace = CAST(CAST(:schema AS text) AS pg_catalog.regnamespace))
        OR (:is_key AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = CAST(:name AS name)
                   AND relnamespace = CAST(CAST(:schema AS text) AS pg_catalog.regnamespace)))
""")
COLUMN = """
    SELECT pg_catalog.format_type(atttypid, atttypmod) AS type, attnotnull AS is_required,
           CASE WHEN attgenerated = '' THEN pg_catalog.pg_get_expr(adbin, adrelid) END AS default,
           CASE WHEN attgenerated <> '' THEN pg_catalog.pg_get_expr(adbin, adrelid) END AS expression,
           CAST(attidentity AS text) AS identity, attcollation AS collation
    FROM pg_catalog.pg_attribute LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE NOT attisdropped
"""
_COLUMN = text(f"{COLUMN} AND attrelid = :table AND attname = CAST(:name AS name)")
_COMMENT = text("""
    SELECT pg_catalog.col_description(attrelid, attnum) FROM pg_catalog.pg_attribute
    WHERE attrelid = :table AND attname = CAST(:name AS name)
""")
_COLUMNS = text(
    "SELECT CAST(attname AS text) FROM pg_catalog.pg_attribute WHERE attrelid = :table AND attnum > 0 AND NOT attisdropped"
)
_PARTITIONS = text("""
    SELECT pg_class.oid, CAST(nspname AS text) AS schema, CAST(relname AS text) AS name, CAST(relkind AS text) AS kind
    FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class ON pg_class.oid = inhrelid
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE inhparent = :table AND relkind <> 'f' ORDER BY schema, name
""")
# https://www.postgresql.org/docs/current/view-pg-locks.html: a prepared transaction has no process.
_HOLDERS = text(f"""
    SELECT holder AS pid, {PROCESS_COLUMNS}
    FROM (SELECT DISTINCT pid AS holder FROM pg_catalog.pg_locks
          WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
            AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            AND (relation = ANY (CAST(:tables AS oid[])) OR relation IN (
                SELECT relid FROM unnest(CAST(:tables AS oid[])) AS root, pg_catalog.pg_partition_tree(CAST(root AS regclass))))
         ) AS holders
    LEFT JOIN pg_catalog.pg_stat_activity ON pid = holder ORDER BY holder
""")
_BUILDERS = text(f"""
    SELECT pid, {PROCESS_COLUMNS}
    FROM pg_catalog.pg_stat_progress_create_index JOIN pg_catalog.pg_stat_activity USING (pid) WHERE index_relid = :index
""")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the catalog has it."""

    oid: int
    schema: str
    name: str
    kind: str

    @property
    def is_partitioned(self) -> bool:
        return self.kind == "p"

    @property
    def quoted(self) -> str:
        """Schema and name, in quotes."""
        return qualified(self.name, self.schema)


def find_table(connection: Connection, name: str, schema: str | None) -> Table | None:
    row = connection.execute(_TABLE, {"name": qualified(name, schema)}).first()
    return None if row is None else Table(row.oid, row.schema, row.name, row.kind)


def find_relation(connection: Connection, schema: str, name: str) -> Any:
    """What has a name in a schema: an index with all that is known of it, or something else; None if nothing has."""
    return connection.execute(_RELATION, {"schema": _quote(schema), "name": name}).first()


def list_indexes(connection: Connection, table: Table) -> Sequence[Any]:
    """The indexes of a table, the oldest first."""
    return connection.execute(_INDEXES, {"table": table.oid}).all()


def cut_definition(row: Any) -> tuple[bool, str]:
    """What two indexes that are the same have in common, whatever they and their tables are called."""
    named = rf"CREATE (?:UNIQUE )?INDEX {re.escape(row.quoted)} ON (?:ONLY )?.*?{re.escape(row.quoted_table)} (USING .*)"
    found = re.fullmatch(named, row.definition, re.DOTALL)
    assert found is not None, row.definition
    return row.is_unique, found[1]


def find_constraint(connection: Connection, table: Table, name: str) -> Any:
    return connection.execute(_CONSTRAINT, {"table": table.oid, "name": name}).first()


def is_taken(connection: Connection, schema: str, name: str, *, is_key: bool) -> bool:
    """Whether the server would choose another name for a constraint; that of a key is one of its index too."""
    return bool(connection.scalar(_IS_TAKEN, {"schema": _quote(schema), "name": name, "is_key": is_key}))


def find_column(connection: Connection, table: Table, name: str) -> Any:
    return connection.execute(_COLUMN, {"table": table.oid, "name": name}).first()


def find_comment(connection: Connection, table: Table, name: str) -> str | None:
    """The comment of a column."""
    return connection.execute(_COMMENT, {"table": table.oid, "name": name}).scalar()


def list_columns(connection: Connection, table: Table) -> set[str]:
    return set(connection.scalars(_COLUMNS, {"table": table.oid}))


def list_partitions(connection: Connection, table: Table) -> list[Table]:
    """The tables right below a partitioned one; a foreign table has no indexes."""
    return [Table(row.oid, row.schema, row.name, row.kind) for row in connection.execute(_PARTITIONS, {"table": table.oid})]


def find_holders(connection: Connection, tables: Sequence[int]) -> list[str]:
    """Who has locks of tables, as messages name processes."""
    rows = connection.execute(_HOLDERS, {"tables": list(tables)})
    return [describe_process(row) if row.pid else "a prepared transaction (see pg_prepared_xacts)" for row in rows]


def find_builders(connection: Connection, index: int) -> list[str]:
    """Who builds an index now."""
    return [describe_process(row) for row in connection.execute(_BUILDERS, {"index": index})]


def _quote(name: str) -> str:
    return qualified(name, None)
