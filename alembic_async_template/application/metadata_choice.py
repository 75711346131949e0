"""Decides which of the application's MetaData objects are this database's."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError, NoReferenceError

from .. import _compat
from ..errors import SeveralMetadataError
from ..project.files import list_sources, read_source
from ..project.sources import parse_source
from ..project.syntax import last_name
from .column_types import find_implementation
from .models import ModelMetadata, is_covered, is_pattern

if TYPE_CHECKING:
    from .settings import Settings

log = logging.getLogger("alembic_async_template")

_ENGINES = frozenset({"create_async_engine", "create_engine", "async_engine_from_config", "engine_from_config"})
_DIALECTS = "sqlalchemy.dialects."


@dataclass(frozen=True, slots=True)
class Choice:
    """The MetaData objects of this database, and those of others."""

    own: list[MetaData]
    others: list[MetaData]


def choose_metadata(models: Sequence[ModelMetadata], settings: Settings, dialect: Dialect, *, complete: bool) -> Choice:
    """Leave out what shows that it belongs to another database, and refuse to guess about the rest.

    :param complete: whether every table counts, as in a comparison.
    :raises SeveralMetadataError: several MetaData objects that have nothing to do with each other, and several engines.
    """
    reasons = {id(model): _find_other_database(model.metadata, dialect) for model in models} if len(models) > 1 else {}
    own = [model for model in models if not reasons.get(id(model))]
    if not own:
        return _divide(models, [])
    for model in models:
        if reason := reasons.get(id(model)):
            log.info("The tables of %s are left out: they are another database's, %s", ", ".join(model.modules), reason)
    groups = _join(own)
    if complete and len(groups) > 1:
        unnamed = [group for group in groups if not _is_named(group, groups, settings)]
        if len(unnamed) > 1 and len(set(_list_engines(settings))) > 1:
            found = [(group.modules, list(group.tables)) for group in groups]
            raise SeveralMetadataError(settings.place, found, settings.app_models)
    return _divide(own, [model for model in models if model not in own])


def _divide(own: Sequence[ModelMetadata], others: Sequence[ModelMetadata]) -> Choice:
    """The MetaData objects; of one that has tables which `app_models` leaves out, a part for each side."""
    kept, rest = [], [model.metadata for model in others]
    for model in own:
        if model.left_out:
            tables = model.metadata.tables.values()
            kept.append(_compat.take_tables(model.metadata, [table for table in tables if table not in model.left_out]))
            rest.append(_compat.take_tables(model.metadata, model.left_out))
        else:
            kept.append(model.metadata)
    return Choice(kept, rest)


# Other databases


def _find_other_database(metadata: MetaData, dialect: Dialect) -> str | None:
    """What shows that a MetaData belongs to another database, None if nothing does."""
    if key := metadata.info.get("bind_key"):  # Flask-SQLAlchemy's, https://flask-sqlalchemy.palletsprojects.com/en/stable/binds/
        return f"bind_key {key}"
    own = _package(dialect)
    foreign = {entry.module.partition(".")[0] for entry in entry_points(group="sqlalchemy.dialects")} - {own, "sqlalchemy"}
    for table in metadata.tables.values():
        for part in (table, getattr(table, "engine", None)):  # ClickHouse's tables have one
            if _package(part) in foreign:
                return f"table {table.name} is made for {_package(part)}"
        for column in table.columns:
            type_ = find_implementation(column.type, dialect)
            if _package(type_) in foreign or _is_unknown(type_, dialect):
                return f"column {table.name}.{column.name} has type {type(type_).__name__} of {type(type_).__module__}"
    return None


def _package(part: Any) -> str:
    return type(part).__module__.partition(".")[0]


def _is_unknown(type_: Any, dialect: Dialect) -> bool:
    """Whether a type is another dialect's of SQLAlchemy, and nothing that this one can write."""
    module = type(type_).__module__
    if not module.startswith(_DIALECTS) or module.startswith(f"{_DIALECTS}{dialect.name}."):
        return False
    try:
        type_.compile(dialect=dialect)
    except CompileError:
        return True
    return False


# What belongs together


@dataclass(slots=True)
class _Group:
    """MetaData objects that refer to each other, or whose tables are defined in one module."""

    modules: tuple[str, ...]
    tables: dict[str, Any]
    targets: set[Any]

    def refers_to(self, other: _Group) -> bool:
        shares = not set(self.modules).isdisjoint(other.modules)
        return shares or any(table in self.targets for table in other.tables.values())


def _join(models: Sequence[ModelMetadata]) -> list[_Group]:
    groups: list[_Group] = []
    for model in models:
        tables = {key: table for key, table in model.metadata.tables.items() if table not in model.left_out}
        joined = _Group(model.modules, tables, set(_list_targets(model.metadata)))
        for group in [group for group in groups if group.refers_to(joined) or joined.refers_to(group)]:
            groups.remove(group)
            joined = _Group(group.modules + joined.modules, group.tables | joined.tables, group.targets | joined.targets)
        groups.append(joined)
    return groups


def _list_targets(metadata: MetaData) -> Iterator[Any]:
    """The tables that keys refer to; a name means a table of the same MetaData, a column may be one of another."""
    for table in metadata.tables.values():
        for key in table.foreign_keys:
            with suppress(NoReferenceError):  # Alembic says so itself
                yield key.column.table


def _is_named(group: _Group, groups: Sequence[_Group], settings: Settings) -> bool:
    """Whether a name in `app_models` is for modules of this group only."""
    others = [module for other in groups if other is not group for module in other.modules if module not in group.modules]
    return any(
        is_covered(module, [name]) and not any(is_covered(other, [name]) for other in others)
        for name in settings.app_models
        if not name.startswith("~") and not is_pattern(name)
        for module in group.modules
    )


# Engines


def _list_engines(settings: Settings) -> Iterator[str]:
    """What tells the application's engines apart: the names of their URLs, of a local variable with its place."""
    for root in settings.import_roots:
        for path in list_sources(root, settings.excluded_folders):
            if b"engine" not in read_source(path):
                continue
            source = parse_source(path)
            for node in source.nodes if source is not None else ():
                if isinstance(node, ast.Call) and last_name(node) in _ENGINES and node.args:
                    yield _name_url(node.args[0]) or f"{path}:{node.lineno}"


def _name_url(node: ast.expr) -> str | None:
    """The last name in an expression that sounds like a URL, whichever kind of driver it is for."""
    names = [inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]
    names += [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)]
    names += [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id.isupper()]
    named = [name.lower() for name in names if re.search("url|uri|dsn|://", name, re.IGNORECASE)]
    return re.sub(r"a?sync_?|_?a?sync", "", named[0]) if named else None
