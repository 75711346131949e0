"""An `env.py` that is written by hand, and what its names stand for."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ..project.syntax import defined_names, run_statements, single_values

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class EnvFile:
    """Its text and its syntax tree."""

    text: str
    tree: ast.Module

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Where the names come from that it imports anywhere: the module, and the attribute of it or nothing."""
        found: dict[str, tuple[str, str]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0],
                        "",
                    )
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found |= {alias.asname or alias.name: (node.module or "", alias.name) for alias in node.names}
        return found

    @cached_property
    def values(self) -> dict[str, ast.expr]:
        """The names that the module gives one value only."""
        return single_values(self.tree.body)

    @cached_property
    def functions(self) -> dict[str, Function]:
        return {node.name: node for node in self.tree.body if isinstance(node, Function)}

    @cached_property
    def names(self) -> frozenset[str]:
        """What the module itself defines, and what is built in."""
        found = set(dir(builtins)) | {"__file__", "__name__"}
        for statement in run_statements(self.tree.body):
            found |= set(bound_names(statement))
        return frozenset(found)

    def find_origin(self, node: ast.expr) -> str:
        """The full name of `a.b.c`, with what is imported filled in: `alembic.context.configure`; empty for anything else."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        first = ".".join(filter(None, self.imports[node.id])) if node.id in self.imports else node.id
        return ".".join([first, *reversed(attributes)])

    def quote(self, node: ast.AST) -> str:
        """The text of a node, as it is written."""
        return ast.get_source_segment(self.text, node) or ast.unparse(node)

    def quote_line(self, node: ast.stmt) -> str:
        """The first line of a statement."""
        return self.lines[node.lineno - 1].strip()


def bound_names(statement: ast.stmt) -> list[str]:
    """The names that a statement binds in its own scope."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.With | ast.AsyncWith | ast.For):
        targets = [item.optional_vars for item in statement.items] if not isinstance(statement, ast.For) else [statement.target]
        return [node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]
    return defined_names(statement)


def free_names(node: ast.AST) -> set[str]:
    """The names that a node reads and does not bind itself."""
    read = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}
    bound = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
    bound |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)}
    return read - bound


def parse_expression(text: str) -> ast.expr:
    """An expression as it is written, which may go on over several lines without brackets of its own."""
    return ast.parse(f"({text}\n)", mode="eval").body


def list_inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements in the blocks of a compound statement, functions in it left out."""
    for block in ("body", "orelse", "finalbody"):
        yield from getattr(statement, block, ())
    for handler in getattr(statement, "handlers", ()):
        yield from handler.body
