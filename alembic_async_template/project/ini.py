"""Writes what a survey found as the settings of `alembic.ini`, with comments that say what to choose."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .survey import Project


def setting_lines(project: Project) -> str:
    """The settings that `alembic init` writes into the ini for a project, each with what it means."""
    return "\n\n".join("\n".join(block) for block in _setting_blocks(project))


def _setting_blocks(project: Project) -> Iterable[list[str]]:
    def here(root: Path) -> str:
        relative = project.relative_path(root)
        return "%(here)s" if relative == "." else f"%(here)s/{relative}"

    roots = [project.import_root, *project.other_roots]
    block = ["# Import root: the folder from which the application is imported."]
    if project.other_roots:
        block += ["# Several folders look like one; choose the one of this database."]
        block += [f"# prepend_sys_path = {here(root)}" for root in roots[1:]]
    yield [*block, f"prepend_sys_path = {here(roots[0])}"]

    block = [
        "# Models: modules, packages or patterns, comma separated. Every module in them that defines tables is imported,",
        "# those added later too; ~name leaves one out. * is every module under the import root.",
    ]
    if len(project.models) == 1 and not project.other_roots:
        yield [*block, f"app_models = {project.models[0]}"]
    elif project.models:
        block += [
            f"# Those of {project.relative_path(project.import_root)}:"
            if project.other_roots
            else "# Several applications define tables; choose those of this database."
        ]
        yield [*block, *(f"# app_models = {models}" for models in project.models), "app_models ="]
    else:
        yield [*block, "# No tables were found yet.", "app_models = *"]

    block = [
        "# Engine: module:attribute of the application's engine, URL or settings value; calls without arguments are allowed."
    ]
    if len(project.engines) == 1 and not project.other_roots:
        if project.other_engines:
            block += [f"# Other engines there: {', '.join(project.other_engines)}."]
        yield [*block, f"app_engine = {project.engines[0]}"]
    elif len(project.engines) == 1:
        block += [f"# That of {project.relative_path(project.import_root)}:"]
        yield [*block, f"# app_engine = {project.engines[0]}"]
    elif project.engines:
        block += ["# Several were found; choose the one of this database, or set the environment variable."]
        notes = ((f"# {project.engine_notes[engine]}:", f"# app_engine = {engine}") for engine in project.engines)
        yield [*block, *(line for pair in notes for line in pair)]
    elif project.url_parts is not None:
        reference, parts = project.url_parts
        yield [
            *block,
            f"# {reference} has the parts of the URL ({', '.join(parts)}) and nothing that holds the whole of it.",
            "# Give it a property that returns the URL, named database_url for example, and write:",
            f"# app_engine = {reference}.database_url",
        ]
    else:
        yield [*block, "# None was found yet.", "# app_engine = app.db:engine"]

    yield [
        "# Environment variable with the database URL, used where app_engine names none.",
        f"database_url_env = {project.url_variable or 'DATABASE_URL'}",
    ]
