"""How names, strings and expressions are written in PostgreSQL's SQL."""

from __future__ import annotations

import re

STRING = re.compile(r"'(?:[^']|'')*'")


def identifier(name: str) -> str:
    """A name in quotes, which is the same name on every server version."""
    return '"' + name.replace('"', '""') + '"'


def qualified(name: str, schema: str | None) -> str:
    """The name of an object in quotes, with its schema if that is given."""
    return f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)


def literal(text: str) -> str:
    """A string constant that means the same whatever `standard_conforming_strings` is."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def escape_colons(sql: str) -> str:
    """SQL as `op.execute` and `text` take it, which read `:name` as a parameter."""
    return sql.replace(":", r"\:")


def normalise(expression: str) -> str:
    """An expression as it can be compared without the server: small letters but in strings, no casts, no needless parentheses."""
    strings = STRING.findall(expression)
    bare = re.sub(r"\s+", " ", STRING.sub("''", expression).strip().lower())
    bare = re.sub(r"::[\w ]+(?:\(\d+(?:,\d+)?\))?(?:\[\])*", "", bare)
    bare = re.sub(r"(?<![\w\"])\(([\w.]+|'')\)", r"\1", bare)
    while re.fullmatch(r"\((?:[^()]|\([^()]*\))*\)", bare):
        bare = bare[1:-1].strip()
    return re.sub("''", lambda _: strings.pop(0), bare)
