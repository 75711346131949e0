"""Draws a history as a list with ticks, with its branches and merges beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..errors.block import count
from ..run.status import RevisionStatus

_TICKS = {"applied": "✓", "pending": "○", "unknown": "?"}
# How many revisions are shown on each side of where the database is, and how many of the newest.
_AROUND = 6
_NEWEST = 3


def draw_history(revisions: Sequence[RevisionStatus], current: Sequence[str], heads: Sequence[str]) -> list[str]:
    """One line for each revision, newest first, and one where lines part or meet; long stretches are counted."""
    lines: list[str] = []
    hidden: list[str] = []
    shown = _choose_shown(revisions)
    for number, (revision, (meeting, row, parting)) in enumerate(zip(revisions, _draw_rows(revisions), strict=True)):
        if number not in shown:
            hidden.append(revision.revision)
            continue
        if hidden:
            lines.append(f"⋮ {count(hidden, 'revision')}")
            hidden.clear()
        notes = [
            *(["head"] if revision.revision in heads else []),
            *(["current"] if revision.revision in current else []),
            *revision.branch_labels,
            *(f"depends on {other}" for other in revision.depends_on),
        ]
        text = f"{revision.revision}  {revision.message}".rstrip() + (f"  ({', '.join(notes)})" if notes else "")
        lines += [*meeting, f"{row.replace('*', _TICKS[revision.state])} {text}", *parting]
    return lines + ([f"⋮ {count(hidden, 'revision')}"] if hidden else [])


def _choose_shown(revisions: Sequence[RevisionStatus]) -> set[int]:
    """The newest revisions, and those around each change from what the database has to what it has not."""
    changes = [number for number, (a, b) in enumerate(pairwise(revisions), 1) if a.state != b.state]
    if not revisions or revisions[-1].state != "applied":
        changes.append(len(revisions))  # below the oldest one
    shown = {number for change in changes for number in range(change - _AROUND, change + _AROUND)}
    return shown | set(range(_NEWEST if changes else 2 * _AROUND))


def _draw_rows(revisions: Sequence[RevisionStatus]) -> Iterator[tuple[list[str], str, list[str]]]:
    """What stands above each revision, in its line with a star for itself, and below it."""
    lanes: list[str | None] = []  # the revision to which the line in each column leads
    for revision in revisions:
        if revision.revision not in lanes:
            lanes.append(revision.revision)
        first, *others = [column for column, name in enumerate(lanes) if name == revision.revision]
        meeting = [_connect(lanes, first, others, ("┴", "╯"))] if others else []
        for column in others:
            lanes[column] = None
        row = " ".join("*" if column == first else "│" if name else " " for column, name in enumerate(lanes)).rstrip()
        parents = list(revision.down_revisions)
        lanes[first] = parents[0] if parents else None
        lanes[first + 1 : first + 1] = parents[1:]
        parting = [_connect(lanes, first, range(first + 1, first + len(parents)), ("┬", "╮"))] if len(parents) > 1 else []
        while lanes and lanes[-1] is None:
            lanes.pop()
        yield meeting, row, parting


def _connect(lanes: Sequence[str | None], first: int, others: Sequence[int], corners: tuple[str, str]) -> str:
    """The line that joins the columns of others with the first."""
    middle, last = corners
    line = ""
    for column, name in enumerate(lanes):
        inside = first < column <= others[-1]
        own = "├" if column == first else last if column == others[-1] else middle if column in others else ""
        line += ("─" if inside else " ") + (own or ("┼" if inside and name else "─" if inside else "│" if name else " "))
    return line[1:].rstrip()
