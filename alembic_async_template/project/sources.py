"""Reads Python sources, without importing them, and follows their names to where they are defined."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .files import LARGEST, dotted_name, name_modules, walk_sources
from .syntax import assignments, child_nodes, defined_names, expression_name, run_statements

SQLALCHEMY = ("sqlalchemy", "sqlmodel")
# How many dots a name may have that is followed: one that is imported from itself gets longer for ever.
_MOST_DOTS = 50
_IMPORTS = (ast.Import, ast.ImportFrom)
# Where statements have statements.
_BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")


@dataclass(frozen=True)
class Source:
    """What one file says, wherever the import root is."""

    tree: ast.Module
    imports: tuple[ast.stmt, ...]
    """The import statements, wherever they stand; those that run when the module is imported come last."""
    definitions: Mapping[str, ast.stmt]
    """The statement that defines each name, the first of several."""
    values: Mapping[str, ast.expr]
    """What is assigned to each name, the first of several."""

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree, without the contexts of names. Walking through a file takes as long as parsing it."""
        nodes: list[ast.AST] = [self.tree]
        for node in nodes:
            nodes.extend(child_nodes(node))
        return tuple(nodes)


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name under the import root, and what its names stand for."""

    name: str
    path: Path
    source: Source
    imports: dict[str, str]
    """Local name to the dotted name that it was imported from; "*" is not in it."""
    stars: tuple[str, ...]
    """Modules imported with a star."""

    @property
    def tree(self) -> ast.Module:
        return self.source.tree

    @property
    def nodes(self) -> tuple[ast.AST, ...]:
        return self.source.nodes

    @property
    def definitions(self) -> Mapping[str, ast.stmt]:
        return self.source.definitions

    @property
    def values(self) -> Mapping[str, ast.expr]:
        return self.source.values

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def imported_modules(self) -> Iterator[str]:
        """Absolute dotted names that the import statements of the file mention, wherever they stand."""
        for node in self.source.imports:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parse_source(path: Path) -> Source | None:
    """The content of a file, None when it cannot be read or parsed, or is too large for that."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            return None
        tree = ast.parse(content, str(path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: an expression that is too deep
        return None
    values: dict[str, ast.expr] = {}
    for target, value in assignments(tree.body):
        values.setdefault(target, value)
    return Source(tree, _list_imports(tree), _read_definitions(tree), values)


def _list_imports(tree: ast.Module) -> tuple[ast.stmt, ...]:
    run = [statement for statement in run_statements(tree.body) if isinstance(statement, _IMPORTS)]
    seen, inner = {id(statement) for statement in run}, []
    pending: list[ast.AST] = [tree]
    for node in pending:
        if isinstance(node, _IMPORTS):
            inner += [node] if id(node) not in seen else []
        for name in _BLOCKS:
            pending += getattr(node, name, ())
    return (*inner, *run)


def read_module(path: Path, root: Path, source: Source) -> Module:
    """The module at `path` with its import statements resolved to absolute dotted names."""
    name = dotted_name(path, root)
    imports, stars = read_imports(name, source.imports, is_package=path.name == "__init__.py")
    return Module(name, path, source, imports, stars)


def _read_definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """The first statement that defines each name of a module."""
    found: dict[str, ast.stmt] = {}
    for statement in run_statements(tree.body):
        for name in defined_names(statement):
            found.setdefault(name, statement)
    return found


def read_imports(name: str, nodes: Iterable[ast.AST], *, is_package: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the import statements among the nodes of a module give names to, and what they import with a star."""
    package = name if is_package else name.rpartition(".")[0]
    imports: dict[str, str] = {}
    stars: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                imports[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1] if package else []
                origin = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                if alias.name == "*":
                    stars.append(origin)
                else:
                    imports[alias.asname or alias.name] = f"{origin}.{alias.name}" if origin else alias.name
    return imports, tuple(stars)


class _Modules(Mapping[str, Module]):
    """The modules that can be parsed, by name. Each is read when it is asked for, once."""

    def __init__(self, root: Path, paths: Mapping[str, str | Path], parse: Callable[[Path], Source | None]) -> None:
        self.unreadable: dict[str, Path] = {}
        self._root = root
        self._paths = paths
        self._parse = parse
        self._read: dict[str, Module] = {}

    def __getitem__(self, name: str) -> Module:
        if name not in self._read:
            path = Path(self._paths[name])
            source = None if name in self.unreadable else self._parse(path)
            if source is None:
                self.unreadable[name] = path
                raise KeyError(name)
            self._read[name] = read_module(path, self._root, source)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._paths if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Sources:
    """The modules under one import root, and what their names lead to."""

    def __init__(
        self, root: Path, paths: Mapping[str, str | Path], parse: Callable[[Path], Source | None] = parse_source
    ) -> None:
        """Take the sources by the names of their modules, and what parses one when it is needed."""
        self.root = root
        self.paths = paths
        self._modules = _Modules(root, paths, parse)
        self.modules: Mapping[str, Module] = self._modules
        self._resolved: dict[tuple[str, str], str] = {}

    @property
    def unreadable(self) -> Mapping[str, Path]:
        """The sources that were needed and cannot be parsed."""
        return self._modules.unreadable

    @classmethod
    def under(cls, folder: Path, parsed: Mapping[Path, Source | None]) -> Sources:
        """Those of some parsed sources that are under a folder; None stands for one that cannot be parsed."""
        return cls(folder, name_modules([path for path in parsed if path.is_relative_to(folder)], folder), parsed.__getitem__)

    @classmethod
    def read(cls, root: Path, excluded: Collection[Path] = ()) -> Sources:
        """Read every source under `root`, which takes about as long as compiling them."""
        sources = cls(root, name_modules(walk_sources(root, excluded), root))
        list(sources.modules)
        return sources

    def resolve(self, module: Module, name: str) -> str:
        """The absolute dotted name for what `name` means inside `module`, through re-exports where sources show them."""
        key = (module.name, name)
        if key not in self._resolved:
            self._resolved[key] = self._follow(module, name)
        return self._resolved[key]

    def _follow(self, module: Module, name: str) -> str:
        seen: set[tuple[str, str]] = set()
        while (module.name, name) not in seen and name.count(".") < _MOST_DOTS:
            seen.add((module.name, name))
            head, _, rest = name.partition(".")
            if head in module.imports:
                dotted = ".".join(filter(None, [module.imports[head], rest]))
            elif head in module.definitions:
                value = module.values.get(head)
                alias = None if isinstance(value, ast.Call) else expression_name(value)
                if alias is None:
                    return f"{module.name}.{name}"
                name = ".".join(filter(None, [alias, rest]))
                continue
            elif (star := self._find_star(module, head)) is not None:
                dotted = f"{star}.{name}"
            else:
                return name
            place = self._locate(dotted)
            if place is None:
                return dotted
            module, name = place
        return name

    def _find_star(self, module: Module, name: str) -> str | None:
        """The module from which a star imports a name; the last one, as in Python."""
        outside = None
        pending, seen = list(module.stars), {module.name}
        while pending:
            star = pending.pop()
            if star in seen:
                continue
            seen.add(star)
            if star in self.modules:
                if _binds(self.modules[star], name):
                    return star
                pending += self.modules[star].stars
            elif star.partition(".")[0] in SQLALCHEMY:
                outside = outside or star
        return outside

    def _locate(self, dotted: str) -> tuple[Module, str] | None:
        """The module of these sources in which an absolute name goes on, and the rest of the name."""
        owner, _, rest = dotted.rpartition(".")
        while owner:
            if owner in self.modules:
                module = self.modules[owner]
                return (module, rest) if module.stars or _binds(module, rest.partition(".")[0]) else None
            owner, _, attribute = owner.rpartition(".")
            rest = f"{attribute}.{rest}"
        return None

    def definition(self, dotted: str) -> tuple[Module, ast.stmt] | None:
        """The module and statement that define an absolute dotted name of these sources."""
        owner, _, attribute = dotted.rpartition(".")
        if owner not in self.modules:
            return None
        statement = self.modules[owner].definitions.get(attribute)
        return None if statement is None else (self.modules[owner], statement)

    def member(self, dotted: str) -> tuple[Module, ast.stmt] | None:
        """The module and statement that define an absolute dotted name, which may be one of a class body."""
        outer, _, name = dotted.rpartition(".")
        if not outer or outer in self.modules:
            return self.definition(dotted)
        owner, class_ = self.member(outer) or (None, None)
        if owner is None or not isinstance(class_, ast.ClassDef):
            return None
        inner = (statement for statement in run_statements(class_.body) if name in defined_names(statement))
        return next(((owner, statement) for statement in inner), None)

    @staticmethod
    def aliases(module: Module) -> Iterator[tuple[str, str]]:
        """The names that the module's imports and assignments give to something, each with the last part of its old name."""
        yield from ((name, origin.rpartition(".")[2]) for name, origin in module.imports.items())
        for name, value in assignments(module.tree.body):
            if (aliased := expression_name(value)) is not None:
                yield name, aliased.rpartition(".")[2]


def _binds(module: Module, name: str) -> bool:
    return name in module.imports or name in module.definitions
