"""Reads Python sources, without importing them, to find the classes, tables, engines and settings that they define."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Folders whose modules are never the application's: tests, and other people's code.
_SKIPPED_FOLDERS = frozenset("test tests testing vendored _vendor third_party site-packages node_modules __pycache__".split())
# Beside the application, and a part of it when they are inside of it: a shop may have vendors.
_SKIPPED_BESIDE = frozenset("venv env virtualenv vendor build dist docs".split())
# Files by which virtual environments, conda's environments and migrations are known, whatever their name.
_OTHERS_MARKS = ("pyvenv.cfg", "conda-meta", "script.py.mako")
# An application may lie in the root of a container's file system; these beside it belong to the system.
_SYSTEM_FOLDERS = frozenset("bin boot dev etc home lib lib32 lib64 media mnt opt proc root run sbin srv sys tmp usr var".split())
_DECLARATIVE_BASES = frozenset({"DeclarativeBase", "DeclarativeBaseNoMeta"})
_BASE_FACTORIES = frozenset({"declarative_base", "automap_base", "generate_base"})
_MAPPING_DECORATORS = frozenset({"mapped", "mapped_as_dataclass"})
_SQLALCHEMY = ("sqlalchemy", "sqlmodel")

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name under the import root, and what its names stand for."""

    name: str
    path: Path
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    """Local name to the dotted name that it was imported from; "*" is not in it."""
    stars: tuple[str, ...] = ()
    """Modules imported with a star."""

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def imported_modules(self) -> Iterator[str]:
        """Absolute dotted names that the import statements of the file mention, wherever they stand."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def list_sources(directory: Path, excluded: Collection[Path] = (), _above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The Python files under `directory` that may belong to an application, in a stable order.

    Left out: virtual environments, tests, migrations (folders with a `script.py.mako`), hidden and vendored folders,
    folders that may not be read or that lead back to themselves, and whatever has a name that no import statement can say.
    """
    above = _above | {directory.resolve()}
    try:
        paths = sorted(directory.iterdir())
    except OSError:  # a database's data, perhaps
        return
    skipped = _SKIPPED_FOLDERS if _above else _SKIPPED_FOLDERS | _SKIPPED_BESIDE
    if directory == Path(directory.anchor):
        skipped |= _SYSTEM_FOLDERS
    for path in paths:
        if path.suffix == ".py":
            is_test = path.stem == "conftest" or re.match(r"test_|\w+_test$", path.stem)
            if path.stem.isidentifier() and not is_test and path not in excluded and path.is_file():
                yield path
        elif (
            path.name.isidentifier()
            and path.name not in skipped
            and path not in excluded
            and path.is_dir()
            and path.resolve() not in above
            and not any((path / mark).exists() for mark in _OTHERS_MARKS)
        ):
            yield from list_sources(path, excluded, above)


def parse_source(path: Path) -> ast.Module | None:
    """The syntax tree of a file, None when it cannot be read or parsed."""
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError):
        return None


def dotted_name(path: Path, root: Path) -> str:
    """The name under which `path` is imported when `root` is on `sys.path`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def read_module(path: Path, root: Path, tree: ast.Module) -> Module:
    """The module at `path` with its import statements resolved to absolute dotted names."""
    name = dotted_name(path, root)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imports: dict[str, str] = {}
    stars: list[str] = []
    for node in ast.walk(tree):
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
    return Module(name, path, tree, imports, tuple(stars))


def expression_name(node: ast.expr | None) -> str | None:
    """`a.b.c` for the expression `a.b.c`; the name of what is subscripted for `a.b[c]`; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = expression_name(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return expression_name(node.value)
    return None


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name, called or not; empty for any other expression."""
    return (expression_name(node.func if isinstance(node, ast.Call) else node) or "").rpartition(".")[2]


def run_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module that run when it is imported: not those of functions or of `if __name__ == ...`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            test = ast.unparse(statement.test)
            if "__name__" not in test and ("TYPE_CHECKING" not in test or test.startswith("not ")):
                yield from run_statements(statement.body)
            yield from run_statements(statement.orelse)
        elif isinstance(statement, ast.Match):
            yield from run_statements(inner for case in statement.cases for inner in case.body)
        elif isinstance(statement, ast.Try):
            handlers = [inner for handler in statement.handlers for inner in handler.body]
            yield from run_statements([*statement.body, *handlers, *statement.orelse, *statement.finalbody])
        elif isinstance(statement, ast.With | ast.For | ast.While):
            yield from run_statements(statement.body)


def assignments(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Each `name = value` and `name: type = value` among the statements that run."""
    for statement in run_statements(body):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value


class Sources:
    """The modules under one import root, with the questions that the environment asks about them."""

    def __init__(self, root: Path, trees: dict[Path, ast.Module | None]) -> None:
        self.root = root
        self.modules: dict[str, Module] = {}
        self.unreadable: dict[str, Path] = {}
        for path, tree in trees.items():
            if tree is None:
                self.unreadable[dotted_name(path, root)] = path
            else:
                module = read_module(path, root, tree)
                self.modules[module.name] = module

    @classmethod
    def read(cls, root: Path, excluded: Collection[Path] = ()) -> Sources:
        """Read every source under `root`, which takes about as long as compiling them."""
        return cls(root, {path: parse_source(path) for path in list_sources(root, excluded)})

    # Names

    def resolve(self, module: Module, name: str, _seen: frozenset[tuple[str, str]] = frozenset()) -> str:
        """The absolute dotted name for what `name` means inside `module`, through re-exports where sources show them."""
        if (module.name, name) in _seen:
            return name
        seen = _seen | {(module.name, name)}
        head, _, rest = name.partition(".")
        if head in module.imports:
            return self._canonical(".".join(filter(None, [module.imports[head], rest])), seen)
        if self._definition(module, head) is not None:
            alias = next((value for target, value in assignments(module.tree.body) if target == head), None)
            aliased = None if isinstance(alias, ast.Call) else expression_name(alias)
            if aliased and not rest:
                return self.resolve(module, aliased, seen)
            return f"{module.name}.{name}"
        for star in module.stars:
            resolved = self._canonical(f"{star}.{name}", seen)
            owner, _, attribute = resolved.rpartition(".")
            if owner in self.modules and self._definition(self.modules[owner], attribute) is not None:
                return resolved
            if star.partition(".")[0] in _SQLALCHEMY:
                return f"{star}.{name}"
        return name

    def _canonical(self, dotted: str, seen: frozenset[tuple[str, str]]) -> str:
        owner, _, attribute = dotted.rpartition(".")
        rest = ""
        while owner:
            if owner in self.modules:
                module = self.modules[owner]
                if attribute in module.imports or module.stars or self._definition(module, attribute) is not None:
                    return self.resolve(module, f"{attribute}.{rest}" if rest else attribute, seen)
                return dotted
            rest = f"{attribute}.{rest}" if rest else attribute
            owner, _, attribute = owner.rpartition(".")
        return dotted

    @staticmethod
    def _definition(module: Module, name: str) -> ast.stmt | None:
        for statement in run_statements(module.tree.body):
            if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == name:
                return statement
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in statement.targets
            ):
                return statement
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.target.id == name:
                return statement
        return None

    def definition(self, dotted: str) -> tuple[Module, ast.stmt] | None:
        """The module and statement that define an absolute dotted name of these sources."""
        owner, _, attribute = dotted.rpartition(".")
        if owner not in self.modules:
            return None
        statement = self._definition(self.modules[owner], attribute)
        return None if statement is None else (self.modules[owner], statement)

    # Tables

    def defines_tables(self, module: Module) -> bool:
        """Whether importing the module adds tables, or columns of a table, to some MetaData."""
        for statement in run_statements(module.tree.body):
            if isinstance(statement, ast.ClassDef):
                if self._is_table(module, statement):
                    return True
            elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr) and any(
                self._makes_table(module, node) for node in ast.walk(statement)
            ):
                return True
        return False

    def _makes_table(self, module: Module, node: ast.AST) -> bool:
        """Whether an expression is a `Table(...)`, or calls a function of these sources that has one."""
        if self._is_table_call(module, node):
            return True
        called = expression_name(node.func) if isinstance(node, ast.Call) else None
        found = self.definition(self.resolve(module, called)) if called else None
        if found is None or not isinstance(found[1], ast.FunctionDef):
            return False
        return any(self._is_table_call(found[0], inner) for inner in ast.walk(found[1]))

    def _is_table_call(self, module: Module, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or not node.args:
            return False
        called = expression_name(node.func)
        if called is None or called.rpartition(".")[2] != "Table":
            return False
        return self.resolve(module, called).partition(".")[0] in _SQLALCHEMY

    def _is_table(self, module: Module, node: ast.ClassDef) -> bool:
        table = next((keyword.value for keyword in node.keywords if keyword.arg == "table"), None)
        if table is not None:
            return not (isinstance(table, ast.Constant) and table.value is False)
        if any(last_name(d) in _MAPPING_DECORATORS for d in node.decorator_list):
            return True
        if any(
            name == "__abstract__" and isinstance(value, ast.Constant) and value.value is True
            for name, value in assignments(node.body)
        ):
            return False
        kinds = [self._base_kind(module, base) for base in node.bases]
        if "declarative" in kinds:
            return False  # the declarative base itself
        return "mapped" in kinds or ("unknown" in kinds and _looks_mapped(node))

    def _base_kind(self, module: Module, base: ast.expr, _seen: frozenset[str] = frozenset()) -> str:
        """What a base class makes of its subclasses.

        "declarative": a declarative base; "mapped": a table; "plain": nothing; "unknown": the sources do not show it, since
        the base comes from another package or out of a call.
        """
        if isinstance(base, ast.Call):
            return "mapped" if last_name(base.func) in _BASE_FACTORIES else "unknown"
        name = expression_name(base)
        if name is None:
            return "unknown"
        dotted = self.resolve(module, name)
        if dotted in _seen:
            return "plain"
        if dotted.startswith("sqlalchemy.") and dotted.rpartition(".")[2] in _DECLARATIVE_BASES:
            return "declarative"
        found = self.definition(dotted)
        if found is None:
            return "plain" if dotted.partition(".")[0] in {*_SQLALCHEMY, "pydantic", "object"} else "unknown"
        owner, statement = found
        if isinstance(statement, ast.ClassDef):
            if any(last_name(d) == "as_declarative" for d in statement.decorator_list):
                return "mapped"
            if any(
                keyword.arg == "metaclass" and last_name(keyword.value) == "DeclarativeMeta" for keyword in statement.keywords
            ):
                return "mapped"
            kinds = {self._base_kind(owner, inner, _seen | {dotted}) for inner in statement.bases}
            return "mapped" if kinds & {"declarative", "mapped"} else "unknown" if "unknown" in kinds else "plain"
        value = getattr(statement, "value", None)
        return self._base_kind(owner, value, _seen | {dotted}) if isinstance(value, ast.Call) else "unknown"


def _looks_mapped(node: ast.ClassDef) -> bool:
    """Whether a class body names a table or maps columns, for classes whose base is in no source at hand."""
    names = {name for name, _ in assignments(node.body)}
    names |= {statement.name for statement in node.body if isinstance(statement, _FUNCTION)}
    if names & {"__tablename__", "__table__"}:
        return True
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and last_name(statement.annotation) == "Mapped":
            return True
    return any(
        isinstance(value, ast.Call) and last_name(value) in {"mapped_column", "Column"} for _, value in assignments(node.body)
    )
