"""Finds how a database differs from another that its revisions made."""

from __future__ import annotations

from functools import partial

from sqlalchemy.engine import Connection

from ..postgresql import identifier
from .drift_report import Difference
from .included import IncludeName, IncludeObject
from .schema_comparison import compare
from .schema_reader import read_schema
from .thing import Schema


def find_differences(
    live: Connection,
    expected: Connection,
    *,
    version_table: str = "alembic_version",
    version_table_schema: str | None = None,
    include_name: IncludeName | None = None,
    include_object: IncludeObject | None = None,
) -> tuple[Difference, ...]:
    """Read both, and compare the schemas that the revisions make or change, and that of the version table.

    Both connections are to PostgreSQL servers of one version. Nothing is written, and each query has a transaction of its own, so
    neither may be in autocommit mode.

    :param live: the database.
    :param expected: the one that its revisions made.
    :param version_table: Alembic's table, which is left out.
    :param version_table_schema: as in `context.configure`.
    :param include_name: as in `context.configure`.
    :param include_object: as in `context.configure`.
    """
    read = partial(read_schema, version_table=version_table, version_table_schema=version_table_schema)
    default = live.dialect.default_schema_name
    made = read(expected)
    schemas = _list_schemas(made) | {version_table_schema or default or "public"}
    made = _keep_schemas(made, schemas)
    found = _keep_schemas(read(live, schemas=schemas), schemas, also=made)
    return compare(found, made, include_name=include_name, include_object=include_object, default_schema=default)


def _list_schemas(made: Schema) -> set[str]:
    """Every database has `public`, so that it counts where the revisions put something in it."""
    used = {thing.schema for thing in made.values() if thing.key.family not in ("schema", "extension")}
    return {
        thing.plain for thing in made.values() if thing.key.family == "schema" and (thing.plain != "public" or "public" in used)
    }


def _keep_schemas(schema: Schema, schemas: set[str], also: Schema | None = None) -> Schema:
    """What is in these schemas; an extension is in one too, and counts wherever it is if the revisions make it."""
    quoted = schemas | {identifier(name) for name in schemas}
    return {
        key: thing
        for key, thing in schema.items()
        if (thing.schema in schemas if thing.schema is not None else also is None or key in also or thing["in_schema"] in quoted)
    }
