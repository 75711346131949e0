"""Finds the modules that define tables, imports them, and collects the MetaData objects that they fill."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, Table

from ..errors import (
    DuplicateTableError,
    ModelsNotChosenError,
    NoTablesError,
    SettingError,
    UnlistedModelsError,
)
from ..errors.block import Fix
from ..project.files import LARGEST, is_too_large, walk_sources
from ..project.scan_cache import recall_tables
from ..project.sources import Sources
from ..project.tables import FoundTable
from .imports import find_import_fix, find_package_above, find_root, import_application, refuse_module
from .left_out import find_left_out_tables
from .settings import NEAR

if TYPE_CHECKING:
    from .settings import Settings


log = logging.getLogger("alembic_async_template")


@dataclass(frozen=True, slots=True)
class ModelModules:
    """The modules to import for the tables, and those that define tables and are in no setting."""

    listed: tuple[str, ...]
    unlisted: tuple[str, ...]
    tables: Mapping[str, Sequence[FoundTable]]
    """What the sources show of the tables, by module; a module that is named in the setting may have none."""
    sources: Mapping[str, Sources]
    """Where the modules are that `tables` names."""


def find_model_modules(settings: Settings) -> ModelModules:
    """Scan the import roots for modules that define tables, and part them by `app_models`.

    A plain name in `app_models` that is a module is imported even if nothing in its source looks like a table; a name that
    is neither a module nor a pattern that matches one is an error. What a name with a leading `~` matches belongs to some
    other database and is in neither part.

    :raises SettingError: a name in `app_models` is not a module under the import roots, or one cannot be parsed.
    """
    wanted = [name for name in settings.app_models if not name.startswith("~")]
    unwanted = [name[1:] for name in settings.app_models if name.startswith("~")]
    names: dict[Path, list[str]] = {}
    known: set[str] = set()
    tables: dict[str, Sequence[FoundTable]] = {}
    owners: dict[str, Sources] = {}
    for root in settings.import_roots:
        if not os.path.isdir(root):
            raise SettingError("prepend_sys_path", str(root), settings.place, "is not a folder")
        sources, found = recall_tables(root, walk_sources(root, settings.excluded_folders))
        known |= {name for name in wanted if name in sources.paths}
        if not found:
            list(sources.modules)  # is it because of a source that cannot be parsed?
        needed = [name for name in sources.unreadable if is_covered(name, wanted) and not is_covered(name, unwanted)]
        for name in [*found, *_accept_unread(needed, sources, settings)]:
            if not is_covered(name, unwanted):
                names.setdefault(Path(sources.paths[name]).resolve(), []).append(name)
        tables |= found
        owners |= dict.fromkeys(found, sources)
    # A file that is under two import roots has two names; it is imported under the one that was asked for.
    chosen = [next((name for name in same if is_covered(name, wanted)), min(same, key=len)) for same in names.values()]
    listed = [name for name in chosen if is_covered(name, wanted)]
    for name in wanted:
        if name != "*" and not any(is_covered(module, [name]) for module in listed):
            if is_pattern(name):
                raise SettingError("app_models", name, settings.place, "matches no module that defines tables")
            listed += [name] if name in known else _find_elsewhere(name, settings, chosen)
    unlisted = tuple(name for name in chosen if name not in listed)
    return ModelModules(tuple(dict.fromkeys(listed)), unlisted, tables, owners)


def _accept_unread(names: Iterable[str], sources: Sources, settings: Settings) -> Iterator[str]:
    """Those of some modules that are imported though they were not parsed, since they are too large and `app_models` names them.

    :raises ApplicationImportError: a module that may define tables cannot be read or parsed.
    """
    models = ", ".join(settings.app_models)
    for name in names:
        path = sources.unreadable[name]
        if not is_too_large(path):
            problem, *fixes = _explain_unread(path, f"app_models = {models}, ~{name}")
            if (known := find_import_fix(SyntaxError(), settings)) and "syntax error" in problem:
                fixes = [*known.fixes]
            raise refuse_module(name, settings, problem, *fixes)
        if name in settings.app_models:
            yield name
        else:
            log.warning(
                "%s is larger than %d MB and was not searched for tables. If it defines tables of this database: %s; if not: %s",
                *(path, LARGEST // 1_000_000),
                *(settings.write_setting("app_models", f"{models}, {one}") for one in (name, f"~{name}")),
            )


def _explain_unread(path: Path, without: str) -> tuple[str, *tuple[Fix, ...]]:
    """Why a source cannot be read or parsed, and the fixes.

    :param without: the setting that leaves it out.
    """
    try:
        ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        leave = Fix("leave it out, if it defines no table of this database", without)
        return f"{path} cannot be read, {error.strerror}", Fix("let the user who runs this read it"), leave
    except SyntaxError as error:
        return (f"{path} has a syntax error in line {error.lineno}, {error.msg}",)
    except ValueError as error:
        return (f"{path} cannot be read, {error}",)
    except (RecursionError, MemoryError):
        return f"{path} has an expression that is too deep for Python's parser", Fix("leave it out", without)
    return (f"{path} has a syntax error",)


def _correct(name: str, settings: Settings, others: Sequence[str]) -> list[Fix]:
    """The module with tables that a misspelt name stands for, or those that there are."""
    packages = {".".join(parts[:depth]) for other in others if (parts := other.split(".")) for depth in range(1, len(parts) + 1)}
    near = difflib.get_close_matches(name, sorted(packages - set(settings.app_models)), 1, NEAR)
    if near:
        names = [near[0] if one == name else one for one in settings.app_models]
        return [Fix("correct the name", f"app_models = {', '.join(names)}")]
    tops = dict.fromkeys(other.partition(".")[0] for other in others)
    return [Fix("name what defines tables", f"app_models = {', '.join(tops)}")] if tops else []


def _find_elsewhere(name: str, settings: Settings, others: Sequence[str]) -> list[str]:
    """A module that was named and is not under the import roots, with those of its modules that define tables.

    :param others: the modules with tables that are there, one of which may be meant.
    """
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        found = find_package_above(name, settings) or find_root(name, settings)
        fixes = [Fix("name the folder that has it", f"prepend_sys_path = {found}")] if found else _correct(name, settings, others)
        raise SettingError("app_models", name, settings.place, "names no module under the import root", *fixes)
    from ..project.discovery import find_tables

    modules = [name]
    for location in spec.submodule_search_locations or ():
        folder = Path(location)
        root = folder.parents[name.count(".")]
        modules += find_tables(root, walk_sources(folder))[1]
    return modules


def is_pattern(name: str) -> bool:
    """Whether a name in `app_models` stands for several."""
    return any(character in name for character in "*?[")


def is_covered(module: str, patterns: Iterable[str]) -> bool:
    """Whether a module is named by a pattern or lies in a package that is."""
    parts = module.split(".")
    ancestors = [".".join(parts[: length + 1]) for length in range(len(parts))]
    return any(fnmatch.fnmatchcase(ancestor, pattern) for pattern in patterns for ancestor in ancestors)


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """A MetaData object with tables, and the imported modules that define them."""

    metadata: MetaData
    modules: tuple[str, ...]
    left_out: frozenset[Table] = frozenset()
    """Those of its tables that `app_models` leaves out."""


def load_metadata(settings: Settings, *, complete: bool) -> list[ModelMetadata]:
    """Import every module that defines tables and return the MetaData objects with tables, in import order.

    :param complete: whether every table counts, as in a comparison; otherwise what `app_models` covers is enough.
    :raises ModelsNotChosenError: `app_models` is empty, since several packages were possible when it was written.
    :raises UnlistedModelsError: a module outside `app_models` defines tables, which would be forgotten.
    :raises ApplicationImportError: a module cannot be imported.
    :raises NoTablesError: nothing defines a table.
    """
    found = find_model_modules(settings)
    if not settings.app_models:
        raise ModelsNotChosenError(settings.place, found.unlisted)
    if found.unlisted and complete:
        raise UnlistedModelsError(settings.place, found.unlisted, settings.app_models)
    collected: dict[int, MetaData] = {}
    defining: dict[int, list[str]] = {}
    mentioning: dict[int, list[str]] = {}
    for name in found.listed:
        first = next(iter(found.tables.get(name, ())), None)
        log.debug("Importing %s: %s", name, f"line {first.line}, {first.reason}" if first else "app_models names it")
        for metadata, defines in _module_metadata(import_application(name, settings)):
            collected.setdefault(id(metadata), metadata)
            (defining if defines else mentioning).setdefault(id(metadata), []).append(name)
    unwanted = [name[1:] for name in settings.app_models if name.startswith("~")]
    others = [name for name in sys.modules if is_covered(name, unwanted) and name not in found.listed]
    left_out = find_left_out_tables(others, found.listed, found.sources) if others else frozenset()
    models = [
        ModelMetadata(metadata, tuple(dict.fromkeys(defining.get(number) or mentioning[number][:1])), without)
        for number, metadata in collected.items()
        for without in [left_out & set(metadata.tables.values())]
        if len(metadata.tables) > len(without)
    ]
    if complete and not models:
        raise NoTablesError(found.listed, settings.config_file, settings.import_roots)
    return models


def _module_metadata(module: Any) -> Iterable[tuple[MetaData, bool]]:
    """The MetaData objects of the tables and mapped classes in a module's namespace; whether a class was defined in it."""
    for value in list(vars(module).values()):
        defined = isinstance(value, type) and value.__module__ == module.__name__
        if isinstance(value, MetaData):
            yield value, defined
        elif isinstance(value, Table):
            yield value.metadata, defined
        elif isinstance(value, type) and isinstance(table := value.__dict__.get("__table__"), Table):
            yield table.metadata, defined
        elif isinstance(value, type) and isinstance(metadata := getattr(value, "metadata", None), MetaData):
            yield metadata, defined


def refuse_duplicates(metadatas: Sequence[MetaData]) -> None:
    """Make sure that no two MetaData objects declare the same table.

    :raises DuplicateTableError: two of them do.
    """
    seen: dict[str, MetaData] = {}
    for metadata in metadatas:
        for key in metadata.tables:
            if seen.setdefault(key, metadata) is not metadata:
                raise DuplicateTableError(key)
