"""What an `env.py` gives to `context.configure`, and what of it `run_environment` is to be given."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .env_file import EnvFile, Function, bound_names, free_names, list_inner, parse_expression
from .machinery import Machinery, Obstacle

TARGET = "target_metadata"
# What a run of this package gives itself.
_OWN = {"connection", "url", "dialect_name", "literal_binds", "dialect_opts", "output_buffer", "as_sql"}
# What it gives where nothing is given.
_DEFAULTS = {"compare_type": "True", "compare_server_default": "True", "transaction_per_migration": "True"}


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments by their name, each with its expression as it is written; and what they need."""

    values: dict[str, str]
    hoisted: tuple[str, ...]
    """Functions and values that were inside a function, as statements of the module."""
    obstacles: tuple[Obstacle, ...]


def read_arguments(env: EnvFile, machinery: Machinery) -> Arguments:
    """Read all calls of `context.configure`; online and offline have to agree on what both give."""
    reader = _Reader(env)
    for call in machinery.list_calls():
        if env.find_origin(call.func) == "alembic.context.configure":
            reader.read(call, machinery.find_owner(call))
    return Arguments(reader.values, tuple(dict.fromkeys(reader.hoisted)), tuple(reader.obstacles))


class _Reader:
    def __init__(self, env: EnvFile) -> None:
        self.env = env
        self.values: dict[str, str] = {}
        self.hoisted: list[str] = []
        self.obstacles: list[Obstacle] = []

    def read(self, call: ast.Call, owner: Function | None) -> None:
        for keyword in call.keywords:
            name, value = keyword.arg, keyword.value
            if name is None:
                self._refuse(keyword.value, "its arguments are put together elsewhere")
                continue
            text = textwrap.dedent(self.env.quote(value))
            known = self.values.get(name)
            if name in _OWN or text == _DEFAULTS.get(name) or _is_same(known, text):
                continue
            if name == "render_as_batch" and "connection" in free_names(value):
                continue  # on SQLite, as here
            if known is not None:
                self._refuse(value, f"{name} is {text} here and {known} elsewhere")
                continue
            self.values[name] = text
            self._need(value, owner)

    def _need(self, node: ast.AST, owner: Function | None) -> None:
        """Find what the names of an expression stand for."""
        local = {name: statement for statement in _list_statements(owner) for name in bound_names(statement)} if owner else {}
        parameters = {argument.arg for argument in ast.walk(owner.args) if isinstance(argument, ast.arg)} if owner else set()
        for name in sorted(free_names(node)):
            statement = local.get(name)
            if name in parameters or isinstance(statement, ast.With | ast.AsyncWith):
                self._refuse(node, f"it uses {name}, which is not there outside of the function")
            elif statement is not None:
                self._need(_read_part(statement), owner)
                self.hoisted.append(textwrap.dedent(_quote_whole(self.env, statement)))
            elif name not in self.env.names:
                self._refuse(node, f"where {name} comes from is not seen")

    def _refuse(self, node: ast.AST, why: str) -> None:
        line: int = node.lineno  # type: ignore[attr-defined]  # of an expression or a statement
        self.obstacles.append(Obstacle(line, self.env.lines[line - 1].strip(), why))


def _is_same(known: str | None, text: str) -> bool:
    return known is not None and ast.dump(parse_expression(known)) == ast.dump(parse_expression(text))


def _list_statements(owner: ast.stmt) -> Iterator[ast.stmt]:
    for statement in list_inner(owner):
        yield statement
        if not isinstance(statement, Function):
            yield from _list_statements(statement)


def _read_part(statement: ast.stmt) -> ast.AST:
    """What of a statement reads names."""
    value = getattr(statement, "value", None)
    return value if isinstance(statement, ast.Assign | ast.AnnAssign) and value is not None else statement


def _quote_whole(env: EnvFile, statement: ast.stmt) -> str:
    """A statement with its decorators and its indentation."""
    decorators: Sequence[ast.expr] = getattr(statement, "decorator_list", ())
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return "\n".join(env.lines[first - 1 : statement.end_lineno])
