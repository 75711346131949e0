"""Errors of the block `with op.online()`."""

from __future__ import annotations

from .base import AlembicAsyncTemplateError
from .block import Fix


class OnlineError(AlembicAsyncTemplateError):
    """An operation in the block `with op.online()` that cannot be carried out."""


class OnlineRefusedError(OnlineError):
    """An operation has no sequence of steps that blocks no one; nothing of its block was run."""

    def __init__(self, operation: str, reason: str, *fixes: str) -> None:
        self.operation = operation
        self.reason = reason
        super().__init__(f"{operation} cannot run in op.online(): {reason}", *map(Fix, fixes))


class OnlineDefinitionError(OnlineError):
    """What an operation is to create is there already, and is something else."""

    def __init__(self, what: str, existing: str, wanted: str) -> None:
        self.what = what
        self.existing = existing
        self.wanted = wanted
        super().__init__(
            f"{what} is there already, with another definition",
            Fix("drop it in the same block before, or give the new one another name"),
            where=f"there is    {existing}\nto be made  {wanted}",
        )
