"""Finds the label that was meant where an enum type refused a text: SQLAlchemy stores the names of members, not their values.

https://docs.sqlalchemy.org/en/20/core/type_basics.html#sqlalchemy.types.Enum
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_REFUSED = re.compile(r'invalid input value for enum (?P<type>.+?): "(?P<value>[^"\x00-\x1f]+)"')
_MISSING = re.compile(r'type "(?P<type>.+?)(\[\])*" does not exist')
_CREATE_TYPE = re.compile(r"(?P<type>\S+)\s+AS ENUM\s*\((?P<labels>[^)]*)\)", re.IGNORECASE)
# The calls of a revision that name the labels of a type.
_CALLS = {"create_enum", "Enum", "ENUM"}


def read_refusal(error: BaseException) -> tuple[str, str] | None:
    """The type that has refused a text, as SQL writes its name, and the text."""
    match = _REFUSED.search(str(error))
    return (match["type"], match["value"]) if match else None


def find_missing_type(error: BaseException) -> str | None:
    """The type that is not there, as SQL writes its name."""
    match = _MISSING.search(str(error))
    return match["type"] if match else None


def find_label(value: str, labels: Iterable[str]) -> str | None:
    """The label that differs in case and punctuation only."""
    simple = _simplify(value)
    return next((label for label in labels if simple and label != value and _simplify(label) == simple), None)


def _simplify(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def list_labels(file: Path | None, type_: str) -> list[str]:
    """The labels of a type that a revision creates or uses: its transaction was rolled back, and they are not in the database.

    :param type_: as SQL writes its name.
    """
    with suppress(OSError, SyntaxError, ValueError):
        if file is not None:
            return list(dict.fromkeys(_walk_labels(ast.parse(file.read_bytes()), _name(type_))))
    return []


def _name(type_: str) -> str:
    """The name of a type without its schema and quotes."""
    return type_.rpartition(".")[2].replace('"', "").lower()


def _walk_labels(tree: ast.AST, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for match in _CREATE_TYPE.finditer(node.value):
                if _name(match["type"]) == name:
                    yield from (label.replace("''", "'") for label in re.findall("'((?:[^']|'')*)'", match["labels"]))
        elif isinstance(node, ast.Call) and (call := ast.unparse(node.func).rpartition(".")[2]) in _CALLS:
            # The name comes first, or is an argument of its own, https://docs.sqlalchemy.org/en/20/core/type_basics.html
            named = [keyword.value for keyword in node.keywords if keyword.arg in {"name", "enum_name"}]
            arguments = node.args[1:] if call == "create_enum" and not named else node.args
            first = named or node.args[:1] if call == "create_enum" else named
            if any(_name(str(getattr(constant, "value", name))) != name for constant in first):
                continue
            values = [keyword.value for keyword in node.keywords if keyword.arg == "values"]
            constants = [inner for argument in (*arguments, *values) for inner in ast.walk(argument)]
            yield from (inner.value for inner in constants if isinstance(inner, ast.Constant) and isinstance(inner.value, str))
