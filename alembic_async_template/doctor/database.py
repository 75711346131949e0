"""Checks the database against the files and the models, by what the probe has seen of it."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors.block import Fix, count, series
from .finding import Problem
from .probe import Failed
from .subject import Subject


def check_database(subject: Subject) -> Iterator[Problem]:
    """Find what the database has not in common with the files and the models."""
    probe = subject.probe
    if probe is None:
        return
    if probe.error is not None:
        yield _explain(probe.error, "database-unreadable", "alembic status")
        return
    status = probe.status
    if status is None:
        return
    if status["unknown"]:
        fix = Fix("get the files of the newer code", "git pull")
        yield Problem("ahead-of-files", f"The database is at {series(status['unknown'])}, which no file here has", fix)
    elif not status["current"] and probe.has_tables and status["pending"]:
        head = " ".join(status["heads"])
        fix = Fix("if they are those of the revisions, mark the database as being at the head", f"alembic stamp {head}")
        yield Problem("not-stamped", "The database has tables, and no version table says which revisions made them", fix)
    elif status["pending"]:
        head = "heads" if len(status["heads"]) > 1 else "head"
        yield Problem(
            "behind-head", f"{count(status['pending'], 'revision')} pending", Fix("apply them", f"alembic upgrade {head}")
        )
    for name in status["invalid_indexes"]:
        fix = Fix("drop it, and build it again", f"DROP INDEX CONCURRENTLY {name};")
        yield Problem("invalid-index", f"The index {name} is not valid", fix)
    for name in status["unused_enums"]:
        yield Problem("unused-enum", f"Nothing uses the enum type {name}", Fix("drop it", f"DROP TYPE {name};"))
    if probe.models_error:
        yield _explain(probe.models_error, "models-not-compared", "alembic check")
    if probe.differences:
        fix = Fix("write a revision", 'alembic revision --autogenerate -m "describe the change"')
        yield Problem("models-differ", f"Models and database differ: {'; '.join(probe.differences)}", fix)


def _explain(failed: Failed, code: str, command: str) -> Problem:
    fix = Fix(failed.advice, failed.example) if failed.advice else Fix("see all of it", command)
    return Problem(code, failed.problem.splitlines()[0], fix)
