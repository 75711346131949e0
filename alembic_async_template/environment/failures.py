"""Where a command failed: at which line of which revision, and what of the run is committed; and what to raise then."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from .. import _compat
from ..errors import (
    AlembicAsyncTemplateError,
    DatabaseNotAtHeadError,
    Failure,
    RevisionFailedError,
    RevisionNotFoundError,
    SeveralHeadsError,
)
from .rules import REVISION_RULES, find_fix

# How much of a revision's source a message quotes.
_LONGEST = 100


@dataclass(slots=True)
class Progress:
    """How far a command has come."""

    revision: str | None = None
    """The revision that runs."""
    done: tuple[str, ...] = ()
    """Those that are committed."""
    committed: bool = False
    """Whether the one that runs has committed something."""
    in_callers_transaction: bool = False


def locate_failure(error: BaseException, script: ScriptDirectory, progress: Progress) -> Failure:
    """Find the line of a revision in an exception's traceback, and say what is committed."""
    folders = [folder.resolve() for folder in _compat.list_version_folders(script)]
    found: TracebackType | None = None
    traceback = error.__traceback__
    while traceback is not None:
        if any(folder in Path(traceback.tb_frame.f_code.co_filename).resolve().parents for folder in folders):
            found = traceback
        traceback = traceback.tb_next
    revision = progress.revision
    if found is None:
        file = line = operation = None
    else:
        file, line, operation = Path(found.tb_frame.f_code.co_filename), found.tb_lineno, _quote_source(found)
        revision = revision or found.tb_frame.f_globals.get("revision")
    committed = progress.committed and not progress.in_callers_transaction
    return Failure(revision, file, line, operation, progress.done, committed, progress.in_callers_transaction)


def _quote_source(traceback: TracebackType) -> str | None:
    """The statement that failed, on one line, and of a compound one what stands before its body; None without the source."""
    code = traceback.tb_frame.f_code
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    line, _, column, _ = list(code.co_positions())[traceback.tb_lasti // 2]
    place = (line or traceback.tb_lineno, column or 0)
    try:
        statements = [node for node in ast.walk(ast.parse("".join(lines))) if isinstance(node, ast.stmt)]
    except SyntaxError:  # the file was changed meanwhile
        return None
    around = [node for node in statements if (node.lineno, node.col_offset) <= place <= _find_end(node)]
    if not around:
        return None
    statement = max(around, key=lambda node: (node.lineno, node.col_offset))
    body: list[ast.stmt] = getattr(statement, "body", [])
    end_line, end_column = (body[0].lineno, body[0].col_offset) if body else _find_end(statement)
    quoted = [text.encode() for text in lines[statement.lineno - 1 : end_line]]
    quoted[-1] = quoted[-1][:end_column]
    quoted[0] = quoted[0][statement.col_offset :]
    text = " ".join(b"".join(quoted).decode().split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _find_end(node: ast.stmt) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0


def explain_failure(error: Exception, script: ScriptDirectory, progress: Progress, user: str | None) -> Exception:
    """What to raise: an error that tells the fix, or the same one, with a note of its place if nobody foresaw it.

    :param user: the role that migrates.
    """
    failure = locate_failure(error, script, progress)
    if isinstance(error, AlembicAsyncTemplateError):
        if error.failure is None and failure.line is not None:
            error.add_failure(failure)
        return error
    if isinstance(error, CommandError):
        if failure.line is not None:
            error.args = (f"{error}. {failure.place}. {failure.state}",)
        return error
    where = ", the revision" if _is_raised_by(error, failure.file) else ""
    found = find_fix(REVISION_RULES, error, {"revision": failure.revision, "user": user}, where)
    if found is not None:
        return RevisionFailedError(failure, *found)
    if failure.revision or failure.line:
        error.add_note(f"{failure.place}. {failure.state}.")
    return error


def _is_raised_by(error: BaseException, file: Path | None) -> bool:
    """Whether the exception comes from a file, or from an import in it, and not from what it called."""
    traceback = error.__traceback__
    files: list[str] = []
    while traceback is not None:
        files.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    own = [name for name in files if not name.startswith("<frozen importlib")]
    return file is not None and own[-1:] == [str(file)]


def explain_command_error(error: CommandError, current: Sequence[str], script: ScriptDirectory) -> CommandError:
    """Alembic's own error, or one in its place that tells the fix.

    :param current: the revisions that the database is at.
    """
    heads, problem = script.get_heads(), str(error)
    if problem.startswith("Target database is not up to date"):
        return DatabaseNotAtHeadError(current, heads)
    if problem.startswith("Multiple head revisions are present"):
        return SeveralHeadsError(heads)
    if match := re.match(r"Can't locate revision identified by '([^']*)'", problem):
        if match[1] in current:
            return DatabaseNotAtHeadError(current, heads, [match[1]])
        return RevisionNotFoundError(match[1], current, heads)
    return error
