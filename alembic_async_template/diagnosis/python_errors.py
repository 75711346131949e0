"""Recognises errors of Python in a revision: what cannot be parsed, and names that are not there."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, TracebackType

from ..errors.block import Fix
from ..errors.failure import shorten_path
from ..masking import HIDDEN
from .match import Known

# How alike two names are at least, of which one may be meant by the other.
_NEAR = 0.75


def explain_python(error: Exception, operation: str, known: Iterable[str]) -> Known | None:
    """What is wrong, and what to write instead; None for every other error.

    :param operation: the statement that failed, as it is in the source.
    :param known: names that have a better explanation if they are not defined.
    """
    if isinstance(error, SyntaxError):
        return _explain_syntax(error)
    if isinstance(error, NameError) and error.name and error.name not in known:
        near = _find_near(error.name, _list_names(error.__traceback__))
        return Known(str(error), (_propose(error.name, near, operation),)) if near else None
    if isinstance(error, AttributeError):
        return _explain_attribute(error, operation)
    if isinstance(error, TypeError) and (call := re.fullmatch(r"op\.run_async\((\w+)\((.*)\)\)", operation)):
        arguments = f", {call[2]}" if call[2] else ""
        fix = Fix("give it the function, which it calls with the connection", f"op.run_async({call[1]}{arguments})")
        return Known("op.run_async was given a coroutine", (fix,))
    if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError):
        return _explain_import(error)
    return None


def _explain_syntax(error: SyntaxError) -> Known | None:
    if error.filename is None or error.lineno is None:
        return None
    file = shorten_path(Path(error.filename))
    fix = Fix(f"correct line {error.lineno} of {file}, and let Python read it", f'python -m py_compile "{file}"')
    return Known(f"{type(error).__name__}: {error.msg}", (fix,))


def _explain_attribute(error: AttributeError, operation: str) -> Known | None:
    """For a name that a module does not have, or that an object has in a similar form."""
    owner, name = error.obj, error.name
    if name is None or owner is None:
        return None
    if near := _find_near(name, dir(owner)):
        return Known(str(error), (_propose(name, near, operation),))
    if isinstance(owner, ModuleType):
        return Known(str(error), (Fix("see what it has", f"python -m pydoc {owner.__name__}"),))
    return None


def _propose(name: str, near: str, operation: str) -> Fix:
    """What to write, with the name that is probably meant: the statement, or of a long one the name."""
    corrected = re.sub(rf"\b{re.escape(name)}\b", near, operation)
    dotted = re.search(rf"(?:\w+\.)*\b{re.escape(near)}\b", corrected)
    short = dotted[0] if dotted else near
    is_whole = dotted and HIDDEN not in operation and not operation.endswith("...")
    return Fix(f"write {short}, if that is meant", corrected if is_whole else short)


def _explain_import(error: ImportError) -> Known | None:
    found = re.search(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
    if found is None:
        return None
    name, module = found.groups()
    near = _find_near(name, dir(sys.modules.get(module)))
    keep = Fix("if the application has changed: write what the revision needs into it, and leave the import out")
    fixes = (Fix("import what is meant", f"from {module} import {near}"), keep) if near else (keep,)
    return Known(f"cannot import name '{name}' from '{module}'", fixes)


def _find_near(name: str, others: Iterable[str]) -> str | None:
    names = {other for other in others if not other.startswith("_") or name.startswith("_")}
    if name in names:
        return None  # it is there, and failed for another reason
    return next(iter(get_close_matches(name, sorted(names), 1, _NEAR)), None)


def _list_names(step: TracebackType | None) -> list[str]:
    """The names that the code which failed could use."""
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    frame = [] if step is None else [*step.tb_frame.f_locals, *step.tb_frame.f_globals]
    return [*frame, *dir(builtins)]
