"""Reads the text of a statement, in which comments and strings say nothing."""

from __future__ import annotations

import re

# A quoted name is part of the statement, and may hold what elsewhere begins a comment.
_PARTS = re.compile(
    r"""(?P<name>"(?:[^"]|"")*")|(?P<string>\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    r"|(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<space>\s+)",
    re.DOTALL | re.IGNORECASE,
)


def strip_comments(sql: str) -> str:
    """The statement on one line, without comments and the semicolon at its end."""
    return _PARTS.sub(lambda part: " " if part["comment"] or part["space"] else part[0], sql).strip("; \n")


def empty_strings(sql: str) -> str:
    """The same, and nothing in its strings."""
    bare = _PARTS.sub(lambda part: "''" if part["string"] else part["name"] or " ", sql)
    return re.sub(r" {2,}", " ", bare).strip("; ")


def split_clauses(sql: str) -> list[str]:
    """The parts that commas outside of parentheses, strings and names divide."""
    depth = 0
    parts, begin = [], 0
    hidden = _PARTS.sub(lambda part: "x" * len(part[0]), sql)
    for place, character in enumerate(hidden):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(sql[begin:place].strip())
            begin = place + 1
    return [*parts, sql[begin:].strip()]
