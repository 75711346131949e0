"""Words what `alembic adopt` has planned for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from ..adoption.adopt import Adoption, Change
from ..adoption.agreement import Agreement, Verdict
from ..adoption.machinery import Obstacle
from ..errors.block import render_block
from ..run.terminal import paint

_SAID = {
    Verdict.SAME: "as before",
    Verdict.MORE: "other differences than before, which only one of the two looks for:",
    Verdict.MENDED: "works now;",
    Verdict.UNKNOWN: "not compared:",
    Verdict.DIFFERENT: "not as before:",
}
_LABELS = {"database": "database", "tables": "tables of the models"}
# How many lines of a difference are shown.
_MOST = 20


def render_adoption(adoption: Adoption, stream: TextIO) -> str:
    """The differences of the files, and what the commands give before and after; or what stands against it."""
    if adoption.is_adopted:
        return f"{adoption.env} is one of this package already"
    if adoption.obstacles:
        return _render_obstacles(adoption)
    parts = ["\n".join(_render_change(change, stream)) for change in adoption.changes if change.before != change.after]
    driver = [f"driver: {adoption.drivers[0]}, and {adoption.drivers[1]} from now on"] if adoption.drivers else []
    parts += ["\n".join([*map(_render_agreement, adoption.agreements), *driver])]
    parts += ["\n".join(f"Note: {note}" for note in adoption.notes)] if adoption.notes else []
    if not adoption.is_possible:
        parts.append(f"{paint('FAILED:', 'red', stream)} The new {adoption.env} would not do the same, so nothing was written")
    return "\n\n".join(parts)


def _render_obstacles(adoption: Adoption) -> str:
    lines = [_describe(adoption.env, obstacle) for obstacle in adoption.obstacles]
    fix = "take these lines out or move them into the application, and type alembic adopt again"
    return render_block(f"{adoption.env} cannot be carried over, and is as it was", [("where", "\n".join(lines)), ("fix", fix)])


def _describe(env: str, obstacle: Obstacle) -> str:
    place = f"{env}:{obstacle.line}  " if obstacle.line else ""
    return f"{place}{obstacle.source + ': ' if obstacle.source else ''}{obstacle.why}"


def _render_change(change: Change, stream: TextIO) -> Iterator[str]:
    for line in change.diff:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        yield paint(line, colour, stream) if colour else line


def _render_agreement(agreement: Agreement) -> str:
    label = _LABELS.get(agreement.command, f"alembic {agreement.command}")
    shown = agreement.details[:_MOST]
    more = [f"and {len(agreement.details) - _MOST} lines more"] if len(agreement.details) > _MOST else []
    details = "".join(f"\n  {line}" for line in (*shown, *more))
    return f"{label}: {_SAID[agreement.verdict]}{details}"
