"""Finds which modules define tables: by a declarative base, a decorator, `Table`, or a function that calls it."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .made_classes import MAKERS, read_entries, read_made_class
from .sources import SQLALCHEMY, Module, Sources
from .syntax import assignments, body_names, executed_calls, executed_statements, expression_name, last_name, local_names

_DECLARATIVE_BASES = frozenset({"DeclarativeBase", "DeclarativeBaseNoMeta"})
_BASE_FACTORIES = frozenset({"declarative_base", "automap_base", "generate_base"})
_MAPPING_DECORATORS = frozenset({"mapped", "mapped_as_dataclass"})
_COPIES = frozenset({"to_metadata", "tometadata"})
_MAKER_NAMES = frozenset(name.rpartition(".")[2] for name in MAKERS)
# Packages whose classes make no table of a class that has one of them as its base, and no other; so has the standard library.
_NO_TABLES = frozenset({*SQLALCHEMY, "pydantic", "typing_extensions"})
# By which a class says that its MetaData is not that of its bases.
_METADATA_NAMES = frozenset({"metadata", "registry"})


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


class TableFinder:
    """Tells which modules of some sources define tables."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._tops = {name.partition(".")[0] for name in sources.paths}
        self._traced: dict[str, _Base] = {}
        self._made: dict[str, tuple[str, FoundTable] | None] = {}

    def defines_tables(self, module: Module) -> bool:
        """Whether importing the module adds tables, or columns of a table, to some MetaData."""
        return any(True for _ in self.find(module))

    def find(self, module: Module) -> Iterator[FoundTable]:
        """The tables, or columns of a table, that importing the module adds to some MetaData."""
        for statement in executed_statements(module.tree.body):
            if isinstance(statement, ast.ClassDef) and (table := self._mapped_table(module, statement)) is not None:
                yield table
            for call in executed_calls(statement):
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

    def _called_table(self, module: Module, call: ast.Call) -> FoundTable | None:
        """The table that a call makes by way of a function, or a method, of these sources."""
        called = expression_name(call.func)
        if called is None:
            return None
        dotted = self.sources.resolve(module, called)
        if dotted not in self._made:
            owner, function = self.sources.member(dotted) or (module, None)
            inner = self._inner_table(owner, function) if isinstance(function, ast.FunctionDef) else None
            self._made[dotted] = None if inner is None else (owner.name, inner)
        if (made := self._made[dotted]) is None:
            return None
        owner_name, table = made
        return FoundTable(call.lineno, f"calls {called} (line {table.line} of {owner_name}: {table.reason})", table.origin)

    def _inner_table(self, module: Module, function: ast.FunctionDef) -> FoundTable | None:
        """The first table that a function makes itself."""
        local = local_names(function)
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
            if self.sources.resolve(module, called).partition(".")[0] not in SQLALCHEMY:
                return None
            return FoundTable(node.lineno, "calls Table", self._metadata_argument(module, node.args[1:2], local))
        made = None
        if called.rpartition(".")[2] in _MAKER_NAMES:
            made = read_made_class(self.sources.resolve(module, called), node)
        return None if made is None else self._mapped_table(module, made, local)

    def _metadata_argument(self, module: Module, arguments: Sequence[ast.expr], unknown: Collection[str]) -> str | None:
        argument = expression_name(arguments[0]) if arguments else None
        if argument is None or isinstance(arguments[0], ast.Subscript) or argument.partition(".")[0] in unknown:
            return None
        return self._own_name(self.sources.resolve(module, argument))

    def _own_name(self, dotted: str) -> str | None:
        """The name as `module:attribute` if it leads into these sources, or to SQLModel."""
        parts = dotted.split(".")
        for length in range(len(parts) - 1, 0, -1):
            owner = ".".join(parts[:length])
            if owner in self.sources.modules or (owner == "sqlmodel" and parts[1] == "SQLModel"):
                return f"{owner}:{'.'.join(parts[length:])}"
        return None

    def _mapped_table(self, module: Module, node: ast.ClassDef, local: Collection[str] = ()) -> FoundTable | None:
        bases = [self._trace_base(module, base) for base in node.bases]
        base_origin = next((base.origin for base in bases if base.origin), None)
        is_local = any((expression_name(base) or "").partition(".")[0] in local for base in node.bases)
        origin = None if is_local or body_names(node) & _METADATA_NAMES else base_origin
        is_table = self._says_table(module, node, is_model=any(base.kind == "plain" and base.origin for base in bases))
        if is_table is not None:
            says = "says" if any(keyword.arg == "table" for keyword in node.keywords) else "unpacks what may say"
            return FoundTable(node.lineno, f"class {node.name} {says} table=True", origin) if is_table else None
        decorator = next((d for d in node.decorator_list if last_name(d) in _MAPPING_DECORATORS), None)
        if decorator is not None:
            name = expression_name(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
            registry = self._own_name(self.sources.resolve(module, name.rpartition(".")[0]))
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
        _, statement = self.sources.definition(self.sources.resolve(module, name)) or (None, None)
        return read_entries(getattr(statement, "value", None))

    def _trace_base(self, module: Module, base: ast.expr) -> _Base:
        """What a class becomes by one of its bases."""
        if isinstance(base, ast.Call):
            return _Base("mapped" if last_name(base.func) in _BASE_FACTORIES else "unknown")
        name = expression_name(base)
        return _Base("unknown") if name is None else self._trace_name(self.sources.resolve(module, name))

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
            bases = [] if name in opened or name in self._traced else self._list_base_names(name)
            opened.add(name)
            missing = [base for base in bases if base not in self._traced and base not in opened]
            pending += missing
            if not missing:
                self._traced.setdefault(name, self._judge(name))
                pending.pop()
        return self._traced[dotted]

    def _list_base_names(self, dotted: str) -> list[str]:
        owner, statement = self.sources.member(dotted) or (None, None)
        if owner is None or not isinstance(statement, ast.ClassDef):
            return []
        return [self.sources.resolve(owner, name) for base in statement.bases if (name := expression_name(base)) is not None]

    def _judge(self, dotted: str) -> _Base:
        """What a class becomes by a base of this name, when all that the base derives from is known."""
        if dotted.startswith("sqlalchemy.") and dotted.rpartition(".")[2] in _DECLARATIVE_BASES:
            return _Base("declarative")
        found = self.sources.member(dotted)
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
        if "declarative" in kinds or body_names(node) & _METADATA_NAMES:
            origin = own
        if kinds & {"declarative", "mapped"}:
            return _Base("mapped", origin)
        return _Base("unknown" if "unknown" in kinds else "plain", origin)

    def _known_base(self, module: Module, base: ast.expr) -> _Base:
        """A base that has been traced; one that has not is a class that derives from itself."""
        if isinstance(base, ast.Call) or (name := expression_name(base)) is None:
            return self._trace_base(module, base)
        return self._traced.get(self.sources.resolve(module, name), _Base("plain"))

    def _is_known(self, top: str) -> bool:
        """Whether a top-level name that these sources do not define is a package, or a builtin, that has no tables."""
        standard = top in sys.stdlib_module_names or hasattr(builtins, top)
        return top in _NO_TABLES or (standard and top not in self._tops)


def _names_table(module: Module, called: str) -> bool:
    """Whether the module itself calls something `Table` by this name: following every name that is called takes too long."""
    head, _, rest = called.partition(".")
    name = rest or module.imports.get(head) or expression_name(module.values.get(head)) or head
    return name.rpartition(".")[2] == "Table"


def _looks_mapped(node: ast.ClassDef) -> bool:
    """Whether a class body names a table or maps columns, for classes whose base is in no source at hand."""
    if body_names(node) & {"__tablename__", "__table__"}:
        return True
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and last_name(statement.annotation) == "Mapped":
            return True
    return any(
        isinstance(value, ast.Call) and last_name(value) in {"mapped_column", "Column"} for _, value in assignments(node.body)
    )
