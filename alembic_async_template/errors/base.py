"""The root of all errors: the parts of its message are attributes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alembic.util.exc import CommandError

from .block import Fix, Part, list_fixes, render_block, render_line, setting_in_toml
from .failure import Failure


def _rebuild(error: type[AlembicAsyncTemplateError], arguments: tuple[Any, ...]) -> AlembicAsyncTemplateError:
    rebuilt = error.__new__(error)
    rebuilt.args = arguments
    return rebuilt


class AlembicAsyncTemplateError(CommandError):
    """The root of this package's errors.

    `str()` shows the message as a block: the headline, and a labelled line for each other part.

    :param headline: what happened, to which object.
    :param fixes: how to solve it: the first one, and what else does.
    :param where: the lines that tell where, such as a file or a setting; below those of a revision that failed.
    :param state: what is committed, if that is not told by the revision that failed.
    :param failure: where a command failed.
    """

    failure: Failure | None = None
    """Where a command failed, unless that was before it began to work."""

    def __init__(
        self, headline: str, *fixes: Fix, where: str = "", state: str | None = None, failure: Failure | None = None
    ) -> None:
        super().__init__(headline)
        self.headline = headline
        self.fixes = fixes
        self.failure = failure
        self._where = where
        self._state = state

    def __reduce__(self) -> Any:
        """Let it be copied and pickled, for another process: the arguments of the classes are not those of exceptions."""
        return _rebuild, (type(self), self.args), vars(self)

    def __str__(self) -> str:
        return render_block(self.headline, self._list_parts())

    @property
    def one_line(self) -> str:
        """The whole message on one line, for a log."""
        return render_line(self.headline, self._list_parts())

    @property
    def where(self) -> str:
        """Where it happened: revision, file and line, the source line; or a setting, a file, a statement."""
        return "\n".join(filter(None, [self.failure.where if self.failure else "", self._where]))

    @property
    def state(self) -> str | None:
        """What is committed; None where nothing was at stake."""
        return self._state or (self.failure.state if self.failure else None)

    @property
    def fix(self) -> str | None:
        """What to do; None where no one knows."""
        return self.fixes[0].advice if self.fixes else None

    @property
    def example(self) -> str | None:
        """What to type for that, exactly."""
        return (self.fixes[0].example or None) if self.fixes else None

    def _list_parts(self) -> list[Part]:
        first = self.failure.repairs if self.failure else ()
        return [("where", self.where), ("state", self.state or ""), *list_fixes(first), *list_fixes(self.fixes)]

    def write_in_toml(self) -> None:
        """Show settings as pyproject.toml has them, instead of as an ini does."""
        self.fixes = tuple(replace(fix, example=setting_in_toml(fix.example)) for fix in self.fixes)

    def add_failure(self, failure: Failure) -> None:
        """Say where it happened, and what is committed."""
        self.failure = failure
