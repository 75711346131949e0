"""Imports modules of the application, and tells what to do about one that cannot be imported."""

from __future__ import annotations

import difflib
import importlib
import os
import shlex
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnosis.exceptions import describe_exception, hide_input
from ..diagnosis.match import Known, Origin, find_fix
from ..diagnosis.quotes import is_inside, quote_step, shorten_source
from ..diagnosis.rules.application import APPLICATION_RULES
from ..errors import ApplicationImportError
from ..errors.block import Fix
from ..errors.failure import shorten_path
from ..project.declared_roots import find_newer_python, find_workspace_member
from ..project.files import list_sources, name_modules, walk_sources
from .pydantic_settings import describe_rejection
from .url_examples import describe_engine

if TYPE_CHECKING:
    from .settings import Settings


def import_application(name: str, settings: Settings) -> Any:
    """Import a module of the application.

    :raises ApplicationImportError: the import failed, whatever the application raised.
    """
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        known = find_import_fix(error, settings, name)
        fixes = known.fixes if known else ()
        raise refuse_module(name, settings, describe_exception(error), *fixes, source=_locate(error, settings)) from hide_input(
            error
        )


def refuse_module(name: str, settings: Settings, problem: str, *fixes: Fix, source: str = "") -> ApplicationImportError:
    """The error for a module that cannot be imported or read.

    :param source: the line that failed.
    """
    return ApplicationImportError(
        name,
        problem,
        *fixes,
        place=settings.place,
        directory=settings.directory,
        import_roots=settings.import_roots,
        source=source,
    )


def _locate(error: BaseException, settings: Settings) -> str:
    """The last line of the application that led to an exception, and the statement below it; empty where none of it has run."""
    installed = [Path(path) for name, path in sysconfig.get_paths().items() if name in {"stdlib", "purelib", "platlib"}]

    def is_own(file: str | None) -> bool:
        is_file = file is not None and not file.startswith("<")
        return is_file and is_inside(file, [settings.directory, *settings.import_roots]) and not is_inside(file, installed)

    step, found = error.__traceback__, None
    while step is not None:
        found = step if is_own(step.tb_frame.f_code.co_filename) else found
        step = step.tb_next
    if isinstance(error, SyntaxError) and is_own(error.filename):
        file, line, statement = str(error.filename), error.lineno, shorten_source(error.text or "", error)
    elif found is None:
        return ""
    else:
        file, line, statement = found.tb_frame.f_code.co_filename, found.tb_lineno, quote_step(found, error) or ""
    return "\n".join(filter(None, [f"{shorten_path(Path(file))}:{line}", statement]))


def find_import_fix(error: BaseException, settings: Settings, module: str = "") -> Known | None:
    """What to do about an exception that the application raised; None for one that no rule knows.

    :param module: the one that was imported.
    """
    facts: dict[str, str | None] = {}
    origin: Origin | None = None
    if isinstance(error, ModuleNotFoundError) and error.name:
        root = find_package_above(error.name, settings)
        if module.partition(".")[0] == error.name or root:
            origin = Origin.APPLICATION
            facts["root"] = root or find_root(error.name, settings)
        elif f"{module}.".startswith(f"{error.name}."):
            origin = Origin.SETTING
            sources = [(root, walk_sources(root, settings.excluded_folders)) for root in settings.import_roots]
            known = [name for root, files in sources for name in name_modules(files, root)]
            facts["near"] = next(iter(difflib.get_close_matches(error.name, known, 1)), None)
        elif error.name.partition(".")[0] == module.partition(".")[0]:
            origin = Origin.MODULE
            facts["path"] = error.name.replace(".", "/")
        elif member := find_workspace_member(settings.directory, error.name.partition(".")[0]):
            origin = Origin.WORKSPACE_MEMBER
            facts["member"] = shlex.quote(os.path.relpath(member))
    elif type(error).__name__ == "ValidationError":
        facts, origin = describe_rejection(error)
    elif isinstance(error, SyntaxError):
        facts["python"] = find_newer_python(settings.directory)
        origin = Origin.NEWER_PYTHON if facts["python"] else None
    elif isinstance(error, KeyError) and traceback.extract_tb(error.__traceback__)[-1].filename in {os.__file__, "<frozen os>"}:
        origin = Origin.ENVIRONMENT
    else:  # a table may be declared again
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        run = [frame.f_globals["__name__"] for frame in frames if frame.f_code.co_name == "<module>"]
        facts = {"app_models": ", ".join(settings.app_models), "copy": run[-1] if run else module}
    engine, is_sync = describe_engine(error, settings)
    origins = [*([origin] if origin else []), *([Origin.SYNC_ENGINE] if is_sync else [])]
    try:
        return find_fix(APPLICATION_RULES, error, engine | facts, origins)
    except Exception:  # an exception of the application's that cannot be described
        return None


def find_package_above(name: str, settings: Settings) -> str | None:
    """The folder from which the package can be imported that the ini lies in, as the setting names it."""
    above = (settings.directory, *settings.directory.parents)
    levels = next((level for level, folder in enumerate(above, 1) if folder.name == name.partition(".")[0]), None)
    return None if levels is None else "/".join(["%(here)s", *[".."] * levels])


def find_root(name: str, settings: Settings) -> str | None:
    """The folder of the project from which a module can be imported, as the setting names it."""
    top = name.partition(".")[0]
    sources = list_sources(settings.directory, settings.excluded_folders)
    folders = {parent.parent for path in sources for parent in (path, *path.parents) if parent.stem == top}
    inside = sorted(folder for folder in folders if settings.directory in (folder, *folder.parents))
    if not inside:
        return None
    path = inside[0].relative_to(settings.directory).as_posix()
    return "%(here)s" if path == "." else f"%(here)s/{path}"
