"""What the doctor examines: the files of a migration environment, read and never run."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from configparser import Error as ConfigParserError
from configparser import MissingSectionHeaderError, RawConfigParser
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.util import coerce_resource_to_filename

from .probe import Probe

if TYPE_CHECKING:
    from alembic.config import Config

_LINE = re.compile(r"line[: ]+(\d+)")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, its text, and its syntax tree if it is Python."""

    path: Path
    text: str
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))
    problem: str | None = None
    """Why it cannot be read or parsed."""
    problem_line: int | None = None

    def find_line(self, pattern: str) -> int | None:
        """The number of the first line in which a pattern is found."""
        found = re.search(pattern, self.text, re.MULTILINE)
        return self.text.count("\n", 0, found.start()) + 1 if found else None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the section that the command reads, as it is written."""

    name: str
    value: str
    file: SourceFile
    line: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """The environment that a command started here would use, as far as it is there."""

    directory: Path
    """The folder of the ini, or where the command was started."""
    section: str
    wanted: str
    """The ini that the command is to read."""
    ini: SourceFile | None
    toml: SourceFile | None
    sections: Mapping[str, Mapping[str, str]]
    """The sections of the ini."""
    settings: Mapping[str, Setting]
    script_folder: Path | None
    env: SourceFile | None
    template: SourceFile | None
    """`script.py.mako`."""
    revisions: tuple[SourceFile, ...]
    probe: Probe | None = None
    """What a run of `env.py` has shown; None where it was not run."""

    @property
    def applied(self) -> frozenset[str]:
        """The revisions that the database has."""
        status = self.probe.status if self.probe else None
        revisions = status["revisions"] if status else ()
        return frozenset(revision["revision"] for revision in revisions if revision["state"] == "applied")

    @property
    def server(self) -> str:
        """The product that the database is, empty where it was not asked."""
        status = self.probe.status if self.probe else None
        return str(status["server"]) if status else ""

    @property
    def import_roots(self) -> tuple[Path, ...]:
        """The folders that `prepend_sys_path` names."""
        paths = self.settings["prepend_sys_path"].value if "prepend_sys_path" in self.settings else "."
        return tuple(self.directory / part for part in _split_paths(self.interpolate(paths)))

    @property
    def uses_this_package(self) -> bool:
        """Whether `env.py` is this package's."""
        return self.env is not None and "run_environment" in self.env.text

    def relative_path(self, path: Path) -> str:
        """A file as reports name it."""
        return os.path.relpath(path, self.directory).replace(os.sep, "/")

    def interpolate(self, value: str) -> str:
        """A value with `%(here)s` and other settings filled in."""
        known = {name: setting.value for name, setting in self.settings.items()} | {"here": self.directory.as_posix()}
        return re.sub(r"%\((\w+)\)s", lambda match: known.get(match[1].lower(), match[0]), value).replace("%%", "%")


def read_subject(config: Config) -> Subject:
    """Read what is there, without Alembic's own readers, which fail where something is wrong."""
    ini, toml = _read_text(config.config_file_name), _read_text(config.toml_file_name)
    sections, ini = _parse_ini(ini)
    table, toml = _parse_toml(toml)
    section = config.config_ini_section
    file = ini or (toml if table else None)
    directory = file.path.absolute().parent if file else Path.cwd()
    settings: dict[str, Setting] = {}
    if toml is not None:
        for name, value in table.items():
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            settings[name] = Setting(name, text, toml, toml.find_line(rf"^\s*[\"']?{re.escape(name)}[\"']?\s*="))
    if ini is not None:
        for name, value in sections.get(section, {}).items():
            settings[name] = Setting(name, value, ini, ini.find_line(rf"(?i)^{re.escape(name)}\s*[=:]"))
    subject = Subject(
        directory, section, str(config.config_file_name or "alembic.ini"), ini, toml, sections, settings, None, None, None, ()
    )
    return _read_environment(subject)


def _read_environment(subject: Subject) -> Subject:
    location = subject.settings.get("script_location")
    folder = _find_folder(subject.interpolate(location.value)) if location else None
    if folder is None:
        return subject
    versions = [folder / "versions"]
    if "version_locations" in subject.settings:
        text = subject.interpolate(subject.settings["version_locations"].value)
        versions = [found for part in _split_paths(text) if (found := _find_folder(part))]
    env = folder / "env.py"
    template = folder / "script.py.mako"
    return replace(
        subject,
        script_folder=folder,
        env=read_source(env) if env.is_file() else None,
        template=_read_text(template),
        revisions=tuple(read_source(path) for path in _list_revisions(versions)),
    )


def _list_revisions(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            yield from sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")


def _split_paths(text: str) -> list[str]:
    """The paths of a setting, whatever parts them; the colon of a drive does not."""
    return [part for part in re.split(r"[,\s;]+|:(?![\\/])", text) if part]


def _find_folder(location: str) -> Path | None:
    """The folder that a location names: a path, or one in an importable package as in `app:migrations`."""
    if ":" not in location or Path(location).is_absolute():
        return Path(location)
    try:
        return Path(coerce_resource_to_filename(location))
    except Exception:  # whatever the package raises when it is imported
        return None


def read_source(path: Path) -> SourceFile:
    """Read a Python file; one that cannot be read or parsed says why."""
    text = ""
    try:
        text = path.read_text("utf-8")
        return SourceFile(path, text, ast.parse(text, str(path)))
    except SyntaxError as error:
        return SourceFile(path, text, problem=error.msg, problem_line=error.lineno)
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return SourceFile(path, text, problem=str(error) or type(error).__name__)


def _read_text(path: str | os.PathLike[str] | None) -> SourceFile | None:
    if path is None or not Path(path).is_file():
        return None
    try:
        return SourceFile(Path(path), Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        return SourceFile(Path(path), "", problem=str(error))


def _parse_ini(file: SourceFile | None) -> tuple[dict[str, dict[str, str]], SourceFile | None]:
    parser = RawConfigParser()
    if file is None or file.problem:
        return {}, file
    try:
        parser.read_string(file.text)
    except ConfigParserError as error:
        line = error.lineno if isinstance(error, MissingSectionHeaderError) else None
        found = _LINE.search(str(error))
        problem = str(error).splitlines()[0].replace("'<string>'", file.path.name)
        return {}, replace(file, problem=problem, problem_line=line or (int(found[1]) if found else None))
    return {name: dict(parser.items(name)) for name in parser.sections()}, file


def _parse_toml(file: SourceFile | None) -> tuple[Mapping[str, Any], SourceFile | None]:
    if file is None or file.problem:
        return {}, file
    try:
        table = tomllib.loads(file.text).get("tool", {}).get("alembic", {})
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        found = _LINE.search(str(error))
        return {}, replace(file, problem=str(error), problem_line=int(found[1]) if found else None)
    return (table if isinstance(table, dict) else {}), file
