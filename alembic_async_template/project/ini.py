"""Writes what a survey found as the settings of `alembic.ini` or `pyproject.toml`, with comments that say what to choose."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from .survey import Project


class Form(Enum):
    """How settings are written."""

    INI = "ini"
    TOML = "toml"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, or a proposal for one in a comment."""

    name: str
    value: str | int | tuple[str, ...]
    proposed: bool = False

    def render(self, form: Form) -> str:
        """The line that sets it."""
        name, value = self.name, self.value
        if form is Form.TOML:
            # What JSON escapes, TOML escapes alike.
            name = name if name.isidentifier() else json.dumps(name)
            text = json.dumps(value, ensure_ascii=False)
        else:
            separator = os.pathsep if name == "prepend_sys_path" else ", "
            text = separator.join(value) if isinstance(value, tuple) else str(value)
        return f"{'# ' if self.proposed else ''}{name} = {text}".rstrip()


Block = list["str | Setting"]
"""Comments and settings that stand together."""


def setting_lines(project: Project, form: Form = Form.INI) -> str:
    """The settings that say what was found in a project, each with what it means."""
    return _render(_found_settings(project), form)


def section_text(project: Project, section: str, script_location: str, form: Form = Form.INI) -> str:
    """A whole section, with its header, that makes an environment."""
    location: Block = ["# Where env.py and the revisions are.", Setting("script_location", script_location)]
    header = "[tool.alembic]" if form is Form.TOML else f"[{section}]"
    return f"{header}\n{_render([location, *_found_settings(project), *_fixed_settings(form)], form)}\n"


def _render(blocks: Iterable[Block], form: Form) -> str:
    return "\n\n".join("\n".join(line if isinstance(line, str) else line.render(form) for line in block) for block in blocks)


def _found_settings(project: Project) -> Iterator[Block]:
    yield _import_root(project)
    yield _models(project)
    yield _engine(project)
    yield [
        "# Environment variable with the database URL, used where app_engine names none.",
        Setting("database_url_env", project.url_variable or "DATABASE_URL"),
    ]


def joined_roots(project: Project) -> list[Setting]:
    """The settings by which all import roots are one application's."""
    return [Setting("prepend_sys_path", _name_roots(project)), Setting("app_models", ("*",))]


def _propose(settings: Iterable[Setting]) -> Iterator[Setting]:
    return (replace(setting, proposed=True) for setting in settings)


def _name_roots(project: Project) -> tuple[str, ...]:
    roots = [project.relative_path(root) for root in (project.import_root, *project.other_roots)]
    return tuple("%(here)s" if root == "." else f"%(here)s/{root}" for root in roots)


def _import_root(project: Project) -> Block:
    first, *others = _name_roots(project)
    block: Block = ["# Import root: the folder from which the application is imported."]
    if project.other_roots:
        block += ["# Several folders look like one; choose the one of this database."]
        block += [Setting("prepend_sys_path", (root,), proposed=True) for root in others]
        if project.can_be_joined:
            block += ["# Where they are one application, all of them are its import roots:", *_propose(joined_roots(project))]
    return [*block, Setting("prepend_sys_path", (first,))]


def _models(project: Project) -> Block:
    block: Block = [
        "# Models: modules, packages or patterns, comma separated. Every module in them that defines tables is imported,",
        "# those added later too; ~name leaves one out. * is every module under the import root.",
    ]
    block += [f"# {note}" for note in project.models_notes]
    if not project.models:
        return [*block, "# No tables were found yet.", Setting("app_models", ("*",))]
    if len(project.models) == 1 and not project.other_roots:
        return [*block, Setting("app_models", _names(project.models[0]))]
    if project.other_roots:
        block += [f"# Those of {project.relative_path(project.import_root)}:"]
    else:
        block += ["# Several applications define tables: all of them are this database's, or one is and ~ leaves out the others."]
        block += [Setting("app_models", _names(", ".join(project.models)), proposed=True)]
    for models in project.models:
        others = [name for other in project.models if other != models and not project.other_roots for name in _names(other)]
        block += [Setting("app_models", (*_names(models), *(f"~{name}" for name in others)), proposed=True)]
    return [*block, Setting("app_models", ())]


def _names(models: str) -> tuple[str, ...]:
    return tuple(models.split(", "))


def _engine(project: Project) -> Block:
    block: Block = [
        "# Engine: module:attribute of the application's engine, URL or settings value; calls without arguments are allowed."
    ]
    match project.engines:
        case (engine,) if project.other_roots:
            block += [f"# That of {project.relative_path(project.import_root)}:", Setting("app_engine", engine, proposed=True)]
        case (engine,):
            if project.other_engines:
                block += [f"# Other engines there: {', '.join(project.other_engines)}."]
            block += [Setting("app_engine", engine)]
        case ():
            block += _parts(*project.url_parts) if project.url_parts is not None else _no_engine(project)
        case engines:
            block += ["# Several were found; choose the one of this database, or set the environment variable."]
            for engine in engines:
                block += [f"# {project.engine_notes[engine]}:", Setting("app_engine", engine, proposed=True)]
    return block


def _no_engine(project: Project) -> Block:
    return ["# None was found yet.", Setting("app_engine", project.engine_example, proposed=True)]


def _parts(reference: str, parts: tuple[str, ...]) -> Block:
    return [
        f"# {reference} has the parts of the URL ({', '.join(parts)}) and nothing that holds the whole of it.",
        "# Give it a property that returns the URL, named database_url for example, and write:",
        Setting("app_engine", f"{reference}.database_url", proposed=True),
    ]


def _fixed_settings(form: Form) -> Iterator[Block]:
    """The settings that are the same for every project."""
    yield [
        "# Revision files sort by date.",
        Setting("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d-%%(rev)s_%%(slug)s"),
    ]
    if form is Form.INI:
        yield [
            "# How the paths in prepend_sys_path and version_locations are separated: as in the system's own PATH.",
            Setting("path_separator", "os"),
        ]
    yield [
        "# sqlalchemy.url is read last, after app_engine and the environment variable. A password does not belong in a file that",
        "# is committed.",
        Setting("sqlalchemy.url", "postgresql://app@localhost/app", proposed=True),
    ]
    yield [
        "# How long to wait for a database that is not up yet, and while another process migrates this one.",
        Setting("database_wait", "10s", proposed=True),
        Setting("lock_wait", "60s", proposed=True),
    ]
    yield [
        "# How long a statement of a revision waits for a lock; while it waits, others wait behind it. A revision that does not",
        "# get one is rolled back and is retried, as often as lock_retries says.",
        Setting("lock_timeout", "5s"),
        Setting("lock_retries", 5),
    ]
    yield [
        "# How long a statement may take. Without it, as long as it takes.",
        Setting("statement_timeout", "5min", proposed=True),
    ]
    yield [
        "# Autogenerate writes indexes, constraints and NOT NULL of tables that exist into op.online(), which blocks no one, on",
        "# PostgreSQL.",
        Setting("online", "on"),
    ]
