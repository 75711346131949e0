"""Looks at a project's sources to find its import root, the modules with its tables, and its engine or database URL."""

from __future__ import annotations

import ast
import functools
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .engines import EngineFinder, find_url_variables
from .sources import (
    Sources,
    list_sources,
    parse_source,
    read_module,
)


@dataclass(frozen=True, slots=True)
class Project:
    """What a project's sources say about it. More than one candidate means that a person has to choose."""

    directory: Path
    import_root: Path
    other_roots: tuple[Path, ...] = ()
    """Folders that are import roots of their own, with tables of their own."""
    models: tuple[str, ...] = ()
    """Values for `app_models`."""
    model_modules: tuple[str, ...] = ()
    """The modules that define tables."""
    engines: tuple[str, ...] = ()
    """Values for `app_engine`."""
    url_variable: str | None = None
    """The environment variable that the sources read a database URL from."""
    url_parts: tuple[str, tuple[str, ...]] | None = None
    """A settings object that has only the parts of a URL, and their names."""


def survey_project(directory: Path, excluded: Collection[Path] = ()) -> Project:
    """Look at the project in `directory` when nothing is known about it yet. Nothing is imported."""
    directory = directory.resolve()
    trees = {path: parse_source(path) for path in list_sources(directory, {path.resolve() for path in excluded})}
    root, *others = _find_import_roots(directory, trees)
    return _describe(directory, root, tuple(others), trees)


def describe_project(directory: Path, import_roots: Sequence[Path], excluded: Collection[Path]) -> Project:
    """Look at the project whose import roots are set."""
    root = import_roots[0]
    trees = {path: parse_source(path) for path in list_sources(root, excluded)} if root.is_dir() else {}
    return _describe(directory, root, (), trees)


def _describe(directory: Path, root: Path, others: tuple[Path, ...], trees: dict[Path, ast.Module | None]) -> Project:
    sources = Sources(root, {path: tree for path, tree in trees.items() if path.is_relative_to(root)})
    tables = tuple(name for name, module in sources.modules.items() if sources.defines_tables(module))
    finder = EngineFinder(sources)
    variables = sorted(set(find_url_variables(sources)))
    return Project(
        directory=directory,
        import_root=root,
        other_roots=others,
        models=_group_models(sources, tables),
        model_modules=tables,
        engines=finder.candidates(),
        url_variable=variables[0] if len(variables) == 1 else None,
        url_parts=finder.url_parts(),
    )


# Import root


def _find_import_roots(directory: Path, trees: dict[Path, ast.Module | None]) -> list[Path]:
    """The folder from which the project's absolute imports work, then the others that hold tables too."""
    files = set(trees)
    folders = {folder for path in files for folder in path.parents if folder.is_relative_to(directory)}
    imported = Counter(
        name
        for path, tree in trees.items()
        if tree is not None
        for name in read_module(path, directory, tree).imported_modules()
        if name.partition(".")[0] != path.stem and not _is_foreign(name.partition(".")[0], directory)
    )
    # What can be imported from each folder, so that only those few names are looked up there.
    contents: dict[Path, set[str]] = {folder: set() for folder in folders}
    for path in files | (folders - {directory}):
        contents[path.parent].add(path.stem)
    scores = {
        folder: sum(
            count
            for name, count in imported.items()
            if name.partition(".")[0] in contents[folder] and _leads_to_file(folder, name.split("."), files, folders)
        )
        for folder in sorted(folders, key=lambda folder: (len(folder.parts), folder))
    }
    ranked = [folder for folder in sorted(scores, key=scores.__getitem__, reverse=True) if scores[folder]]
    if not ranked:
        source = directory / "src"
        outside = any(not path.is_relative_to(source) for path in files)
        ranked = [source if source in folders and source / "__init__.py" not in files and not outside else directory]
    roots = ranked[:1]
    for folder in [*ranked[1:], directory]:
        if not any(folder.is_relative_to(root) for root in roots):
            own = Sources(
                folder,
                {
                    path: tree
                    for path, tree in trees.items()
                    if path.is_relative_to(folder) and not any(path.is_relative_to(root) for root in roots)
                },
            )
            if any(own.defines_tables(module) for module in own.modules.values()):
                roots.append(folder)
    return roots


@functools.cache
def _is_foreign(name: str, directory: Path) -> bool:
    """Whether a top-level name is Python's own or installed, so that importing it says nothing about the project."""
    if name in sys.stdlib_module_names:
        return True
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    places = [] if spec is None else [*(spec.submodule_search_locations or ()), spec.origin or ""]
    return any(place and not Path(place).resolve().is_relative_to(directory) for place in places)


def _leads_to_file(root: Path, parts: list[str], files: set[Path], folders: set[Path]) -> bool:
    """Whether an imported dotted name is a module or package under `root`, or a name in one."""
    path = root.joinpath(*parts)
    if path.with_name(path.name + ".py") in files or path in folders:
        return True
    owner = path.parent
    return owner != root and (owner.with_name(owner.name + ".py") in files or owner / "__init__.py" in files)


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


def setting_lines(project: Project) -> str:
    """The settings that `alembic init` writes into the ini for a project, each with what it means."""
    return "\n\n".join("\n".join(block) for block in _setting_blocks(project))


def _setting_blocks(project: Project) -> Iterable[list[str]]:
    def here(root: Path) -> str:
        relative = root.relative_to(project.directory).as_posix()
        return "%(here)s" if relative == "." else f"%(here)s/{relative}"

    roots = [project.import_root, *project.other_roots]
    block = ["# Import root: the folder from which the application is imported."]
    if project.other_roots:
        block += ["# Several folders look like one; choose the one of this database."]
        block += [f"# prepend_sys_path = {here(root)}" for root in roots[1:]]
    yield [*block, f"prepend_sys_path = {here(roots[0])}"]

    block = [
        "# Models: modules, packages or patterns, comma separated. Every module in them that defines tables is imported,",
        "# those added later too; ~name leaves one out. * is every module under the import root.",
    ]
    if len(project.models) == 1 and not project.other_roots:
        yield [*block, f"app_models = {project.models[0]}"]
    elif project.models:
        block += ["# Several applications define tables; choose those of this database."]
        yield [*block, *(f"# app_models = {models}" for models in project.models), "app_models ="]
    else:
        yield [*block, "# No tables were found yet.", "app_models = *"]

    block = [
        "# Engine: module:attribute of the application's engine, URL or settings value; calls without arguments are allowed."
    ]
    if len(project.engines) == 1 and not project.other_roots:
        yield [*block, f"app_engine = {project.engines[0]}"]
    elif project.engines:
        block += ["# Several were found; choose the one of this database, or set the environment variable."]
        yield [*block, *(f"# app_engine = {engine}" for engine in project.engines)]
    elif project.url_parts is not None:
        reference, parts = project.url_parts
        yield [
            *block,
            f"# {reference} has the parts of the URL ({', '.join(parts)}) and nothing that holds the whole of it.",
            "# Give it a property that returns the URL, named database_url for example, and write:",
            f"# app_engine = {reference}.database_url",
        ]
    else:
        yield [*block, "# None was found yet.", "# app_engine = app.db:engine"]

    yield [
        "# Environment variable with the database URL, used where app_engine names none.",
        f"database_url_env = {project.url_variable or 'DATABASE_URL'}",
    ]
