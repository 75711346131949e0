"""Leaves out the defaults of serial columns as Alembic does, with one look at the catalog and not one for each column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Table, text

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# The columns whose default is the next value of the sequence that belongs to them,
# https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-SERIAL.
_SERIAL_COLUMNS = text("""
    SELECT CAST(nspname AS text), CAST(relname AS text), CAST(attname AS text)
    FROM pg_catalog.pg_depend AS owned
    JOIN pg_catalog.pg_attrdef ON adrelid = owned.refobjid AND adnum = owned.refobjsubid
    JOIN pg_catalog.pg_depend AS used
      ON used.classid = CAST('pg_catalog.pg_attrdef' AS pg_catalog.regclass) AND used.objid = pg_attrdef.oid
     AND used.refclassid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass) AND used.refobjid = owned.objid
    JOIN pg_catalog.pg_class ON pg_class.oid = owned.refobjid
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid AND attnum = adnum
    WHERE owned.classid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass)
      AND owned.refclassid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass) AND owned.deptype = 'a'
""")


def find_serial_columns(context: AutogenContext, _upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Read which columns are serial before any table is reflected, and let Alembic ask for the answer."""
    assert context.connection is not None
    serial = {tuple(row) for row in context.connection.execute(_SERIAL_COLUMNS)}
    default = context.dialect.default_schema_name

    def autogen_column_reflect(_inspector: Any, table: Table, column_info: Any) -> None:
        if (table.schema or default, table.name, column_info["name"]) in serial:
            column_info.pop("default", None)

    # Its public hook, https://alembic.sqlalchemy.org/en/latest/api/ddl.html, of this comparison's own object.
    context.migration_context.impl.autogen_column_reflect = autogen_column_reflect  # type: ignore[method-assign]
    return PriorityDispatchResult.CONTINUE
