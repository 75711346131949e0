"""Whether the commands of the new environment give what those of the old one gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum

from .trial import SUBJECTS, Answer


class Verdict(StrEnum):
    """What a comparison has shown, for one command."""

    SAME = "same"
    MORE = "more"
    """`check` sees other differences: this package compares what Alembic does not."""
    MENDED = "mended"
    """The old environment failed, and the new one does not."""
    UNKNOWN = "unknown"
    """Both fail, so that there is nothing to compare."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One command, before and after."""

    command: str
    verdict: Verdict
    details: tuple[str, ...] = ()


def compare(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> Iterator[Agreement]:
    """Compare what two environments gave, command by command."""
    for command in SUBJECTS:
        yield _judge(command, before[command], after[command])


def _judge(command: str, old: Answer, new: Answer) -> Agreement:
    if old.error and new.error:
        same = old.error == new.error
        return Agreement(command, Verdict.UNKNOWN, (new.error,) if same else (f"before: {old.error}", f"after: {new.error}"))
    if old.error:
        return Agreement(command, Verdict.MENDED, (f"before: {old.error}",))
    if new.error:
        return Agreement(command, Verdict.DIFFERENT, (f"after: {new.error}",))
    if old.lines == new.lines or (command == "tables" and not old.lines):
        return Agreement(command, Verdict.SAME)
    changes = list(unified_diff(old.lines, new.lines, lineterm="", n=0))[2:]
    details = tuple(line for line in changes if not line.startswith("@@"))
    return Agreement(command, Verdict.MORE if command == "check" else Verdict.DIFFERENT, details)
