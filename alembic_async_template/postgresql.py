"""Facts about PostgreSQL: how its SQL writes names, strings and expressions, and what its error codes mean."""

from __future__ import annotations

import itertools
import re
from enum import StrEnum

# Longer names are cut off by the server: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
MAX_BYTES = 63
# The execution option of a statement that a plan and a script leave out: it asks about others, or is for this run only.
READING = "alembic_async_template_reading"
# Below it are the objects of PostgreSQL itself: https://www.postgresql.org/docs/current/system-catalog-initial-data.html
FIRST_OID = 16384

STRING = re.compile(r"'(?:[^']|'')*'")
# What stands between statements, or in them, and is not a statement itself: literals, names in quotes, comments, bodies.
NO_STATEMENT = re.compile(
    r"""\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"[^"]*"|(?<![\w$])\$(\w*)\$.*?\$\1\$|/\*.*?\*/|--[^\n]*"""
    r"""|\bBEGIN\s+ATOMIC\b(?:\bCASE\b(?:(?!\bEND\b).)*\bEND\b|(?!\b(?:CASE|END)\b).)*\bEND\b""",
    re.DOTALL | re.IGNORECASE,
)
_BRACKETS = re.compile(r"\([^()]*\)")

# A quoted name is part of the statement, and may hold what elsewhere begins a comment.
_PARTS = re.compile(
    r"""(?P<name>"(?:[^"]|"")*")|(?P<string>\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(?<![\w$])\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    r"|(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<space>\s+)",
    re.DOTALL | re.IGNORECASE,
)


def identifier(name: str) -> str:
    """A name in quotes; which names need none differs between server versions."""
    return '"' + name.replace('"', '""') + '"'


def qualified(name: str, schema: str | None) -> str:
    """The name of an object in quotes, with its schema if that is given."""
    return f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)


def quote_if_needed(name: str) -> str:
    """A name as people write it, for messages and examples: in quotes only where PostgreSQL needs them."""
    from sqlalchemy.dialects.postgresql.base import PGDialect

    dialect = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return dialect.identifier_preparer.quote(name)


def quote_without_percent(name: str) -> str:
    """A name for a clause that is sent as it is to drivers that read a percent sign.

    See https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS-UESCAPE.
    """
    if "%" not in name:
        return quote_if_needed(name)
    escaped = name.replace("\\", "\\\\").replace('"', '""').replace("%", "\\0025")
    return f'U&"{escaped}"'


def literal(text: str) -> str:
    """A string constant; a backslash is in an escape string, whose meaning does not depend on `standard_conforming_strings`."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def dollar_quote(body: str) -> str:
    """A string constant in which quotes stay as they are, such as the body of DO."""
    tags = (f"${'body' * bool(number)}{number or ''}$" for number in itertools.count())
    tag = next(tag for tag in tags if tag not in body)
    return f"{tag}\n{body}\n{tag}"


def split_statements(sql: str) -> list[str]:
    """The statements of a text; a semicolon in a literal, a comment, a body or brackets ends none."""

    def blank(found: re.Match[str]) -> str:
        return " " * len(found[0])

    bare, brackets = NO_STATEMENT.sub(blank, sql), 1
    while brackets:
        bare, brackets = _BRACKETS.subn(blank, bare)
    ends = [*(found.start() for found in re.finditer(";", bare)), len(bare)]
    parts = [(start, end) for start, end in zip([0, *(end + 1 for end in ends)], ends, strict=False) if bare[start:end].strip()]
    return [sql[start:end].strip() for start, end in parts]


def strip_comments(sql: str) -> str:
    """The statement on one line, without comments and the semicolon at its end."""
    return _PARTS.sub(lambda part: " " if part["comment"] or part["space"] else part[0], sql).strip("; \n")


def empty_strings(sql: str) -> str:
    """The same, and nothing in its strings."""
    bare = _PARTS.sub(lambda part: "''" if part["string"] else part["name"] or " ", sql)
    return re.sub(r" {2,}", " ", bare).strip("; ")


def hide_nested(sql: str) -> str:
    """A text as long as the statement, in which x stands for what is in parentheses, strings and quoted names."""
    depth = 0
    shown = []
    for character in _PARTS.sub(lambda part: part[0] if part["space"] else "x" * len(part[0]), sql):
        depth -= character in ")]"
        shown.append("x" if depth > 0 else character)
        depth += character in "(["
    return "".join(shown)


def escape_colons(sql: str) -> str:
    """SQL for `op.execute` and `text`, which read `:name` as a parameter."""
    return sql.replace(":", r"\:")


def normalise(expression: str) -> str:
    """An expression to compare without the server: lower case except in strings, without casts and redundant parentheses."""
    strings = STRING.findall(expression)
    bare = re.sub(r"\s+", " ", STRING.sub("''", expression).strip().lower())
    bare = re.sub(r"::[\w ]+(?:\(\d+(?:,\d+)?\))?(?:\[\])*", "", bare)
    bare = re.sub(r"(?<![\w\"])\(([\w.]+|'')\)", r"\1", bare)
    while re.fullmatch(r"\((?:[^()]|\([^()]*\))*\)", bare):
        bare = bare[1:-1].strip()
    return re.sub("''", lambda _: strings.pop(0), bare)


class SQLState(StrEnum):
    """The codes of PostgreSQL's errors that this package knows, named as in the list of PostgreSQL:
    https://www.postgresql.org/docs/current/errcodes-appendix.html.
    """

    # Connections. A class of codes is their first two characters.
    CONNECTION_DOES_NOT_EXIST = "08003"
    CONNECTION_FAILURE = "08006"
    PROTOCOL_VIOLATION = "08P01"  # older versions of PgBouncer send it for every error
    INVALID_AUTHORIZATION_SPECIFICATION = "28000"  # no such role, or no entry in pg_hba.conf
    INVALID_PASSWORD = "28P01"
    INVALID_CATALOG_NAME = "3D000"  # no such database
    TOO_MANY_CONNECTIONS = "53300"
    ADMIN_SHUTDOWN = "57P01"
    CRASH_SHUTDOWN = "57P02"
    CANNOT_CONNECT_NOW = "57P03"  # the server starts, stops or recovers

    # Transactions, locks and prepared statements.
    ACTIVE_SQL_TRANSACTION = "25001"  # a statement that cannot run in a transaction
    READ_ONLY_SQL_TRANSACTION = "25006"
    NO_ACTIVE_SQL_TRANSACTION = "25P01"  # a statement that runs only in a transaction
    IN_FAILED_SQL_TRANSACTION = "25P02"  # an earlier statement of the transaction failed
    INVALID_SQL_STATEMENT_NAME = "26000"  # the prepared statement is unknown to this server process
    DEADLOCK_DETECTED = "40P01"
    DUPLICATE_PREPARED_STATEMENT = "42P05"
    LOCK_NOT_AVAILABLE = "55P03"  # lock_timeout has passed
    UNSAFE_NEW_ENUM_VALUE_USAGE = "55P04"  # an enum value is used in the transaction that added it
    QUERY_CANCELED = "57014"  # statement_timeout has passed, or a user cancelled

    # Rows and their values.
    STRING_DATA_RIGHT_TRUNCATION = "22001"  # longer than the column allows
    NUMERIC_VALUE_OUT_OF_RANGE = "22003"
    INVALID_DATETIME_FORMAT = "22007"
    DATETIME_FIELD_OVERFLOW = "22008"
    INVALID_PARAMETER_VALUE = "22023"
    INVALID_TEXT_REPRESENTATION = "22P02"  # not a value of the type, such as an unknown enum value
    NOT_NULL_VIOLATION = "23502"
    FOREIGN_KEY_VIOLATION = "23503"
    UNIQUE_VIOLATION = "23505"
    CHECK_VIOLATION = "23514"
    RAISE_EXCEPTION = "P0001"  # RAISE in a function of the project

    # Definitions of objects.
    FEATURE_NOT_SUPPORTED = "0A000"
    DEPENDENT_OBJECTS_STILL_EXIST = "2BP01"
    INVALID_SCHEMA_NAME = "3F000"  # no such schema
    INSUFFICIENT_PRIVILEGE = "42501"
    SYNTAX_ERROR = "42601"
    DUPLICATE_COLUMN = "42701"
    UNDEFINED_COLUMN = "42703"
    UNDEFINED_OBJECT = "42704"  # no such type, constraint, trigger, operator class
    DUPLICATE_OBJECT = "42710"  # a type, constraint or enum value that exists
    DATATYPE_MISMATCH = "42804"
    INVALID_FOREIGN_KEY = "42830"  # the columns that it refers to are not unique
    UNDEFINED_FUNCTION = "42883"
    UNDEFINED_TABLE = "42P01"
    DUPLICATE_TABLE = "42P07"  # a table, view, sequence or index that exists
    INVALID_TABLE_DEFINITION = "42P16"
    UNDEFINED_FILE = "58P01"  # the files of an extension are not installed
