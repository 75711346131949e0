"""Looks at a project's sources to find its import root, the modules with its tables, and its engine or database URL."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .sources import (
    Module,
    Sources,
    assignments,
    expression_name,
    last_name,
    list_sources,
    parse_source,
    read_module,
    run_statements,
)

_ASYNC_ENGINES = frozenset({"create_async_engine", "async_engine_from_config", "AsyncEngine"})
_SYNC_ENGINES = frozenset({"create_engine", "engine_from_config"})
_URL_NAME = re.compile(
    r"(?:.*_)?(?:database|db|postgres|postgresql|pg|sqlalchemy|sql|mysql|mariadb|sqlite)(?:_\w+)?_?(?:url|uri|dsn)", re.IGNORECASE
)
_NESTED_URL_NAME = re.compile(r"(?:async_|get_)?(?:url|uri|dsn)", re.IGNORECASE)
_OTHER_PURPOSE = re.compile(r"test|redis|celery|broker|replica|read_?only", re.IGNORECASE)
_HOST = re.compile(r"(?:.*(?:database|db|postgres|pg|mysql|sql)\w*_)?(?:host|hostname|server)", re.IGNORECASE)
_PASSWORD = re.compile(r"(?:.*(?:database|db|postgres|pg|mysql|sql)\w*_)?(?:password|pass|passwd|pw)", re.IGNORECASE)
_SETTINGS_CLASS = re.compile(r"\w*(?:Settings|Config|Configuration)")
# Of the kinds of references, those to sync engines; see `_module_references`.
_SYNC_RANKS = frozenset({2, 3})
_PROPERTIES = frozenset({"property", "computed_field", "cached_property"})


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
    finder = _EngineFinder(sources)
    variables = sorted(set(_url_variables(sources)))
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


# Engine


def _url_variables(sources: Sources) -> Iterator[str]:
    """Names of environment variables that the sources read and that sound like a database URL."""
    for module in sources.modules.values():
        for node in ast.walk(module.tree):
            argument: ast.expr | None = None
            if isinstance(node, ast.Subscript) and (expression_name(node.value) or "").endswith("environ"):
                argument = node.slice
            elif isinstance(node, ast.Call) and node.args:
                called = expression_name(node.func) or ""
                if called.endswith(("environ.get", "getenv")):
                    argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and _is_url_name(argument.value):
                yield argument.value


def _is_url_name(name: str, *, nested: bool = False) -> bool:
    pattern_matches = _URL_NAME.fullmatch(name) or (nested and _NESTED_URL_NAME.fullmatch(name))
    return bool(pattern_matches) and not _OTHER_PURPOSE.search(name)


def _takes_no_arguments(function: ast.FunctionDef, *, method: bool = False) -> bool:
    arguments = function.args
    required = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults) - (1 if method else 0)
    return required <= 0 and all(default is not None for default in arguments.kw_defaults)


class _EngineFinder:
    """Finds references to engines and database URLs, the best kind first."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    def candidates(self) -> tuple[str, ...]:
        """References of the best kind that there is: async engines, sync engines, settings, constants."""
        found: dict[int, list[str]] = {}
        for module in self.sources.modules.values():
            for rank, reference in self._module_references(module):
                if not _OTHER_PURPOSE.search(reference.partition(":")[2]):
                    found.setdefault(rank, []).append(reference)
        if found and min(found) in _SYNC_RANKS and self._makes_async_engine():
            # The application's engine is made where no reference leads: this one is for something else.
            found = {rank: references for rank, references in found.items() if rank not in _SYNC_RANKS}
        return tuple(dict.fromkeys(found[min(found)])) if found else ()

    def _makes_async_engine(self) -> bool:
        return any(
            isinstance(node, ast.Call) and last_name(node) == "create_async_engine"
            for module in self.sources.modules.values()
            for node in ast.walk(module.tree)
        )

    def _module_references(self, module: Module) -> Iterator[tuple[int, str]]:
        for name, value in assignments(module.tree.body):
            kind = self._engine_kind(module, value)
            if kind is not None:
                yield (0 if kind == "async" else 2), f"{module.name}:{name}"
                continue
            class_ = self._called_class(module, value)
            if class_ is not None:
                for kind, attribute in self._instance_engines(*class_):
                    yield (0 if kind == "async" else 2), f"{module.name}:{name}.{attribute}"
                for path in self._url_paths(*class_):
                    yield 4, f"{module.name}:{name}.{path}"
            elif _is_url_name(name) and not (isinstance(value, ast.Constant) and value.value is None):
                yield 7, f"{module.name}:{name}"
        for statement in run_statements(module.tree.body):
            if isinstance(statement, ast.FunctionDef) and _takes_no_arguments(statement):
                kind = self._returned_engine(module, statement)
                if kind is not None:
                    yield (1 if kind == "async" else 3), f"{module.name}:{statement.name}()"
                class_ = self._returned_class(module, statement)
                if class_ is not None:
                    for path in self._url_paths(*class_):
                        yield 5, f"{module.name}:{statement.name}().{path}"
            elif isinstance(statement, ast.ClassDef):
                for name, value in assignments(statement.body):
                    kind = self._engine_kind(module, value)
                    if kind is not None:
                        yield (0 if kind == "async" else 2), f"{module.name}:{statement.name}.{name}"
                if self._is_settings(module, statement):
                    for path in self._url_paths(module, statement):
                        yield 6, f"{module.name}:{statement.name}().{path}"

    def _engine_kind(self, module: Module, value: ast.expr | None) -> str | None:
        if isinstance(value, ast.Await) or not isinstance(value, ast.Call):
            return None
        called = expression_name(value.func)
        if called is None:
            return None
        resolved = self.sources.resolve(module, called)
        last = resolved.rpartition(".")[2]
        if resolved.partition(".")[0] in {"sqlalchemy", "sqlmodel"}:
            return "async" if last in _ASYNC_ENGINES else "sync" if last in _SYNC_ENGINES else None
        found = self.sources.definition(resolved)
        if found is not None and isinstance(found[1], ast.FunctionDef):
            return self._returned_engine(found[0], found[1])
        return None

    def _returned_engine(self, module: Module, function: ast.FunctionDef) -> str | None:
        local = dict(assignments(function.body))
        for statement in run_statements(function.body):
            if isinstance(statement, ast.Return) and statement.value is not None:
                value = statement.value
                if isinstance(value, ast.Name) and value.id in local:
                    value = local[value.id]
                if isinstance(value, ast.Call) and expression_name(value.func) != function.name:
                    return self._engine_kind(module, value)
        return None

    def _called_class(self, module: Module, value: ast.expr | None) -> tuple[Module, ast.ClassDef] | None:
        return self._named_class(module, value.func) if isinstance(value, ast.Call) else None

    def _named_class(self, module: Module, node: ast.expr | None) -> tuple[Module, ast.ClassDef] | None:
        name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else expression_name(node)
        found = self.sources.definition(self.sources.resolve(module, name)) if name else None
        return (found[0], found[1]) if found is not None and isinstance(found[1], ast.ClassDef) else None

    def _returned_class(self, module: Module, function: ast.FunctionDef) -> tuple[Module, ast.ClassDef] | None:
        if (annotated := self._named_class(module, function.returns)) is not None:
            return annotated
        for statement in run_statements(function.body):
            if isinstance(statement, ast.Return):
                return self._called_class(module, statement.value)
        return None

    def _instance_engines(self, module: Module, class_: ast.ClassDef) -> Iterator[tuple[str, str]]:
        """Kind and name of the engine that instances have: a public name if there is one, else the first."""
        engines: dict[str, str] = {}
        for statement in class_.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                for inner in run_statements(statement.body):
                    targets = inner.targets if isinstance(inner, ast.Assign) else []
                    if isinstance(inner, ast.AnnAssign):
                        targets = [inner.target]
                    for target in targets:
                        kind = self._engine_kind(module, getattr(inner, "value", None))
                        if kind and isinstance(target, ast.Attribute) and expression_name(target.value) == "self":
                            engines[target.attr] = kind
        for statement in class_.body:
            if isinstance(statement, ast.FunctionDef) and _is_property(statement):
                kind = self._returned_engine(module, statement)
                for inner in run_statements(statement.body):
                    if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Attribute):
                        kind = kind or engines.get(inner.value.attr)
                if kind:
                    engines[statement.name] = kind
        for name in sorted(engines, key=lambda name: name.startswith("_"))[:1]:
            yield engines[name], name

    # Settings

    def _is_settings(self, module: Module, class_: ast.ClassDef) -> bool:
        return _SETTINGS_CLASS.fullmatch(class_.name) is not None or self._derives_from_settings(module, class_)

    def _derives_from_settings(self, module: Module, class_: ast.ClassDef) -> bool:
        for base in class_.bases:
            name = expression_name(base)
            resolved = self.sources.resolve(module, name) if name else ""
            if resolved.rpartition(".")[2] == "BaseSettings":
                return True
            found = self._named_class(module, base)
            if found is not None and found[1] is not class_ and self._derives_from_settings(*found):
                return True
        return False

    def _fields(self, module: Module, class_: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None, bool]]:
        """Name, annotation and whether it is computed, for each field, property and no-argument method; bases first."""
        for base in class_.bases:
            found = self._named_class(module, base)
            if found is not None and found[1] is not class_:
                yield from self._fields(*found)
        for statement in class_.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                yield statement.target.id, statement.annotation, False
            elif isinstance(statement, ast.Assign):
                yield from ((target.id, None, False) for target in statement.targets if isinstance(target, ast.Name))
            elif isinstance(statement, ast.FunctionDef) and _takes_no_arguments(statement, method=True):
                yield (statement.name if _is_property(statement) else f"{statement.name}()"), None, True

    def _url_paths(self, module: Module, class_: ast.ClassDef, *, nested: bool = False) -> list[str]:
        """Dotted paths from an instance of a settings class to its database URL: the likeliest kind only."""
        if not nested and not self._is_settings(module, class_):
            return []
        direct: dict[str, bool] = {}
        inner: list[str] = []
        for name, annotation, computed in self._fields(module, class_):
            if _is_url_name(name.removesuffix("()"), nested=nested):
                direct[name] = computed
                continue
            found = self._named_class(module, annotation)
            if found is not None and found[1] is not class_ and not _OTHER_PURPOSE.search(name):
                inner += [f"{name}.{path}" for path in self._url_paths(*found, nested=True)]
        for chosen in (
            [name for name in direct if "async" in name.lower()],
            [name for name, computed in direct.items() if computed and not name.lower().startswith("sync")],
            [name for name in direct if not name.lower().startswith("sync")],
            list(direct),
        ):
            if chosen:
                return chosen
        return list(dict.fromkeys(inner))

    def url_parts(self) -> tuple[str, tuple[str, ...]] | None:
        """A settings object with a host and a password but no URL."""
        for module in self.sources.modules.values():
            for name, value in assignments(module.tree.body):
                class_ = self._called_class(module, value)
                if class_ is not None and (parts := self._parts(*class_)):
                    return f"{module.name}:{name}", parts
            for statement in run_statements(module.tree.body):
                if isinstance(statement, ast.FunctionDef) and _takes_no_arguments(statement):
                    class_ = self._returned_class(module, statement)
                    if class_ is not None and (parts := self._parts(*class_)):
                        return f"{module.name}:{statement.name}()", parts
        return None

    def _parts(self, module: Module, class_: ast.ClassDef) -> tuple[str, ...]:
        if not self._is_settings(module, class_):
            return ()
        names = [name for name, _, computed in self._fields(module, class_) if not computed]
        host = next((name for name in names if _HOST.fullmatch(name)), None)
        if host is None or not any(_PASSWORD.fullmatch(name) for name in names):
            return ()
        prefix = host.rpartition("_")[0]
        return tuple(name for name in names if name.startswith(prefix) and name != "model_config")


def _is_property(function: ast.FunctionDef) -> bool:
    return any(last_name(d) in _PROPERTIES for d in function.decorator_list)


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
