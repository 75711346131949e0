"""What `alembic init` does with this package's template: it looks at the project first, and says what it found."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.util import coerce_resource_to_filename

from ..application.settings import read_setting
from ..autogenerate.render_types import SQLMODEL_IMPORT
from ..errors.block import join
from ..errors.failure import shorten_path
from ..project.files import list_sources, read_source
from ..project.ini import setting_lines
from ..project.survey import Project, survey_project

if TYPE_CHECKING:
    from alembic.config import Config

_USES_SQLMODEL = re.compile(rb"^[ \t]*(from[ \t]+sqlmodel\b|import[ \t][^#\n]*\bsqlmodel\b)", re.MULTILINE)

# The project being initialised: Alembic hands nothing but the script location to the ini's template.
_surveyed: ContextVar[Project | None] = ContextVar("_surveyed", default=None)


def initialise(stock: Callable[..., Any], config: Config, directory: str, **options: Any) -> Any:
    """Survey the project, let Alembic write the environment with what was found, and say what that is.

    :param stock: Alembic's own `init`.
    """
    folder = Path(directory)
    _refuse_hiding_alembic(folder, options["package"])
    ini = Path(config.config_file_name or "alembic.ini").absolute()
    existed = ini.exists()
    project = survey_project(ini.parent, excluded=[folder.absolute()])
    token = _surveyed.set(project)
    try:
        with _say_nothing(config):  # Alembic asks for edits that are not needed
            result = stock(config, directory, **options)
    finally:
        _surveyed.reset(token)
    config.print_stdout(_describe_files(folder, None if existed else ini))
    if not _uses_sqlmodel(ini.parent, folder.absolute()):
        _leave_sqlmodel_out(folder / "script.py.mako")
    if existed:
        config.print_stdout(_describe_kept_ini(project, config, ini, folder))
    else:
        config.print_stdout(_describe_written_ini(project, ini))
    if project.application_folders:
        config.print_stdout(_describe_applications(project, options["template"], folder, None if existed else ini))
    return result


@contextmanager
def _say_nothing(config: Config) -> Iterator[None]:
    """Let Alembic print nothing, as with `-q`."""
    said = config.messaging_opts
    vars(config)["messaging_opts"] = {"quiet": True}
    try:
        yield
    finally:
        vars(config)["messaging_opts"] = said


def _describe_files(folder: Path, ini: Path | None) -> str:
    names = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(folder.iterdir()) if path.name != "__pycache__"]
    written = f"{shorten_path(folder)}/ with {join(names)}"
    return f"Created {written}" if ini is None else f"Created {shorten_path(ini)}, and {written}"


def _uses_sqlmodel(project: Path, excluded: Path) -> bool:
    return any(_USES_SQLMODEL.search(read_source(path)) for path in list_sources(project, [excluded]))


def _leave_sqlmodel_out(script_template: Path) -> None:
    """Let new revisions import SQLModel only where autogenerate finds that they need it."""
    script_template.write_text(SQLMODEL_IMPORT.sub("", script_template.read_text()))


def _refuse_hiding_alembic(directory: Path, package: bool) -> None:
    from ..errors import InitError

    if package and directory.name == "alembic" and not (directory.absolute().parent / "__init__.py").exists():
        raise InitError(str(directory))


def template_settings() -> str:
    """The settings for the ini that is being written; its template calls this.

    `alembic init -t /path/to/the/template` comes here without a survey: then the working directory is the project.
    """
    return setting_lines(_surveyed.get() or survey_project(Path.cwd()))


def _describe_written_ini(project: Project, ini: Path) -> str:
    modules = ", ".join(project.model_modules)
    lines = [
        "",
        f"Found in this project, and written to {ini.name}:",
        f"  import root  {_name_roots(project)}",
        f"  models       {_found(project.models, 'none yet', f'({modules})')}",
        f"  engine       {_found(project.engines, _no_engine(project), _name_other_engines(project))}",
    ]
    lines += _name_unread(project)
    if project.models and not _needs_choice(project):
        lines += ["Nothing in it needs to be edited."]
    first = "".join(f"{step}, " for step in _list_steps(project, ini))
    return "\n".join([*lines, "", f'Next: {first}{"then " if first else ""}alembic revision --autogenerate -m "create tables"'])


def _list_steps(project: Project, ini: Path) -> Iterator[str]:
    """What comes before the first revision: without tables, or without a database, autogenerate has nothing to write."""
    if _needs_choice(project):
        yield f"choose in {ini.name}"
    if not project.models:
        yield "define tables"
        variable = project.url_variable or "DATABASE_URL"
        if not project.engines and project.url_parts is None and not os.environ.get(variable):
            yield f"set {variable}"


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


def _describe_kept_ini(project: Project, config: Config, ini: Path, new: Path) -> str:
    """The lines to paste; they name the new folder only where the ini leads to no environment yet."""
    from ..application.url import PLACEHOLDER  # with more of SQLAlchemy than other commands need

    section = config.config_ini_section
    kept = _find_environment(config, ini.parent, new)
    location = os.path.relpath(new.absolute(), ini.parent).replace(os.sep, "/")
    lines = "" if kept else f"script_location = %(here)s/{location}\n\n"
    lines += setting_lines(project) + _separator_lines(config)
    names = re.findall(r"^(\w+) =", lines, re.MULTILINE)
    replaced = ", ".join(name for name in names if config.file_config.has_option(section, name))
    text = ["", f"{ini} existed and was kept."]
    if kept:
        text += [
            f"Its script_location stays. Move the new env.py and script.py.mako to {kept}, in place of those there, and give"
        ]
        text += ["run_environment in env.py what the old one gave to context.configure."]
    text += [f"Paste these lines into its [{section}] section{f', in place of its {replaced}' if replaced else ''}."]
    if read_setting(config, "sqlalchemy.url") not in {None, "", PLACEHOLDER}:
        text += ["Remove its sqlalchemy.url, unless that is the database to migrate."]
    text += _name_unread(project)
    name = "" if section == "alembic" else f"-n {section} "
    return "\n".join([*text, "", lines, "", f'Next: alembic {name}revision --autogenerate -m "create tables"'])


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
