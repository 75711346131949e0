"""Finds the folder from which a project's imports start."""

from __future__ import annotations

import ast
import functools
import itertools
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .declared_roots import find_project_folder, read_declared_roots
from .files import list_inner_projects, list_sources
from .sources import Source, Sources, parse_source, read_module
from .tables import TableFinder

Trees = dict[Path, Source | None]


def read_project(directory: Path, excluded: Collection[Path]) -> tuple[list[Path], Trees]:
    """The import roots of the project that has its ini in `directory`, the likeliest first, and its sources.

    Above the ini, nothing is read but the package that the ini lies in and what pyproject.toml declares.
    """
    roots, trees = _read_project(directory, find_project_folder(directory), excluded)
    others: list[Path] = []
    for folder in list_inner_projects(directory, excluded):
        if not any(path.is_relative_to(folder) for path in trees):
            inner_roots, inner_trees = _read_project(folder, folder, excluded)
            if inner_trees and _hold_tables(inner_roots[0], inner_trees):
                others += inner_roots
                trees |= inner_trees
    return (others if others and not _hold_tables(roots[0], trees) else [*roots, *others]), trees


def _read_project(directory: Path, folder: Path | None, excluded: Collection[Path]) -> tuple[list[Path], Trees]:
    """The same for a project whose pyproject.toml is in `folder`, without the projects in it that nothing names."""
    declared = read_declared_roots(folder) if folder else ()
    starts = [_outermost_package(directory)]
    starts += [root for root in declared if not _is_listed(root, starts[0])]
    trees = _read_sources(starts, excluded)
    if not trees:
        starts = [folder or directory]
        trees = _read_sources(starts, excluded)
    roots = _rank(directory, tuple(starts), declared, trees)
    # Namespace packages have no __init__.py: only their imports show that the root is further up.
    packages = [_child_towards(roots[0], start) for start in starts if start != roots[0] and start.is_relative_to(roots[0])]
    return roots, trees | _read_sources([package for package in packages if package not in starts], excluded)


def _read_sources(folders: Iterable[Path], excluded: Collection[Path]) -> Trees:
    return {path: parse_source(path) for folder in folders for path in list_sources(folder, excluded)}


def _is_listed(root: Path, start: Path) -> bool:
    """Whether the sources under a declared root are those of `start`, or lie above it; no module is in a folder like `my-api`."""
    inside = root.is_relative_to(start) and all(part.isidentifier() for part in root.relative_to(start).parts)
    return inside or start.is_relative_to(root)


def _is_package(folder: Path) -> bool:
    return folder.name.isidentifier() and os.path.isfile(folder / "__init__.py")


def _outermost_package(folder: Path) -> Path:
    """The outermost package that a folder lies in, or the folder itself outside of packages."""
    while _is_package(folder) and _is_package(folder.parent):
        folder = folder.parent
    return folder


def _above_packages(folder: Path) -> Path:
    """The first folder, going up, that is not a package."""
    return _outermost_package(folder).parent if _is_package(folder) else folder


def _are_nested(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _child_towards(folder: Path, path: Path) -> Path:
    return folder / path.relative_to(folder).parts[0]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the import statements of a project say about its folders."""

    absolute: Counter[Path]
    """How many absolute imports lead to a file when the folder is the root."""
    relative: Counter[Path]
    """How many relative imports are inside of regular packages that lie in the folder."""
    broken: Counter[Path]
    """How many relative imports would lead out of the top-level package."""

    def allows(self, folder: Path) -> bool:
        return not self.broken[folder] or self.absolute[folder] > self.broken[folder]


def _rank(directory: Path, starts: tuple[Path, ...], declared: Collection[Path], trees: Trees) -> list[Path]:
    """The folder from which the project's absolute imports work, then the others that hold tables too."""
    evidence = _weigh(starts, trees)
    inner, outer = _list_folders(starts, trees)
    folders = [folder for folder in (*inner, *outer) if evidence.allows(folder)]
    ranked = sorted(
        (folder for folder in folders if evidence.absolute[folder]),
        key=lambda folder: (evidence.absolute[folder], folder in declared, evidence.relative[folder]),
        reverse=True,
    )
    # Scripts that import each other are no reason to forget the application.
    roots = list(itertools.islice((folder for folder in ranked if _hold_tables(folder, trees)), 1))
    default = _default_root(directory, starts, declared, evidence, trees)
    if not roots:
        roots = [default] if not ranked or _hold_tables(default, trees) else ranked[:1]
    for folder in [*ranked, default]:
        if not any(_are_nested(folder, root) for root in roots):
            rest = {path: tree for path, tree in trees.items() if not any(path.is_relative_to(root) for root in roots)}
            if _hold_tables(folder, rest):
                roots.append(folder)
    return roots


def _default_root(
    directory: Path, starts: tuple[Path, ...], declared: Collection[Path], evidence: _Evidence, trees: Trees
) -> Path:
    """The root where no absolute import leads to a file: what is declared, or the folder that the packages lie in."""
    for folder in declared:
        if evidence.allows(folder) and any(path.is_relative_to(folder) for path in trees):
            return folder
    above = {_above_packages(path.parent) for path in trees if path.with_name("__init__.py") in trees}
    loose = [path for path in trees if path.with_name("__init__.py") not in trees]
    source = directory / "src"
    if all(path.is_relative_to(source) for path in [*above, *loose]) and trees:
        return source
    if len(above) == 1 and evidence.allows(*above) and not any(not path.is_relative_to(*above) for path in loose):
        return next(iter(above))
    return next((folder for folder in (starts[0], *starts[0].parents) if evidence.allows(folder)), directory)


def _hold_tables(folder: Path, trees: Trees) -> bool:
    finder = TableFinder(Sources.under(folder, trees))
    return any(finder.defines_tables(module) for module in finder.sources.modules.values())


def _list_folders(starts: Iterable[Path], trees: Trees) -> tuple[list[Path], list[Path]]:
    """The folders that may be the root: those that are read, outermost first, and those above, innermost first."""
    every = {folder for path in trees for folder in path.parents}
    inner = {folder for folder in every if any(folder.is_relative_to(start) for start in starts)}
    return sorted(inner, key=lambda folder: (len(folder.parts), folder)), sorted(every - inner, reverse=True)


def _weigh(starts: tuple[Path, ...], trees: Trees) -> _Evidence:
    files = set(trees)
    folders = {folder for path in files for folder in path.parents}
    # What can be imported from each folder, so that only those few names are looked up there.
    contents: dict[Path, set[str]] = {folder: set() for folder in folders}
    for path in files | folders:
        if path.parent in contents:
            contents[path.parent].add(path.stem)
    evidence = _Evidence(Counter(), Counter(), Counter())
    imported: Counter[str] = Counter()
    for path, tree in trees.items():
        if tree is None:
            continue
        module = read_module(path, path.parent, tree)
        imported.update(name for name in module.imported_modules() if name.partition(".")[0] != path.stem)
        for levels in (node.level for node in module.nodes if isinstance(node, ast.ImportFrom) and node.level):
            package = [path.parent, *path.parent.parents][levels - 1]
            evidence.broken.update([path.parent, *path.parent.parents][:levels])
            if _is_package(package):
                evidence.relative[_above_packages(package)] += 1
    for name, count in imported.items():
        top = name.partition(".")[0]
        if not any(top in names for names in contents.values()) or _is_foreign(top, starts):
            continue
        for folder, names in contents.items():
            if top in names and _leads_to_file(folder, name.split("."), files, folders):
                evidence.absolute[folder] += count
    return evidence


@functools.cache
def _is_foreign(name: str, starts: tuple[Path, ...]) -> bool:
    """Whether a top-level name is Python's own or installed, so that importing it says nothing about the project."""
    if name in sys.stdlib_module_names:
        return True
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    places = [] if spec is None else [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else [])]
    # A namespace package may be installed in part, and the project is another part of it.
    return bool(places) and not any(_is_own(Path(place).resolve(), starts) for place in places)


def _is_own(place: Path, starts: tuple[Path, ...]) -> bool:
    """Whether what is installed lies in the project, as in an editable installation, and not in an environment in it."""
    folder = place.parent if place.suffix else place
    return "site-packages" not in place.parts and any(_are_nested(folder, start) for start in starts)


def _leads_to_file(root: Path, parts: list[str], files: set[Path], folders: set[Path]) -> bool:
    """Whether an imported dotted name is a module or package under `root`, or a name in one."""
    path = root.joinpath(*parts)
    if path.with_name(path.name + ".py") in files or path in folders:
        return True
    owner = path.parent
    return owner != root and (owner.with_name(owner.name + ".py") in files or owner / "__init__.py" in files)
