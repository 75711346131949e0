"""What the file of a revision says, read from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..project.syntax import assignments
from .subject import SourceFile


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision, its place in the history, and its functions."""

    source: SourceFile
    name: str
    down: tuple[str, ...]
    has_label: bool
    upgrade: ast.FunctionDef | None
    downgrade: ast.FunctionDef | None


def read_revision(source: SourceFile) -> Revision | None:
    """None for a file that is no revision."""
    values = {name: _read_constant(value) for name, value in assignments(source.tree.body)}
    name, down = values.get("revision"), values.get("down_revision")
    if not isinstance(name, str):
        return None
    functions = {node.name: node for node in source.tree.body if isinstance(node, ast.FunctionDef)}
    parents = (down,) if isinstance(down, str) else tuple(map(str, down)) if isinstance(down, tuple | list) else ()
    return Revision(
        source, name, parents, bool(values.get("branch_labels")), functions.get("upgrade"), functions.get("downgrade")
    )


def _read_constant(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def called_name(call: ast.Call) -> str:
    """The name of what is called: `execute` for `op.get_bind().execute()` too."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def list_calls(function: ast.AST | None) -> list[ast.Call]:
    """The calls in a function, in the order of the source."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)] if function else []
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def list_statements(function: ast.AST | None) -> Iterator[tuple[ast.Call, str]]:
    """The SQL that a function executes, as far as it is written out, with the call."""
    for call in list_calls(function):
        if called_name(call) in {"execute", "exec_driver_sql"}:
            texts = [node for argument in call.args[:1] for node in ast.walk(argument) if isinstance(node, ast.Constant)]
            yield from ((call, node.value) for node in texts if isinstance(node.value, str))


def find_keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def list_autocommit_blocks(function: ast.AST | None) -> list[ast.With]:
    """The `with ... autocommit_block():` of a function."""
    blocks = [node for node in ast.walk(function) if isinstance(node, ast.With)] if function else []
    return [
        block for block in blocks if any(ast.unparse(item.context_expr).endswith(".autocommit_block()") for item in block.items)
    ]


def does_nothing(function: ast.FunctionDef | None) -> bool:
    """Whether a function has no statement but its docstring, `pass` and `...`."""
    body = function.body if function else []
    return all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body
    )
