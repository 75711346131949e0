"""Reads Python sources, without importing them, to find the classes, tables, engines and settings that they define."""

from __future__ import annotations

import ast
import builtins
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeGuard, TypeVar

from .made_classes import MAKERS, read_entries, read_made_class

# Folders whose modules are never the application's: tests, and other people's code.
_SKIPPED_FOLDERS = frozenset("test tests testing vendored _vendor third_party site-packages node_modules __pycache__".split())
# Beside the application, and a part of it when they are inside of it: a shop may have vendors.
_SKIPPED_BESIDE = frozenset("venv env virtualenv vendor build dist docs".split())
_TEST_MODULE = re.compile(r"conftest$|test_|\w+_test$")
# Files by which virtual environments, conda's environments and migrations are known, whatever their name.
_OTHERS_MARKS = ("pyvenv.cfg", "conda-meta", "script.py.mako")
# An application may lie in the root of a container's file system; these beside it belong to the system.
_SYSTEM_FOLDERS = frozenset("bin boot dev etc home lib lib32 lib64 media mnt opt proc root run sbin srv sys tmp usr var".split())
_DECLARATIVE_BASES = frozenset({"DeclarativeBase", "DeclarativeBaseNoMeta"})
_BASE_FACTORIES = frozenset({"declarative_base", "automap_base", "generate_base"})
_MAPPING_DECORATORS = frozenset({"mapped", "mapped_as_dataclass"})
_SQLALCHEMY = ("sqlalchemy", "sqlmodel")
_COPIES = frozenset({"to_metadata", "tometadata"})
_MAKER_NAMES = frozenset(name.rpartition(".")[2] for name in MAKERS)
# Packages whose classes make no table of a class that has one of them as its base, and no other; so has the standard library.
_NO_TABLES = frozenset({*_SQLALCHEMY, "pydantic", "typing_extensions"})
# By which a class says that its MetaData is not that of its bases.
_METADATA_NAMES = frozenset({"metadata", "registry"})

# A larger source is not parsed: that takes up to two hundred times its size in memory, and most such files are data.
LARGEST = 2_000_000

# How many dots a name may have that is followed: one that is imported from itself gets longer for ever.
_MOST_DOTS = 50

AnyPath = TypeVar("AnyPath", str, Path)

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
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


def list_sources(directory: Path, excluded: Collection[Path] = ()) -> Iterator[Path]:
    """The Python files under `directory` that may belong to an application, in a stable order; see `walk_sources`."""
    return map(Path, walk_sources(directory, excluded))


def walk_sources(directory: Path, excluded: Collection[Path] = ()) -> Iterator[str]:
    """What `list_sources` lists, as plain text: a `Path` takes longer to make than the file to read.

    Left out: virtual environments, tests, migrations (folders with a `script.py.mako`), hidden and vendored folders,
    folders that may not be read or that lead back to themselves, and whatever has a name that no import statement can say.
    """
    skipped = _SKIPPED_FOLDERS | _SKIPPED_BESIDE
    if directory == Path(directory.anchor):
        skipped |= _SYSTEM_FOLDERS
    start = os.fspath(directory)
    left_out = {os.fspath(path) for path in excluded}
    # Files to give, and folders to look into, with the real paths of those they are in; the next one is the last.
    pending = _list_folder(start, skipped, left_out, frozenset({os.path.realpath(start)}))
    while pending:
        path, above = pending.pop()
        if above is None:
            yield path
        else:
            pending += _list_folder(path, _SKIPPED_FOLDERS, left_out, above)


def _list_folder(
    folder: str, skipped: Collection[str], excluded: Collection[str], above: frozenset[str]
) -> list[tuple[str, frozenset[str] | None]]:
    """The sources in a folder and the folders to look into, in reverse; the latter with the real paths of all above."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
    except OSError:  # a database's data, perhaps
        return []
    found: list[tuple[str, frozenset[str] | None]] = []
    if len(above) > 1 and any(entry.name in _OTHERS_MARKS for entry in entries):
        return found
    for entry in entries:
        name = entry.name
        if name.endswith(".py"):
            stem = name[:-3]
            if stem.isidentifier() and not _TEST_MODULE.match(stem) and entry.path not in excluded and _is_file(entry):
                found.append((entry.path, None))
        elif name.isidentifier() and name not in skipped and entry.path not in excluded and _is_folder(entry):
            real = os.path.realpath(entry.path)
            if real not in above:
                found.append((entry.path, above | {real}))
    return found


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads back to itself
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def read_source(path: str | Path) -> bytes:
    """The text of a file, empty when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def is_too_large(path: Path) -> bool:
    """Whether a file is too large to be parsed."""
    try:
        return os.stat(path).st_size > LARGEST
    except OSError:
        return False


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


def child_nodes(node: ast.AST) -> list[ast.AST]:
    """What `ast.iter_child_nodes` gives, in less time: without the contexts of names, of which there are many."""
    children: list[ast.AST] = []
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            children += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and name != "ctx":
            children.append(value)
    return children


def dotted_name(path: str | Path, root: str | Path) -> str:
    """The name under which `path` is imported when `root` is on `sys.path`."""
    name = os.fspath(path)[len(os.fspath(root)) :].strip(os.sep).removesuffix(".py").replace(os.sep, ".")
    return name.removesuffix(".__init__")


def name_modules(paths: Iterable[AnyPath], root: Path) -> dict[str, AnyPath]:
    """The sources by the name of their module; of a module and a package of one name, Python imports the package."""
    named: dict[str, AnyPath] = {}
    start = os.fspath(root)
    for path in paths:
        file = os.fspath(path)
        name = dotted_name(file, start)
        if name not in named or file.endswith("__init__.py"):
            named[name] = path
    return named


def read_module(path: Path, root: Path, source: Source) -> Module:
    """The module at `path` with its import statements resolved to absolute dotted names."""
    name = dotted_name(path, root)
    imports, stars = read_imports(name, source.imports, is_package=path.name == "__init__.py")
    return Module(name, path, source, imports, stars)


def _read_definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """The first statement that defines each name of a module."""
    found: dict[str, ast.stmt] = {}
    for statement in run_statements(tree.body):
        for name in _defined_names(statement):
            found.setdefault(name, statement)
    return found


def _defined_names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


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


def expression_name(node: ast.expr | None) -> str | None:
    """`a.b.c` for the expression `a.b.c`; the name of what is subscripted for `a.b[c]`; None for anything else."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            attributes.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(attributes)]) if isinstance(node, ast.Name) else None


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name, called or not; empty for any other expression."""
    return (expression_name(node.func if isinstance(node, ast.Call) else node) or "").rpartition(".")[2]


def run_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module that run when it is imported: not those of functions or of `if __name__ == ...`."""
    pending = [*body][::-1]
    while pending:
        statement = pending.pop()
        yield statement
        pending += [*_inner_statements(statement)][::-1]


def executed_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported, with those of class bodies."""
    for statement in run_statements(body):
        yield statement
        if isinstance(statement, ast.ClassDef):
            yield from executed_statements(statement.body)


def _executed_calls(statement: ast.stmt) -> Iterator[ast.Call]:
    """The calls in a statement's own expressions, and a call in the place of each decorator that is not one."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr | ast.keyword | ast.withitem):
            yield from (node for node in ast.walk(child) if isinstance(node, ast.Call))
    for decorator in getattr(statement, "decorator_list", ()):
        if not isinstance(decorator, ast.Call):
            yield ast.copy_location(ast.Call(func=decorator, args=[], keywords=[]), decorator)


def _inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(statement, ast.If):
        names = {node.id if isinstance(node, ast.Name) else node.attr for node in ast.walk(statement.test) if _is_name(node)}
        is_not = isinstance(statement.test, ast.UnaryOp) and isinstance(statement.test.op, ast.Not)
        if "__name__" not in names and ("TYPE_CHECKING" not in names or is_not):
            yield from statement.body
        yield from statement.orelse
    elif isinstance(statement, ast.Match):
        for case in statement.cases:
            yield from case.body
    elif isinstance(statement, ast.Try):
        yield from statement.body
        for handler in statement.handlers:
            yield from handler.body
        yield from (*statement.orelse, *statement.finalbody)
    elif isinstance(statement, ast.With | ast.For | ast.While):
        yield from statement.body


def _is_name(node: ast.AST) -> TypeGuard[ast.Name | ast.Attribute]:
    return isinstance(node, ast.Name | ast.Attribute)


def assignments(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Each `name = value` and `name: type = value` among the statements that run."""
    for statement in run_statements(body):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value


@dataclass(frozen=True, slots=True)
class FoundTable:
    """Why importing a module adds a table to some MetaData, and where that MetaData is."""

    line: int
    reason: str
    origin: str | None
    """The MetaData, or what has it as its `metadata`, as `module:attribute`; None where the sources do not show it."""


@dataclass(frozen=True, slots=True)
class _Base:
    """What a base class makes of its subclasses.

    "declarative": a declarative base; "mapped": a table; "plain": nothing; "unknown": the sources do not show it, since the
    base comes from another package or out of a call.
    """

    kind: Literal["declarative", "mapped", "plain", "unknown"]
    origin: str | None = None
    """The class that has the MetaData, as `module:attribute`."""


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
    """The modules under one import root, with the questions that the environment asks about them."""

    def __init__(
        self, root: Path, paths: Mapping[str, str | Path], parse: Callable[[Path], Source | None] = parse_source
    ) -> None:
        """Take the sources by the names of their modules, and what parses one when it is needed."""
        self.root = root
        self.paths = paths
        self._modules = _Modules(root, paths, parse)
        self.modules: Mapping[str, Module] = self._modules
        self._tops = {name.partition(".")[0] for name in paths}
        self._resolved: dict[tuple[str, str], str] = {}
        self._traced: dict[str, _Base] = {}
        self._made: dict[str, tuple[str, FoundTable] | None] = {}

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

    # Names

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
            elif star.partition(".")[0] in _SQLALCHEMY:
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

    def _member(self, dotted: str) -> tuple[Module, ast.stmt] | None:
        """The module and statement that define an absolute dotted name, which may be one of a class body."""
        outer, _, name = dotted.rpartition(".")
        if not outer or outer in self.modules:
            return self.definition(dotted)
        owner, class_ = self._member(outer) or (None, None)
        if owner is None or not isinstance(class_, ast.ClassDef):
            return None
        inner = (statement for statement in run_statements(class_.body) if name in _defined_names(statement))
        return next(((owner, statement) for statement in inner), None)

    # Tables

    def defines_tables(self, module: Module) -> bool:
        """Whether importing the module adds tables, or columns of a table, to some MetaData."""
        return any(True for _ in self.tables(module))

    def tables(self, module: Module) -> Iterator[FoundTable]:
        """The tables, or columns of a table, that importing the module adds to some MetaData."""
        for statement in executed_statements(module.tree.body):
            if isinstance(statement, ast.ClassDef) and (table := self._mapped_table(module, statement)) is not None:
                yield table
            for call in _executed_calls(statement):
                table = self._own_table(module, call) or self._called_table(module, call)
                if table is not None:
                    yield table

    def base_names(self, module: Module) -> Iterator[str]:
        """The names of the module that make a table of a class which has one of them as its base."""
        for statement in executed_statements(module.tree.body):
            if isinstance(statement, ast.ClassDef) and self._trace_class(module, statement).kind == "mapped":
                yield statement.name
        for name, value in assignments(module.tree.body):
            if isinstance(value, ast.Call) and last_name(value.func) in _BASE_FACTORIES:
                yield name

    def table_functions(self, module: Module) -> Iterator[str]:
        """The names of the functions and methods in the module that make tables."""
        for statement in executed_statements(module.tree.body):
            if isinstance(statement, ast.FunctionDef) and self._inner_table(module, statement) is not None:
                yield statement.name

    @staticmethod
    def aliases(module: Module) -> Iterator[tuple[str, str]]:
        """The names that the module's imports and assignments give to something, each with the last part of its old name."""
        yield from ((name, origin.rpartition(".")[2]) for name, origin in module.imports.items())
        for name, value in assignments(module.tree.body):
            if (aliased := expression_name(value)) is not None:
                yield name, aliased.rpartition(".")[2]

    def _called_table(self, module: Module, call: ast.Call) -> FoundTable | None:
        """The table that a call makes by way of a function, or a method, of these sources."""
        called = expression_name(call.func)
        if called is None:
            return None
        dotted = self.resolve(module, called)
        if dotted not in self._made:
            owner, function = self._member(dotted) or (module, None)
            inner = self._inner_table(owner, function) if isinstance(function, ast.FunctionDef) else None
            self._made[dotted] = None if inner is None else (owner.name, inner)
        if (made := self._made[dotted]) is None:
            return None
        owner_name, table = made
        return FoundTable(call.lineno, f"calls {called} (line {table.line} of {owner_name}: {table.reason})", table.origin)

    def _inner_table(self, module: Module, function: ast.FunctionDef) -> FoundTable | None:
        """The first table that a function makes itself."""
        local = _local_names(function)
        made = (self._own_table(module, node, local) for node in ast.walk(function))
        return next((table for table in made if table is not None), None)

    def _own_table(self, module: Module, node: ast.AST, local: Collection[str] = ()) -> FoundTable | None:
        """The table that a class or a call is, or makes, itself.

        :param local: names that stand for something else than in the module.
        """
        if isinstance(node, ast.ClassDef):
            return self._mapped_table(module, node, local)
        if not isinstance(node, ast.Call):
            return None
        if isinstance(node.func, ast.Attribute) and node.func.attr in _COPIES and (node.args or node.keywords):
            return FoundTable(node.lineno, f"calls {node.func.attr}", self._metadata_argument(module, node.args[:1], local))
        called = expression_name(node.func)
        if called is None:
            return None
        if node.args and _names_table(module, called):
            if self.resolve(module, called).partition(".")[0] not in _SQLALCHEMY:
                return None
            return FoundTable(node.lineno, "calls Table", self._metadata_argument(module, node.args[1:2], local))
        made = None
        if called.rpartition(".")[2] in _MAKER_NAMES:
            made = read_made_class(self.resolve(module, called), node)
        return None if made is None else self._mapped_table(module, made, local)

    def _metadata_argument(self, module: Module, arguments: Sequence[ast.expr], unknown: Collection[str]) -> str | None:
        argument = expression_name(arguments[0]) if arguments else None
        if argument is None or isinstance(arguments[0], ast.Subscript) or argument.partition(".")[0] in unknown:
            return None
        return self._own_name(self.resolve(module, argument))

    def _own_name(self, dotted: str) -> str | None:
        """The name as `module:attribute` if it leads into these sources, or to SQLModel."""
        parts = dotted.split(".")
        for length in range(len(parts) - 1, 0, -1):
            owner = ".".join(parts[:length])
            if owner in self.modules or (owner == "sqlmodel" and parts[1] == "SQLModel"):
                return f"{owner}:{'.'.join(parts[length:])}"
        return None

    def _mapped_table(self, module: Module, node: ast.ClassDef, local: Collection[str] = ()) -> FoundTable | None:
        bases = [self._trace_base(module, base) for base in node.bases]
        base_origin = next((base.origin for base in bases if base.origin), None)
        is_local = any((expression_name(base) or "").partition(".")[0] in local for base in node.bases)
        origin = None if is_local or _body_names(node) & _METADATA_NAMES else base_origin
        is_table = self._says_table(module, node, is_model=any(base.kind == "plain" and base.origin for base in bases))
        if is_table is not None:
            says = "says" if any(keyword.arg == "table" for keyword in node.keywords) else "unpacks what may say"
            return FoundTable(node.lineno, f"class {node.name} {says} table=True", origin) if is_table else None
        decorator = next((d for d in node.decorator_list if last_name(d) in _MAPPING_DECORATORS), None)
        if decorator is not None:
            name = expression_name(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
            registry = self._own_name(self.resolve(module, name.rpartition(".")[0]))
            return FoundTable(node.lineno, f"class {node.name} has the decorator {name}", registry)
        if any(
            name == "__abstract__" and isinstance(value, ast.Constant) and value.value is True
            for name, value in assignments(node.body)
        ):
            return None
        kinds = [base.kind for base in bases]
        if "declarative" in kinds:
            return None  # the declarative base itself
        if "mapped" in kinds:
            return FoundTable(node.lineno, f"class {node.name} has the declarative base {base_origin or 'of a call'}", origin)
        if "unknown" in kinds and _looks_mapped(node):
            return FoundTable(node.lineno, f"class {node.name} maps columns, and no source shows what its base is", None)
        return None

    def _says_table(self, module: Module, node: ast.ClassDef, *, is_model: bool) -> bool | None:
        """Whether the keywords of a class say `table=True`, as they may if a SQLModel class unpacks what no source shows."""
        for keyword in node.keywords:
            named = {keyword.arg: keyword.value} if keyword.arg else self._known_entries(module, keyword.value)
            if named is None and is_model:
                return True
            if (table := (named or {}).get("table")) is not None:
                return not (isinstance(table, ast.Constant) and table.value is False)
        return None

    def _known_entries(self, module: Module, mapping: ast.expr) -> dict[str, ast.expr] | None:
        """What a mapping has that is written there, or that a name of these sources stands for."""
        name = expression_name(mapping)
        if name is None:
            return read_entries(mapping)
        _, statement = self.definition(self.resolve(module, name)) or (None, None)
        return read_entries(getattr(statement, "value", None))

    def _trace_base(self, module: Module, base: ast.expr) -> _Base:
        """What a class becomes by one of its bases."""
        if isinstance(base, ast.Call):
            return _Base("mapped" if last_name(base.func) in _BASE_FACTORIES else "unknown")
        name = expression_name(base)
        return _Base("unknown") if name is None else self._trace_name(self.resolve(module, name))

    def _trace_class(self, module: Module, node: ast.ClassDef) -> _Base:
        """What a class becomes by one of the module's own classes."""
        for base in node.bases:
            self._trace_base(module, base)
        return self._judge_class(module, node, None)

    def _trace_name(self, dotted: str) -> _Base:
        """What a class becomes by a base of this absolute name; what its own bases are is found first, without recursion."""
        pending, opened = [dotted], set[str]()
        while pending:
            name = pending[-1]
            bases = [] if name in opened or name in self._traced else self._base_names(name)
            opened.add(name)
            missing = [base for base in bases if base not in self._traced and base not in opened]
            pending += missing
            if not missing:
                self._traced.setdefault(name, self._judge(name))
                pending.pop()
        return self._traced[dotted]

    def _base_names(self, dotted: str) -> list[str]:
        owner, statement = self._member(dotted) or (None, None)
        if owner is None or not isinstance(statement, ast.ClassDef):
            return []
        return [self.resolve(owner, name) for base in statement.bases if (name := expression_name(base)) is not None]

    def _judge(self, dotted: str) -> _Base:
        """What a class becomes by a base of this name, when all that the base derives from is known."""
        if dotted.startswith("sqlalchemy.") and dotted.rpartition(".")[2] in _DECLARATIVE_BASES:
            return _Base("declarative")
        found = self._member(dotted)
        if found is None:
            known = self._is_known(dotted.partition(".")[0])
            return _Base("plain" if known else "unknown", "sqlmodel:SQLModel" if dotted == "sqlmodel.SQLModel" else None)
        owner, statement = found
        if isinstance(statement, ast.ClassDef):
            return self._judge_class(owner, statement, self._own_name(dotted))
        value = getattr(statement, "value", None)
        called = last_name(value.func) if isinstance(value, ast.Call) else ""
        return _Base("mapped" if called in _BASE_FACTORIES else "unknown", self._own_name(dotted))

    def _judge_class(self, module: Module, node: ast.ClassDef, own: str | None) -> _Base:
        if any(last_name(d) == "as_declarative" for d in node.decorator_list) or any(
            keyword.arg == "metaclass" and last_name(keyword.value) == "DeclarativeMeta" for keyword in node.keywords
        ):
            return _Base("mapped", own)
        bases = [self._known_base(module, base) for base in node.bases]
        kinds = {base.kind for base in bases}
        origin = next((base.origin for base in bases if base.origin), None)
        if "declarative" in kinds or _body_names(node) & _METADATA_NAMES:
            origin = own
        if kinds & {"declarative", "mapped"}:
            return _Base("mapped", origin)
        return _Base("unknown" if "unknown" in kinds else "plain", origin)

    def _known_base(self, module: Module, base: ast.expr) -> _Base:
        """A base that has been traced; one that has not is a class that derives from itself."""
        name = None if isinstance(base, ast.Call) else expression_name(base)
        return self._trace_base(module, base) if name is None else self._traced.get(self.resolve(module, name), _Base("plain"))

    def _is_known(self, top: str) -> bool:
        """Whether a top-level name that these sources do not define is a package, or a builtin, that has no tables."""
        standard = top in sys.stdlib_module_names or hasattr(builtins, top)
        return top in _NO_TABLES or (standard and top not in self._tops)


def _binds(module: Module, name: str) -> bool:
    return name in module.imports or name in module.definitions


def _names_table(module: Module, called: str) -> bool:
    """Whether the module itself calls something `Table` by this name: following every name that is called takes too long."""
    head, _, rest = called.partition(".")
    name = rest or module.imports.get(head) or expression_name(module.values.get(head)) or head
    return name.rpartition(".")[2] == "Table"


def _local_names(function: ast.FunctionDef) -> frozenset[str]:
    """The names that a function has for itself."""
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return frozenset(names | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)})


def _body_names(node: ast.ClassDef) -> set[str]:
    """The names that a class body gives a value."""
    names = {name for name, _ in assignments(node.body)}
    return names | {statement.name for statement in node.body if isinstance(statement, _FUNCTION)}


def _looks_mapped(node: ast.ClassDef) -> bool:
    """Whether a class body names a table or maps columns, for classes whose base is in no source at hand."""
    if _body_names(node) & {"__tablename__", "__table__"}:
        return True
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and last_name(statement.annotation) == "Mapped":
            return True
    return any(
        isinstance(value, ast.Call) and last_name(value) in {"mapped_column", "Column"} for _, value in assignments(node.body)
    )
