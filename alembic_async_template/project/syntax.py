"""Reads single statements and expressions of a source: names, assignments, calls, and what runs on import."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeGuard

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def child_nodes(node: ast.AST) -> list[ast.AST]:
    """What `ast.iter_child_nodes` gives, in less time: without the contexts of names, of which there are many."""
    children: list[ast.AST] = []
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            children += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and name != "ctx":
            children.append(value)
    return children


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


def executed_calls(statement: ast.stmt) -> Iterator[ast.Call]:
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


def single_values(body: Iterable[ast.stmt]) -> dict[str, ast.expr]:
    """The names that are given one value only."""
    pairs = list(assignments(body))
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def defined_names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def local_names(function: ast.FunctionDef) -> frozenset[str]:
    """The names that a function has for itself."""
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return frozenset(names | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)})


def body_names(node: ast.ClassDef) -> set[str]:
    """The names that a class body gives a value."""
    names = {name for name, _ in assignments(node.body)}
    return names | {statement.name for statement in node.body if isinstance(statement, _FUNCTION)}
