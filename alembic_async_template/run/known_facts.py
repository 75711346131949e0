"""What a run can tell about its database and its project, for the example of a fix."""

from __future__ import annotations

import re
from contextlib import suppress
from shlex import quote
from typing import TYPE_CHECKING

from sqlalchemy import Enum, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..application.imports import find_root
from ..diagnosis.driver_errors import find_number, list_causes
from ..diagnosis.enum_labels import find_label, read_refusal
from ..diagnosis.statement_facts import read_statement, write_labels
from ..masking import is_about_secret

if TYPE_CHECKING:
    from ..application.settings import Settings

# WARN_DATA_TRUNCATED, https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html.
_TRUNCATED = 1265
_LABELS = text("SELECT enumlabel FROM pg_catalog.pg_enum WHERE enumtypid = pg_catalog.to_regtype(CAST(:type AS text))")


def list_facts(url: URL, *, only_reads: bool = False) -> dict[str, str | None]:
    """What an example of a command says about a database.

    :param only_reads: whether the command that failed needs no more than to read.
    """
    user, name, host = url.username or "app", url.database or "app", url.host or "localhost"
    create = (
        f"createdb --host={host} --port={url.port or 5432} --username={quote(user)} {quote(name)}"
        if url.get_backend_name() == "postgresql"
        else f"mysql --host={host} --port={url.port or 3306} --user={quote(user)} --password "
        f"--execute={quote(f'CREATE DATABASE `{name}`')}"
    )
    folder = quote(name.rpartition("/")[0] or ".")
    needed: dict[str, str | None] = {"privileges": "SELECT", "access": "read it"} if only_reads else {}
    return {"user": user, "folder": folder, "create": create, "database": name, "file": quote(name)} | needed


def find_facts(error: BaseException, connection: Connection, settings: Settings) -> dict[str, str | None]:
    """What only the project's files, or the database, tell about an error of a revision."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return {"root": find_root(error.name, settings)}
    if isinstance(error, DBAPIError) and _TRUNCATED in map(find_number, list_causes(error)):
        with suppress(SQLAlchemyError):  # the server may be gone
            return _describe_enum_column(error, connection)
    if isinstance(error, DBAPIError) and (refusal := read_refusal(error)) and connection.dialect.name == "postgresql":
        with suppress(SQLAlchemyError):
            type_, value = refusal
            return {"label": find_label(value, connection.scalars(_LABELS, {"type": type_}))}
    return {}


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
