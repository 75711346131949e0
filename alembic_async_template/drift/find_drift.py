"""Finds how a database differs from what its revisions make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from ..errors import ShadowError
from ..errors.block import Fix
from ..errors.shadow_errors import SHADOW_URL
from ..masking import mask_url
from ..postgresql import identifier
from ..run.reading import read_database
from ..shadow.tried_history import LiveDatabase, read_script, try_history
from . import expected_run
from .drift_report import Difference, Drift
from .included import IncludeName, IncludeObject
from .schema_comparison import compare
from .schema_reader import read_schema
from .thing import Schema, from_json

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory


def find_drift(config: Config, *, keep_shadow: bool = False) -> Drift:
    """Compare the database of a configuration, which is read and not changed, with what its revisions make.

    The revisions run on a shadow, as for a plan: a temporary database on the same server, or the one of `shadow_url`.

    :param keep_shadow: whether what the revisions make is kept on the server for the next time.
    :raises ShadowError: there is no shadow, or the revisions do not run on it.
    :raises alembic.util.CommandError: the settings, the revisions or the database cannot be read.
    """
    script = read_script(config)
    where: list[tuple[LiveDatabase, tuple[str, ...], tuple[str | None, str]]] = []

    def look(context: MigrationContext, _script: ScriptDirectory, current: Sequence[str]) -> None:
        table = (context.version_table_schema, context.version_table)
        where.append((LiveDatabase.of(context), tuple(sorted(current)), table))

    read_database(config, look)
    live, current, table = where[0]
    with try_history(config, script, live, current, keep=keep_shadow) as run:
        answer = run(expected_run.__name__, {"version_table": table})
    made = from_json(answer["things"])
    found: list[Drift] = []

    def compare_live(context: MigrationContext, _script: ScriptDirectory, now: Sequence[str]) -> None:
        connection = context.connection
        assert connection is not None
        connection.rollback()
        if tuple(sorted(now)) != current:
            raise ShadowError("The database was migrated meanwhile", Fix("compare again", "alembic drift"))
        version = connection.dialect.server_version_info or (0,)
        if version[0] != answer["server_version"]:  # which writes the same definitions in other words
            raise ShadowError(
                f"The shadow is of PostgreSQL {answer['server_version']}, and the database of PostgreSQL {version[0]}", SHADOW_URL
            )
        functions = {name: context.opts.get(name) for name in ("include_name", "include_object")}
        differences = find_differences(connection, made, version_table=table[1], version_table_schema=table[0], **functions)
        found.append(Drift(mask_url(live.engine.url), ".".join(map(str, version)), current, differences))

    read_database(config, compare_live)
    return found[0]


def find_differences(
    live: Connection,
    made: Schema,
    *,
    version_table: str = "alembic_version",
    version_table_schema: str | None = None,
    include_name: IncludeName | None = None,
    include_object: IncludeObject | None = None,
) -> tuple[Difference, ...]:
    """Read both, and compare the schemas that the revisions make or change, and that of the version table.

    Nothing is written, and each query has a transaction of its own, so the connection may not be in autocommit mode.

    :param live: the database.
    :param made: what its revisions make, on a server of the same version.
    :param version_table: Alembic's table, which is left out.
    :param version_table_schema: as in `context.configure`.
    :param include_name: as in `context.configure`.
    :param include_object: as in `context.configure`.
    """
    default = live.dialect.default_schema_name
    schemas = _list_schemas(made) | {version_table_schema or default or "public"}
    made = _keep_schemas(made, schemas)
    read = read_schema(live, schemas=schemas, version_table=version_table, version_table_schema=version_table_schema)
    found = _keep_schemas(read, schemas, also=made)
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
