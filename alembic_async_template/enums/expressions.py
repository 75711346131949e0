"""Finds and replaces an enum type's labels in SQL expressions: defaults, and the definitions of what depends on the type."""

from __future__ import annotations

import re

from ..postgresql import identifier, literal
from .model import Change, EnumType

# A string constant as PostgreSQL writes it in definitions, with the type that it is cast to; or a quoted name, which may hold an
# apostrophe. A constant in braces may be an array.
_NAME = r'(?:"(?:[^"]|"")*"|[\w$]+)'
_CONSTANT = re.compile(
    rf"""(?P<name>"(?:[^"]|"")*")|(?P<escape>\bE)?'(?P<body>(?:[^']|'')*)'(?:::(?P<type>{_NAME}(?:\.{_NAME})*(?:\[\])?))?"""
)
_ELEMENT = re.compile(r"""(?:^|(?<=[{,]))(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?!NULL[,}])(?P<bare>[^{}",]+))(?=[},])""")


def find_labels(definition: str) -> set[str]:
    """Every string constant of an expression, and every element of the constants that may be arrays."""
    found = set()
    for constant in _CONSTANT.finditer(definition):
        if constant["name"]:
            continue
        body = _unescape(constant)
        found.add(body)
        if body.startswith("{"):
            found |= {_element(element) for element in _ELEMENT.finditer(body)}
    return found


def replace_labels(expression: str, change: Change) -> str:
    """An expression with its constants of the type, and of its arrays, as `change.replace_with` maps them."""
    mapping, types = change.replace_with, _written_names(change.enum)

    def replaced(constant: re.Match[str]) -> str:
        kind = constant["type"]
        if kind is None or kind.removesuffix("[]") not in types:
            return constant[0]
        body = _unescape(constant)
        if kind.endswith("[]"):
            body = _ELEMENT.sub(
                lambda element: _write_element(mapping[_element(element)]) if _element(element) in mapping else element[0], body
            )
        else:
            body = mapping.get(body, body)
        return f"{literal(body)}::{kind}"

    return _CONSTANT.sub(replaced, expression)


def _written_names(enum: EnumType) -> set[str]:
    """How PostgreSQL may write the name of the type: each part with quotes, or without where it needs none."""
    schemas, names = ({part, identifier(part)} for part in (enum.schema, enum.name))
    return {f"{schema}.{name}" for schema in schemas for name in names}


def _unescape(constant: re.Match[str]) -> str:
    body = constant["body"].replace("''", "'")
    return body.replace("\\\\", "\\") if constant["escape"] else body


def _element(element: re.Match[str]) -> str:
    if element["bare"] is not None:
        return element["bare"]
    return re.sub(r"\\(.)", r"\1", element["quoted"])


def _write_element(label: str) -> str:
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
