"""Refuses a comparison where the database has tables of the models, and no revision counts as done: create_all made them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, inspect, select, table, text
from sqlalchemy.engine import Connection, Inspector

from ..errors import BaselineError, ExistingTablesError, UnversionedTablesError
from .compare_enums import list_differing_enums
from .directives import model_schemas


def refuse_existing_tables(
    connection: Connection,
    script: ScriptDirectory,
    metadatas: Sequence[MetaData],
    options: dict[str, Any],
    *,
    baseline: bool,
    writes: bool,
) -> None:
    """Refuse a first revision that would leave out the tables which are in the database already, and tell where they stand.

    A database that names a revision has lost its files; Alembic says so itself.

    :param writes: whether the command writes a revision; `alembic check` compares where there is none.
    :raises ExistingTablesError: there is no revision, and the database has tables of the models.
    :raises UnversionedTablesError: there are revisions, and the database has tables of the models and counts none as done.
    :raises BaselineError: an empty database was asked for although there are revisions.
    """
    heads = script.get_heads()
    if heads and baseline:
        raise BaselineError(heads)
    if baseline or len(heads) > 1 or not (heads or writes):
        return
    inspector = inspect(connection)
    version = table(options.get("version_table", "alembic_version"), schema=options.get("version_table_schema"))
    if inspector.has_table(version.name, version.schema) and connection.execute(select(text("*")).select_from(version)).first():
        return
    existing = {
        f"{schema}.{name}" if schema else name
        for schema in (None, *model_schemas(metadatas))
        if schema is None or inspector.has_schema(schema)
        for name in inspector.get_table_names(schema)
    }
    declared = {
        key: one
        for metadata in metadatas
        for key, one in metadata.tables.items()
        if _is_table_compared(one, options, key in existing)
    }
    common = sorted(existing & declared.keys())
    if not common:
        return
    if not heads:
        raise ExistingTablesError(common, sorted(declared.keys() - existing))
    missing = {f"table {key}": declared[key].name for key in sorted(declared.keys() - existing)}
    missing |= {name: word for key in common for name, word in _list_missing_columns(inspector, declared[key])}
    missing |= {
        f"value {value!r} of enum {name}": value
        for name, labels, there in list_differing_enums(connection, metadatas)
        for value in labels
        if there and value not in there
    }
    raise UnversionedTablesError(common, tuple(missing), heads[0], _find_last_without(script, missing.values()))


def _is_table_compared(declared: Table, options: dict[str, Any], exists: bool) -> bool:
    """Whether the project's own filters leave a table in the comparison, as Alembic asks them."""
    include_name, include_object = options.get("include_name"), options.get("include_object")
    parents = {"schema_name": declared.schema, "schema_qualified_table_name": declared.key}
    if exists and include_name is not None and not include_name(declared.name, "table", parents):
        return False
    return include_object is None or include_object(declared, declared.name, "table", False, None)


def _list_missing_columns(inspector: Inspector, declared: Table) -> Iterator[tuple[str, str]]:
    """The columns that a table of the database does not have: each as messages show it, and its name alone."""
    there = {column["name"].lower() for column in inspector.get_columns(declared.name, declared.schema)}
    for column in declared.columns:
        if not column.system and column.name.lower() not in there:
            yield f"column {declared.key}.{column.name}", column.name


def _find_last_without(script: ScriptDirectory, names: Collection[str]) -> str | None:
    """The last revision before the first one that has one of these names; None where that is the first of all, or not to be told.

    What is missing in the database is most likely what the later ones make.
    """
    last: str | None = None
    revisions = list(script.walk_revisions())[::-1]
    if any(isinstance(revision.down_revision, tuple) for revision in revisions):
        return None
    for revision in revisions:
        source = Path(revision.path).read_text(encoding="utf-8", errors="replace")
        if any(re.search(rf"""['"]{re.escape(name)}['"]""", source) for name in names):
            return last
        last = revision.revision
    return last
