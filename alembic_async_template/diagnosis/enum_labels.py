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
_CREATE_TYPE = re.compile(r"\bAS ENUM\s*\((?P<labels>[^)]*)\)", re.IGNORECASE)
# The calls of a revision that name the labels of a type.
_CALLS = {"create_enum", "Enum", "ENUM"}


def read_refusal(error: BaseException) -> tuple[str, str] | None:
    """The type that has refused a text, as SQL writes its name, and the text."""
    match = _REFUSED.search(str(error))
    return (match["type"], match["value"]) if match else None


def find_label(value: str, labels: Iterable[str]) -> str | None:
    """The label that differs in case and punctuation only."""
    simple = _simplify(value)
    return next((label for label in labels if simple and label != value and _simplify(label) == simple), None)


def _simplify(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def list_labels(file: Path | None) -> list[str]:
    """The labels of the types that a revision creates: its transaction was rolled back, and they are not in the database."""
    with suppress(OSError, SyntaxError, ValueError):
        if file is not None:
            return list(_walk_labels(ast.parse(file.read_bytes())))
    return []


def _walk_labels(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for match in _CREATE_TYPE.finditer(node.value):
                yield from (label.replace("''", "'") for label in re.findall("'((?:[^']|'')*)'", match["labels"]))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _CALLS:
            arguments = [inner for argument in node.args for inner in ast.walk(argument)]
            yield from (inner.value for inner in arguments if isinstance(inner, ast.Constant) and isinstance(inner.value, str))
