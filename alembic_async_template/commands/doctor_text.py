"""Words the findings of `alembic doctor` for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from ..doctor.finding import Finding, Severity
from ..errors.block import list_fixes, render_block
from ..run.terminal import paint

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "green"}


def render_findings(findings: Sequence[Finding], stream: TextIO) -> str:
    """A block for each finding, and a summary."""
    blocks = [_render(finding, stream) for finding in findings]
    return "\n\n".join([*blocks, summarise(findings)])


def summarise(findings: Sequence[Finding]) -> str:
    """How many there are of each severity."""
    if not findings:
        return "Nothing found"
    times = Counter(finding.severity for finding in findings)
    return ", ".join(
        f"{times[severity]} {severity}{'' if times[severity] == 1 else 's'}" for severity in Severity if times[severity]
    )


def _render(finding: Finding, stream: TextIO) -> str:
    place = finding.file or ""
    if finding.line is not None:
        place += f":{finding.line}"
    label = paint(f"{finding.severity.upper()}:", _COLOURS[finding.severity], stream)
    parts = [
        ("where", place or finding.where),
        ("why", finding.why),
        *list_fixes([finding.fix, *finding.other_fixes]),
        ("code", finding.code),
    ]
    return render_block(f"{label} {finding.problem}", parts)
