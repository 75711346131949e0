"""What a fix can take over from the statement that failed, and from the line of the revision that sent it."""

from __future__ import annotations

import ast
import re

from ..masking import HIDDEN

_NAME = r'(?:"(?:[^"]|"")+"|`[^`]+`|[\w$]+)'
_QUALIFIED = rf"(?:{_NAME}\.)?{_NAME}"
_TEXT = r"'((?:[^']|'')*)'"
_TABLE = re.compile(
    r"^(?:(?:ALTER|DROP|CREATE|LOCK) TABLE|TRUNCATE(?: TABLE)?|UPDATE|INSERT INTO|DELETE FROM|"
    r"(?:CREATE|DROP) (?:UNIQUE )?INDEX .*?\bON)"
    rf"(?: IF(?: NOT)? EXISTS| ONLY)* (?P<table>{_QUALIFIED})",
    re.IGNORECASE,
)
_COLUMN = re.compile(
    rf"^ALTER TABLE .*? (?:ALTER|ADD|MODIFY)(?: COLUMN)?(?: IF NOT EXISTS)? (?!CONSTRAINT\b)(?P<column>{_NAME})", re.IGNORECASE
)
_VALUE = re.compile(rf"^ALTER TYPE (?P<type>{_QUALIFIED}) (?:ADD|DROP) VALUE (?:IF NOT EXISTS )?{_TEXT}", re.IGNORECASE)
_LABELS = re.compile(rf"^CREATE TYPE {_QUALIFIED} AS ENUM ?\((?P<labels>.*)\)$", re.IGNORECASE)
_MADE = re.compile(
    rf"^(?:CREATE (?:TABLE|TYPE|(?:UNIQUE )?INDEX(?: CONCURRENTLY)?)(?: IF NOT EXISTS)? (?P<name>{_QUALIFIED})"
    rf"|ALTER TABLE (?P<table>{_QUALIFIED}) ADD(?: COLUMN)?(?: IF NOT EXISTS)? (?P<column>{_NAME}))",
    re.IGNORECASE,
)
# The copy that a batch operation makes of a table.
_COPY = "_alembic_tmp_"
_ARGUMENT = r"""(?:"[^"]*"|'[^']*'|None)"""
# Operations whose first argument is the table, and those that have it after their own name.
_OF_TABLE = re.compile(rf"op\.(?P<call>alter_column|add_column|drop_column)\((?P<table>{_ARGUMENT}), (?P<rest>.*)\)", re.DOTALL)
_OF_CONSTRAINT = re.compile(
    rf"op\.(?P<call>\w+_(?:constraint|foreign_key|primary_key))\((?P<name>(?:op\.f\()?{_ARGUMENT}\)?), (?P<table>{_ARGUMENT})"
    r"(?P<rest>.*)\)",
    re.DOTALL,
)
# A line that is longer is no example.
_LONGEST = 90


def read_statement(statement: str) -> dict[str, str]:
    """The table, the column and the enum type that a statement of SQL is about, as far as it is known from its beginning.

    :param statement: on one line.
    """
    facts: dict[str, str] = {}
    if match := _TABLE.match(statement):
        facts |= _name_table(match["table"].replace(_COPY, ""))
    if match := _COLUMN.match(statement):
        facts["column"] = _unquote(match["column"])
    if match := _VALUE.match(statement):
        facts |= {"type": match["type"], "value": match[2].replace("''", "'")}
    if (match := _LABELS.match(statement)) and "'" in match["labels"]:
        facts["labels"] = write_labels([label.replace("''", "'") for label in re.findall(_TEXT, match["labels"])])
    return facts


def list_made(statement: str) -> list[str]:
    """What a statement makes: a table and then its columns, a column with its table, an index, a type."""
    statement = " ".join(statement.split())
    match = _MADE.match(statement)
    if match is None:
        return []
    if match["table"]:
        made = [f"{match['table']}.{match['column']}"]
    else:
        columns = re.findall(rf"[(,] ?({_NAME}) ", statement[match.end() :]) if statement[7:12].upper() == "TABLE" else []
        made = [match["name"], *(f"{match['name']}.{column}" for column in columns)]
    return [re.sub(r'["`]', "", name).lower() for name in made]


def read_columns(statement: str) -> dict[str, str]:
    """The columns that a CREATE TABLE makes: the name of each, and its definition."""
    statement = " ".join(statement.split())
    match = re.match(rf"CREATE TABLE (?:IF NOT EXISTS )?{_QUALIFIED} \((?P<parts>.*)\)", statement, re.IGNORECASE)
    if match is None:
        return {}
    parts = re.findall(r"((?:'(?:[^']|'')*'|\((?:[^()]|\([^()]*\))*\)|[^,'()])+)(?:, |$)", match["parts"])
    columns = (re.match(rf"(?!(?:PRIMARY|FOREIGN|UNIQUE|CHECK|CONSTRAINT|EXCLUDE)\b)({_NAME}) ", part) for part in parts)
    return {_unquote(column[1]): column.string.strip() for column in columns if column}


def write_labels(labels: list[str]) -> str:
    """The values of an enum type as arguments of Python."""
    return ", ".join(_write_text(label) for label in labels)


def _write_text(text: str) -> str:
    return f'"{text}"' if re.fullmatch(r"[^\"\\\x00-\x1f]*", text) else repr(text)


def _name_table(written: str) -> dict[str, str]:
    """A table as SQL writes it, and as the arguments of an operation name it."""
    schema, name = re.findall(_NAME, f"{written}") if "." in re.sub(_NAME, "", written) else ("", written)
    in_schema = f', schema="{_unquote(schema)}"' if schema else ""
    return {"table": written, "of_table": _unquote(name), "of_schema": in_schema}


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[:1] in {'"', "`"} else name


def read_operation(operation: str | None) -> dict[str, str | None]:
    """The line that failed, where it is short enough to be shown again, and the same in a batch operation.

    :param operation: its source on one line.
    """
    if operation is None or len(operation) > _LONGEST or HIDDEN in operation or not re.fullmatch(r"op\..*\)", operation):
        return {}
    resumed = {"resumed": found} if (found := _skip_existing(operation)) else {}
    match = _OF_CONSTRAINT.fullmatch(operation) or _OF_TABLE.fullmatch(operation)
    if match is None:
        return {"operation": operation, **resumed}
    table = match["table"].strip("\"'")
    arguments = f"{match['name']}{match['rest']}" if "name" in match.re.groupindex else match["rest"]
    batch = f"with op.batch_alter_table({match['table']}) as batch: batch.{match['call']}({arguments})"
    return {"operation": operation, "batch": batch, "table": table, "of_table": table, **resumed}


def write_awaited(operation: str) -> str | None:
    """A statement that runs a coroutine in an event loop of its own, with `op.run_async` in place of that; None for others.

    :param operation: its source on one line.
    """
    if HIDDEN in operation:
        return None
    try:
        calls = [node for node in ast.walk(ast.parse(operation)) if isinstance(node, ast.Call)]
    except SyntaxError:  # the beginning of a compound one, or of a long one
        return None
    for call in calls:
        source, coroutine = (ast.get_source_segment(operation, node) for node in (call, call.args[0] if call.args else call))
        if source and coroutine != source and re.search(r"(^|\.)run(_until_complete)?$", ast.unparse(call.func)):
            return operation.replace(source, write_run_async(str(coroutine)))
    return None


def write_run_async(coroutine: str) -> str:
    """The call that waits for a coroutine; it works in the revision's transaction if it uses this connection."""
    return f"op.run_async(lambda connection: {coroutine.replace('op.get_bind()', 'connection')})"


def _skip_existing(operation: str) -> str | None:
    """An operation as one that does nothing where what it makes is there; None where that is not known."""
    if re.match(r"op\.(add_column|create_table|create_index)\(", operation):
        return operation if "if_not_exists" in operation else f"{operation[:-1]}, if_not_exists=True)"
    changed = re.sub(
        r"\b(CREATE TABLE|ADD COLUMN|ADD(?= \w+ \w))(?! (IF|CONSTRAINT)\b)", _add_condition, operation, flags=re.IGNORECASE
    )
    return changed if operation.startswith("op.execute(") and changed != operation else None


def _add_condition(made: re.Match[str]) -> str:
    return f"{'ADD COLUMN' if made[0].upper() == 'ADD' else made[0]} IF NOT EXISTS"
