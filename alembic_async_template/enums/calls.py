"""Writes calls of the operations as a revision has them, for revisions and messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write_call(name: str, *arguments: Any, prefix: str = "op.", **options: Any) -> str:
    """A call of a directive; an option that is None or empty is left out.

    :param prefix: what the revision has in front of the directive.
    """
    given = [f"{option}={write_argument(value)}" for option, value in options.items() if value is not None and value != {}]
    return f"{prefix}{name}({', '.join([*map(write_argument, arguments), *given])})"


def write_argument(value: Any) -> str:
    """A value as people write it: tuples as lists, subclasses of str as plain strings, three dots for what is to be chosen."""
    if value is ...:
        return "..."
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{write_argument(key)}: {write_argument(item)}' for key, item in value.items())}}}"
    return repr(str(value)) if isinstance(value, str) else f"[{', '.join(map(write_argument, value))}]"
