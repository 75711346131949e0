"""The part of an `env.py` that connects and runs the migrations, which `run_environment` replaces."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..doctor.revision_files import called_name
from .env_file import EnvFile, Function, list_inner, parse_expression

_CONTEXT = {
    f"alembic.context.{name}" for name in ("configure", "run_migrations", "begin_transaction", "is_offline_mode", "get_context")
}
ENGINE_MAKERS = {"create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config"}
# What may be given to an engine and means nothing to a run on one connection.
_ENGINE_OPTIONS = {"prefix", "poolclass", "future", "echo", "url", "pool_pre_ping", "pool_size", "max_overflow", "pool_recycle"}
# What these functions call; anything else that they do is a reason to leave them alone.
_USUAL_CALLS = ENGINE_MAKERS | {
    *("configure", "run_migrations", "begin_transaction", "is_offline_mode", "get_context"),
    *("connect", "begin", "run_sync", "dispose", "close", "commit", "AsyncEngine"),
    *("run", "get_event_loop", "new_event_loop", "set_event_loop", "get_running_loop", "run_until_complete", "is_running"),
    *("set_main_option", "get_main_option", "set_section_option", "get_section", "get", "getenv", "str", "replace"),
    *("print", "debug", "info", "warning", "error", "exception", "getLogger", "fileConfig", "isinstance", "getattr", "hasattr"),
    *("render_as_string", "unicode_string", "get_secret_value", "make_url"),
}
# What changes the connection or the database.
_WORK = {"execute", "exec_driver_sql", "execution_options", "scalar", "scalars", "begin_twophase", "create_all"}
_CREATE_SCHEMA = re.compile(r'\s*CREATE\s+SCHEMA\s+IF\s+NOT\s+EXISTS\s+"?([^"]+?)"?\s*;?\s*', re.IGNORECASE)
_LOOP = "it runs for several databases or more than once"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something in an `env.py` that cannot be carried over."""

    line: int
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Machinery:
    """Statements of the module, functions among them."""

    statements: tuple[ast.stmt, ...]
    functions: tuple[Function, ...]

    def find_owner(self, node: ast.AST) -> Function | None:
        """The function that a node is in."""
        return next((function for function in self.functions if any(inner is node for inner in ast.walk(function))), None)

    def list_calls(self) -> Iterator[ast.Call]:
        """Every call in it."""
        for statement in self.statements:
            yield from (node for node in ast.walk(statement) if isinstance(node, ast.Call))


def find_machinery(env: EnvFile) -> Machinery:
    """What uses Alembic's context to run migrations, and what calls that."""
    names: set[str] = set()
    found: list[ast.stmt] = []
    while True:
        found = [statement for statement in env.tree.body if _is_machinery(env, statement, names)]
        functions = [statement for statement in found if isinstance(statement, Function)]
        if {function.name for function in functions} == names:
            return Machinery(tuple(found), tuple(functions))
        names = {function.name for function in functions}


def _is_machinery(env: EnvFile, statement: ast.stmt, names: set[str]) -> bool:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            return True
        if isinstance(node, ast.Call) and env.find_origin(node.func) in _CONTEXT:
            return True
    return False


def find_schema_lines(env: EnvFile, machinery: Machinery, schema: str) -> set[int]:
    """The lines that create the schema of the version table, as `run_environment` does itself.

    :param schema: the expression that `context.configure` is given as `version_table_schema`.
    """
    value = parse_expression(schema)
    names = {f"{{{ast.unparse(value)}}}"}
    value = env.values.get(value.id, value) if isinstance(value, ast.Name) else value
    names |= {str(value.value)} if isinstance(value, ast.Constant) else set()
    return {
        call.lineno
        for call in machinery.list_calls()
        if called_name(call) == "execute" and call.args and _read_schema(call.args[0]) in names
    }


def _read_schema(node: ast.expr) -> str | None:
    """Which schema a statement creates where it is not there, `{...}` for one that is filled in; None for anything else."""
    match node:
        case ast.Call(_, [ast.Constant(str(name))], [ast.keyword("if_not_exists", ast.Constant(True))]):
            return name if called_name(node) == "CreateSchema" else None
        case ast.Call(_, [argument]) if called_name(node) in {"text", "DDL"}:
            return _read_schema(argument)
        case ast.Constant(str(text)):
            pass
        case ast.JoinedStr(parts):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
                for part in parts
                if isinstance(part, ast.Constant | ast.FormattedValue)
            )
        case _:
            return None
    found = _CREATE_SCHEMA.fullmatch(text)
    return found[1] if found else None


def find_obstacles(env: EnvFile, machinery: Machinery) -> Iterator[Obstacle]:
    """What the machinery does beyond connecting and running migrations."""
    names = {function.name for function in machinery.functions}
    inner = [
        node
        for statement in machinery.statements
        for node in ast.walk(statement)
        if isinstance(node, Function) and node not in machinery.functions and _connects(env, node, names)
    ]
    usual = _USUAL_CALLS | names | {function.name for function in inner}
    for statement in (*machinery.statements, *inner):
        yield from _look(env, statement, usual)


def _connects(env: EnvFile, function: Function, names: set[str]) -> bool:
    """Whether a function inside of another is a part of the machinery too."""
    calls = {called_name(node) for node in ast.walk(function) if isinstance(node, ast.Call)}
    return bool(calls & {"run_sync", "connect"}) or _is_machinery(env, function, names)


def _look(env: EnvFile, statement: ast.stmt, usual: set[str]) -> Iterator[Obstacle]:
    why = _find_obstacle(statement, usual)
    if why:
        yield Obstacle(statement.lineno, env.quote_line(statement), why)
        return
    for inner in list_inner(statement):
        if not isinstance(inner, Function | ast.ClassDef):  # of its own names, which are carried over where they are needed
            yield from _look(env, inner, usual)


def _find_obstacle(statement: ast.stmt, usual: set[str]) -> str:
    """Why a statement cannot be carried over; empty where there is nothing to say against it."""
    match statement:
        case ast.For() | ast.AsyncFor() | ast.While():
            return _LOOP
        case ast.With() | ast.AsyncWith():
            return _judge_calls([item.context_expr for item in statement.items], usual)
        case ast.Expr(ast.Constant()) | ast.Pass() | ast.Raise() | ast.Import() | ast.ImportFrom() | ast.Return():
            return ""
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            strange = [target for target in targets if not isinstance(target, ast.Name | ast.Tuple) and not is_url_item(target)]
            if strange:
                return f"{ast.unparse(strange[0])} is set"
            return _judge_calls([statement.value] if statement.value else [], None)
        case ast.Expr(ast.Call() as call) if called_name(call) == "configure":
            return ""  # its arguments are read apart
        case ast.Expr():
            return _judge_calls([statement.value], usual)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.If() | ast.Try():
            return ""
        case _:
            return "it is not a part of connecting and running migrations"


def _judge_calls(nodes: list[ast.expr], usual: set[str] | None) -> str:
    """What is wrong with the calls of expressions.

    :param usual: the names that may be called; None for all but those that do work.
    """
    for node in nodes:
        for call in (inner for inner in ast.walk(node) if isinstance(inner, ast.Call)):
            name = called_name(call)
            if name in _WORK or (usual is not None and name not in usual):
                return f"{name or 'it'}() is called, which is not a part of connecting and running migrations"
            options = [keyword.arg or "**" for keyword in call.keywords]
            if name in ENGINE_MAKERS and (unknown := [option for option in options if option not in _ENGINE_OPTIONS]):
                return f"its engine is given {', '.join(unknown)}; app_engine may name an engine of the application that has it"
            if name == "run_migrations" and options:
                return "run_migrations is given arguments for the functions of the revisions"
    return ""


def is_url_item(node: ast.expr) -> bool:
    """Whether a node is the item `["sqlalchemy.url"]` of something."""
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "sqlalchemy.url"
