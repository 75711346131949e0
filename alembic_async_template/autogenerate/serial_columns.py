"""Leaves out the defaults of serial columns as Alembic does, and gives their sequences the types of their columns.

One query of the catalog serves all columns, where Alembic runs one for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Table, text
from sqlalchemy.types import BigInteger, Integer, SmallInteger

from ..postgresql import escape_colons
from .operation_tree import list_table_operations

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# The columns whose default is the next value of the sequence that belongs to them, with their default and their sequence,
# https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-SERIAL.
_SERIAL_COLUMNS = text("""
    SELECT CAST(table_schema.nspname AS text) AS schema, CAST(pg_class.relname AS text) AS table_name,
           CAST(attname AS text) AS column_name, pg_catalog.pg_table_is_visible(pg_class.oid) AS is_visible,
           pg_catalog.pg_get_expr(adbin, adrelid) AS default_expression,
           pg_catalog.quote_ident(sequence_schema.nspname) || '.' || pg_catalog.quote_ident(sequence.relname) AS sequence_name
    FROM pg_catalog.pg_depend AS owned
    JOIN pg_catalog.pg_attrdef ON adrelid = owned.refobjid AND adnum = owned.refobjsubid
    JOIN pg_catalog.pg_depend AS used
      ON used.classid = CAST('pg_catalog.pg_attrdef' AS pg_catalog.regclass) AND used.objid = pg_attrdef.oid
     AND used.refclassid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass) AND used.refobjid = owned.objid
    JOIN pg_catalog.pg_class ON pg_class.oid = owned.refobjid
    JOIN pg_catalog.pg_namespace AS table_schema ON table_schema.oid = pg_class.relnamespace
    JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid AND attnum = adnum
    JOIN pg_catalog.pg_class AS sequence ON sequence.oid = owned.objid
    JOIN pg_catalog.pg_namespace AS sequence_schema ON sequence_schema.oid = sequence.relnamespace
    WHERE owned.classid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass)
      AND owned.refclassid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass) AND owned.deptype = 'a'
""")
# The types that a sequence may have, the narrower first: https://www.postgresql.org/docs/current/sql-altersequence.html.
SEQUENCE_TYPES = {SmallInteger: "smallint", Integer: "integer", BigInteger: "bigint"}
# The key of a column's `info` for its serial default, and the key of the inspector's cache for the sequences.
_DEFAULT = "alembic_async_template.serial_default"
_SEQUENCES = "alembic_async_template.sequences"


class AlterSequenceTypeOp(ops.ExecuteSQLOp):
    """Gives the sequence of a serial column the type of the column, which ALTER TABLE does for identity columns only."""

    def __init__(self, sequence: str, existing: str, modified: str) -> None:
        super().__init__(escape_colons(f"ALTER SEQUENCE {sequence} AS {modified}"))
        self.sequence, self.existing, self.modified = sequence, existing, modified

    def reverse(self) -> AlterSequenceTypeOp:
        return AlterSequenceTypeOp(self.sequence, self.modified, self.existing)


def find_serial_columns(context: AutogenContext, _upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Read which columns are serial before any table is reflected, and let Alembic ask for the answer."""
    assert context.connection is not None
    serial: dict[tuple[str | None, str, str], tuple[str, str]] = {}
    for row in context.connection.execute(_SERIAL_COLUMNS):
        # Without a schema, a table is found through the search path.
        for schema in (row.schema, None) if row.is_visible else (row.schema,):
            serial[schema, row.table_name, row.column_name] = (row.default_expression, row.sequence_name)
    sequences = context.inspector.info_cache.setdefault(_SEQUENCES, {})

    def autogen_column_reflect(_inspector: Any, table: Table, column_info: Any) -> None:
        found = serial.get((table.schema, table.name, column_info["name"]))
        if found is not None:
            column_info.pop("default", None)
            column_info["info"] = {_DEFAULT: found[0]}
            sequences[table.schema, table.name, column_info["name"]] = found[1]

    # Its public hook, https://alembic.sqlalchemy.org/en/latest/api/ddl.html, of this comparison's own object.
    context.migration_context.impl.autogen_column_reflect = autogen_column_reflect  # type: ignore[method-assign]
    return PriorityDispatchResult.CONTINUE


def read_serial_default(info: dict[Any, Any]) -> str | None:
    """The default that was left out of a reflected column, by the column's `info`."""
    default: str | None = info.get(_DEFAULT)
    return default


def alter_sequences(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add to each change of a serial column's type that of its sequence, which would end at the largest old number."""
    sequences = context.inspector.info_cache.get(_SEQUENCES, {})
    for table_ops in list_table_operations(upgrade_ops):
        for operation in [inner for inner in table_ops.ops if isinstance(inner, ops.AlterColumnOp)]:
            sequence = sequences.get((operation.schema, operation.table_name, operation.column_name))
            types = [sequence_type(type_) for type_ in (operation.existing_type, operation.modify_type)]
            if sequence is not None:
                operation.kw.pop("autoincrement", None)  # MySQL's
            if sequence is not None and None not in types and types[0] != types[1]:
                alteration = AlterSequenceTypeOp(sequence, str(types[0]), str(types[1]))
                table_ops.ops.insert(table_ops.ops.index(operation) + 1, alteration)
    return PriorityDispatchResult.CONTINUE


def sequence_type(type_: Any) -> str | None:
    """The type of a sequence for a column of this type; None unless it is an integer type."""
    classes = (SmallInteger, BigInteger, Integer)  # the last is a base of the others
    return next((SEQUENCE_TYPES[class_] for class_ in classes if isinstance(type_, class_)), None)
