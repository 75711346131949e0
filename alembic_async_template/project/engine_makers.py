"""Finds out what makes an engine: a call, a function, or a class whose instances have one."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .classes import Class, Classes, Inherited, has_methods, is_bare_method, is_plain, is_property, is_static, takes_no_arguments
from .sources import Module, Sources
from .syntax import assignments, expression_name, last_name, run_statements

ASYNC_MAKERS = frozenset({"create_async_engine", "async_engine_from_config", "AsyncEngine"})
SYNC_MAKERS = frozenset({"create_engine", "engine_from_config"})
_OF_CONNECTIONS = ("pool", "max_overflow", "echo")
_SQLALCHEMY = frozenset({"sqlalchemy", "sqlmodel"})

Locals = Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that the sources make."""

    is_async: bool
    url: str = ""
    """The expression of its URL with absolute names, so that two engines of one database can be told; empty if unknown."""
    synonyms: frozenset[str] = frozenset()
    """The same under the names of other variables."""
    origins: frozenset[str] = frozenset()
    """What methods make the URL from: `a.b` for `a.b.replace(x, y)`."""


@dataclass(frozen=True, slots=True)
class Member:
    """An engine that a class has."""

    path: str
    """Attributes and calls from the class or an instance."""
    engine: Engine
    static: bool
    """Whether it is reached from the class itself."""
    configuration: str | None = None
    """What has to be filled in before, in a container."""


class EngineMakers:
    """What makes engines in some sources."""

    def __init__(self, sources: Sources, classes: Classes) -> None:
        self.sources = sources
        self.classes = classes
        # Functions that call each other end here.
        self._returned: dict[tuple[ast.FunctionDef, ast.ClassDef | None], Engine | None] = {}
        self._known_attributes: dict[ast.ClassDef, dict[str, Engine]] = {}
        self._known_static: dict[ast.ClassDef, dict[str, Engine]] = {}
        self._lineages = Inherited(classes, self._list_if_relevant)

    # Calls

    def engine(
        self, module: Module, value: ast.expr | None, local: Locals | None = None, class_: Class | None = None
    ) -> Engine | None:
        """The engine that a call gives.

        :param local: the variables of the function that it stands in.
        :param class_: the class of `self` there.
        """
        if not isinstance(value, ast.Call):
            return None
        called = expression_name(value.func) or ""
        resolved = self.sources.resolve(module, called) if called else ""
        if resolved.partition(".")[0] in _SQLALCHEMY:
            return self._made(module, resolved.rpartition(".")[2], value, local)
        target = self._target(module, value, class_)
        if target is None or not is_plain(target[1]):
            return None
        engine = self.returned(*target)
        if engine is not None and (value.args or value.keywords):
            # Which database it is depends on the arguments, but for those that only concern connections.
            keywords = [keyword for keyword in value.keywords if not (keyword.arg or "").startswith(_OF_CONNECTIONS)]
            arguments = ast.Tuple([*value.args, *(keyword.value for keyword in keywords)])
            return Engine(engine.is_async, f"{resolved}{self._absolute(module, arguments, local)}")
        return engine

    def _made(self, module: Module, maker: str, call: ast.Call, local: Locals | None) -> Engine | None:
        if maker not in ASYNC_MAKERS | SYNC_MAKERS:
            return None
        url = next(iter([*call.args, *(item.value for item in call.keywords if item.arg in {"url", "sync_engine"})]), None)
        inner = self.engine(module, url, local) if maker == "AsyncEngine" else None
        if inner is not None:
            return replace(inner, is_async=True)
        if url is None:
            return Engine(maker in ASYNC_MAKERS)
        return Engine(maker in ASYNC_MAKERS, self._absolute(module, url, local), *self._trace(module, url, local))

    def _trace(self, module: Module, node: ast.expr, local: Locals | None) -> tuple[frozenset[str], frozenset[str]]:
        """The texts of an expression as variables lead to it, and of what it is made from by methods."""
        texts: tuple[set[str], set[str]] = set(), set()
        made = 0
        for _ in range(9):  # names may lead in a circle
            texts[made].update({self._absolute(module, node, local)} - {""})
            match node:
                case ast.Call(func=ast.Name(id="str"), args=[inner, *_]):
                    node = inner
                case ast.Call(func=ast.Attribute(value=inner)):
                    node, made = inner, 1
                case ast.Name(id=name) if name not in (local or {}):
                    found = find_constant(self.sources, module, name)
                    if found is None:
                        break
                    module, node = found
                case _:
                    break
        return frozenset(texts[0]), frozenset(texts[1])

    def _absolute(self, module: Module, node: ast.expr, local: Locals | None) -> str:
        """The text of an expression in which every name is absolute."""
        if isinstance(node, ast.Call) and last_name(node) == "str" and node.args:
            node = node.args[0]
        found = (
            find_constant(self.sources, module, node.id) if isinstance(node, ast.Name) and node.id not in (local or {}) else None
        )
        if found is not None:
            module, node = found
        try:
            return ast.unparse(_Absolute(self.sources, module, local or {}).visit(copy.deepcopy(node)))
        except RecursionError:  # a sum of a thousand terms
            return ""

    def _target(
        self, module: Module, call: ast.Call, class_: Class | None
    ) -> tuple[Module, ast.FunctionDef, Class | None] | None:
        """The function or method of these sources that is called, and the class of the latter."""
        owner, _, name = (expression_name(call.func) or "").rpartition(".")
        if class_ is not None and owner in {"self", "cls"}:
            found_method = self.classes.find_method(class_, name)
            return None if found_method is None else (*found_method, class_)
        found = self.sources.definition(self.sources.resolve(module, expression_name(call.func) or ""))
        if found is not None:
            return (found[0], found[1], None) if isinstance(found[1], ast.FunctionDef) else None
        method = self.classes.method(module, call.func)
        return None if method is None else (method[1], method[2], method[0])

    # Functions

    def returned(self, module: Module, function: ast.FunctionDef, class_: Class | None = None) -> Engine | None:
        """The engine that a function or method makes and returns.

        :param class_: the class whose method it is.
        """
        key = (function, class_[1] if class_ is not None else None)
        if key not in self._returned:
            self._returned[key] = None
            self._returned[key] = self._find_returned(module, function, class_)
        return self._returned[key]

    def _find_returned(self, module: Module, function: ast.FunctionDef, class_: Class | None) -> Engine | None:
        local = dict(assignments(function.body))
        attributes = dict(self._attributes(class_)) if class_ is not None else {}
        attributes |= self._assigned(module, function, class_)
        for statement in run_statements(function.body):
            owner, value = module, statement.value if isinstance(statement, ast.Return) else None
            if isinstance(value, ast.Name):
                owner, value = (module, local[value.id]) if value.id in local else self._value(module, value)
            if isinstance(value, ast.Attribute) and value.attr in attributes:
                return attributes[value.attr]
            if not isinstance(value, ast.Call):
                continue
            if (engine := self.engine(owner, value, local, class_)) is not None:
                return engine
            is_async = self._read_annotation(module, function.returns)
            if is_async is not None and last_name(value) != "get" and self._target(owner, value, class_) is None:
                return Engine(is_async)  # made where no source is at hand
        return None

    def _value(self, module: Module, name: ast.Name) -> tuple[Module, ast.expr | None]:
        """What a name of a module is assigned."""
        found = self.sources.definition(self.sources.resolve(module, name.id))
        if found is None or not isinstance(found[1], ast.Assign | ast.AnnAssign):
            return module, None
        return found[0], found[1].value

    def _assigned(self, module: Module, function: ast.FunctionDef, class_: Class | None) -> dict[str, Engine]:
        """The engines that a method makes and keeps in attributes."""
        local = dict(assignments(function.body))
        found: dict[str, Engine] = {}
        for statement in run_statements(function.body):
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Name) and value.id in local:
                value = local[value.id]
            for target in targets:
                if isinstance(target, ast.Attribute) and (engine := self.engine(module, value, local, class_)) is not None:
                    found[target.attr] = engine
        return found

    def _read_annotation(self, module: Module, node: ast.expr | None) -> bool | None:
        """Whether an annotation is an async engine, or None for anything but an engine."""
        name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else expression_name(node)
        resolved = self.sources.resolve(module, name) if name else ""
        if resolved.partition(".")[0] not in _SQLALCHEMY:
            return None
        return {"AsyncEngine": True, "Engine": False}.get(resolved.rpartition(".")[2])

    # Classes

    def members(self, module: Module, class_: ast.ClassDef) -> list[Member]:
        """The engines that a class and its instances have, those of its bases too."""
        members: dict[str, Member] = {}
        lineage = {ancestor: owner for owner, ancestor in self._lineages.of(module, class_)}
        for ancestor, owner in (lineage | {class_: module}).items() if lineage else ():
            static = self._static(owner, ancestor)
            for name, engine in self._attributes((owner, ancestor)).items():
                members[name] = Member(name, engine, name in static)
            for method in ancestor.body:
                if isinstance(method, ast.FunctionDef) and is_bare_method(method):
                    returned = self.returned(owner, method, (module, class_))
                    path = method.name if is_property(method) else f"{method.name}()"
                    if returned is not None:
                        members[path] = Member(path, returned, is_static(method))
        return list(members.values())

    def _list_if_relevant(self, module: Module, class_: ast.ClassDef) -> dict[ast.ClassDef, Class]:
        """A class, if its own body can give it an engine."""
        return {class_: (module, class_)} if has_methods(class_) or self._static(module, class_) else {}

    def _static(self, module: Module, class_: ast.ClassDef) -> dict[str, Engine]:
        """The engines that a class body makes."""
        if class_ not in self._known_static:
            found = self._known_static[class_] = dict[str, Engine]()
            for name, value in assignments(class_.body):
                if (engine := self.engine(module, value)) is not None:
                    found[name] = engine
        return self._known_static[class_]

    def _attributes(self, class_: Class) -> dict[str, Engine]:
        """The engines that a class has, and those that its instances have from the beginning."""
        if class_[1] in self._known_attributes:
            return self._known_attributes[class_[1]]
        found = self._known_attributes[class_[1]] = dict[str, Engine]()
        for owner, ancestor in self._lineages.of(*class_):
            found |= self._static(owner, ancestor)
            for method in ancestor.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    found |= self._assigned(owner, method, class_)
        return found

    def can_be_constructed(self, class_: Class) -> bool:
        """Whether a class can be called without arguments."""
        if class_[1].decorator_list or any(last_name(base) in {"BaseModel", "Protocol", "ABC"} for base in class_[1].bases):
            return False
        found = self.classes.find_method(class_, "__init__")
        return found is None or takes_no_arguments(found[1], method=True)


def own_name(module: Module, name: str) -> str:
    """The dotted name of what a module defines or imports, without looking what that is another name for."""
    return module.imports.get(name, f"{module.name}.{name}")


def find_constant(sources: Sources, module: Module, name: str) -> tuple[Module, ast.expr] | None:
    """What a name of a module is assigned, and where: one item of `os.environ` is another one than the next."""
    found = sources.definition(own_name(module, name))
    if found is None or not isinstance(found[1], ast.Assign | ast.AnnAssign) or found[1].value is None:
        return None
    return found[0], found[1].value


class _Absolute(ast.NodeTransformer):
    """Replaces the names in an expression by absolute ones, and local variables by their values."""

    def __init__(self, sources: Sources, module: Module, local: Locals) -> None:
        self.sources = sources
        self.module = module
        self.local = local

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.local:
            rest = {name: value for name, value in self.local.items() if name != node.id}
            replaced: ast.expr = _Absolute(self.sources, self.module, rest).visit(copy.deepcopy(self.local[node.id]))
            return replaced
        if find_constant(self.sources, self.module, node.id) is not None:
            return ast.Name(own_name(self.module, node.id))
        return ast.Name(self.sources.resolve(self.module, node.id))
