"""Runs all checks, and leaves out what the project wants to be silent about."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .codes import CODES
from .configuration import check_configuration
from .database import check_database
from .drivers import check_drivers
from .finding import Finding, Problem, Severity
from .probe import send_probe
from .revision_order import check_history
from .revisions import check_pending
from .secrets import check_secrets
from .subject import Subject, read_subject
from .surroundings import check_surroundings
from .versions import check_versions

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger("alembic_async_template")

# A comment that names codes.
_SILENT = re.compile(r"doctor_ignore[:=]\s*([\w ,-]+)")

Check = Callable[[Subject], Iterable[Problem]]


def examine(config: Config, *, use_database: bool = True) -> list[Finding]:
    """Everything that is found to be wrong with the project of a configuration, the worst first.

    The sources are read and not run. Where nothing in them keeps `env.py` from running, it is run in a process of its own.

    :param use_database: whether the database is looked at, and the application imported for that.
    """
    subject = read_subject(config)
    problems = [problem for check in (check_configuration, check_drivers, check_history) for problem in _run(check, subject)]
    if (
        use_database
        and subject.env is not None
        and all(CODES[problem.code].severity is not Severity.ERROR for problem in problems)
    ):
        subject = replace(subject, probe=send_probe(config))
    for check in (check_secrets, check_pending, check_surroundings, check_versions, check_database):
        problems += _run(check, subject)
    findings = [_make_finding(problem, subject) for problem in problems if not _is_silenced(problem, subject)]
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _run(check: Check, subject: Subject) -> list[Problem]:
    """What a check finds; one that fails finds nothing, since a broken project is what it is for."""
    found: list[Problem] = []
    try:
        found.extend(check(subject))
    except Exception:
        log.debug("A check has failed", exc_info=True)
    return found


def _is_silenced(problem: Problem, subject: Subject) -> bool:
    """Whether the setting `doctor_ignore`, or a comment on the line or above it, names the code."""
    setting = subject.settings.get("doctor_ignore")
    if setting is not None and problem.code in re.findall(r"[\w-]+", setting.value):
        return True
    if problem.path is None or problem.line is None:
        return False
    lines = problem.path.read_text("utf-8", errors="replace").splitlines()
    near = [line for line in lines[max(problem.line - 2, 0) : problem.line] if "#" in line or ";" in line]
    return any(problem.code in re.split(r"[\s,]+", found[1]) for line in near if (found := _SILENT.search(line)))


def _make_finding(problem: Problem, subject: Subject) -> Finding:
    code = CODES[problem.code]
    return Finding(
        code=problem.code,
        severity=problem.severity or code.severity,
        file=None if problem.path is None else subject.relative_path(problem.path),
        line=problem.line,
        problem=problem.problem,
        why=code.why,
        fix=problem.fix,
        other_fixes=problem.other_fixes,
        where=problem.where,
    )
