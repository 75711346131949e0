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


def hide_nested(sql: str) -> str:
    """A text as long as the statement, in which x stands for what is in parentheses, strings and quoted names."""
    depth = 0
    shown = []
    for character in _PARTS.sub(lambda part: part[0] if part["space"] else "x" * len(part[0]), sql):
        depth -= character in ")]"
        shown.append("x" if depth > 0 else character)
        depth += character in "(["
    return "".join(shown)
