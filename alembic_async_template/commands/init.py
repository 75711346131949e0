"""What `alembic init` does with this package's template: it looks at the project first, and says what it found."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..autogenerate.render_types import SQLMODEL_IMPORT
from ..project.files import list_sources, read_source
from ..project.ini import Form, section_text
from ..project.survey import Project, survey_project
from .init_report import (
    Target,
    describe_applications,
    describe_files,
    describe_kept,
    describe_written,
    find_earlier_revisions,
    find_environment,
)
from .sections import append_section, choose_for_section, list_exclusions, list_sections

if TYPE_CHECKING:
    from alembic.config import Config

_USES_SQLMODEL = re.compile(rb"^[ \t]*(from[ \t]+sqlmodel\b|import[ \t][^#\n]*\bsqlmodel\b)", re.MULTILINE)


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
        config.print_stdout(describe_files(folder, None if existed else target.file))
        if not _uses_sqlmodel(target.file.parent, folder.absolute()):
            _leave_sqlmodel_out(folder / "script.py.mako")
        if kept or (existed and target.form is Form.INI and not _append_section(config, project, target, folder)):
            config.print_stdout(describe_kept(project, config, target, folder))
        else:
            earlier = None if existed else find_earlier_revisions(target.file.parent, folder)
            exclusions, hiding = list_exclusions(project, others), _list_hiding(config, target)
            config.print_stdout(describe_written(project, config, target, exclusions, hiding, earlier))
        if project.application_folders:
            config.print_stdout(describe_applications(project, options["template"], target, folder, existed=existed))
    return result


def _find_target(config: Config, directory: str, in_toml: bool) -> Target:
    """Where the settings go.

    :raises InitError: pyproject.toml is asked for a second section.
    """
    section = config.config_ini_section
    if not in_toml:
        return Target(Path(config.config_file_name or "alembic.ini").absolute(), section, Form.INI)
    if section != "alembic":
        from ..errors import InitError

        raise InitError(directory, section)
    return Target(Path(config.toml_file_name or "pyproject.toml").absolute(), section, Form.TOML)


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


def _append_section(config: Config, project: Project, target: Target, folder: Path) -> bool:
    """Give the ini the section that it does not have; False if it has one, or leads to an environment without it.

    Alembic leaves an ini that exists alone. But a section more changes nothing for the others, and no command that names it
    works without it.
    """
    if target.has_section(config) or (target.section == "alembic" and find_environment(config, folder)):
        return False
    try:
        append_section(target.file, section_text(project, target.section, target.locate(folder)))
    except OSError:  # it may not be written
        return False
    return True


def _list_hiding(config: Config, target: Target) -> list[str]:
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
