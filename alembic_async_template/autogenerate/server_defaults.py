"""Compares server defaults where Alembic's own comparison fails, or reports a difference although there is none."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from alembic.util import PriorityDispatchResult
from sqlalchemy import text
from sqlalchemy.schema import Column, DefaultClause, Identity
from sqlalchemy.types import JSON, String

from .enum_columns import find_enum_use
from .serial_columns import read_serial_default

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import AlterColumnOp

# 'it''s', 'it''s'::character varying, ('it''s'), 'it''s'::"a type": how databases show a default that is a string.
_STRING_CONSTANT = re.compile(r"""\(*'((?:[^']|'')*)'(?:::(?:[\w .\[\]]|"(?:[^"]|"")*")+)?\)*""")

# MySQL and MariaDB keep one name of several: https://mariadb.com/kb/en/now/.
_MYSQL_NAMES = {
    "now": "current_timestamp",
    "localtime": "current_timestamp",
    "localtimestamp": "current_timestamp",
    "curdate": "current_date",
    "curtime": "current_time",
    "true": "1",
    "false": "0",
}


def compare_server_default(
    context: AutogenContext,
    operation: AlterColumnOp,
    _schema: str | None,
    _table_name: str,
    _column_name: str,
    reflected: Column[Any],
    declared: Column[Any],
) -> PriorityDispatchResult:
    """Decide about the defaults that Alembic compares wrongly, and leave all others to it.

    On SQLite, Alembic reports the quotes of an empty string or of one with an apostrophe as a difference. On MySQL it compares
    the names of functions as text. It asks PostgreSQL to compare two values, which always differ for `random()`; the comparison
    fails for JSON (there is no `=`), for an apostrophe, and for an enum label that does not exist yet. Here, a default that
    differs in its text is a difference, unless `settle_differences` takes that back.
    """
    serial = read_serial_default(reflected.info)
    if serial is not None and isinstance(declared.server_default, DefaultClause):
        reflected.server_default = DefaultClause(text(serial))
    differs = _differ(context, reflected, declared)
    if differs is None:
        return PriorityDispatchResult.CONTINUE
    operation.existing_server_default = reflected.server_default
    if differs:
        operation.modify_server_default = declared.server_default
    return PriorityDispatchResult.STOP


def _differ(context: AutogenContext, reflected: Column[Any], declared: Column[Any]) -> bool | None:
    current, target, dialect = reflected.server_default, declared.server_default, context.dialect
    if isinstance(target, Identity) and not dialect.supports_identity_columns:
        return False if current is None else None
    if not isinstance(target, DefaultClause):
        return None
    target_text = target.arg if isinstance(target.arg, str) else str(target.arg.compile(dialect=dialect))
    if current is None and not isinstance(target.arg, str) and target_text.strip().upper() == "NULL":
        return False  # which is what a column without a default has
    if not isinstance(current, DefaultClause):
        return None
    current_text = read_expression(current)
    current_value = read_literal(current_text)
    target_value = target_text if isinstance(target.arg, str) else read_literal(target_text)
    if current_value is not None and current_value == target_value:
        return False
    if dialect.name in {"mysql", "mariadb"} and _mysql_expression(current_text) == _mysql_expression(target_text):
        return False
    if isinstance(reflected.type, String) and current_value is not None and target_value is not None:
        return True
    if isinstance(reflected.type, JSON) and dialect.name != "postgresql":
        return current_text != target_text
    if dialect.name == "postgresql" and not _is_serial(declared):
        if current_value is None or target_value is None or not find_enum_use(reflected.type, dialect):
            list_unsettled(context).add((reflected.table.schema, reflected.table.name, reflected.name))
        return current_text != target_text
    return None


def list_unsettled(context: AutogenContext) -> set[tuple[str | None, str, str]]:
    """The columns whose default was compared by its text; kept in the inspector's cache."""
    unsettled: set[tuple[str | None, str, str]] = context.inspector.info_cache.setdefault(
        "alembic_async_template.autogenerate.server_defaults", set()
    )
    return unsettled


def _is_serial(column: Column[Any]) -> bool:
    """Whether SQLAlchemy creates the column as `SERIAL`, whose default is a part of it; Alembic does not compare those."""
    return column.primary_key and column is column.table.autoincrement_column


def read_literal(expression: str) -> str | None:
    """The string that an SQL literal stands for, None for any other expression."""
    match = _STRING_CONSTANT.fullmatch(expression.strip())
    return None if match is None else match[1].replace("''", "'")


def simplify_default(default: DefaultClause) -> None:
    """Replace a reflected default that is a string constant by the plain string.

    That reads better in a revision, and Alembic writes it unchanged: in an expression, it reads a colon as a parameter, and
    doubles percent signs for some drivers.
    """
    value = None if isinstance(default.arg, str) else read_literal(read_expression(default))
    if value is not None and not (value.startswith("'") or value.endswith("'")):  # Alembic would remove these
        default.arg = value


def read_expression(default: DefaultClause) -> str:
    """The text of a reflected default."""
    return str(getattr(default.arg, "text", default.arg))


def _mysql_expression(expression: str) -> str:
    """An expression under the name that MySQL keeps for it, a number without the zeros that its type adds."""
    name = expression.strip().strip("()'").lower()
    try:
        return str(Decimal(name).normalize())
    except InvalidOperation:
        return _MYSQL_NAMES.get(name, name)


def is_next_value(default: Any) -> bool:
    """Whether a reflected default takes the next value of a sequence."""
    return isinstance(default, DefaultClause) and read_expression(default).startswith("nextval(")
