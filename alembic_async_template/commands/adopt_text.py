"""Words what `alembic adopt` has planned for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TextIO

from ..adoption.adopt import Adoption, Change
from ..adoption.agreement import Agreement, Verdict
from ..adoption.machinery import Obstacle
from ..errors.block import Fix, join, list_fixes, render_block
from ..run.terminal import paint

_SAID = {
    Verdict.SAME: "as before",
    Verdict.MORE: "not as before:",
    Verdict.MENDED: "works now;",
    Verdict.UNKNOWN: "not compared:",
    Verdict.DIFFERENT: "not as before:",
}
_LABELS = {"database": "database", "tables": "tables of the models"}
# What this package compares and Alembic does not, or only if it is told to, by how a difference of it reads.
_COMPARED = {
    "server defaults": re.compile(r"^\+Column \S+ has (the|no) default "),
    "enum types": re.compile(r"^\+(Enum |Value |The (database|models) ha\w+ no enum )"),
    "check constraints": re.compile(r"^\+The (database|models) ha\w+ no check constraint "),
}
# How many lines of a difference are shown.
_MOST = 20


def render_adoption(adoption: Adoption, stream: TextIO) -> str:
    """The differences of the files, and what the commands give before and after; or what stands against it."""
    if adoption.is_adopted:
        return f"{adoption.env} is one of this package already"
    if adoption.obstacles:
        return _render_obstacles(adoption)
    if not adoption.is_compared:
        return _render_failures(adoption, stream)
    parts = ["\n".join(_render_change(change, stream)) for change in adoption.changes if change.before != change.after]
    driver = [f"driver: {adoption.drivers[0]}, and {adoption.drivers[1]} from now on"] if adoption.drivers else []
    parts += ["\n".join([*_render_agreements(adoption.agreements), *driver])]
    parts += ["\n".join(f"Note: {note}" for note in adoption.notes)] if adoption.notes else []
    unknown = [_name(agreement) for agreement in adoption.agreements if agreement.verdict is Verdict.UNKNOWN]
    if unknown:
        warning = paint("WARNING:", "yellow", stream)
        parts.append(f"{warning} Neither env.py comes to an end here, so not compared: {', '.join(unknown)}")
    if not adoption.is_possible:
        parts.append(f"{paint('FAILED:', 'red', stream)} The new {adoption.env} would not do the same, so nothing was written")
    return "\n\n".join(parts)


def _render_obstacles(adoption: Adoption) -> str:
    lines = [_describe(adoption.env, obstacle) for obstacle in adoption.obstacles]
    if not adoption.env:
        return render_block(lines[0], list_fixes(adoption.fixes))
    headline = f"{adoption.env} cannot be carried over, and is as it was"
    return render_block(headline, [("where", "\n".join(lines)), *list_fixes(adoption.fixes)])


def _describe(env: str, obstacle: Obstacle) -> str:
    place = f"{env}:{obstacle.line}  " if obstacle.line else ""
    return f"{place}{obstacle.source + ': ' if obstacle.source else ''}{obstacle.why}"


def _render_change(change: Change, stream: TextIO) -> Iterator[str]:
    for line in change.diff:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        yield paint(line, colour, stream) if colour else line


def _render_failures(adoption: Adoption, stream: TextIO) -> str:
    """Why nothing could be compared, each reason once."""
    reasons = dict.fromkeys(line for agreement in adoption.agreements for line in agreement.details)
    fixes = [
        Fix("let the commands run first: start the database, set the variables that env.py reads", "alembic current"),
        Fix("type it again", "alembic adopt", label="then"),
    ]
    headline = f"{paint('FAILED:', 'red', stream)} Nothing could be compared, so nothing was written"
    return render_block(headline, [("where", "\n".join(reasons)), *list_fixes(fixes)])


def _name(agreement: Agreement) -> str:
    return _LABELS.get(agreement.command, f"alembic {agreement.command}")


def _render_agreements(agreements: Sequence[Agreement]) -> Iterator[str]:
    told: set[tuple[str, ...]] = set()
    for agreement in agreements:
        if agreement.verdict is Verdict.MORE:
            yield from _render_check(agreement)
        elif agreement.details in told:
            same = ", for the same reason" if agreement.verdict is Verdict.UNKNOWN else ""
            yield f"{_name(agreement)}: {_SAID[agreement.verdict].rstrip(':;')}{same}"
        else:
            yield _render_agreement(agreement)
        told |= {agreement.details} if agreement.details else set()


def _render_check(agreement: Agreement) -> Iterator[str]:
    """What only one of the two tells of; that the new one compares more is no obstacle."""
    new, old = ([line[1:] for line in agreement.details if line.startswith(sign)] for sign in "+-")
    compared = [name for name, pattern in _COMPARED.items() if any(pattern.search(line) for line in agreement.details)]
    if new:
        also = f"also compares {join(compared)}, and" if compared else "also"
        yield f"{_name(agreement)}: the new env.py {also} tells of:{_list(new)}"
    if old:
        yield f"{_name(agreement)}: only the old env.py tells of:{_list(old)}"


def _render_agreement(agreement: Agreement) -> str:
    return f"{_name(agreement)}: {_SAID[agreement.verdict]}{_list(agreement.details)}"


def _list(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _MOST} lines more"] if len(lines) > _MOST else []
    return "".join(f"\n  {line}" for line in (*lines[:_MOST], *more))
