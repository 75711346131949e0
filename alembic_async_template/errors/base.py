"""The root of all errors, and the words that their messages share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.util.exc import CommandError

from .failure import Failure


def add_sentences(text: str, *sentences: str) -> str:
    """The sentences one after the other, whatever each of them ends with."""
    for sentence in sentences:
        text = f"{text}{'' if text.endswith(('.', '?', '!')) else '.'} {sentence}"
    return text


def _rebuild(error: type[AlembicAsyncTemplateError], arguments: tuple[Any, ...]) -> AlembicAsyncTemplateError:
    rebuilt = error.__new__(error)
    rebuilt.args = arguments
    return rebuilt


class AlembicAsyncTemplateError(CommandError):
    """The root of this package's errors."""

    failure: Failure | None = None
    """Where a command failed, unless that was before it began to work."""

    def __reduce__(self) -> Any:
        """Let it be copied and pickled, for another process: the arguments of the classes are not those of exceptions."""
        return _rebuild, (type(self), self.args), vars(self)

    def add_failure(self, failure: Failure) -> None:
        """Say where it happened, and what is committed."""
        self.failure = failure
        self.args = (add_sentences(str(self), failure.place, failure.state),)


def series(names: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def count(names: Sequence[str], noun: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}"


def quote(label: str) -> str:
    return f'"{label}"'


def join(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
