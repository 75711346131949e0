"""Checks what fails before `env.py` runs: the settings, and where they are."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from alembic.config import Config

from ..application.settings import find_misspelt
from ..errors.block import Fix
from ..masking import mask_message
from .finding import Problem
from .git import is_committed
from .revision_files import called_name, list_calls
from .subject import SourceFile, Subject, read_subject

_INIT = Fix("make one", "alembic init -t async-fastapi migrations")
_SKIPPED = {"node_modules", "site-packages", "__pycache__", "templates"}
# What a section of an ini for logging has to have: https://docs.python.org/3/library/logging.config.html#configuration-file-format
_LOGGING = """[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARNING
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = generic

[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s"""


def check_configuration(subject: Subject) -> Iterator[Problem]:
    """Find what keeps every command from starting."""
    unreadable = [file for file in (subject.ini, subject.toml) if file is not None and file.problem]
    for file in unreadable:
        fix = Fix(f"correct line {file.problem_line}" if file.problem_line else "correct the file")
        yield Problem(
            "unreadable-settings", f"{file.path.name} cannot be read: {file.problem}", fix, file.path, file.problem_line
        )
    if unreadable:
        return
    if not subject.settings:
        yield from _find_elsewhere(subject)
        return
    yield from _check_names(subject)
    wrong_values = list(_check_values(subject))
    yield from wrong_values
    if "script_location" not in subject.settings:
        yield _explain_missing_location(subject)
    elif subject.env is None and not wrong_values:
        yield _explain_missing_folder(subject)
    if subject.env is not None:
        yield from _check_environment(subject, subject.env)


def _find_elsewhere(subject: Subject) -> Iterator[Problem]:
    """There are no settings here."""
    if subject.toml is not None and (line := subject.toml.find_line(r"^\[(alembic|tools\.alembic|tool\.alembic\.\w+)\]")):
        table = subject.toml.text.splitlines()[line - 1]
        yield Problem("wrong-table", f"alembic does not read {table}", Fix("name it", "[tool.alembic]"), subject.toml.path, line)
    elif subject.ini is not None and (others := [name for name, found in subject.sections.items() if "script_location" in found]):
        problem = (
            f"{subject.ini.path.name} has no section [{subject.section}]; it has {', '.join(f'[{name}]' for name in others)}"
        )
        yield Problem(
            "no-script-location",
            problem,
            Fix("name one of them", f"alembic -n {shlex.quote(others[0])} doctor"),
            subject.ini.path,
        )
    elif subject.ini is not None:
        location = Fix("say where env.py is", f"[{subject.section}]\nscript_location = %(here)s/migrations")
        yield Problem(
            "no-script-location", f"{subject.ini.path.name} has no section [{subject.section}]", location, subject.ini.path
        )
    elif Path(subject.wanted).name != "alembic.ini" or Path(subject.wanted).parent != Path():
        near = next((path for path in (Path("alembic.ini"), *sorted(Path.cwd().glob("*.ini"))) if path.is_file()), None)
        fix = Fix("name the one that is there", f"alembic -c {shlex.quote(near.name)} doctor") if near else _INIT
        yield Problem("no-environment", f"There is no file {subject.wanted}", fix)
    elif other := _find_near(Path.cwd()):
        shown = os.path.relpath(other)
        fix = Fix("name it", f"alembic -c {shlex.quote(shown)} doctor")
        if not read_subject(Config(str(other))).uses_this_package:  # its paths may start where the command is started
            fix = Fix("go to its folder", f"cd {shlex.quote(os.path.dirname(shown))} && alembic doctor")
        yield Problem("other-directory", f"There is no alembic.ini in {Path.cwd()}; there is {shown}", fix)
    else:
        yield Problem(
            "no-environment", f"There is no alembic.ini, and no [tool.alembic] in a pyproject.toml, in {Path.cwd()}", _INIT
        )


def _find_near(folder: Path) -> Path | None:
    """An ini in a folder above, or up to two levels below."""
    above = (parent / "alembic.ini" for parent in folder.parents)
    below = (found for pattern in ("*/alembic.ini", "*/*/alembic.ini") for found in sorted(folder.glob(pattern)))
    candidates = (path for path in (*above, *below) if _SKIPPED.isdisjoint(path.parts) and not _is_hidden(path, folder))
    return next((path for path in candidates if path.is_file()), None)


def _is_hidden(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and any(part.startswith(".") for part in path.relative_to(folder).parts)


def _explain_missing_location(subject: Subject) -> Problem:
    file = next(iter(subject.settings.values())).file
    fix = Fix("say where it is", _write_location(file is subject.toml, next(_find_environments(subject), "migrations")))
    return Problem("no-script-location", f"{file.path.name} does not say where env.py is", fix, file.path)


def _write_location(in_toml: bool, folder: str) -> str:
    """The setting that names a folder, relative to the file that it is in."""
    value = "%(here)s" if folder == "." else f"%(here)s/{folder}"
    return f'script_location = "{value}"' if in_toml else f"script_location = {value}"


def _find_environments(subject: Subject, like: str = "") -> Iterator[str]:
    """The folders with an `env.py` of Alembic up to three levels below the settings, those first that look like a name."""
    found = [
        path.parent
        for pattern in ("env.py", "*/env.py", "*/*/env.py", "*/*/*/env.py")
        for path in sorted(subject.directory.glob(pattern))
        if _SKIPPED.isdisjoint(path.relative_to(subject.directory).parts)
        and not _is_hidden(path, subject.directory)
        and ((path.parent / "script.py.mako").is_file() or (path.parent / "versions").is_dir())
    ]
    names = [subject.relative_path(folder) for folder in found]
    return iter(sorted(names, key=lambda name: -SequenceMatcher(None, name, like).ratio()) if like else names)


def _explain_missing_folder(subject: Subject) -> Problem:
    location = subject.settings["script_location"]
    where = (location.file.path, location.line)
    folder = subject.script_folder
    in_toml = location.file is subject.toml
    beside = subject.directory / location.value
    if folder is not None and not folder.is_absolute() and (beside / "env.py").is_file():
        problem = f"script_location = {location.value} starts in {Path.cwd()}, where it is not"
        fix = Fix("let it start at the ini", _write_location(in_toml, location.value))
        return Problem("other-directory", problem, fix, *where)
    is_there = folder is not None and folder.is_dir()
    if folder is not None and is_committed(folder / "env.py"):
        lost = os.path.relpath(folder / "env.py" if is_there else folder)
        fix = Fix("restore it from version control", f"git checkout HEAD -- {shlex.quote(lost)}")
    elif other := next(_find_environments(subject, subject.relative_path(folder.absolute()) if folder else location.value), None):
        fix = Fix("name the folder that has one" if is_there else "name the one that is there", _write_location(in_toml, other))
    elif folder is None:
        fix = _INIT
    else:
        name = os.path.relpath(folder)
        is_empty = not is_there or not any(folder.iterdir())
        made = Fix("make one", f"alembic init -t async-fastapi {shlex.quote(name)}")
        fix = made if is_empty else Fix("restore it from version control", f"git log --all --oneline -- {shlex.quote(name)}")
    problem = f"script_location = {location.value} leads to no folder"
    if folder is not None and is_there:
        problem = f"{subject.relative_path(folder.absolute())} has no env.py"
    return Problem("no-script-folder", problem, fix, *where)


def _check_values(subject: Subject) -> Iterator[Problem]:
    """What ConfigParser fails to interpolate."""
    known = {*subject.settings, "here"}
    for setting in subject.settings.values():
        if setting.file is not subject.ini or (subject.uses_this_package and setting.name == "sqlalchemy.url"):
            continue
        where = (setting.file.path, setting.line)
        broken = re.search(r"(?<!%)(?:%%)*%\((\w*)\)?s?", setting.value)
        if broken and not (broken[0].endswith(")s") and broken[1].lower() in known):
            name = broken[1] if broken[1] in known else "here"
            corrected = mask_message(setting.value.replace(broken[0], f"%({name})s"))
            problem = f"{broken[0]} in {setting.name} stands for no setting"
            yield Problem("unknown-interpolation", problem, Fix("correct it", f"{setting.name} = {corrected}"), *where)
        elif re.search(r"(?<!%)(?:%%)*%(?![%(])", setting.value):
            doubled = re.sub(r"%%|%(?!\()", "%%", setting.value)
            hidden = mask_message(doubled)
            yield Problem(
                "percent-in-ini", f"{setting.name} has a single %", Fix("write it twice", f"{setting.name} = {hidden}"), *where
            )


def _check_environment(subject: Subject, env: SourceFile) -> Iterator[Problem]:
    if env.problem:
        problem = f"{subject.relative_path(env.path)} cannot be parsed: {env.problem}"
        yield Problem("unparsable-environment", problem, Fix("correct the line"), env.path, env.problem_line)
    if call := _find_file_config(env.tree):
        missing = [name for name in ("loggers", "handlers", "formatters") if name not in subject.sections]
        if subject.ini is None or missing:
            file = subject.ini.path if subject.ini else env.path
            problem = f"env.py calls fileConfig, and {file.name} has no {', '.join(f'[{name}]' for name in missing)}"
            fix = Fix("add what is missing to the ini", _LOGGING) if subject.ini else Fix(f"remove line {call.lineno}")
            yield Problem("logging-sections", problem, fix, file)


def _find_file_config(tree: ast.Module) -> ast.Call | None:
    """The call of `logging.config.fileConfig`."""
    return next((call for call in list_calls(tree) if called_name(call) == "fileConfig"), None)


def _check_names(subject: Subject) -> Iterator[Problem]:
    for setting in subject.settings.values():
        near = find_misspelt(setting.name)
        if near is not None:
            shown = mask_message(setting.value)
            value = f'"{shown}"' if setting.file is subject.toml else shown
            fix = Fix("correct the name", f"{near} = {value}")
            yield Problem("unknown-setting", f"{setting.name} is no setting", fix, setting.file.path, setting.line)
