"""Reads what the application does with its engines and settings: which of them sessions and tables go through."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from .database_names import is_beside_models, serves_other_purpose
from .engine_makers import ASYNC_MAKERS, SYNC_MAKERS, EngineMakers, own_name
from .sources import Module, Sources
from .syntax import assignments, child_nodes, defined_names, expression_name, last_name

_SESSIONS = frozenset({"sessionmaker", "async_sessionmaker", "Session", "AsyncSession"})
_MAKERS = ASYNC_MAKERS | SYNC_MAKERS
_ARGUMENT_PARSERS = frozenset({"argparse", "typer", "click", "fire", "docopt"})
_FRAMEWORKS = frozenset({"fastapi", "starlette", "litestar"})
_SERVERS = frozenset({"uvicorn", "hypercorn", "granian"})
_MAIN_GUARDS = frozenset({"__name__ == '__main__'", "'__main__' == __name__"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The function or class that an expression stands in."""

    class_: str = ""
    """The dotted name of the class that `self` is an instance of."""
    function: str = ""
    """The dotted name of the function; that of the class for its `__init__`."""
    parameters: tuple[str, ...] = ()
    local: Mapping[str, ast.expr] = field(default_factory=dict)


class EngineUses:
    """What the modules of an application use engines and URLs for; scripts, tests and the like do not count."""

    def __init__(self, sources: Sources, makers: EngineMakers, models: Collection[str]) -> None:
        self.sources = sources
        self.makers = makers
        self.aside = _list_unimported(sources, lambda module: is_beside_models(module.name, models))
        self.tools = _list_unimported(sources, _is_tool) - self.aside
        """Command-line tools that no other module imports: what they use counts where nothing else does."""
        self.bound: dict[str, str] = {}
        """Dotted names of engines that sessions are bound to, with the module that binds them."""
        self.urls: set[str] = set()
        """Dotted names of what engines are made from."""
        self.attributes: set[str] = set()
        """The last names of those."""
        self.read: set[str] = set()
        """Attributes that the application reads, whatever of."""
        self.read_aside: set[str] = set()
        self.makes_async_engine = False
        self._passed_on: dict[str, str] = {}
        for module in sources.modules.values():
            if module.name in self.aside:
                self.read_aside |= {node.attr for node in module.nodes if isinstance(node, ast.Attribute)}
            elif module.name in self.tools or not self._has_engines(module):
                self.read |= {
                    node.attr for node in module.nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
                }
            else:
                self._visit(module)
        if not self.bound and not self.urls:
            for name in sorted(self.tools):
                self._visit(sources.modules[name])
        for module in sources.modules.values():
            if module.name not in self.aside and self._passed_on:
                self._visit_callers(module)

    @staticmethod
    def _has_engines(module: Module) -> bool:
        """Whether a module makes or binds engines, or has parts that serve another purpose: otherwise it only reads."""
        for node in module.nodes:
            match node:
                case ast.Call(keywords=keywords) if any(keyword.arg == "bind" for keyword in keywords):
                    return True
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in _MAKERS or name in _SESSIONS:
                    return True
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                    if serves_other_purpose(name):
                        return True
        return False

    def _visit(self, module: Module) -> None:
        pending: list[tuple[ast.AST, _Scope]] = [(module.tree, _Scope())]
        while pending:
            node, scope = pending.pop()
            if (inner := self._note(module, node, scope)) is not None:
                pending += [(child, inner) for child in child_nodes(node)][::-1]

    def _note(self, module: Module, node: ast.AST, scope: _Scope) -> _Scope | None:
        """Note what a node says, and give the scope of what is in it, None if that serves another purpose."""
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            return None if any(serves_other_purpose(last_name(target)) for target in targets) else scope
        if isinstance(node, ast.ClassDef):
            return _Scope(class_=f"{module.name}.{node.name}")
        if isinstance(node, _FUNCTIONS):
            return None if serves_other_purpose(node.name) else _enter(module, node, scope)
        if isinstance(node, ast.Call):
            self._visit_call(module, node, scope)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            self.read.add(node.attr)
        if isinstance(node, ast.Name | ast.Attribute) and last_name(node) in ASYNC_MAKERS:
            self.makes_async_engine = True
        return scope

    def _visit_call(self, module: Module, call: ast.Call, scope: _Scope) -> None:
        name = last_name(call)
        if name in _MAKERS and (call.args or call.keywords):
            for argument in [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "url")]:
                paths = set(self._list_paths(module, argument, scope))
                self.urls |= paths
                self.attributes |= {path.rpartition(".")[2] for path in paths}
        bind = next((keyword.value for keyword in call.keywords if keyword.arg == "bind"), None)
        if bind is None and call.args and name in _SESSIONS and self._is_sqlalchemy(module, call):
            bind = call.args[0]
        if bind is not None and name not in {"create_all", "drop_all", "reflect", "MetaData"}:
            self._bind(module, bind, scope)

    def _is_sqlalchemy(self, module: Module, call: ast.Call) -> bool:
        resolved = self.sources.resolve(module, expression_name(call.func) or "")
        return resolved.partition(".")[0] in {"sqlalchemy", "sqlmodel"}

    def _bind(self, module: Module, bind: ast.expr, scope: _Scope) -> None:
        path = self._path(module, bind, scope)
        if path is not None:
            self.bound.setdefault(path, module.name)
            if scope.class_ and path.startswith(f"{scope.class_}."):
                self.bound.setdefault(f"{scope.class_}.*", module.name)
        elif isinstance(bind, ast.Name) and bind.id in scope.parameters:
            self._passed_on[scope.function] = bind.id

    def _visit_callers(self, module: Module) -> None:
        """Find what is passed to functions and classes that bind sessions to an argument."""
        for node in module.nodes:
            if not isinstance(node, ast.Call):
                continue
            called = self.sources.resolve(module, expression_name(node.func) or "")
            parameter = self._passed_on.get(called)
            for argument in [] if parameter is None else [*node.args, *(k.value for k in node.keywords if k.arg == parameter)]:
                path = self._path(module, argument, _Scope())
                if path is not None:
                    self.bound.setdefault(path, module.name)

    # Expressions

    def _path(self, module: Module, node: ast.expr, scope: _Scope) -> str | None:
        """The dotted name of what an expression leads to, without its calls; None for an argument of the function."""
        local = dict(scope.local)
        while isinstance(node, ast.Name) and node.id in local:
            node = local.pop(node.id)
        name = call_path(node)
        if name is None or (name.partition(".")[0] in scope.parameters and name.partition(".")[0] not in {"self", "cls"}):
            return None
        head, _, rest = name.partition(".")
        if head in local:
            inner = self._path(module, local[head], _Scope(scope.class_, scope.function, scope.parameters))
            return None if inner is None else f"{inner}.{rest}"
        if head in {"self", "cls"} and scope.class_:
            return f"{scope.class_}.{rest}"
        return self.sources.resolve(module, name.removesuffix(".execution_options"))

    def _list_paths(self, module: Module, node: ast.expr, scope: _Scope) -> Iterator[str]:
        """The dotted names of everything that is mentioned in an expression, without those that are a part of another."""
        pending = [(node, scope)]
        while pending:
            node, scope = pending.pop()
            if isinstance(node, ast.Name) and node.id in scope.local:
                rest = {name: value for name, value in scope.local.items() if name != node.id}
                pending.append((scope.local[node.id], replace(scope, local=rest)))
            elif isinstance(node, ast.Name | ast.Attribute):
                yield self._path(module, node, scope) or expression_name(node) or ""
                if isinstance(node, ast.Name):
                    yield own_name(module, node.id)
            else:
                inner = [child.value if isinstance(child, ast.keyword) else child for child in ast.iter_child_nodes(node)]
                pending += [(child, scope) for child in inner if isinstance(child, ast.expr)][::-1]

    # Users

    def list_users(self, names: Collection[str]) -> list[str]:
        """The modules of the application that import one of these names, or something below it."""
        return [
            module.name
            for module in self.sources.modules.values()
            if module.name not in self.aside and any(self.sources.resolve(module, local) in names for local in module.imports)
        ]

    def find_dependents(self, names: Collection[str]) -> set[str]:
        """Dotted names of these, and of the sessions, functions and classes that lead to them, three steps far."""
        found = set(names)
        for _ in range(3):
            for own, mentioned in self._mentions:
                if not mentioned.isdisjoint(found):
                    found |= own
        return found

    @cached_property
    def _mentions(self) -> list[tuple[frozenset[str], frozenset[str]]]:
        """Of each statement of the application that defines names: these, and the dotted names that it mentions."""
        mentions = []
        for module in self.sources.modules.values():
            if module.name in self.aside:
                continue
            resolved: dict[str, str] = {}
            for statement in module.tree.body:
                if own := defined_names(statement):
                    names = {name for node in ast.walk(statement) if (name := _read_name(node)) is not None}
                    resolved |= {name: self.sources.resolve(module, name) for name in names - resolved.keys()}
                    defined = frozenset(f"{module.name}.{name}" for name in own)
                    mentions.append((defined, frozenset(resolved[name] for name in names)))
        return mentions


def _read_name(node: ast.AST) -> str | None:
    """The dotted name that an expression reads."""
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
        return expression_name(node)
    return None


def call_path(node: ast.expr) -> str | None:
    """`a.b.c` for `a.b().c`: the names of an expression without its calls."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            attributes.append(node.attr)
        node = node.func if isinstance(node, ast.Call) else node.value
    return ".".join([node.id, *reversed(attributes)]) if isinstance(node, ast.Name) else None


def _enter(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, outer: _Scope) -> _Scope:
    arguments = function.args
    parameters = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return _Scope(
        class_=outer.class_,
        function=outer.class_ if outer.class_ and function.name == "__init__" else f"{module.name}.{function.name}",
        parameters=(*outer.parameters, *parameters),
        local={**outer.local, **dict(assignments(function.body))},
    )


def _is_tool(module: Module) -> bool:
    """Whether a module is a command-line tool: it reads arguments, or is run by itself and is no web application."""
    imported = {name.partition(".")[0] for name in module.imported_modules()}
    if imported & _FRAMEWORKS:
        return False
    return bool(imported & _ARGUMENT_PARSERS) or (not imported & _SERVERS and any(map(_is_main_guard, module.tree.body)))


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in _MAIN_GUARDS


def _list_unimported(sources: Sources, test: Callable[[Module], bool]) -> frozenset[str]:
    """The modules that pass a test and that no other module imports."""
    aside = {module.name for module in sources.modules.values() if test(module)}
    while True:
        imported = {
            name
            for module in sources.modules.values()
            if module.name not in aside
            for dotted in (*module.imports.values(), *module.stars)
            for name in (dotted, dotted.rpartition(".")[0])
        }
        if not aside & imported:
            return frozenset(aside)
        aside -= imported
