"""What the tests of enum operations share: nasty names, enum types made without the package, and SQL written offline."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from alembic.migration import MigrationContext
from alembic.operations import Operations
from psycopg import sql
from sqlalchemy.engine import Connection

from alembic_async_template import op

if TYPE_CHECKING:

    class EnumOperations(Operations):
        """`op` with the directives of this package, which Alembic adds at run time."""

        create_enum = staticmethod(op.create_enum)
        drop_enum = staticmethod(op.drop_enum)
        rename_enum = staticmethod(op.rename_enum)
        add_enum_value = staticmethod(op.add_enum_value)
        remove_enum_value = staticmethod(op.remove_enum_value)
        rename_enum_value = staticmethod(op.rename_enum_value)
        reorder_enum_values = staticmethod(op.reorder_enum_values)
        replace_enum_values = staticmethod(op.replace_enum_values)

else:
    EnumOperations = Operations

OnConnection = Callable[[Callable[[Connection], Any]], Any]

NASTY = [
    '"',
    "'",
    "%",
    "%(x)s",
    ":x",
    "\\",
    "a.b",
    " ",
    "{}",
    "Upper Case",
    "select",
    "žluťoučký 🐎",
    "n" * 63,
]


def operations(connection: Connection, **options: Any) -> EnumOperations:
    """`op` on a connection, outside of any migration environment."""
    return EnumOperations(MigrationContext.configure(connection, opts=options))


def offline(dialect: str = "postgresql") -> tuple[EnumOperations, io.StringIO]:
    """`op` that writes its SQL, and what it writes to."""
    output = io.StringIO()
    context = MigrationContext.configure(
        dialect_name=dialect,
        dialect_opts={"paramstyle": "named"},
        opts={"as_sql": True, "output_buffer": output, "literal_binds": True},
    )
    return EnumOperations(context), output


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def create_enum(url: str, name: str, values: Sequence[str], schema: str = "public") -> None:
    """Create a type, and its schema, without this package."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        labels = sql.SQL(", ").join(map(sql.Literal, values))
        connection.execute(sql.SQL("CREATE TYPE {} AS ENUM ({})").format(sql.Identifier(schema, name), labels))


def read_enums(url: str) -> dict[str, list[str]]:
    """The labels of each enum type, by its qualified name."""
    query = """
        SELECT nspname || '.' || typname, array_agg(enumlabel::text ORDER BY enumsortorder)
        FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace JOIN pg_enum ON enumtypid = pg_type.oid GROUP BY 1
    """
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query).fetchall())
