"""What `alembic init` says at the end: what it found and wrote, what to paste where a file was kept, and what to type next."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.util import coerce_resource_to_filename

from ..application.settings import read_setting
from ..diagnosis.typed import complete
from ..errors.block import join, series
from ..errors.failure import shorten_path
from ..project.ini import Form, Setting, joined_roots, section_text, setting_lines
from ..project.survey import Project

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True, slots=True)
class Target:
    """The file that gets the settings, and the section in it."""

    file: Path
    section: str
    form: Form

    @property
    def header(self) -> str:
        return "[tool.alembic]" if self.form is Form.TOML else f"[{self.section}]"

    @property
    def name(self) -> str:
        """The file, as sentences call it."""
        return "the ini" if self.form is Form.INI else self.file.name

    @property
    def option(self) -> str:
        """What the commands of this environment need in addition."""
        return "" if self.section == "alembic" else f"-n {shlex.quote(self.section)} "

    def has_section(self, config: Config) -> bool:
        if self.form is Form.INI:
            return config.file_config.has_section(self.section)
        return self.file.exists() and "alembic" in tomllib.loads(self.file.read_text("utf-8")).get("tool", {})

    def list_settings(self, config: Config) -> Collection[str]:
        """The names of those that the section has."""
        if self.form is Form.TOML:
            return config.toml_alembic_config
        return config.file_config.options(self.section) if self.has_section(config) else ()

    def locate(self, folder: Path) -> str:
        """A folder as the settings name it."""
        return f"%(here)s/{os.path.relpath(folder.absolute(), self.file.parent)}".replace(os.sep, "/")


def describe_files(folder: Path, ini: Path | None) -> str:
    names = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(folder.iterdir()) if path.name != "__pycache__"]
    written = f"{shorten_path(folder)}/ with {join(names)}"
    return f"Created {written}" if ini is None else f"Created {shorten_path(ini)}, and {written}"


def describe_written(
    project: Project,
    config: Config,
    target: Target,
    exclusions: list[tuple[str, str]],
    hiding: list[str],
    earlier: tuple[Path, Path] | None,
) -> str:
    """What was found and written.

    :param earlier: the folder of an earlier environment's revisions, and that of the new ones.
    """
    modules = series(project.model_modules, 10)
    file = target.file.name
    place = file if target.section == "alembic" and target.form is Form.INI else f"{target.header} of {file}"
    lines = [
        "",
        f"Found in this project, and written to {place}:",
        f"  import root  {_name_roots(project, target)}",
        f"  models       {_found(project.models, 'none yet', f'({modules})', target, 'choose')}",
        f"  engine       {_found(project.engines, _no_engine(project, target), _name_other_engines(project), target)}",
    ]
    lines += _name_unread(project)
    if project.models and not exclusions and not hiding and not _needs_choice(project):
        lines += ["Nothing in it needs to be edited."]
    steps = [f"choose in {file}"] if _needs_choice(project) else []
    if not project.models:
        variable = project.url_variable or "DATABASE_URL"
        is_open = not (project.engines or project.url_parts or os.environ.get(variable))
        steps += ["define tables", *([f"set {variable}"] if is_open else [])]
    for header, line in exclusions:
        lines += ["", f"In {header}, leave out the models of {target.header}:", f"  {line}"]
    if hiding:
        lines += ["", f"Remove these from [alembic] of alembic.ini, which comes first: {', '.join(hiding)}."]
    if earlier:
        old, new = map(_quote, earlier)
        lines += ["", f"{old} has revisions of an earlier environment. To go on with them:", f"  mv {old}/*.py {new}"]
    command = _name_next(config, target, has_revisions=earlier is not None)
    return "\n".join([*lines, "", f"Next: {', '.join([*steps, f'then {command}']) if steps else command}"])


def _name_next(config: Config, target: Target, *, has_revisions: bool) -> str:
    """The command that comes first: with revisions there may be nothing to write, so models and database are compared."""
    command = "check" if has_revisions else 'revision --autogenerate -m "create tables"'
    return complete(f"alembic {target.option}{command}", config)


def _name_roots(project: Project, target: Target) -> str:
    first, *others = map(project.relative_path, (project.import_root, *project.other_roots))
    name = f"the folder of {target.name}" if first == "." else first
    return f"{name}; {', '.join(others)} {'is one' if len(others) == 1 else 'are'} too" if others else name


def describe_applications(project: Project, template: str, target: Target, folder: Path, *, existed: bool) -> str:
    """The commands that make an environment for each import root in place of this one, as they are typed where it was made.

    :param existed: whether the file with the settings was there before.
    """
    removal = f"rm -r {_quote(folder)}"
    lines = [
        "",
        "Each import root may be an application with a database of its own. In place of this environment, one in each:",
        f"  {removal}  # and {target.header} in {target.file.name}" if existed else f"  {removal} {_quote(target.file)}",
    ]
    initialisation = f"alembic init -t {shlex.quote(template)} {shlex.quote(folder.name)}"
    for place in project.application_folders:
        if (place / "alembic.ini").exists():
            lines.append(f"  # {os.path.relpath(place)} has an alembic.ini already")
        else:
            lines.append(f"  (cd {_quote(place)} && {initialisation})")
    if project.can_be_joined:
        settings = [setting.render(target.form) for setting in joined_roots(project)]
        lines += [f"Or they are one application. Then set in {target.file.name}:", *(f"  {line}" for line in settings)]
    return "\n".join(lines)


def _quote(path: Path) -> str:
    """A path as it is typed."""
    return shlex.quote(os.path.relpath(path).replace(os.sep, "/"))


def _name_other_engines(project: Project) -> str:
    return f"(not {', '.join(project.other_engines)})" if project.other_engines else ""


def _name_unread(project: Project) -> list[str]:
    more = f" and {len(project.unread) - 5} more" if len(project.unread) > 5 else ""
    return [f"These files were not read: {', '.join(project.unread[:5])}{more}."] if project.unread else []


def _needs_choice(project: Project) -> bool:
    return (
        bool(project.other_roots)
        or len(project.models) > 1
        or len(project.engines) > 1
        or (not project.engines and project.url_parts is not None)
    )


def _found(candidates: tuple[str, ...], nothing: str, detail: str, target: Target, choose: str = "choose one") -> str:
    match candidates:
        case ():
            return nothing
        case (only,):
            return f"{only} {detail}".rstrip()
        case _:
            return f"several, {choose} in {target.name}: {'; '.join(candidates)}"


def _no_engine(project: Project, target: Target) -> str:
    if project.url_parts is not None:
        return f"only the parts of a URL in {project.url_parts[0]}: {target.name} says which line to write"
    return f"none; the environment variable {project.url_variable or 'DATABASE_URL'} is read"


def describe_kept(project: Project, config: Config, target: Target, new: Path) -> str:
    """The lines to paste; they name the new folder only where the settings lead to no environment yet."""
    from ..application.url import PLACEHOLDER  # with more of SQLAlchemy than other commands need

    kept = find_environment(config, new)
    there = target.has_section(config)
    lines = setting_lines(project, target.form)
    if target.form is Form.INI:
        lines += _separator_lines(config)
    if not kept:
        lines = f"{Setting('script_location', target.locate(new)).render(target.form)}\n\n{lines}"
    if not there:
        whole = section_text(project, target.section, target.locate(new)).rstrip()
        lines = f"{target.header}\n{lines}" if kept else whole
    names = [name for name in re.findall(r"^(\w+) =", lines, re.MULTILINE) if name in target.list_settings(config)]
    text = ["", f"{target.file} existed and was kept."]
    if kept:
        old, files = _quote(kept), _quote(new)
        text += [
            "Its script_location stays. Put the new files there, and keep the old env.py to read:",
            f"  mv {old}/env.py {old}/env.py.old && mv {files}/env.py {files}/script.py.mako {old} && rm -r {files}",
            "Give run_environment in the new env.py what the old one gives to context.configure.",
        ]
    if there:
        replaced = f", in place of its {', '.join(names)}" if names else ""
        text += [f"Paste these lines into its {target.header} section{replaced}."]
    else:
        text += ["Paste this section into it."]
    if read_setting(config, "sqlalchemy.url") not in {None, "", PLACEHOLDER}:
        text += ["Remove its sqlalchemy.url, unless that is the database to migrate."]
    text += _name_unread(project)
    has_revisions = kept is not None and any(_list_revisions(config, kept))
    return "\n".join([*text, "", lines, "", f"Next: {_name_next(config, target, has_revisions=has_revisions)}"])


def _list_revisions(config: Config, environment: Path) -> Iterator[Path]:
    """The files of the revisions of an environment that the settings lead to."""
    with warnings.catch_warnings(action="ignore"):  # of how the paths are separated
        folders = config.get_version_locations_list() or []
    for folder in map(Path, folders or [str(environment / "versions")]):
        yield from folder.rglob("*.py")


def find_earlier_revisions(project: Path, new: Path) -> tuple[Path, Path] | None:
    """The folder of revisions that an environment beside the new one has, and that of the new one; None without any."""
    folders = sorted(path.parent / "versions" for path in project.glob("*/env.py") if path.parent != new.absolute())
    found = [folder for folder in folders if any(folder.glob("*.py"))]
    return (found[0], new.absolute() / "versions") if len(found) == 1 else None


def _separator_lines(config: Config) -> str:
    """How paths are separated, where the settings do not say: Alembic would split that of a folder at each space."""
    separator = read_setting(config, "version_path_separator")
    if config.file_config.has_option(config.config_ini_section, "path_separator"):
        return ""
    if separator is None and read_setting(config, "version_locations"):
        return ""  # they are separated in the old way
    return f"\n\n# How the paths in prepend_sys_path and version_locations are separated.\npath_separator = {separator or 'os'}"


def find_environment(config: Config, new: Path) -> Path | None:
    """The folder of an environment that the settings lead to already, apart from the new one."""
    location = read_setting(config, "script_location")
    folder = Path(coerce_resource_to_filename(location)).absolute() if location else None
    return folder if folder is not None and folder != new.absolute() and (folder / "env.py").is_file() else None
