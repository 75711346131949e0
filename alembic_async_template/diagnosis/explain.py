"""Where a command failed: at which line of which revision, and what of the run is committed; and what to raise then."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from types import TracebackType

import alembic.script.revision
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import to_tuple
from alembic.util.exc import CommandError

from .. import _compat
from ..errors import (
    AlembicAsyncTemplateError,
    ApplicationExitError,
    Failure,
    PluginFailedError,
    RevisionFailedError,
    ServerSilentError,
)
from ..errors.block import Fix, render_block, render_parts
from ..errors.failure import Progress
from ..masking import HIDDEN, drop_tracebacks, hide_secrets, is_about_secret
from .command_errors import explain_command_error
from .driver_errors import describe_outage
from .enum_labels import find_label, find_missing_type, list_labels, read_refusal
from .exceptions import describe_exception
from .history_errors import locate_gap
from .match import Origin, find_fix
from .python_errors import explain_python
from .quotes import is_inside, quote_step, read_message, shorten_source
from .rules.revision import REVISION_RULES
from .statement_facts import read_operation, write_awaited, write_labels
from .typed import read_running

# What revisions use most, apart from the application.
_IMPORTS = {
    "op": "from alembic import op",
    "sa": "import sqlalchemy as sa",
    "text": "from sqlalchemy import text",
    **{name: f"from sqlalchemy.dialects import {name}" for name in ("postgresql", "mysql", "sqlite")},
}


def locate_failure(error: BaseException, script: ScriptDirectory, progress: Progress) -> Failure:
    """Find the line of a revision in an exception's traceback, and say what is committed."""
    folders = [folder.resolve() for folder in _compat.list_version_folders(script)]
    found: TracebackType | None = None
    step = error.__traceback__
    while step is not None:
        if is_inside(step.tb_frame.f_code.co_filename, folders):
            found = step
        step = step.tb_next
    revision, message = progress.revision, ""
    file: Path | None
    if found is None and isinstance(error, SyntaxError) and is_inside(error.filename, folders):
        file, line, operation = Path(str(error.filename)), error.lineno, shorten_source(error.text or "", error)
    elif found is None:
        file = line = operation = None
        if _compat.failed_at_commit(error):
            operation = "COMMIT"
            revision = None if progress.in_one_transaction else revision
    else:
        file, line = Path(found.tb_frame.f_code.co_filename), found.tb_lineno
        operation = quote_step(found, error)
        if found.tb_frame.f_code.co_name != "<module>":  # it runs, and is not being read
            revision = revision or found.tb_frame.f_globals.get("revision")
            message = read_message(found.tb_frame.f_globals)
    known = asdict(replace(progress, revision=revision))
    previous = _find_previous(script, revision) if revision else ""
    return Failure(file=file, line=line, operation=operation, message=message, previous=previous, **known)


def _find_previous(script: ScriptDirectory, revision: str) -> str:
    with suppress(Exception):  # the history may be what failed
        previous = to_tuple(script.get_revision(revision).down_revision, ())
        return str(previous[0]) if len(previous) == 1 else ""
    return ""


def explain_exit(error: SystemExit, script: ScriptDirectory, progress: Progress) -> RevisionFailedError | ApplicationExitError:
    """The error for `sys.exit()` in a revision, or in other code that a command runs: the command would count as done."""
    failure = locate_failure(error, script, progress)
    raised = describe_exception(error)
    fix = Fix("raise what says why it cannot go on", 'raise RuntimeError("the table is empty")')
    if failure.line is not None:
        leave = [Fix("to leave a function early", "return")] if failure.revision else []
        return RevisionFailedError(failure, f"It raised {raised}", fix, *leave)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    return ApplicationExitError(f"{frames[-1].filename}:{frames[-1].lineno}", raised, fix)


def explain_silence(
    error: BaseException, script: ScriptDirectory, progress: Progress, statement: str, seconds: float
) -> ServerSilentError:
    """The error for a connection that was cut, since the server had been silent for so many seconds."""
    failure = locate_failure(error, script, progress)
    if _hide_secrets(error, failure):
        drop_tracebacks(error)
    return ServerSilentError(failure, statement, seconds)


def describe_interruption(error: KeyboardInterrupt, script: ScriptDirectory, progress: Progress) -> str:
    """Where Ctrl-C has ended a command, and what is committed."""
    # A loop cancels what it runs first, and raises the interrupt afterwards.
    cancelled = error.__context__ if isinstance(error.__context__, asyncio.CancelledError) else error
    failure = locate_failure(cancelled, script, progress)
    return render_block("by Ctrl-C", failure.list_parts())


def explain_failure(
    error: Exception | SystemExit,
    script: ScriptDirectory,
    progress: Progress,
    current: Sequence[str] | None,
    known: Mapping[str, str | None],
) -> Exception:
    """What to raise: an error that tells the fix, or the same one, with a note of its place if no rule knows it.

    Neither shows a secret, nor does what led to it.

    :param current: the revisions that the database is at, if it was asked.
    :param known: what the braces of a fix stand for: the role that migrates, the name of the database, and the like.
    """
    if isinstance(error, SystemExit):
        return explain_exit(error, script, progress)
    failure = locate_failure(error, script, progress)
    secret = _hide_secrets(error, failure)
    explained = _explain(error, failure, script, progress, current, known)
    if secret:
        drop_tracebacks(error)
    return explained


def explain_loading(error: Exception, config: Config) -> RevisionFailedError | None:
    """The error for revisions that cannot be read, by a command or a call that needs no `env.py`; None for every other error."""
    if isinstance(error, CommandError) or hasattr(error, "__notes__"):
        return None  # it was explained, or has its place, already
    try:
        script = ScriptDirectory.from_config(config)
        if locate_failure(error, script, Progress()).line is None and _find_origin(error, None) is not Origin.HISTORY:
            return None
        explained = explain_failure(error, script, Progress(), None, {})
    except Exception:  # as of an exception that cannot be described
        return None
    return explained if isinstance(explained, RevisionFailedError) else None


def _hide_secrets(error: BaseException, failure: Failure) -> bool:
    secret = HIDDEN in (failure.operation or "") or is_about_secret(error)
    hide_secrets(error, always=secret)
    return secret


def _explain(
    error: Exception,
    failure: Failure,
    script: ScriptDirectory,
    progress: Progress,
    current: Sequence[str] | None,
    known: Mapping[str, str | None],
) -> Exception:
    if isinstance(error, AlembicAsyncTemplateError):
        if error.failure is None and failure.line is not None:
            error.add_failure(failure)
        return error
    if (plugin := _explain_plugin(error)) is not None:
        return plugin
    origin = _find_origin(error, failure.file)
    if (isinstance(error, CommandError) and origin is not Origin.REVISION) or origin is Origin.HISTORY:
        explained = explain_command_error(error, current, script, read_running())
        if explained is not None:
            return explained
    if isinstance(error, CommandError):
        if failure.line is not None:
            error.args = (render_block(str(error), failure.list_parts()),)
            vars(error)["failure"] = failure
        return error
    origins = [where for where in (origin, None if progress.upgrades else Origin.DOWNGRADE) if where]
    facts = {**known, "revision": failure.revision, "import": _find_import(error, failure.operation or "")}
    origins += [Origin.ENUM_COLUMN] if known.get("labels") else []
    if (refusal := read_refusal(error)) and not facts.get("label"):
        facts["label"] = find_label(refusal[1], list_labels(failure.file, refusal[0]))
    if missing := find_missing_type(error):
        facts["type_labels"] = write_labels(list_labels(failure.file, missing))
    origins += [Origin.ENUM_LABEL] if facts.get("label") else []
    origins += [Origin.ENUM_ROWS] if facts.get("mapping") else []
    origins += [Origin.MADE_IN_PART] if facts.get("absent") else []
    origins += [Origin.MADE_TWICE] if progress.maker else []
    facts |= {"maker": progress.maker}
    facts |= {"awaited": write_awaited(failure.operation or "")}
    facts |= read_operation(failure.operation) | {"versions": _find_versions(script)}
    raised = origin is Origin.REVISION and (failure.operation or "").startswith("raise ")
    is_python = origin is Origin.REVISION or isinstance(error, SyntaxError | TypeError)
    found = explain_python(error, failure.operation or "", _IMPORTS) if is_python and not raised else None
    found = None if raised else found or find_fix(REVISION_RULES, error, facts, origins)
    if found is not None and origin is Origin.HISTORY and isinstance(error, KeyError):
        place = locate_gap(script, error.args[0]) or failure
        return RevisionFailedError(place, f"A revision follows {error.args[0]}, which no file has", *found.fixes)
    if found is not None:
        return RevisionFailedError(failure, found.problem, *found.fixes)
    if failure.revision or failure.line:
        error.add_note(render_parts(failure.list_parts()))
    return error


def _explain_plugin(error: Exception) -> PluginFailedError | None:
    """The error for what another package raised in its part of a comparison; None for everything else."""
    found = None if describe_outage(error) else _compat.find_failed_comparator(error)
    if found is None:
        return None
    module, code = found
    top = module.partition(".")[0]
    if top in {"alembic", __name__.partition(".")[0]}:
        return None
    distributions = packages_distributions().get(top, [])
    place = f"{code.co_filename}:{code.co_firstlineno}"
    problem = describe_exception(error)
    function = f"{module}.{code.co_qualname}"
    return PluginFailedError((*distributions, top)[0], function, place, problem, installed=bool(distributions))


def _find_import(error: BaseException, operation: str) -> str | None:
    """The line that a name is missing, from how the revision uses it."""
    name = error.name if isinstance(error, NameError) else None
    if name is None or name in _IMPORTS:
        return _IMPORTS.get(name or "")
    dotted = re.search(rf"\b{re.escape(name)}((?:\.\w+)*)\.\w+", operation)
    if name[:1].isupper():
        homes = ("sqlalchemy", "sqlalchemy.dialects.postgresql")
        home = next((home for home in homes if hasattr(import_module(home), name)), "app.models")
        return f"from {home} import {name}"
    return f"import {name}{dotted[1] if dotted else ''}"


def _find_versions(script: ScriptDirectory) -> str:
    """The folder of the revisions, as a command names it."""
    return shlex.quote(os.path.relpath(_compat.list_version_folders(script)[0]))


def _find_origin(error: BaseException, file: Path | None) -> Origin | None:
    """Whether an exception comes from the revision, or an import in it, or from Alembic's reading of all of them."""
    frames = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = [code.co_filename for code in frames if code.co_name != "__getattr__"]  # of a module that is asked for a name
    files = [Path(name) for name in names if not name.startswith("<frozen importlib")]
    if files and files[-1] == file:
        return Origin.REVISION
    return Origin.HISTORY if files and files[-1] == Path(alembic.script.revision.__file__) else None
