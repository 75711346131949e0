"""Finds the naming convention of the models, which unnamed constraints of a revision take, and imports only what holds it."""

from __future__ import annotations

import ast
import logging
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData

from ..project.files import name_modules, read_source, walk_sources
from ..project.sources import Module, read_imports
from ..project.syntax import run_statements
from .imports import import_application
from .models import ModelModules, find_model_modules, load_metadata

if TYPE_CHECKING:
    from .settings import Settings

log = logging.getLogger("alembic_async_template")

# What changes the convention of a MetaData that another module may have made.
_SETS_CONVENTION = re.compile(rb"\.naming_convention\b|\.metadata\b\s*=")


def find_holders(settings: Settings) -> dict[str, bytes]:
    """The modules under the import roots that mention a naming convention, with their text."""
    return {
        name: text
        for root in settings.import_roots
        if root.is_dir()
        for name, path in name_modules(walk_sources(root, settings.excluded_folders), root).items()
        if b"naming_convention" in (text := read_source(path))
    }


def load_conventions(settings: Settings, holders: Mapping[str, bytes]) -> list[MetaData]:
    """The MetaData objects of the models with their naming conventions, and not necessarily with their tables.

    They belong to the declarative bases, registries and `metadata` variables of the tables, which the sources show. Where they
    do not, or where it is not sure that the models import what sets the convention, the modules with tables are imported.

    :param holders: the modules that mention a convention.
    :raises ApplicationImportError: a module cannot be imported.
    """
    found = find_model_modules(settings)
    origins = _find_origins(found)
    setters = {name for name, text in holders.items() if _SETS_CONVENTION.search(text)} - {_module(o) for o in origins}
    if not origins:
        return _load_tables(settings)
    modules = [found.sources[name].modules[name] for name in found.listed] if setters else []
    if any(not any(_runs_import(module, setter) for module in modules) for setter in setters):
        return _load_tables(settings)
    for name in [*sorted(setters), *sorted({_module(origin) for origin in origins})]:
        log.debug("Importing %s: the naming convention depends on it", name)
        import_application(name, settings)
    metadatas = [_find_metadata(origin) for origin in origins]
    if None in metadatas:
        return _load_tables(settings)
    return list({id(metadata): metadata for metadata in metadatas if metadata is not None}.values())


def _load_tables(settings: Settings) -> list[MetaData]:
    return [model.metadata for model in load_metadata(settings, complete=False)]


def _find_origins(found: ModelModules) -> list[str]:
    """What has the MetaData of the tables, as `module:attribute`; nothing if the sources do not show it for each of them."""
    tables = [table for name in found.listed for table in found.tables.get(name, [None])]
    origins = {table.origin for table in tables if table is not None and table.origin is not None}
    hidden = any(table is None or table.origin is None for table in tables)
    return [] if hidden else sorted(origins)


def _module(origin: str) -> str:
    return origin.partition(":")[0]


def _runs_import(module: Module, name: str) -> bool:
    """Whether another module has run when this one has been imported, as far as its own import statements tell."""
    statements = [node for node in run_statements(module.tree.body) if isinstance(node, ast.Import | ast.ImportFrom)]
    imports, stars = read_imports(module.name, statements, is_package=module.is_package)
    return any(f"{other}.".startswith(f"{name}.") for other in (module.name, *imports.values(), *stars))


def _find_metadata(origin: str) -> MetaData | None:
    value: Any = sys.modules[_module(origin)]
    for name in origin.partition(":")[2].split("."):
        value = getattr(value, name, None)
    metadata = value if isinstance(value, MetaData) else getattr(value, "metadata", None)
    return metadata if isinstance(metadata, MetaData) else None
