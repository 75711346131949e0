"""Looks at a project's sources to find its import root, the modules with its tables, and its engine or database URL."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .engine_choice import EngineFinder
from .files import LARGEST, has_build_file, is_too_large, list_sources
from .import_roots import Trees, read_project
from .sources import Sources, parse_source
from .tables import TableFinder


@dataclass(frozen=True, slots=True)
class Project:
    """What a project's sources say about it. More than one candidate means that a person has to choose."""

    directory: Path
    import_root: Path
    other_roots: tuple[Path, ...] = ()
    """Folders that are import roots of their own, with tables of their own."""
    can_be_joined: bool = False
    """Whether all import roots can be one application's: no two have a module of the same name."""
    models: tuple[str, ...] = ()
    """Values for `app_models`."""
    model_modules: tuple[str, ...] = ()
    """The modules that define tables."""
    models_notes: tuple[str, ...] = ()
    """What there is to say of `models`."""
    engines: tuple[str, ...] = ()
    """Values for `app_engine`."""
    engine_notes: Mapping[str, str] = field(default_factory=dict)
    """Where each of them is defined, and what uses it."""
    other_engines: tuple[str, ...] = ()
    """Other engines in the module of the only one in `engines`."""
    engine_example: str = "app.db:engine"
    """How an engine may be called that is not there yet."""
    references: tuple[str, ...] = ()
    """Every value for `app_engine` that leads to an engine or URL of the application."""
    url_variables: tuple[str, ...] = ()
    """The environment variables that the sources read a database URL from."""
    url_parts: tuple[str, tuple[str, ...]] | None = None
    """A settings object that has only the parts of a URL, and their names."""
    unread: tuple[str, ...] = ()
    """The sources that may not be read or are too large, each with the reason."""

    @property
    def url_variable(self) -> str | None:
        """The environment variable that the sources read the database URL from, if it is one only."""
        return self.url_variables[0] if len(self.url_variables) == 1 else None

    @property
    def application_folders(self) -> tuple[Path, ...]:
        """Where `alembic init` makes an environment for one import root; empty if there is only one such folder."""
        folders = dict.fromkeys(_find_folder(root, self.directory) for root in (self.import_root, *self.other_roots))
        return tuple(folders) if len(folders) > 1 and self.directory not in folders else ()

    def relative_path(self, folder: Path) -> str:
        """A folder as seen from that of the ini."""
        return os.path.relpath(folder, self.directory).replace(os.sep, "/")


def _find_folder(root: Path, directory: Path) -> Path:
    """The folder of the project that has an import root: the nearest with a file of a build tool, below that of the ini."""
    for folder in (root, *root.parents):
        if folder == directory or not folder.is_relative_to(directory):
            break
        if has_build_file(folder):
            return folder
    return root.parent if root.name == "src" else root


def survey_project(directory: Path, excluded: Collection[Path] = ()) -> Project:
    """Look at the project in `directory` when nothing is known about it yet. Nothing is imported."""
    directory = directory.resolve()
    (root, *others), trees = read_project(directory, {path.resolve() for path in excluded})
    return _describe(directory, root, tuple(others), trees)


def describe_project(directory: Path, import_roots: Sequence[Path], excluded: Collection[Path]) -> Project:
    """Look at the project whose import roots are set."""
    root = import_roots[0]
    trees = {path: parse_source(path) for path in list_sources(root, excluded)} if os.path.isdir(root) else {}
    return _describe(directory, root, (), trees)


def _describe(directory: Path, root: Path, others: tuple[Path, ...], trees: Trees) -> Project:
    sources = Sources.under(root, trees)
    table_finder = TableFinder(sources)
    tables = tuple(name for name, module in sources.modules.items() if table_finder.defines_tables(module))
    engine_finder = EngineFinder(sources, tables)
    engines = engine_finder.candidates()
    return Project(
        directory=directory,
        import_root=root,
        other_roots=others,
        can_be_joined=bool(others) and _have_distinct_names((root, *others), trees),
        models=_group_models(sources, tables),
        model_modules=tables,
        engines=tuple(engines),
        engine_notes=engines,
        other_engines=engine_finder.other_engines(),
        references=engine_finder.references(),
        url_variables=engine_finder.url_variables(),
        url_parts=engine_finder.url_parts(),
        unread=tuple(_describe_unread(directory, [path for path, tree in trees.items() if tree is None])),
    )


def _have_distinct_names(roots: Iterable[Path], trees: Trees) -> bool:
    tops = [
        {path.relative_to(root).parts[0].removesuffix(".py") for path in trees if path.is_relative_to(root)} for root in roots
    ]
    return sum(map(len, tops)) == len(set().union(*tops))


def _describe_unread(directory: Path, paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        file = os.path.relpath(path, directory).replace(os.sep, "/")
        if is_too_large(path):
            yield f"{file} (larger than {LARGEST // 1_000_000} MB)"
        elif not os.access(path, os.R_OK):
            yield f"{file} (no permission)"


# Models


def _group_models(sources: Sources, tables: Sequence[str]) -> tuple[str, ...]:
    """One value for `app_models` for each application: top-level modules that import each other are one."""
    tops = {name.partition(".")[0] for name in sources.modules}
    group = {top: top for top in tops}

    def find(top: str) -> str:
        while group[top] != top:
            top = group[top]
        return top

    for module in sources.modules.values():
        for name in module.imported_modules():
            top = name.partition(".")[0]
            if top in tops:
                group[find(module.name.partition(".")[0])] = find(top)
    applications: dict[str, list[str]] = {}
    for name in tables:
        top = name.partition(".")[0]
        members = applications.setdefault(find(top), [])
        if top not in members:
            members.append(top)
    if len(applications) == 1:
        (members,) = applications.values()
        packages = {name.partition(".")[0] for name, module in sources.modules.items() if "." in name or module.is_package}
        return (members[0],) if len(members) == 1 and members[0] in packages else ("*",)
    return tuple(", ".join(members) for members in applications.values())


# The ini
