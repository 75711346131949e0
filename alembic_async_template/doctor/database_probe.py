"""Asks PostgreSQL, while `env.py` runs, for what `alembic status` does not say: other version tables, sizes, enum values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from ..autogenerate.compare_enums import list_differing_enums
from ..enums.catalog import reflect_enums
from ..enums.model import qualify

if TYPE_CHECKING:
    from alembic.config import Config

# A version table has this column and no other. The count of rows is an estimate, and below 0 for a table never analysed:
# https://www.postgresql.org/docs/current/catalog-pg-class.html
_TABLES = text("""
    SELECT CAST(nspname AS text) AS schema, CAST(relname AS text) AS name, reltuples AS rows,
           relnatts = 1 AND EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = pg_class.oid AND attname = 'version_num')
               AS is_version_table,
           pg_catalog.pg_table_is_visible(pg_class.oid) AS is_visible
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    ORDER BY 1, 2
""")


def look_at_database(config: Config) -> dict[str, Any]:
    """What is found: `version_tables` beside the one in use, each with its schema; `row_counts` by the name of the table;
    `enum_types`, the names of all; and `enum_differences` of types that are there, each with its name, the values of the models
    and those of the database.
    """
    found: dict[str, Any] = {}

    def look(_current: Sequence[str], context: Any) -> list[Any]:
        connection = context.connection
        if connection.dialect.name != "postgresql":
            return []
        rows = connection.execute(_TABLES).all()
        default = connection.dialect.default_schema_name
        used = (context.version_table_schema or default, context.version_table)
        found["version_tables"] = [
            [row.schema, row.name] for row in rows if row.is_version_table and (row.schema, row.name) != used
        ]
        found["row_counts"] = {
            name: int(row.rows)
            for row in rows
            for name in {qualify(row.name, row.schema), *([row.name] if row.is_visible else [])}
        }
        found["enum_types"] = [one.name for one in reflect_enums(connection)]
        given = context.opts.get("target_metadata")
        metadatas = [one for one in (given if isinstance(given, list | tuple) else [given]) if one is not None]
        found["enum_differences"] = [one for one in list_differing_enums(connection, metadatas) if one[2]]
        return []

    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script, fn=look, dont_mutate=True, reads_models=True):
        script.run_env()
    return found
