"""How an error is printed: what happened, and below it a labelled line for each part; or all of that on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Where the text of a part begins, below its label.
_MARGIN = " " * 9
_SETTING = re.compile(
    r"(app_models|prepend_sys_path|app_engine|database_url_env|sqlalchemy\.url|database_wait|lock_\w+|statement_timeout"
    r"|upgrade_on_reload|blocking|blocking_rows|online|shadow_url) = (.+)"
)
_LISTS = frozenset({"app_models", "prepend_sys_path"})
Part = tuple[str, str]
"""A label, and its text of one or more lines."""


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to solve an error, or a step of it."""

    advice: str
    example: str = ""
    """The lines to type, exactly as they are."""
    label: str = ""
    """In front of it: `fix` for the first one and `or` for the others, unless it is given."""

    @property
    def text(self) -> str:
        """The advice, and below it what to type."""
        return f"{self.advice}:\n{self.example}" if self.example else self.advice


def list_fixes(fixes: Iterable[Fix]) -> list[Part]:
    """Several fixes as parts of a message."""
    return [(fix.label or ("or" if number else "fix"), fix.text) for number, fix in enumerate(fixes)]


def render_block(headline: str, parts: Iterable[Part]) -> str:
    """The headline, and below it the parts; each line but the first begins with a label or lies below one."""
    return "\n".join(["\n".join(_indent(headline)), *filter(None, [render_parts(parts)])])


def render_parts(parts: Iterable[Part]) -> str:
    """The labelled lines alone."""
    lines = [line for label, text in parts if text for line in _indent(text, f"  {label:<5}  ")]
    return "\n".join(lines)


def render_line(headline: str, parts: Iterable[Part]) -> str:
    """The same facts as the block, for a log."""
    return " | ".join([_join_lines(headline), *(f"{label}: {_join_lines(text)}" for label, text in parts if text)])


def setting_in_toml(line: str) -> str:
    """A line that sets something in an ini, as it is in pyproject.toml; other examples as they are."""
    match = _SETTING.fullmatch(line)
    if match is None:
        return line
    name, text = match.groups()
    value: object = text.split(", ") if name in _LISTS else int(text) if text.isdecimal() else text
    return f"{name if '.' not in name else json.dumps(name)} = {json.dumps(value, ensure_ascii=False)}"


def _indent(text: str, first: str = "") -> list[str]:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()] or [""]
    return [f"{first}{lines[0]}", *(f"{_MARGIN}{line}" for line in lines[1:])]


def _join_lines(text: str) -> str:
    line = ""
    for part in filter(None, map(str.strip, text.splitlines())):
        line += f"{'' if not line else ' ' if line.endswith((':', ';')) else '; '}{part}"
    return line


def series(names: Sequence[str], limit: int = 20) -> str:
    """Names one after the other, and how many more there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def count(names: Sequence[object], noun: str) -> str:
    """How many there are: `2 tables`."""
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}"


def quote_all(labels: Sequence[str]) -> str:
    """Labels of an enum type, as messages write them."""
    return series([f'"{label}"' for label in labels])


def join(parts: Sequence[str]) -> str:
    """Parts of a sentence: `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
