"""What `alembic init` does with this package's template: it looks at the project first, and says what it found."""

from __future__ import annotations

import io
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from alembic.util import coerce_resource_to_filename

from ..application.settings import read_setting
from ..autogenerate.render_types import SQLMODEL_IMPORT
from ..errors.block import join
from ..errors.failure import shorten_path
from ..project.files import list_sources, read_source
from ..project.ini import Form, Setting, section_text, setting_lines
from ..project.survey import Project, survey_project
from .sections import append_section, choose_for_section, list_exclusions, list_sections

if TYPE_CHECKING:
    from alembic.config import Config

_USES_SQLMODEL = re.compile(rb"^[ \t]*(from[ \t]+sqlmodel\b|import[ \t][^#\n]*\bsqlmodel\b)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Target:
    """The file that gets the settings, and the section in it."""

    file: Path
    section: str
    form: Form

    @property
    def header(self) -> str:
        return "[tool.alembic]" if self.form is Form.TOML else f"[{self.section}]"

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


# What is being initialised: Alembic hands nothing but the script location to its templates.
_running: ContextVar[tuple[Project, str] | None] = ContextVar("_running", default=None)


def initialise(stock: Callable[..., Any], config: Config, directory: str, *, in_toml: bool = False, **options: Any) -> Any:
    """Survey the project, let Alembic write the environment with what was found, and say what that is.

    :param stock: Alembic's own `init`.
    :param in_toml: whether pyproject.toml gets the settings, and not an ini.
    """
    folder = Path(directory)
    _refuse_hiding_alembic(folder, options["package"])
    target = _find_target(config, directory, in_toml)
    existed = target.file.exists()
    with _forgetting(config):
        others = list(list_sections(config)) if target.form is Form.INI else []
        project = choose_for_section(survey_project(target.file.parent, [folder.absolute()]), target.section, others)
        kept = existed and target.has_section(config)
        ini = _without_ini(config) if target.form is Form.TOML else nullcontext()
        quiet = redirect_stdout(io.StringIO())  # Alembic names each file, with `-q` too, and asks for edits that are not needed
        with _initialising(project, target.section), quiet, ini:
            result = stock(config, directory, **options)
        config.print_stdout(_describe_files(folder, None if existed else target.file))
        if not _uses_sqlmodel(target.file.parent, folder.absolute()):
            _leave_sqlmodel_out(folder / "script.py.mako")
        if kept or (existed and target.form is Form.INI and not _append_section(config, project, target, folder)):
            config.print_stdout(_describe_kept(project, config, target, folder))
        else:
            config.print_stdout(
                _describe_written(project, target, list_exclusions(project, others), _list_hiding(config, target))
            )
        if project.application_folders:
            config.print_stdout(_describe_applications(project, options["template"], folder, None if existed else target.file))
    return result


def _find_target(config: Config, directory: str, in_toml: bool) -> _Target:
    """Where the settings go.

    :raises InitError: pyproject.toml is asked for a second section.
    """
    section = config.config_ini_section
    if not in_toml:
        return _Target(Path(config.config_file_name or "alembic.ini").absolute(), section, Form.INI)
    if section != "alembic":
        from ..errors import InitError

        raise InitError(directory, section)
    return _Target(Path(config.toml_file_name or "pyproject.toml").absolute(), section, Form.TOML)


@contextmanager
def _initialising(project: Project, section: str) -> Iterator[None]:
    token = _running.set((project, section))
    try:
        yield
    finally:
        _running.reset(token)


@contextmanager
def _forgetting(config: Config) -> Iterator[None]:
    """Let a program that goes on with this Config read what is written meanwhile."""
    known = set(vars(config))
    try:
        yield
    finally:
        for name in {"file_config", "toml_alembic_config"} - known:
            vars(config).pop(name, None)


def _describe_files(folder: Path, ini: Path | None) -> str:
    names = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(folder.iterdir()) if path.name != "__pycache__"]
    written = f"{shorten_path(folder)}/ with {join(names)}"
    return f"Created {written}" if ini is None else f"Created {shorten_path(ini)}, and {written}"


@contextmanager
def _without_ini(config: Config) -> Iterator[None]:
    """Let Alembic, which writes an ini beside pyproject.toml in any case, write that elsewhere."""
    ini = config.config_file_name
    with TemporaryDirectory() as place:
        Path(place, "alembic.ini").touch()  # what exists, Alembic keeps
        config.config_file_name = os.path.join(place, "alembic.ini")
        try:
            yield
        finally:
            config.config_file_name = ini


def _append_section(config: Config, project: Project, target: _Target, folder: Path) -> bool:
    """Give the ini the section that it does not have; False if it has one, or leads to an environment without it.

    Alembic leaves an ini that exists alone. But a section more changes nothing for the others, and no command that names it
    works without it.
    """
    if target.has_section(config) or (target.section == "alembic" and _find_environment(config, target.file.parent, folder)):
        return False
    try:
        append_section(target.file, section_text(project, target.section, target.locate(folder)))
    except OSError:  # it may not be written
        return False
    return True


def _list_hiding(config: Config, target: _Target) -> list[str]:
    """The settings of an ini that come before those of pyproject.toml."""
    if target.form is Form.INI or not config.file_config.has_section("alembic"):
        return []
    return [name for name in target.list_settings(config) if config.file_config.has_option("alembic", name)]


def _uses_sqlmodel(project: Path, excluded: Path) -> bool:
    return any(_USES_SQLMODEL.search(read_source(path)) for path in list_sources(project, [excluded]))


def _leave_sqlmodel_out(script_template: Path) -> None:
    """Let new revisions import SQLModel only where autogenerate finds that they need it."""
    script_template.write_text(SQLMODEL_IMPORT.sub("", script_template.read_text()))


def _refuse_hiding_alembic(directory: Path, package: bool) -> None:
    from ..errors import InitError

    if package and directory.name == "alembic" and not (directory.absolute().parent / "__init__.py").exists():
        raise InitError(str(directory))


def ini_section(script_location: str) -> str:
    """The section of the ini that is being written; its template calls this.

    `alembic init -t /path/to/the/template` may come here without a survey: then the working directory is the project.
    """
    project, section = _running.get() or (survey_project(Path.cwd()), "alembic")
    return section_text(project, section, script_location)


def toml_section(script_location: str) -> str:
    """The table that is being written to pyproject.toml; see `ini_section`."""
    project, section = _running.get() or (survey_project(Path.cwd()), "alembic")
    return section_text(project, section, script_location, Form.TOML)


def _describe_written(project: Project, target: _Target, exclusions: list[tuple[str, str]], hiding: list[str]) -> str:
    modules = ", ".join(project.model_modules)
    file = target.file.name
    place = file if target.section == "alembic" and target.form is Form.INI else f"{target.header} of {file}"
    lines = [
        "",
        f"Found in this project, and written to {place}:",
        f"  import root  {_name_roots(project)}",
        f"  models       {_found(project.models, 'none yet', f'({modules})')}",
        f"  engine       {_found(project.engines, _no_engine(project), _name_other_engines(project))}",
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
    command = f'alembic {target.option}revision --autogenerate -m "create tables"'
    return "\n".join([*lines, "", f"Next: {', '.join([*steps, f'then {command}']) if steps else command}"])


def _name_roots(project: Project) -> str:
    first, *others = map(project.relative_path, (project.import_root, *project.other_roots))
    name = "the folder of the ini" if first == "." else first
    return f"{name}; {', '.join(others)} {'is one' if len(others) == 1 else 'are'} too" if others else name


def _describe_applications(project: Project, template: str, folder: Path, ini: Path | None) -> str:
    """The commands that make an environment for each import root in place of this one, as they are typed where it was made.

    :param ini: the one that was written, if one was.
    """

    def quote(path: Path) -> str:
        return shlex.quote(os.path.relpath(path).replace(os.sep, "/"))

    removal = f"rm -r {' '.join(quote(path) for path in (folder, ini) if path is not None)}"
    initialisation = f"alembic init -t {shlex.quote(template)} {shlex.quote(folder.name)}"
    lines = [
        "",
        "Each import root may be an application with a database of its own. In place of this environment, one in each:",
        f"  {removal}",
    ]
    for place in project.application_folders:
        if (place / "alembic.ini").exists():
            lines.append(f"  # {os.path.relpath(place)} has an alembic.ini already")
        else:
            lines.append(f"  (cd {quote(place)} && {initialisation})")
    return "\n".join(lines)


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


def _found(candidates: tuple[str, ...], nothing: str, detail: str) -> str:
    match candidates:
        case ():
            return nothing
        case (only,):
            return f"{only} {detail}".rstrip()
        case _:
            return f"several, choose one in the ini: {'; '.join(candidates)}"


def _no_engine(project: Project) -> str:
    if project.url_parts is not None:
        return f"only the parts of a URL in {project.url_parts[0]}: the ini says which line to write"
    return f"none; the environment variable {project.url_variable or 'DATABASE_URL'} is read"


def _describe_kept(project: Project, config: Config, target: _Target, new: Path) -> str:
    """The lines to paste; they name the new folder only where the settings lead to no environment yet."""
    from ..application.url import PLACEHOLDER  # with more of SQLAlchemy than other commands need

    kept = _find_environment(config, target.file.parent, new)
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
        text += [
            f"Its script_location stays. Move the new env.py and script.py.mako to {kept}, in place of those there, and give"
        ]
        text += ["run_environment in env.py what the old one gave to context.configure."]
    if there:
        replaced = f", in place of its {', '.join(names)}" if names else ""
        text += [f"Paste these lines into its {target.header} section{replaced}."]
    else:
        text += ["Paste this section into it."]
    if read_setting(config, "sqlalchemy.url") not in {None, "", PLACEHOLDER}:
        text += ["Remove its sqlalchemy.url, unless that is the database to migrate."]
    text += _name_unread(project)
    return "\n".join([*text, "", lines, "", f'Next: alembic {target.option}revision --autogenerate -m "create tables"'])


def _separator_lines(config: Config) -> str:
    """How paths are separated, where the settings do not say: Alembic would split that of a folder at each space."""
    separator = read_setting(config, "version_path_separator")
    if config.file_config.has_option(config.config_ini_section, "path_separator"):
        return ""
    if separator is None and read_setting(config, "version_locations"):
        return ""  # they are separated in the old way
    return f"\n\n# How the paths in prepend_sys_path and version_locations are separated.\npath_separator = {separator or 'os'}"


def _find_environment(config: Config, directory: Path, new: Path) -> str | None:
    """The folder of an environment that the settings lead to already, apart from the new one."""
    location = read_setting(config, "script_location")
    folder = Path(coerce_resource_to_filename(location)).absolute() if location else None
    if folder is None or folder == new.absolute() or not (folder / "env.py").is_file():
        return None
    return os.path.relpath(folder, directory)
