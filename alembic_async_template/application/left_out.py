"""Finds the tables of modules that `app_models` leaves out, where they share a MetaData with tables of this database."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy import inspect as inspect_object
from sqlalchemy.orm import Mapper, registry

from ..project.sources import Sources


def find_left_out_tables(left_out: Collection[str], listed: Sequence[str], sources: Mapping[str, Sources]) -> frozenset[Table]:
    """The tables that only modules which are left out define; a module may have been imported by any other one.

    :param left_out: imported modules that are left out.
    :param listed: the modules of this database.
    :param sources: where modules are that define tables.
    """
    namespaces = {name: dict(vars(sys.modules[name])) for name in (*left_out, *listed) if name in sys.modules}
    owners: dict[Table, set[str]] = {}
    for mapper in _list_mappers(namespaces.values()):
        if isinstance(mapper.local_table, Table) and (
            mapper.inherits is None or mapper.inherits.local_table is not mapper.local_table
        ):
            owners.setdefault(mapper.local_table, set()).add(mapper.class_.__module__)
    for module, namespace in namespaces.items():
        for name, value in namespace.items():
            if isinstance(value, Table) and _is_defined(name, module, sources):
                owners.setdefault(value, set()).add(module)
    return frozenset(table for table, modules in owners.items() if modules <= set(left_out))


def _list_mappers(namespaces: Collection[Mapping[str, Any]]) -> Iterator[Mapper[Any]]:
    """The mapped classes of every registry that classes of the modules have; those inside of classes and functions too."""
    registries: set[registry] = set()
    for value in [value for namespace in namespaces for value in namespace.values()]:
        if isinstance(value, type):
            mapper: Any = inspect_object(value, raiseerr=False)
            value = mapper.registry if isinstance(mapper, Mapper) else getattr(value, "registry", None)
        if isinstance(value, registry):
            registries.add(value)
    for one in registries:
        yield from one.mappers


def _is_defined(name: str, module: str, sources: Mapping[str, Sources]) -> bool:
    """Whether a module has something under a name that it defines itself, and does not import."""
    if module not in sources or module not in sources[module].modules:
        return False
    source = sources[module].modules[module]
    return sources[module].resolve(source, name) == f"{module}.{name}" and name not in source.imports
