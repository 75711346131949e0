"""Finds in the sources which class a value is an instance of."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, TypeVar

from .sources import Module, Sources
from .syntax import assignments, expression_name, last_name, run_statements

Class = tuple[Module, ast.ClassDef]
Value = TypeVar("Value")

# A framework fills in what has such a default; whoever calls the function has to pass it.
_INJECTED = frozenset({"Depends", "Security", "Provide", "Provider", "Inject", "Closing"})
_PROPERTIES = frozenset({"property", "computed_field", "cached_property", "hybrid_property"})
_HARMLESS = frozenset({"lru_cache", "cache", "cached", "singleton", "once", "staticmethod", "classmethod", "override", "final"})

# How many calls and tables an instance is followed through.
_DEPTH = 8


def takes_no_arguments(function: ast.FunctionDef, *, method: bool = False) -> bool:
    """Whether a function can be called as `function()`.

    :param method: whether it is called on what its first argument is.
    """
    arguments = function.args
    required = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults) - (1 if method else 0)
    defaults = [*arguments.defaults, *arguments.kw_defaults]
    return required <= 0 and not any(default is None or last_name(default) in _INJECTED for default in defaults)


def is_property(function: ast.FunctionDef) -> bool:
    return any(last_name(decorator) in _PROPERTIES for decorator in function.decorator_list)


def is_static(function: ast.FunctionDef) -> bool:
    """Whether a method is called on the class."""
    return any(last_name(decorator) in {"staticmethod", "classmethod"} for decorator in function.decorator_list)


def is_bare_method(method: ast.FunctionDef) -> bool:
    """Whether a method can be called without arguments, on its class or an instance."""
    is_function = any(last_name(decorator) == "staticmethod" for decorator in method.decorator_list)
    return is_plain(method) and takes_no_arguments(method, method=not is_function)


def is_plain(function: ast.FunctionDef) -> bool:
    """Whether calling a function gives what its body returns, or a property does: no other decorator changes that."""
    return all(last_name(decorator) in _HARMLESS | _PROPERTIES for decorator in function.decorator_list)


def has_methods(class_: ast.ClassDef) -> bool:
    return any(isinstance(statement, ast.FunctionDef) for statement in class_.body)


def annotated_assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | None, ast.expr, int]]:
    """Name, annotation, value and line of each assignment among the statements that run."""
    for statement in run_statements(body):
        for name, value in assignments([statement]) if isinstance(statement, ast.Assign | ast.AnnAssign) else ():
            yield name, getattr(statement, "annotation", None), value, statement.lineno


class Inherited(Generic[Value]):
    """What each class has and those that it derives from, each once, bases first.

    A class that adds nothing to what a base has shares that: a thousand classes that derive from each other take no more.
    """

    def __init__(self, classes: Classes, own: Callable[[Module, ast.ClassDef], Mapping[Any, Value]]) -> None:
        """Take what lists what a class has itself, by what tells one from another."""
        self._classes = classes
        self._own = own
        self._known: dict[ast.ClassDef, Mapping[Any, Value]] = {}

    def of(self, module: Module, class_: ast.ClassDef) -> Collection[Value]:
        opened, pending = set[ast.ClassDef](), [(module, class_)]
        while pending:
            current = pending[-1]
            if current[1] in opened or current[1] in self._known:
                if current[1] not in self._known:
                    self._known[current[1]] = self._join(*current)
                pending.pop()
            else:
                opened.add(current[1])
                pending += [base for base in self._classes.bases(*current) if base[1] not in opened][::-1]
        return self._known[class_].values()

    def _join(self, module: Module, class_: ast.ClassDef) -> Mapping[Any, Value]:
        inherited = [self._known.get(base[1], {}) for base in self._classes.bases(module, class_)]
        parts = [part for part in (*inherited, self._own(module, class_)) if part]
        if len(parts) < 2:
            return parts[0] if parts else {}
        joined = dict(parts[0])
        for part in parts[1:]:
            joined |= {key: value for key, value in part.items() if key not in joined}
        return joined


class Classes:
    """The classes of some sources."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._lineages = Inherited(self, lambda module, class_: {class_: (module, class_)})
        self._with_methods = Inherited(self, lambda module, class_: {class_: (module, class_)} if has_methods(class_) else {})

    def named(self, module: Module, node: ast.expr | None) -> Class | None:
        """The class that a name, an annotation or a part of a union stands for."""
        pending = [node]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.BinOp):
                pending += [node.right, node.left]
            elif isinstance(node, ast.Subscript) and last_name(node.value) in {"Annotated", "Optional"}:
                pending.append(node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice)
            else:
                name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else expression_name(node)
                found = self.sources.definition(self.sources.resolve(module, name)) if name else None
                if found is not None and isinstance(found[1], ast.ClassDef):
                    return found[0], found[1]
        return None

    def bases(self, module: Module, class_: ast.ClassDef) -> Iterator[Class]:
        for base in class_.bases:
            found = self.named(module, base)
            if found is not None and found[1] is not class_:
                yield found

    def lineage(self, module: Module, class_: ast.ClassDef) -> Collection[Class]:
        """A class and those that it derives from, each once, bases first."""
        return self._lineages.of(module, class_)

    def instances(self, module: Module, value: ast.expr | None, annotation: ast.expr | None = None) -> Iterator[Class]:
        """The classes that an expression may give an instance of, the annotated one first; another name for one gives none."""
        if isinstance(value, ast.Call | ast.Subscript | ast.IfExp):
            if (annotated := self.named(module, annotation)) is not None:
                yield annotated
            yield from self._instances_of(module, value, {}, 0)

    def returned(self, module: Module, function: ast.FunctionDef, _depth: int = 0) -> Iterator[Class]:
        """The classes that a function may return an instance of."""
        if (annotated := self.named(module, function.returns)) is not None:
            yield annotated
        local = dict(assignments(function.body))
        for statement in run_statements(function.body):
            value = statement.value if isinstance(statement, ast.Return) else None
            yield from self._instances_of(module, value, local, _depth)

    def _instances_of(self, module: Module, value: ast.expr | None, local: dict[str, ast.expr], depth: int) -> Iterator[Class]:
        """The classes of what an expression holds: a call, one of several, or what is picked from a table of them."""
        if depth > _DEPTH:
            return
        if isinstance(value, ast.Name) and value.id in local:
            rest = {name: other for name, other in local.items() if name != value.id}
            yield from self._instances_of(module, local[value.id], rest, depth + 1)
        elif isinstance(value, ast.Name):
            found = self.sources.definition(self.sources.resolve(module, value.id))
            if found is not None and isinstance(found[1], ast.Assign | ast.AnnAssign):
                yield from self._instances_of(found[0], found[1].value, {}, depth + 1)
        elif isinstance(value, ast.Call):
            yield from self._called(module, value.func, depth + 1, local)
        elif isinstance(value, ast.Subscript):
            yield from self._instances_of(module, value.value, local, depth + 1)
        elif isinstance(value, ast.Dict):
            for item in value.values:
                yield from self._instances_of(module, item, local, depth + 1)
        elif isinstance(value, ast.IfExp):
            for item in (value.body, value.orelse):
                yield from self._instances_of(module, item, local, depth + 1)

    def _called(
        self, module: Module, function: ast.expr, depth: int, local: dict[str, ast.expr] | None = None
    ) -> Iterator[Class]:
        """The classes that calling an expression may give an instance of."""
        local = local or {}
        if depth > _DEPTH:
            return
        if isinstance(function, ast.Call):
            yield from self._called_twice(module, function.func, depth, local)
            return
        if isinstance(function, ast.Attribute) and function.attr == "get":  # a table of instances
            yield from self._instances_of(module, function.value, local, depth + 1)
            return
        name = expression_name(function)
        if name in local:
            yield from self._classes_in(module, local[name], depth + 1)
            return
        if (target := self.method(module, function, depth)) is not None:
            yield from self.made_by_method(*target, depth)
            return
        found = self.sources.definition(self.sources.resolve(module, name)) if name else None
        if found is None:
            return
        owner, statement = found
        if isinstance(statement, ast.ClassDef):
            yield owner, statement
        elif isinstance(statement, ast.FunctionDef):
            yield from self.returned(owner, statement, depth + 1)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            yield from self._classes_in(owner, statement.value, depth + 1)

    def method(self, module: Module, function: ast.expr, _depth: int = 0) -> tuple[Class, Module, ast.FunctionDef] | None:
        """The method that `Class.method` or `instance.method` is, with its class and the module that defines it."""
        if not isinstance(function, ast.Attribute):
            return None
        owner = self.named(module, function.value)
        name = expression_name(function.value)
        found = self.sources.definition(self.sources.resolve(module, name)) if owner is None and name else None
        if found is not None and isinstance(found[1], ast.Assign | ast.AnnAssign):
            annotated = self.named(found[0], getattr(found[1], "annotation", None))
            owner = annotated or next(self._instances_of(found[0], found[1].value, {}, _depth + 1), None)
        if owner is None:
            return None
        found_method = self.find_method(owner, function.attr)
        return None if found_method is None else (owner, *found_method)

    def find_method(self, class_: Class, name: str) -> tuple[Module, ast.FunctionDef] | None:
        """The method of a class or of a base of it, and the module that defines it."""
        for owner, ancestor in reversed([*self._with_methods.of(*class_)]):
            for statement in ancestor.body:
                if isinstance(statement, ast.FunctionDef) and statement.name == name:
                    return owner, statement
        return None

    def made_by_method(self, class_: Class, module: Module, function: ast.FunctionDef, depth: int = 0) -> Iterator[Class]:
        """The classes that a method may return an instance of; its own, where it is a constructor by another name."""
        calls = {last_name(node) for node in ast.walk(function) if isinstance(node, ast.Call)}
        if is_static(function) and calls & {"cls", class_[1].name}:
            yield class_
        else:
            yield from self.returned(module, function, depth + 1)

    def _called_twice(self, module: Module, function: ast.expr, depth: int, local: dict[str, ast.expr]) -> Iterator[Class]:
        """The classes that `Factory()()` or `TABLE.get(name)()` may give an instance of."""
        if isinstance(function, ast.Attribute) and function.attr == "get":
            yield from self._called(module, function.value, depth + 1, local)
            return
        for owner, class_ in self._called(module, function, depth + 1, local):
            for method in class_.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__call__":
                    yield from self.returned(owner, method, depth + 1)

    def _classes_in(self, module: Module, value: ast.expr | None, depth: int) -> Iterator[Class]:
        """The classes that a table of classes has, or the function that a decorator like `lru_cache` was called with."""
        inner = value.values if isinstance(value, ast.Dict) else value.args if isinstance(value, ast.Call) else [value]
        for item in inner:
            if isinstance(item, ast.Name | ast.Attribute):
                yield from self._called(module, item, depth + 1)
            elif isinstance(item, ast.Subscript | ast.IfExp):
                for part in ast.walk(item):
                    if isinstance(part, ast.Name):
                        yield from self._called(module, part, depth + 1)
