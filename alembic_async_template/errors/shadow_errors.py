"""Errors of `alembic plan` and `alembic drift`, which try the revisions on a database beside the live one."""

from __future__ import annotations

from collections.abc import Sequence

from .base import AlembicAsyncTemplateError
from .block import Fix

SHADOW_URL = Fix(
    "name a database on another server, which may be emptied, such as one of a container",
    "shadow_url = postgresql://postgres:postgres@localhost:5433/shadow",
)


class ShadowError(AlembicAsyncTemplateError):
    """There is no shadow, or the revisions cannot be tried on it."""


class ServerWideStatementError(ShadowError):
    """A revision acts on the whole server, so that trying it would change what the live database uses."""

    def __init__(self, statement: str) -> None:
        self.statement = statement
        super().__init__(
            "This statement acts on the whole server, and was not tried beside the live database",
            SHADOW_URL,
            where=statement,
        )


class ScriptError(AlembicAsyncTemplateError):
    """What the pending revisions do cannot be written as a script; every reason is named, with its line."""

    def __init__(self, problems: Sequence[str], *fixes: Fix) -> None:
        self.problems = tuple(problems)
        upgrade = Fix("let Alembic run these revisions", "alembic upgrade head")
        super().__init__("The pending revisions cannot be written as a script", *fixes, upgrade, where="\n".join(problems))
