"""What a run can tell about its database and its project, for the example of a fix."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from sqlalchemy import Enum, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..application.imports import find_root
from ..diagnosis.driver_errors import find_number, list_causes
from ..diagnosis.enum_labels import find_label, list_labels, read_refusal
from ..diagnosis.row_updates import map_texts
from ..diagnosis.statement_facts import read_columns, read_statement, write_labels
from ..errors.block import series
from ..masking import is_about_secret
from ..postgresql import escape_colons, quote_if_needed
from ..project.declared_roots import find_workspace_member

if TYPE_CHECKING:
    from ..application.settings import Settings
    from ..application.url import Database

# WARN_DATA_TRUNCATED, https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html.
_TRUNCATED = 1265
_LABELS = text("SELECT enumlabel FROM pg_catalog.pg_enum WHERE enumtypid = pg_catalog.to_regtype(CAST(:type AS text))")

_IS_TEXT = text("""
    SELECT typcategory = 'S' FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_type ON pg_type.oid = atttypid
    WHERE attrelid = pg_catalog.to_regclass(CAST(:table AS text)) AND attname = :column
""")
# How many texts of a column an example maps.
_MOST_TEXTS = 20


def list_facts(url: URL, *, only_reads: bool = False) -> dict[str, str | None]:
    """What an example of a command says about a database.

    :param only_reads: whether the command that failed needs no more than to read.
    """
    user, name, host = url.username or "app", url.database or "app", url.host or "localhost"
    there = f"--host={host} --port={url.port or 5432} --username={quote(user)} {quote(name)}"
    create = (
        f"createdb {there}"
        if url.get_backend_name() == "postgresql"
        else f"mysql --host={host} --port={url.port or 3306} --user={quote(user)} --password "
        f"--execute={quote(f'CREATE DATABASE `{name}`')}"
    )
    folder = quote(name.rpartition("/")[0] or ".")
    psql = f"psql {there}"
    facts: dict[str, str | None] = {"user": user, "folder": folder, "create": create, "psql": psql, "database": name}
    return facts | {"file": quote(name)} | ({"privileges": "SELECT", "access": "read it"} if only_reads else {})


def list_url_facts(database: Database) -> dict[str, str | None]:
    """How the URL of a database is written, where it comes from: an engine of the application takes the words of its driver.

    asyncpg has no argument for the file of a certificate, https://magicstack.github.io/asyncpg/current/api/index.html#connection.
    """
    facts: dict[str, str | None] = {"scheme": database.original.drivername}
    if database.engine is not None and database.engine.dialect.driver == "asyncpg":
        facts |= {"sslmode": "ssl", "verify": 'connect_args={"ssl": ssl.create_default_context(cafile="/etc/ssl/ca.pem")}'}
    return facts


def find_facts(error: BaseException, connection: Connection, settings: Settings, revision: Path | None) -> dict[str, str | None]:
    """What only the project's files, or the database, tell about an error of a revision.

    :param revision: the file in which it failed.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        member = find_workspace_member(settings.directory, error.name.partition(".")[0])
        install = f"uv pip install -e {quote(os.path.relpath(member))}" if member else None
        return {"root": find_root(error.name, settings), "install": install}
    if isinstance(error, DBAPIError) and _TRUNCATED in map(find_number, list_causes(error)):
        with suppress(SQLAlchemyError):  # the server may be gone
            return _describe_enum_column(error, connection)
    if isinstance(error, DBAPIError) and "already exists" in str(error.orig):
        with suppress(SQLAlchemyError):
            return _find_absent_columns(error.statement or "", connection)
    if isinstance(error, DBAPIError) and (refusal := read_refusal(error)) and connection.dialect.name == "postgresql":
        with suppress(SQLAlchemyError):
            type_, value = refusal
            labels = list(connection.scalars(_LABELS, {"type": type_}))
            return {
                "label": find_label(value, labels),
                "mapping": _map_texts(error, connection, labels or list_labels(revision, type_)),
            }
    return {}


def _find_absent_columns(statement: str, connection: Connection) -> dict[str, str | None]:
    """What a table of the database lacks that a CREATE TABLE would have made."""
    facts, columns = read_statement(" ".join(statement.split())), read_columns(statement)
    if not columns or not (name := facts.get("of_table")):
        return {}
    schema = re.search('schema="(.*)"', facts.get("of_schema", ""))
    there = {column["name"].lower() for column in inspect(connection).get_columns(name, schema and schema[1])}
    absent = [column for column in columns if column.lower() not in there]
    if not absent:
        return {}
    additions = "; ".join(f"ALTER TABLE {facts['table']} ADD COLUMN {columns[column]}" for column in absent)
    return {"absent": f"column{'s' if len(absent) > 1 else ''} {series(absent)}", "additions": additions}


def _map_texts(error: DBAPIError, connection: Connection, labels: list[str]) -> str | None:
    """The line that gives the rows of a text column, which was to become an enum, the labels of the type."""
    statement = " ".join((error.statement or "").split())
    facts = read_statement(statement)
    table, column = facts.get("table"), facts.get("column")
    if not table or not column or not re.match("ALTER TABLE .* USING ", statement) or is_about_secret(error):
        return None
    if not connection.scalar(_IS_TEXT, {"table": table, "column": column}):
        return None
    quoted = quote_if_needed(column)
    query = f"SELECT DISTINCT {quoted} FROM {table} WHERE {quoted} IS NOT NULL ORDER BY 1 LIMIT {_MOST_TEXTS}"
    texts = list(connection.exec_driver_sql(query, execution_options={"no_parameters": True}).scalars())
    pairs = {text: find_label(text, labels) for text in texts if text not in labels}
    if not pairs or not labels:
        return None
    return f"op.execute({write_labels([escape_colons(map_texts(table, quoted, pairs))])})"


def _describe_enum_column(error: DBAPIError, connection: Connection) -> dict[str, str | None]:
    """The values of a column of MySQL's own enum type, and the one that it does not have, where only one can be meant."""
    column = re.search("column '([^']+)'", str(error.orig))
    table = read_statement(" ".join((error.statement or "").split())).get("of_table")
    if column is None or table is None:
        return {}
    types = {found["name"]: found["type"] for found in inspect(connection).get_columns(table)}
    type_ = types.get(column[1])
    if not isinstance(type_, Enum):
        return {}
    parameters = error.params.values() if isinstance(error.params, dict) else error.params or ()
    texts = {*re.findall("'([^']*)'", error.statement or ""), *(value for value in parameters if isinstance(value, str))}
    others = [] if is_about_secret(error) else sorted(texts - set(type_.enums))
    return {"labels": write_labels(list(type_.enums)), "value": others[0] if len(others) == 1 else "..."}
