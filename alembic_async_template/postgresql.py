"""How names and strings are written in PostgreSQL's SQL."""

from __future__ import annotations


def identifier(name: str) -> str:
    """A name in quotes, which is the same name on every server version."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that means the same whatever `standard_conforming_strings` is."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted
