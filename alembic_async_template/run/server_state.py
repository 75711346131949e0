"""Reads what there is to say of a database beside its revisions: server, migration lock, leftovers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Dialect

from .migration_lock import find_holder, name_version_table

_PRODUCTS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite"}

# An index that CREATE INDEX CONCURRENTLY left behind, and an enum type that no column, function, domain or other object uses and
# that no extension owns: https://www.postgresql.org/docs/current/catalog-pg-index.html, catalog-pg-depend.html. An index is not
# valid either while it is built: the table is locked then, which every role may see.
_LEFTOVERS = text("""
    SELECT 'index' AS kind, CAST(nspname AS text) AS schema, CAST(relname AS text) AS name,
           pg_catalog.pg_table_is_visible(pg_class.oid) AS visible
    FROM pg_catalog.pg_index
    JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE NOT indisvalid AND relkind = 'i' AND nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE relation = indrelid AND mode = 'ShareUpdateExclusiveLock')
    UNION ALL
    SELECT 'type', CAST(nspname AS text), CAST(typname AS text), pg_catalog.pg_type_is_visible(pg_type.oid)
    FROM pg_catalog.pg_type
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = typnamespace
    WHERE typtype = 'e' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend
        WHERE (refclassid = CAST('pg_catalog.pg_type' AS pg_catalog.regclass) AND refobjid IN (pg_type.oid, typarray)
               AND deptype <> 'i')
           OR (classid = CAST('pg_catalog.pg_type' AS pg_catalog.regclass) AND objid = pg_type.oid AND deptype = 'e')
    )
    ORDER BY 1, 2, 3
""")


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the server says of a database; what only PostgreSQL knows is empty elsewhere."""

    server: str
    server_version: str
    driver: str
    lock_holder: str | None
    """The process that holds the migration lock."""
    invalid_indexes: tuple[str, ...]
    unused_enums: tuple[str, ...]
    """The enum types that nothing uses."""
    tables: int
    """How many the default schema has, beside the version table."""


def read_server_state(context: MigrationContext) -> ServerState:
    """Ask the server, with three queries on PostgreSQL."""
    connection = context.connection
    assert connection is not None
    dialect = connection.dialect
    holder, leftovers = None, list[tuple[str, str]]()
    if dialect.name == "postgresql":
        holder = find_holder(connection, name_version_table(context))
        leftovers = _find_leftovers(connection)
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    return ServerState(
        server=_PRODUCTS.get(name, name),
        server_version=".".join(str(part) for part in dialect.server_version_info or ()) or _read_version(dialect),
        driver=_describe_driver(dialect),
        lock_holder=holder,
        invalid_indexes=tuple(name for kind, name in leftovers if kind == "index"),
        unused_enums=tuple(name for kind, name in leftovers if kind == "type"),
        tables=len({*inspect(connection).get_table_names()} - {context.version_table}),
    )


def _find_leftovers(connection: Connection) -> list[tuple[str, str]]:
    quote = connection.dialect.identifier_preparer.quote
    return [
        (row.kind, quote(row.name) if row.visible else f"{quote(row.schema)}.{quote(row.name)}")
        for row in connection.execute(_LEFTOVERS)
    ]


def _read_version(dialect: Dialect) -> str:
    """The version of a library that is its own server."""
    return str(getattr(dialect.dbapi, "sqlite_version", ""))


def _describe_driver(dialect: Dialect) -> str:
    name = dialect.driver.removesuffix("_async")
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
