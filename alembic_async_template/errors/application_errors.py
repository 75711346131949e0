"""Errors of the configuration, and of the application's modules and models."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from ..masking import mask_message
from .base import AlembicAsyncTemplateError, add_sentences, count, series


class InitError(AlembicAsyncTemplateError):
    """`alembic init` was asked for an environment that would not work."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        super().__init__(
            f'Directory "{directory}" with --package would be a Python package named alembic and hide Alembic itself. '
            "Choose another name, for example: alembic init -t async-fastapi --package migrations"
        )


class ConfigNotFoundError(AlembicAsyncTemplateError):
    """`Migrations` has no configuration."""

    def __init__(self, path: Path, *, given: bool) -> None:
        self.path = path
        looked = "" if given else " Without a path it is looked for in the working directory, as the command line does."
        super().__init__(
            f"{path} was not found.{looked} Give the path of the project's alembic.ini, for example: "
            'Migrations(Path(__file__).parent / "alembic.ini")'
        )


class SettingError(AlembicAsyncTemplateError):
    """A setting cannot be used as it is."""

    def __init__(self, setting: str, value: str, place: str, problem: str, fix: str | None = None) -> None:
        self.setting = setting
        self.value = value = mask_message(value)
        super().__init__(f'{setting} in {place}: "{value}" {problem}. {fix or SETTING_EXAMPLES[setting]}')


SETTING_EXAMPLES = {
    "database_wait": "Give a time, for example: database_wait = 10s",
    "lock_wait": "Give a time, for example: lock_wait = 60s",
    "lock_timeout": "Give a time, or off, for example: lock_timeout = 5s",
    "lock_retries": "Give a number, for example: lock_retries = 5",
    "statement_timeout": "Give a time, or off, for example: statement_timeout = 5min",
    "prepend_sys_path": ("Name the folder from which the application is imported, for example: prepend_sys_path = %(here)s/src"),
    "app_models": ("Name the modules or packages that define the models, for example: app_models = app.models, app.billing"),
    "app_engine": (
        "Name the application's engine or its URL, for example: app_engine = app.db:engine, or "
        "app_engine = app.config:get_settings().database_url"
    ),
}


class ApplicationError(AlembicAsyncTemplateError):
    """Something about the application's own modules."""


class ApplicationImportError(ApplicationError):
    """A module of the application could not be imported."""

    def __init__(
        self,
        module: str,
        problem: str,
        fix: str | None,
        *,
        place: str,
        directory: Path,
        import_roots: Sequence[Path],
    ) -> None:
        self.module = module
        self.problem = problem
        self.fix = fix
        roots = ", ".join(map(str, import_roots))
        path = shlex.quote(os.pathsep.join(map(str, import_roots)))
        folder = shlex.quote(str(directory))
        super().__init__(
            add_sentences(
                f"Module {module} could not be imported: {problem}",
                *([fix] if fix else []),
                f"The import root is {roots} (prepend_sys_path in {place}). See "
                f'the error itself with: cd {folder} && PYTHONPATH={path} python -c "import {module}"',
            )
        )


class ModelsNotChosenError(ApplicationError):
    """Several packages define tables and the ini does not say which are this database's."""

    def __init__(self, place: str, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)
        packages = list(dict.fromkeys(module.partition(".")[0] for module in modules))
        example = packages[0] if packages else "app.models"
        found = f"Tables were found in {series(packages)}" if packages else "No module was found that defines tables"
        super().__init__(
            f"app_models is empty in {place}. {found}: name those of this database, for example: app_models = {example}"
        )


class NoTablesError(ApplicationError):
    """The application has no tables as far as its imported modules tell."""

    def __init__(self, modules: Sequence[str] = (), config_file: str | None = None, import_roots: Sequence[Path] = ()) -> None:
        self.modules = tuple(modules)
        if config_file is None:
            super().__init__(
                "The target_metadata given to run_environment in env.py has no tables, so autogenerate would see an empty "
                "application. Import the modules that define the models in env.py, or leave target_metadata out and "
                "name them in alembic.ini, for example: app_models = app.users.models, app.posts.models"
            )
            return
        roots = ", ".join(map(str, import_roots))
        looked = f"after importing {series(modules)}" if modules else f"in the sources under {roots}"
        super().__init__(
            f"No tables were found {looked}, so autogenerate would see an empty application. Name the modules that define the "
            f"models in {config_file}, for example: app_models = app.users.models, app.posts.models"
        )


class UnlistedModelsError(ApplicationError):
    """Modules outside `app_models` define tables."""

    def __init__(self, place: str, modules: Sequence[str], app_models: Sequence[str]) -> None:
        self.modules = tuple(modules)
        listed = ", ".join([*app_models, *modules])
        unlisted = ", ".join([*app_models, *(f"~{module}" for module in modules)])
        verb = "defines" if len(modules) == 1 else "define"
        super().__init__(
            f"{series(modules)} {verb} tables but no name in app_models in {place} covers it, "
            f"so they would be forgotten. If they belong to this database: "
            f"app_models = {listed}; if they belong to another one: app_models = {unlisted}"
        )


class SeveralMetadataError(ApplicationError):
    """Several MetaData objects that do not refer to each other, in an application with several engines."""

    def __init__(self, place: str, groups: Sequence[tuple[Sequence[str], Sequence[str]]], app_models: Sequence[str]) -> None:
        self.groups = tuple((tuple(modules), tuple(tables)) for modules, tables in groups)
        described = [f"{series(modules)} ({count(tables, 'table')}: {series(tables, 5)})" for modules, tables in groups]
        listed, other = ", ".join(app_models), groups[-1][0]
        all_named = ", ".join([*app_models, *(modules[0] for modules, _ in groups[1:])])
        super().__init__(
            f"The application has several engines and {len(groups)} MetaData objects that do not refer to each other: "
            f"{'; '.join(described)}. Say in {place} which are this database's. "
            f"If the last is another one's: app_models = {listed}, {', '.join(f'~{module}' for module in other)}; "
            f"if all are this one's: app_models = {all_named}"
        )


class DuplicateTableError(ApplicationError):
    """Two MetaData objects declare the same table."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"Table {table} is declared in two MetaData objects, so there is no telling which one is meant. Declare it once, or "
            "leave the module of the other one out, for example: app_models = app, ~app.legacy"
        )
