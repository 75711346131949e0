"""Follows `app_engine`, as in `app.db:engine`, to what it names in the application."""

from __future__ import annotations

import ast
import difflib
import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..diagnosis.exceptions import describe_exception, hide_input
from ..errors import AlembicAsyncTemplateError, ApplicationImportError, EngineReferenceError
from .imports import find_import_fix, import_application
from .models import find_model_modules

if TYPE_CHECKING:
    from .settings import Settings

log = logging.getLogger("alembic_async_template")

# What Python says of a module that another one imports before it is complete.
_PARTIAL = "partially initialized module"


def resolve_reference(reference: str, settings: Settings) -> Any:
    """What `module:attribute` stands for; attributes may be dotted and calls have no arguments.

    The text is parsed and followed step by step, never evaluated.

    :raises EngineReferenceError: the text has another form, or a step fails.
    :raises ApplicationImportError: the module cannot be imported.
    """
    module_name, _, path = reference.partition(":")
    steps = list(_parse_path(path.strip()))
    if not re.fullmatch(r"\w+(\.\w+)*", module_name.strip()) or not steps:
        raise EngineReferenceError(reference, settings.place, "it is not of the form module:attribute")
    value: Any = _import_after_models(module_name.strip(), settings)
    walked = module_name.strip()
    for step in steps:
        try:
            value = value() if step == "()" else getattr(value, step)
        except AttributeError as error:
            if step != "()" and not hasattr(type(value), step):
                near = difflib.get_close_matches(step, dir(value), 3)
                hint = f" (there is {', '.join(near)})" if near else ""
                raise EngineReferenceError(reference, settings.place, f'{walked} has no attribute "{step}"{hint}') from error
            raise EngineReferenceError(reference, settings.place, f"{walked}: {describe_exception(error)}") from hide_input(error)
        except (Exception, SystemExit) as error:
            problem = f"{walked}{step if step == '()' else f'.{step}'}: {describe_exception(error)}"
            known = find_import_fix(error, settings)
            fixes = known.fixes if known else ()
            raise EngineReferenceError(reference, settings.place, problem, *fixes) from hide_input(error)
        walked += step if step == "()" else f".{step}"
    return value


def _parse_path(path: str) -> Iterator[str]:
    """The steps of `a.b().c`: "a", "b", "()", "c"; none when the text is anything else."""
    try:
        node = ast.parse(path, mode="eval").body
    except SyntaxError:
        return
    steps: list[str] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            steps.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call) and not node.args and not node.keywords:
            steps.append("()")
            node = node.func
        else:
            return
    yield node.id
    yield from reversed(steps)


def _import_after_models(name: str, settings: Settings) -> Any:
    """Import a module of the application; where it and others import each other, its models go first.

    An application that starts with its models never notices that some of its modules cannot be imported first.

    :raises ApplicationImportError: the import failed either way.
    """
    try:
        return import_application(name, settings)
    except ApplicationImportError as error:
        if _PARTIAL not in str(error.__cause__):
            raise
        log.debug("Importing the models before %s: %s", name, error.__cause__)
        try:
            for model in find_model_modules(settings).listed:
                import_application(model, settings)
            return import_application(name, settings)
        except AlembicAsyncTemplateError:
            raise error from error.__cause__
