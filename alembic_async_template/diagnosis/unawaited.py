"""The errors for revisions whose work would not run: a coroutine that no one awaits, a function that is not there."""

from __future__ import annotations

import ast
import inspect
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import Failure, RevisionFailedError
from ..errors.block import Fix, series
from ..errors.failure import Progress
from ..masking import mask_statement
from .quotes import is_in_coroutine, is_inside, quote_statement, read_message
from .statement_facts import write_run_async

Origin = tuple[tuple[str, int, str], ...]
"""Where a coroutine was created: file, line and function of each caller, the innermost first (`cr_origin`)."""


def explain_function(function: Callable[..., Any], progress: Progress) -> RevisionFailedError:
    """The error for a revision whose `upgrade` or `downgrade` does nothing when it is called."""
    code = function.__code__
    if inspect.isgeneratorfunction(function):
        keyword = "def"
        problem = "A function with a yield runs nothing of its body when it is called, and the revision would count as done"
        fix = Fix("take the yield out, or move it into a function that is iterated over")
    else:
        keyword = "async def"
        problem = "Alembic does not wait for a coroutine, so none of it would run, and the revision would count as done"
        fix = Fix("leave async out, and use op and op.get_bind() without await", f"def {code.co_name}()")
    place = Failure(
        file=Path(code.co_filename),
        line=code.co_firstlineno,
        operation=f"{keyword} {code.co_name}()",
        message=read_message(getattr(function, "__globals__", {})),
        **asdict(progress),
    )
    return RevisionFailedError(place, problem, fix)


def explain_unflushed(function: Callable[..., Any], classes: Sequence[str], progress: Progress) -> RevisionFailedError:
    """The error for a revision whose session has objects that it has not written.

    :param classes: their names.
    """
    code = function.__code__
    place = Failure(
        file=Path(code.co_filename),
        line=code.co_firstlineno,
        operation=f"def {code.co_name}()",
        message=read_message(function.__globals__),
        **asdict(progress),
    )
    problem = f"A session has not written its objects of {series(classes)}, and the revision would count as done"
    return RevisionFailedError(place, problem, Fix("write them before the function or the session ends", "session.flush()"))


def explain_missing(module: ModuleType, name: str, progress: Progress) -> RevisionFailedError:
    """The error for a revision that does not have the function which Alembic calls."""
    progress.revision, progress.upgrades = getattr(module, "revision", None), name == "upgrade"
    place = Failure(file=Path(str(module.__file__)), line=1, message=read_message(vars(module)), **asdict(progress))
    names = [one for one in vars(module) if one not in {"upgrade", "downgrade"} and callable(getattr(module, one))]
    if near := get_close_matches(name, names, 1):
        command = f"sed -i 's/def {near[0]}(/def {name}(/' {shlex.quote(str(module.__file__))}"
        fix = Fix("rename the function that is nearly called so", command)
    else:
        fix = Fix("write it; a revision that cannot be taken back raises there", f"def {name}(): pass")
    return RevisionFailedError(place, f"The revision has no function {name}()", fix)


def is_in_revision(origin: Origin, folders: Sequence[Path]) -> bool:
    """Whether a file of a revision took part in the creation of a coroutine."""
    return _find_line(origin, folders) is not None


def _find_line(origin: Origin, folders: Sequence[Path]) -> tuple[str, int] | None:
    return next(((file, line) for file, line, _function in origin if is_inside(file, folders)), None)


def explain_unawaited(
    name: str, origin: Origin, folders: Sequence[Path], module: dict[str, Any], progress: Progress
) -> RevisionFailedError:
    """The error for a coroutine that a revision has created and that did not run.

    :param name: the coroutine's qualified name, such as `AsyncSession.execute`.
    :param module: the names of the revision.
    """
    found = _find_line(origin, folders)
    assert found is not None
    file, line = found
    statement = mask_statement(quote_statement(file, line) or "")
    name = name.rpartition(".<locals>.")[2]
    return RevisionFailedError(
        Failure(file=Path(file), line=line, operation=statement or None, message=read_message(module), **asdict(progress)),
        f"The coroutine {name} was not awaited: it did not run, and the revision would count as done",
        _advise_inside(name, statement) if is_in_coroutine(file, line) else _advise(name, statement),
    )


def _advise_inside(name: str, statement: str) -> Fix:
    return Fix("await it", f"await {_find_call(name, statement)}")


def _advise(name: str, statement: str) -> Fix:
    class_ = name.partition(".")[0]
    if class_ in {"AsyncSession", "async_scoped_session"}:
        return Fix(
            "use a session on the revision's connection, without await",
            "from sqlalchemy.orm import Session\nsession = Session(op.get_bind())",
        )
    if class_ == "AsyncConnection":
        return Fix("use the revision's connection, without await", "connection = op.get_bind()")
    return Fix(
        "let the revision wait for it; its work is in the revision's transaction if it uses this connection",
        write_run_async(_find_call(name, statement)),
    )


def _find_call(name: str, statement: str) -> str:
    """The expression of a statement that created the coroutine."""
    last = name.rpartition(".")[2]
    try:
        nodes = list(ast.walk(ast.parse(statement)))
    except SyntaxError:  # the beginning of a compound one
        nodes = []
    calls = [ast.unparse(node) for node in nodes if isinstance(node, ast.Call)]
    return next((call for call in calls if call.partition("(")[0].rpartition(".")[2] == last), f"{last}()")
