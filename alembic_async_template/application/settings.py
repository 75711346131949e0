"""The settings of one environment, read from the section of `alembic.ini` that Alembic reads."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.util import coerce_resource_to_filename

from ..errors import AlembicAsyncTemplateError, SettingError
from ..errors.block import Fix, setting_in_toml
from ..masking import mask_message
from .url_place import describe_url_source

if TYPE_CHECKING:
    from alembic.config import Config

# The longest timeout of PostgreSQL, in milliseconds: https://www.postgresql.org/docs/current/runtime-config-client.html.
_LONGEST = 2**31 - 1
TOML_SECTION = "tool.alembic"
# What Alembic itself reads from pyproject.toml for every section.
_ALEMBICS_OWN = frozenset({"script_location", "prepend_sys_path", "version_locations", "version_path_separator"})
# This package's own settings; a name that is nearly one of them is a misspelt one, and no other tool's.
OWN_SETTINGS = (
    "app_models",
    "app_engine",
    "database_url_env",
    "database_wait",
    "lock_wait",
    "lock_timeout",
    "lock_retries",
    "statement_timeout",
    "upgrade_on_reload",
    "blocking",
    "blocking_rows",
    "online",
    "shadow_url",
    "doctor_ignore",
)
NEAR = 0.86
"""How alike two names are at least, of which one may be meant by the other."""
_INTERPOLATION = re.compile(r"%%|%\(([^)]+)\)s")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `alembic.ini` says, or its defaults; times are in seconds, and zero is no limit."""

    config_file: str
    """The file's name, for messages."""
    section: str
    directory: Path
    """The project: the folder of the ini. Relative SQLite paths start here."""
    excluded_folders: tuple[Path, ...]
    """What the scan for models leaves out: migrations, revisions, and what lies beside a package that has the ini in it."""
    import_roots: tuple[Path, ...]
    app_models: tuple[str, ...]
    """Modules, packages and patterns; empty when the ini leaves the choice open."""
    app_engine: str | None
    database_url_env: str
    sqlalchemy_url: str | None = field(repr=False)
    sqlalchemy_url_source: str
    database_wait: float
    """How long to wait for a database that is not up."""
    lock_wait: float
    """How long to wait for another process that migrates."""
    lock_timeout: float
    """How long a statement of a migration waits for a lock."""
    lock_retries: int
    """How often a revision that did not get a lock is retried."""
    statement_timeout: float
    """How long a statement of a migration may take."""
    other_engines: tuple[str, ...]
    """What other sections have as `app_engine`: engines of other databases."""
    upgrade_on_reload: bool
    """Whether a program upgrades although it was started by a change of its sources."""
    blocking: str
    """`warn`, `refuse` or `allow` an operation that would block a large table."""
    blocking_rows: int
    """How many rows a table has that must not be blocked."""
    online: bool
    """Whether autogenerate writes `with op.online():`."""
    shadow_url: str | None = field(repr=False)
    """Where `plan` and `drift` run the revisions, if not beside the live database."""

    @property
    def place(self) -> str:
        """The section that holds the settings, for messages."""
        return describe_place(self.section, self.config_file)

    def write_setting(self, name: str, value: str) -> str:
        """A setting as its file has it, for messages."""
        line = f"{name} = {value}"
        return setting_in_toml(line) if self.section == TOML_SECTION else line


def describe_place(section: str, file: str) -> str:
    """Where a setting stands, for messages."""
    return f"section [{section}] of {file}"


def read_settings(config: Config) -> Settings:
    """Read the settings of the section that Alembic was started with.

    :raises SettingError: a setting is misspelt, or has a value that it cannot have; or there is no such section.
    """
    ini = Path(config.config_file_name) if config.config_file_name else None
    toml = Path(config.toml_file_name) if config.toml_file_name and _is_in_toml(config) else None
    file = toml or ini
    directory = file.absolute().parent if file else Path.cwd()
    config_file = file.name if file else "the configuration"
    section = config.config_ini_section if toml is None else TOML_SECTION
    place = describe_place(section, config_file)
    _refuse_missing_section(config, config_file)
    try:
        return _read(config, config_file, section, place, directory)
    except SettingError as error:
        if toml is not None:
            error.write_in_toml()
        raise


def _read(config: Config, config_file: str, section: str, place: str, directory: Path) -> Settings:
    paths = config.get_prepend_sys_paths_list() or ["."]
    if isinstance(paths, str):
        raise SettingError("prepend_sys_path", paths, place, "is not a list", Fix("make it one", f"prepend_sys_path = {paths}"))
    # A path that is not absolute starts at the ini, as the project does, and not where the command happens to be started.
    roots = tuple((directory / root).resolve() for root in paths)
    script_location = read_setting(config, "script_location")
    # A location may be a folder of an importable package, as in app:migrations.
    locations = [script_location, *(config.get_version_locations_list() or [])]
    migrations = [coerce_resource_to_filename(location).resolve() for location in locations if location]
    app_models = split_names(_or_default(read_setting(config, "app_models"), "*"))
    _refuse_misspelt(config, place)
    return Settings(
        config_file=config_file,
        section=section,
        directory=directory,
        excluded_folders=(*migrations, *_list_beside(directory.resolve(), roots, app_models)),
        import_roots=roots,
        app_models=app_models,
        app_engine=read_setting(config, "app_engine") or None,
        database_url_env=read_setting(config, "database_url_env") or "DATABASE_URL",
        sqlalchemy_url=read_setting(config, "sqlalchemy.url") or None,
        sqlalchemy_url_source=describe_url_source(config, config_file, by_env=is_command_line(config)),
        database_wait=_read_seconds(config, "database_wait", "10s", place),
        lock_wait=_read_seconds(config, "lock_wait", "60s", place),
        lock_timeout=_read_seconds(config, "lock_timeout", "5s", place),
        lock_retries=_read_number(config, "lock_retries", "5", place),
        statement_timeout=_read_seconds(config, "statement_timeout", "off", place),
        other_engines=tuple(_list_other_engines(config)),
        upgrade_on_reload=_read_choice(config, "upgrade_on_reload", ("on", "off"), place) == "on",
        blocking=_read_choice(config, "blocking", ("refuse", "allow", "warn"), place),
        blocking_rows=_read_number(config, "blocking_rows", "100000", place),
        online=_read_choice(config, "online", ("on", "off"), place) == "on",
        shadow_url=read_setting(config, "shadow_url") or None,
    )


def find_misspelt(name: str) -> str | None:
    """The setting of this package that a name nearly is; None for a setting, and for a name of something else."""
    near = difflib.get_close_matches(name.lower(), OWN_SETTINGS, 1, NEAR)
    return near[0] if near and name not in OWN_SETTINGS else None


def _refuse_misspelt(config: Config, place: str) -> None:
    """Refuse a name that is nearly a setting's: what it says would be ignored, another database be migrated for example.

    :raises SettingError: there is one.
    """
    parser, section = config.file_config, config.config_ini_section
    given = dict(parser.items(section, raw=True)) if parser.has_section(section) else {}
    for name, value in {**config.toml_alembic_config, **given}.items():
        near = find_misspelt(name)
        if near is not None:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            correction = Fix("correct the name", f"{near} = {mask_message(text)}")
            raise SettingError(name, text, place, "is not read, since there is no such setting", correction)


def _refuse_missing_section(config: Config, file: str) -> None:
    """Refuse a section that `-n` names and that has no setting: what Alembic finds elsewhere is another database's.

    :raises SettingError: there is no such section.
    """
    parser, section = config.file_config, config.config_ini_section
    if section == "alembic" or (parser.has_section(section) and set(parser.options(section)) - set(parser.defaults())):
        return
    near = difflib.get_close_matches(section, {*parser.sections(), "alembic"} - {section}, 1, NEAR)
    fixes = [Fix("take the one that is nearly called so", f"alembic -n {shlex.quote(one)} current") for one in near]
    name = shlex.quote(section)
    fixes.append(Fix("write it", f"alembic -n {name} init -t async-fastapi migrations_{name}"))
    raise SettingError("-n", section, file, "is no section with settings", *fixes)


def list_own_settings(config: Config) -> list[str]:
    """The settings of this package that a section has."""
    return [name for name in OWN_SETTINGS if read_setting(config, name) is not None]


def _list_other_engines(config: Config) -> Iterator[str]:
    for name in config.file_config.sections():
        if name != config.config_ini_section:
            yield config.file_config.get(name, "app_engine", raw=True, fallback="").strip()
    if config.config_ini_section != "alembic":
        yield str(config.toml_alembic_config.get("app_engine", ""))


def _read_seconds(config: Config, name: str, default: str, place: str) -> float:
    """A duration, as PostgreSQL writes one: `500ms`, `60s`, `5min`; a bare number is seconds, `off` is zero.

    :raises SettingError: it is not a duration, or longer than PostgreSQL can wait.
    """
    value = read_setting(config, name) or default
    if value == "off":
        return 0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|)", value)
    if match is None:
        raise SettingError(name, value, place, "is not a duration")
    seconds = float(match[1]) * {"ms": 0.001, "s": 1, "": 1, "min": 60, "h": 3600}[match[2]]
    if seconds * 1000 > _LONGEST:
        raise SettingError(name, value, place, "is longer than 24 days", Fix("give a shorter one", f"{name} = 24h"))
    return seconds


def _read_number(config: Config, name: str, default: str, place: str) -> int:
    """A whole number.

    :raises SettingError: it is not one.
    """
    value = read_setting(config, name) or default
    if not value.isdecimal():
        raise SettingError(name, value, place, "is not a number")
    return int(value)


def _read_choice(config: Config, name: str, choices: Sequence[str], place: str) -> str:
    """One of several words, by default the last.

    :raises SettingError: it is none of them.
    """
    value = read_setting(config, name) or choices[-1]
    if value not in choices:
        raise SettingError(name, value, place, f"is neither {' nor '.join(choices)}")
    return value


def _list_beside(directory: Path, roots: Sequence[Path], app_models: Sequence[str]) -> Iterator[Path]:
    """What lies beside the package that has the ini in it: above a project there may be anything, a home folder among it."""
    names = {name.partition(".")[0] for name in app_models}
    for root in roots:
        if root in directory.parents and directory.relative_to(root).parts[0] in names and os.access(root, os.R_OK):
            yield from (path for path in root.iterdir() if path.stem not in names)


def is_command_line(config: Config) -> bool:
    """Whether Alembic's command line runs, and not a program of its own, which may have made up arguments (`-x`)."""
    return hasattr(config.cmd_opts, "cmd")


def read_setting(config: Config, name: str) -> str | None:
    """One setting, with `%(here)s` and the like filled in and every other `%` as it stands.

    ConfigParser's own interpolation raises on the `%40` of an encoded password; here `%%` and `%` are both a percent sign.
    A `[tool.alembic]` table in `pyproject.toml` is read where the ini has no such setting, as Alembic does; but a section that
    `-n` names is another database's, and an ini elsewhere another project's: they have neither their URL nor models from there.
    """
    parser, section = config.file_config, config.config_ini_section
    if parser.has_option(section, name):
        known = {key: parser.get(section, key, raw=True) for key in parser.options(section)}
        return _interpolate(parser.get(section, name, raw=True), known).strip()
    if name not in _ALEMBICS_OWN and not _shares_toml(config):
        return None
    value = _find_in_toml(config.toml_alembic_config, name)
    if value is None:
        return None
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return _interpolate(text, config.toml_args).strip()


def _find_in_toml(table: Mapping[str, Any], name: str) -> Any:
    """A value of the table; `sqlalchemy.url = "..."` without quotes around the name is a table in it."""
    if name in table or "." not in name:
        return table.get(name)
    owner, _, rest = name.partition(".")
    inner = table.get(owner)
    return inner.get(rest) if isinstance(inner, dict) else None


def _is_in_toml(config: Config) -> bool:
    """Whether the environment is that of pyproject.toml: an ini beside it may have nothing but the logging, or more sections."""
    ini = config.config_file_name
    if "script_location" in config.toml_alembic_config:
        return not config.file_config.has_option(config.config_ini_section, "script_location")
    return bool(config.toml_alembic_config) and (ini is None or not Path(ini).exists())


def _shares_toml(config: Config) -> bool:
    """Whether pyproject.toml has settings of this environment: not those of a section with a name, or of an ini elsewhere."""
    ini, toml = config.config_file_name, config.toml_file_name
    if config.config_ini_section != "alembic":
        return False
    return ini is None or toml is None or not Path(ini).exists() or Path(ini).absolute().parent == Path(toml).absolute().parent


def _interpolate(text: str, known: dict[str, str]) -> str:
    return _INTERPOLATION.sub(
        lambda match: "%" if match[0] == "%%" else str(known.get(match[1].lower(), match[0])),
        text,
    )


def _or_default(value: str | None, default: str) -> str:
    return default if value is None else value


def split_names(text: str) -> tuple[str, ...]:
    """The names in a comma or line separated list."""
    return tuple(filter(None, (name.strip() for name in re.split(r"[,\n]", text))))


@contextmanager
def project_directory(settings: Settings, config: Config) -> Iterator[None]:
    """Run with the import roots on `sys.path` and, when the command line runs, in the project's working directory.

    Applications, and revisions that import their types, read `.env` relative to the working directory, and `alembic -c` may be
    started anywhere. A program that runs migrations keeps its own working directory. Errors show settings as the
    project has them.
    """
    sys.path[:0] = [str(root) for root in settings.import_roots if str(root) not in sys.path]
    previous = Path.cwd() if is_command_line(config) else None
    if previous is not None:
        os.chdir(settings.directory)
    try:
        yield
    except AlembicAsyncTemplateError as error:
        if settings.section == TOML_SECTION:
            error.write_in_toml()
        raise
    finally:
        if previous is not None:
            os.chdir(previous)
