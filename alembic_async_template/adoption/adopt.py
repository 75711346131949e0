"""Plans and writes the conversion of an environment that is written by hand."""

from __future__ import annotations

import ast
import os
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..application.url import PLACEHOLDER
from ..doctor.configuration import check_configuration
from ..doctor.revision_files import read_revision
from ..doctor.revisions import check_leftover_enums
from ..doctor.several_statements import OTHER_DRIVER, list_several
from ..doctor.subject import Setting as WrittenSetting
from ..doctor.subject import Subject, read_subject
from ..errors.block import Fix
from ..masking import mask_message
from ..project.ini import Form, Setting
from ..project.survey import Project, describe_project, survey_project
from .agreement import Agreement, Verdict, compare
from .arguments import TARGET, Arguments, read_arguments
from .env_file import EnvFile, free_names, parse_expression
from .env_text import Call, write_env
from .machinery import Obstacle, find_machinery, find_obstacles, find_schema_lines
from .settings_text import add_settings
from .trial import DRIVER, try_environment
from .url_source import URLSource, find_url_source

if TYPE_CHECKING:
    from alembic.config import Config

_MOVE = Fix("take these lines out or move them into the application, and type it again", "alembic adopt")
# Packages whose env.py runs within an application of theirs.
_OWNERS = {"flask": "Flask-Migrate", "flask_migrate": "Flask-Migrate", "advanced_alchemy": "advanced-alchemy"}


@dataclass(frozen=True, slots=True)
class Change:
    """A file, as it is and as it is to be."""

    path: Path
    name: str
    """As reports name it."""
    before: str
    after: str

    @property
    def diff(self) -> tuple[str, ...]:
        """What changes, as `diff -u` writes it, secrets masked."""
        lines = unified_diff(self.before.splitlines(), self.after.splitlines(), self.name, self.name, lineterm="")
        return tuple(map(mask_message, lines))


@dataclass(frozen=True, slots=True)
class Adoption:
    """What would be written, what stands against it, and what the commands give before and after."""

    env: str
    """The `env.py`, as reports name it; empty where there is none."""
    is_adopted: bool = False
    """Whether it is this package's already."""
    changes: tuple[Change, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    notes: tuple[str, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    fixes: tuple[Fix, ...] = ()
    """What to do about the obstacles."""
    drivers: tuple[str, ...] = ()
    """The driver before and after, where they differ."""

    @property
    def is_possible(self) -> bool:
        """Whether nothing stands against writing it."""
        different = any(agreement.verdict is Verdict.DIFFERENT for agreement in self.agreements)
        return bool(self.changes) and not self.obstacles and not different and self.is_compared

    @property
    def is_compared(self) -> bool:
        """Whether any command came to an end, before or after."""
        return any(agreement.verdict is not Verdict.UNKNOWN for agreement in self.agreements)

    def write(self) -> Path:
        """Write the files, the settings first: without them the old `env.py` works as before.

        :return: where the old `env.py` is kept.
        :raises OSError: a file cannot be written; those that were are as they have been.
        """
        env = self.changes[-1]
        kept = _find_free(env.path.with_name("env.py.before"))
        shutil.copy2(env.path, kept)
        written: list[Change] = []
        try:
            for change in self.changes:
                written.append(change)
                _replace_text(change.path, change.after)
        except OSError:
            for change in written:
                _replace_text(change.path, change.before)
            kept.unlink()
            raise
        return kept

    def to_json(self) -> dict[str, Any]:
        """What `alembic adopt --json` prints of it."""
        return {
            "env": self.env,
            "adopted": self.is_adopted,
            "possible": self.is_possible,
            "files": [{"file": one.name, "diff": "\n".join(one.diff)} for one in self.changes],
            "obstacles": [{"line": one.line, "source": one.source, "why": one.why} for one in self.obstacles],
            "notes": list(self.notes),
            "fixes": [{"label": fix.label or "fix", "fix": fix.text} for fix in self.fixes],
            "drivers": list(self.drivers),
            "commands": [{"command": one.command, "verdict": one.verdict, "details": [*one.details]} for one in self.agreements],
        }


def plan_adoption(config: Config) -> Adoption:
    """Read an environment, and plan what makes it one of this package's. Nothing is written.

    The commands `current`, `check` and `upgrade head --sql` are run before and after, in processes of their own.
    """
    subject = read_subject(config)
    if subject.env is None or "script_location" not in subject.settings:
        problem = next(iter(check_configuration(subject)), None)
        fixes = (problem.fix, *problem.other_fixes) if problem else ()
        return Adoption("", obstacles=(Obstacle(0, "", problem.problem if problem else "There is no env.py"),), fixes=fixes)
    name = subject.relative_path(subject.env.path)
    if subject.uses_this_package:
        return Adoption(name, is_adopted=True)
    if subject.env.problem:
        line = subject.env.problem_line or 0
        return Adoption(name, obstacles=(Obstacle(line, "", f"it cannot be read: {subject.env.problem}"),))
    return _Planner(config, subject, EnvFile(subject.env.text, subject.env.tree), name).plan()


class _Planner:
    def __init__(self, config: Config, subject: Subject, env: EnvFile, name: str) -> None:
        self.config = config
        self.subject = subject
        self.env = env
        self.name = name
        self.machinery = find_machinery(env)
        self.arguments = read_arguments(env, self.machinery)
        self.url = find_url_source(env, self.machinery)
        schema = self.arguments.values.get("version_table_schema")
        self.schema_lines = find_schema_lines(env, self.machinery, schema) if schema else set[int]()
        self.notes: list[str] = []

    def plan(self) -> Adoption:
        obstacles = tuple(self._list_obstacles())
        if obstacles:
            return Adoption(self.name, obstacles=obstacles, fixes=(_MOVE,) if any(one.line for one in obstacles) else ())
        project = self._survey()
        before = try_environment(self.config)
        scanned = len(project.models) == 1 and bool(project.model_modules)
        result = Adoption(self.name)
        for scan in [True, False] if scanned else [False]:
            self.notes = [f"Line {line} is left out: run_environment creates this schema itself" for line in self.schema_lines]
            try:
                changes = self._write(project, scan=scan)
            except ValueError as error:
                why = f"the settings have no line {error}, below which new ones could be written"
                return Adoption(self.name, obstacles=(Obstacle(0, "", why),))
            after = try_environment(self.config, changes[-1].after, changes[0].after)
            agreements = tuple(compare(before, after))
            drivers = tuple(line for one in (before, after) for line in one[DRIVER].lines)
            if "asyncpg" in drivers[-1:] and drivers[0] != "asyncpg":
                self.notes += self._name_several_statements()
            self.notes += self._name_leftover_enums(before["database"].lines + after["database"].lines)
            changed = drivers if len(set(drivers)) > 1 else ()
            result = Adoption(self.name, changes=changes, notes=tuple(self.notes), agreements=agreements, drivers=changed)
            if result.is_possible or not result.is_compared:
                break
        return result

    def _list_obstacles(self) -> Iterator[Obstacle]:
        owners = {_OWNERS[top] for module, _ in self.env.imports.values() if (top := module.partition(".")[0]) in _OWNERS}
        for owner in owners:
            yield Obstacle(0, "", f"it is {owner}'s, which runs it within an application")
        if owners:
            return
        if not self.machinery.statements:
            yield Obstacle(0, "", "it never calls context.configure and context.run_migrations")
        yield from (one for one in find_obstacles(self.env, self.machinery) if one.line not in self.schema_lines)
        yield from self.arguments.obstacles
        if self.url.expression and not self.url.statements:
            unknown = free_names(parse_expression(self.url.expression)) - self.env.names
            if unknown:
                why = f"the URL is made of {', '.join(sorted(unknown))}, which is not there outside of the function"
                yield Obstacle(0, self.url.expression, why)

    def _survey(self) -> Project:
        """What the sources have, with the import roots that are set where the tables are below one of them."""
        subject = self.subject
        folder = subject.script_folder or subject.directory
        directory = subject.directory.resolve()
        excluded = [folder.absolute()]
        project = survey_project(directory, excluded)
        roots = [root.resolve() for root in subject.import_roots]
        if project.other_roots or (project.import_root in roots) or not project.model_modules:
            return describe_project(directory, roots, excluded) if roots[0] != project.import_root else project
        return project

    def _name_several_statements(self) -> Iterator[str]:
        """What old revisions do and asyncpg does not; those that the database has too, since a new one runs them all."""
        revisions = filter(None, map(read_revision, self.subject.revisions))
        places = [f"{self._name(one.source.path)}:{call.lineno}" for one in revisions for call, _, _ in list_several(one)]
        if places:
            lines = "".join(f"\n  {place}" for place in places)
            yield f"asyncpg takes one statement at a time, and these calls send several. Split them, or {OTHER_DRIVER}:{lines}"

    def _name_leftover_enums(self, databases: Sequence[str]) -> Iterator[str]:
        """What keeps a database from being upgraded once more after `alembic downgrade base`."""
        if not any(database.startswith("postgresql:") for database in databases):
            return
        revisions = filter(None, map(read_revision, self.subject.revisions))
        found = [problem for revision in revisions for problem in check_leftover_enums(revision)]
        if found:
            lines = [f"\n  {self._name(one.path)}:{one.line}  {one.fix.example}" for one in found if one.path]
            yield (
                "alembic downgrade base leaves enum types, and alembic upgrade head fails after it, as before. "
                f"Drop them at the end of each downgrade():{''.join(lines)}"
            )

    def _name(self, path: Path) -> str:
        return self.subject.relative_path(path)

    def _write(self, project: Project, *, scan: bool) -> tuple[Change, ...]:
        assert self.subject.env is not None
        path = self.subject.env.path
        settings = self._change_settings(list(self._list_settings(project, scan=scan)))
        text = write_env(self.env, self._list_removed(), self._make_call(scan=scan), project.model_modules if scan else ())
        before = _read_text(path)
        return (*settings, Change(path, self.name, before, text.replace("\n", "\r\n") if "\r\n" in before else text))

    def _list_removed(self) -> list[ast.stmt]:
        removed = [*self.machinery.statements, *(statement for statement, _ in self._list_conventions())]
        return removed + ([] if self.url.expression else list(self.url.statements))

    def _list_conventions(self) -> Iterator[tuple[ast.stmt, ast.expr]]:
        """The assignments to `metadata.naming_convention`."""
        for statement in self.env.tree.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Attribute) and target.attr == "naming_convention" for target in targets
            ):
                yield statement, statement.value

    def _make_call(self, *, scan: bool) -> Call:
        given: Arguments = self.arguments
        values = dict(given.values)
        if scan or values.get(TARGET) == "None" or self._is_none(values.get(TARGET, "")):
            values.pop(TARGET, None)
        for _, value in self._list_conventions():
            values["naming_convention"] = self.env.quote(value)
        hoisted = given.hoisted
        if self.url.expression and not self.url.statements:
            line = f'context.config.set_main_option("sqlalchemy.url", ({self.url.expression}).replace("%", "%%"))'
            hoisted = (*hoisted, f"from alembic import context\n\n# The URL is put together here.\n{line}")
        return Call(values, hoisted)

    def _is_none(self, name: str) -> bool:
        value = self.env.values.get(name)
        return isinstance(value, ast.Constant) and value.value is None

    # Settings

    def _list_settings(self, project: Project, *, scan: bool) -> Iterator[Setting]:
        roots = [root.resolve() for root in self.subject.import_roots]
        if project.import_root not in roots or "prepend_sys_path" not in self.subject.settings:
            new = [project.import_root, *(root for root in roots if root != project.import_root)]
            names = [project.relative_path(root) for root in (new if "prepend_sys_path" in self.subject.settings else new[:1])]
            yield Setting("prepend_sys_path", tuple("%(here)s" if name == "." else f"%(here)s/{name}" for name in names))
            if not {"path_separator", "version_path_separator", "version_locations"} & self.subject.settings.keys():
                yield Setting("path_separator", "os")
        if scan:
            yield Setting("app_models", tuple(project.models[0].split(", ")))
        url: URLSource = self.url
        ini = self.subject.settings.get("sqlalchemy.url")
        if url.setting:
            yield Setting(url.setting, url.value)
        if url.default:
            if mask_message(url.default) == url.default:
                yield Setting("sqlalchemy.url", url.default)
            else:
                self.notes.append(
                    f"The URL that env.py uses where {url.value} is not set has a password, and is not carried over"
                )
        elif url.setting and ini is not None and ini.value != PLACEHOLDER:
            self.notes.append(
                f"sqlalchemy.url in {ini.file.path.name} was not read, and is now where {url.value} names no database"
            )
        if not url.setting:
            variable = self.subject.settings.get("database_url_env")
            name = variable.value if variable else "DATABASE_URL"
            self.notes.append(f"The environment variable {name}, where it is set, comes before sqlalchemy.url now")

    def _change_settings(self, settings: Sequence[Setting]) -> tuple[Change, ...]:
        location: WrittenSetting = self.subject.settings["script_location"]
        path = location.file.path
        text = _read_text(path)
        is_toml = path.suffix == ".toml"
        form = Form.TOML if is_toml else Form.INI
        after = text
        for header in ["[tool.alembic]"] if is_toml else list(self._list_headers()):
            after = add_settings(after, header, settings, form) if settings else after
        if is_toml:
            tomllib.loads(after)
        return (Change(path, self.subject.relative_path(path), text, after),)

    def _list_headers(self) -> Iterator[str]:
        """The sections of the ini that have the same `env.py`."""
        own = self.subject.settings["script_location"].value
        for name, values in self.subject.sections.items():
            if name == self.subject.section or values.get("script_location") == own:
                yield f"[{name}]"


def _find_free(path: Path) -> Path:
    """A name that no file has yet."""
    number, free = 1, path
    while free.exists():
        number, free = number + 1, path.with_name(f"{path.name}.{number + 1}")
    return free


def _read_text(path: Path) -> str:
    """A text with the ends of its lines as they are."""
    return path.read_bytes().decode("utf-8")


def _replace_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; its permissions stay."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(text.encode())
    draft.chmod(path.stat().st_mode)
    os.replace(draft, path)
