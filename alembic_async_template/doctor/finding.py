"""What the doctor reports: a finding, and how severe it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..errors.block import Fix


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    ERROR = "error"
    """A command fails, or does something else than it says."""
    WARNING = "warning"
    """It works here and now, and not elsewhere or later."""
    NOTE = "note"
    """Worth knowing; whether it is wrong cannot be decided."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a check has found; the catalogue knows the rest."""

    code: str
    problem: str
    fix: Fix
    path: Path | None = None
    line: int | None = None
    severity: Severity | None = None
    """In place of that of the catalogue."""
    other_fixes: tuple[Fix, ...] = ()
    """What else solves it, or the next steps."""
    where: str = ""
    """What it is about, where that is no file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a project."""

    code: str
    """Stable, for `doctor_ignore` and the documentation."""
    severity: Severity
    file: str | None
    """Relative to the folder of the ini."""
    line: int | None
    problem: str
    why: str
    fix: Fix
    other_fixes: tuple[Fix, ...] = ()
    """What else solves it, or the next steps."""
    where: str = ""
    """What it is about, where that is no file: a database, and where its URL comes from."""

    def to_json(self) -> dict[str, Any]:
        """What `alembic doctor --json` prints of it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "file": self.file,
            "line": self.line,
            "where": self.where,
            "problem": self.problem,
            "why": self.why,
            "fix": self.fix.text,
            "other_fixes": [{"label": fix.label or "or", "fix": fix.text} for fix in self.other_fixes],
        }
