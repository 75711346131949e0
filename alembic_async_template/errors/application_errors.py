"""Errors of the configuration, and of the application's modules and models."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from ..masking import mask_message
from .base import AlembicAsyncTemplateError
from .block import Fix, count, series

SETTING_FIXES = {
    "database_wait": (Fix("give a duration", "database_wait = 10s"),),
    "lock_wait": (Fix("give a duration", "lock_wait = 60s"),),
    "lock_timeout": (Fix("give a duration, or off", "lock_timeout = 5s"),),
    "lock_retries": (Fix("give a number", "lock_retries = 5"),),
    "statement_timeout": (Fix("give a duration, or off", "statement_timeout = 5min"),),
    "upgrade_on_reload": (Fix("say on or off", "upgrade_on_reload = off"),),
    "blocking": (Fix("say what to do with an operation that would block a large table", "blocking = warn"),),
    "blocking_rows": (Fix("give a number", "blocking_rows = 100000"),),
    "online": (Fix("say on or off", "online = on"),),
    "prepend_sys_path": (Fix("name the folder from which the application is imported", "prepend_sys_path = %(here)s/src"),),
    "app_models": (Fix("name the modules or packages that define the models", "app_models = app.models, app.billing"),),
    "app_engine": (
        Fix("name the application's engine", "app_engine = app.db:engine"),
        Fix("name its URL", "app_engine = app.config:get_settings().database_url"),
    ),
}
"""How to solve an error of a setting where nothing more is known."""


class InitError(AlembicAsyncTemplateError):
    """`alembic init` was asked for an environment that would not work."""

    def __init__(self, directory: str, section: str | None = None) -> None:
        self.directory = directory
        self.section = section
        if section is not None:
            command = f"alembic -n {shlex.quote(section)} init -t async-fastapi {shlex.quote(directory)}"
            super().__init__(
                f'[tool.alembic] of pyproject.toml is one environment, and -n asks for the section "{section}"',
                Fix("let an alembic.ini have it", command),
            )
            return
        super().__init__(
            f'Directory "{directory}" with --package would be a Python package named alembic, and hide Alembic itself',
            Fix("choose another name", "alembic init -t async-fastapi --package migrations"),
        )


class TemplateNotFoundError(AlembicAsyncTemplateError):
    """`alembic init -t` was given a name that is nearly that of this package's template."""

    def __init__(self, template: str, near: str, directory: str) -> None:
        self.template = template
        self.near = near
        super().__init__(
            f"There is no template {template}", Fix("correct the name", f"alembic init -t {near} {shlex.quote(directory)}")
        )


class EnvironmentNotFoundError(AlembicAsyncTemplateError):
    """The folder of the revisions has no `env.py`, or no `script.py.mako`."""

    def __init__(self, path: Path, place: str, *fixes: Fix) -> None:
        self.path = path
        env = (
            Fix("get the file back, or write it again", "from alembic_async_template import run_environment\nrun_environment()"),
            Fix("if the revisions are elsewhere, name their folder", "script_location = %(here)s/migrations"),
        )
        super().__init__(f"{path} is not there", *(fixes or env), where=place)


class ConfigNotFoundError(AlembicAsyncTemplateError):
    """`Migrations` has no configuration."""

    def __init__(self, path: Path, *, given: bool, above: Path | None = None) -> None:
        self.path = path
        fix = Fix("give the path of the project's alembic.ini", 'Migrations(Path(__file__).parent / "alembic.ini")')
        super().__init__(
            f"{path} was not found",
            fix if above is None else Fix("there is one in a folder above", f'Migrations("{above.as_posix()}")'),
            where="" if given else "the working directory, where the command line looks too",
        )


class SettingError(AlembicAsyncTemplateError):
    """A setting cannot be used as it is."""

    def __init__(self, setting: str, value: str, place: str, problem: str, *fixes: Fix) -> None:
        self.setting = setting
        self.value = mask_message(value)
        super().__init__(f'{setting}: "{self.value}" {problem}', *(fixes or SETTING_FIXES[setting]), where=place)


class ApplicationError(AlembicAsyncTemplateError):
    """Something about the application's own modules."""


class ApplicationImportError(ApplicationError):
    """A module of the application could not be imported."""

    def __init__(
        self,
        module: str,
        problem: str,
        *fixes: Fix,
        place: str,
        directory: Path,
        import_roots: Sequence[Path],
        source: str = "",
    ) -> None:
        self.module = module
        self.problem = problem
        path = shlex.quote(os.pathsep.join(map(str, import_roots)))
        command = f'cd {shlex.quote(str(directory))} && PYTHONPATH={path} python -c "import {module}"'
        super().__init__(
            f"Module {module} could not be imported: {problem}",
            *fixes,
            Fix("the error itself", command, label="see"),
            where=f"{source}\nimport root {', '.join(map(str, import_roots))} (prepend_sys_path in {place})".strip(),
        )


class ApplicationExitError(ApplicationError):
    """The application, or an `env.py` that had not begun yet, ended the command with `sys.exit()`."""

    def __init__(self, place: str, problem: str, *fixes: Fix) -> None:
        self.problem = problem
        super().__init__(f"The command was ended by {problem}", *fixes, where=place)


class ModelsNotChosenError(ApplicationError):
    """Several packages define tables and the ini does not say which are this database's."""

    def __init__(self, place: str, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)
        packages = list(dict.fromkeys(module.partition(".")[0] for module in modules))
        found = f"tables were found in {series(packages)}" if packages else "no module was found that defines tables"
        fixes = [Fix("name those of this database", f"app_models = {packages[0] if packages else 'app.models'}")]
        if len(packages) > 1:
            fixes = [
                Fix("if all of them are this database's", f"app_models = {', '.join(packages)}"),
                Fix("leave out those of another database", f"app_models = {', ~'.join(packages)}"),
            ]
        super().__init__(f"app_models is empty, and {found}", *fixes, where=place)


class NoTablesError(ApplicationError):
    """The application has no tables as far as its imported modules tell.

    :param modules: those that were imported.
    :param config_file: the file with `app_models`; None where `env.py` itself names the MetaData.
    """

    def __init__(self, modules: Sequence[str] = (), config_file: str | None = None, import_roots: Sequence[Path] = ()) -> None:
        self.modules = tuple(modules)
        setting = "app_models = app.users.models, app.posts.models"
        if config_file is None:
            super().__init__(
                "The target_metadata of env.py has no tables, so the application looks empty",
                Fix("give it the MetaData of the models in env.py, and import the modules that define them"),
                Fix("call run_environment() without target_metadata, and name these modules in alembic.ini", setting),
            )
            return
        imported = f"after importing {series(modules)}"
        super().__init__(
            "No tables were found, so the application looks empty",
            Fix(f"name the modules that define the models in {config_file}", setting),
            where=imported if modules else f"the sources under {', '.join(map(str, import_roots))}",
        )


class UnlistedModelsError(ApplicationError):
    """Modules outside `app_models` define tables."""

    def __init__(self, place: str, modules: Sequence[str], app_models: Sequence[str]) -> None:
        self.modules = tuple(modules)
        verb, them = ("defines", "it") if len(modules) == 1 else ("define", "them")
        super().__init__(
            f"{series(modules)} {verb} tables that would be forgotten: app_models does not cover {them}",
            Fix("if they belong to this database", f"app_models = {', '.join([*app_models, *modules])}"),
            Fix("if they belong to another one", f"app_models = {_leave_out(app_models, modules)}"),
            where=place,
        )


class SeveralMetadataError(ApplicationError):
    """Several MetaData objects that do not refer to each other, in an application with several engines."""

    def __init__(self, place: str, groups: Sequence[tuple[Sequence[str], Sequence[str]]], app_models: Sequence[str]) -> None:
        self.groups = tuple((tuple(modules), tuple(tables)) for modules, tables in groups)
        described = [f"{series(modules)} ({count(tables, 'table')}: {series(tables, 5)})" for modules, tables in groups]
        all_named = ", ".join([*app_models, *(modules[0] for modules, _ in groups[1:])])
        super().__init__(
            f"The application has several engines and {len(groups)} MetaData objects that do not refer to each other",
            Fix(f"if the last is another database's, in {place}", f"app_models = {_leave_out(app_models, groups[-1][0])}"),
            Fix("if all are this database's", f"app_models = {all_named}"),
            where="\n".join(described),
        )


class DuplicateTableError(ApplicationError):
    """Two MetaData objects declare the same table."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"Table {table} is declared in two MetaData objects, and it is not known which one is meant",
            Fix("declare it once"),
            Fix("leave the module of the other one out", "app_models = app, ~app.legacy"),
        )


def _leave_out(app_models: Sequence[str], modules: Sequence[str]) -> str:
    return ", ".join([*app_models, *(f"~{module}" for module in modules)])
