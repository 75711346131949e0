"""Words the report of `alembic drift` for a person: a script of SQL, in which what is said is a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from ..drift.drift_report import Difference, Drift
from ..errors.block import count
from ..run.terminal import paint


def render_drift(drift: Drift, stream: TextIO) -> str:
    """A line for each difference, below it the statement that solves it, and a summary.

    A statement is on lines of its own without an indent, since the body of a function has to stay as it is.
    """
    if not drift.differences:
        return f"{drift.database} is as its revisions make it"
    blocks = ["\n".join(_render(difference, stream)) for difference in drift.differences]
    return "\n\n".join([*blocks, f"-- {_summarise(drift)}"])


def _render(difference: Difference, stream: TextIO) -> Iterator[str]:
    yield paint(f"-- {' '.join(difference.problem.splitlines())}", "yellow", stream)
    if difference.statement is not None:
        yield difference.statement


def _summarise(drift: Drift) -> str:
    unsolved = sum(difference.statement is None for difference in drift.differences)
    found = f"{count(drift.differences, 'difference')} between {drift.database} and what its revisions make"
    return f"{found}; for {unsolved} of them no statement is safe" if unsolved else found
