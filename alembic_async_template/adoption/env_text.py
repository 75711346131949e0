"""Writes the new `env.py`: what the old one has beside its machinery, and the call of `run_environment`."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import alembic

from .env_file import EnvFile, Function, bound_names, free_names, parse_expression

_IMPORT = "from alembic_async_template import run_environment"
_DOCSTRING = (
    '"""Alembic runs this file for every command that needs the database. Its settings are in alembic.ini or pyproject.toml."""'
)
# The packages whose import switches a second comparison of enum types on.
_OTHER_ENUM_PACKAGES = frozenset({"alembic_postgresql_enum", "alembic_pg_enum_generator"})
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Call:
    """The call of `run_environment`, and what it needs."""

    arguments: Mapping[str, str]
    hoisted: tuple[str, ...]
    """Statements that were inside a function."""


def write_env(env: EnvFile, removed: Collection[ast.stmt], call: Call, covered: Sequence[str]) -> str:
    """The text of the new file.

    :param removed: the statements of the module that have been replaced.
    :param covered: the modules that `app_models` finds, so that no import is needed for them.
    """
    docstring = ast.get_docstring(env.tree, clean=False) is not None
    body = env.tree.body[1:] if docstring else env.tree.body
    kept = [statement for statement in body if statement not in removed and not is_logging(env, statement)]
    texts = _prune(env, kept, call, covered)
    kept = [statement for statement in kept if statement in texts]
    last_import = max((kept.index(one) for one in kept if isinstance(one, ast.Import | ast.ImportFrom)), default=-1)
    parts = [env.quote(env.tree.body[0]) if docstring else _DOCSTRING, "\n\n"]
    if last_import < 0:
        parts += [f"{_IMPORT}\n"]
    for number, statement in enumerate(kept):
        parts += ["\n" if number == last_import + 1 else "", _space(env, statement), texts[statement], "\n"]
        if number == last_import:
            parts += [f"{_IMPORT}\n"]
        if isinstance(statement, Function | ast.ClassDef):
            parts += ["\n\n"]
    parts += [f"\n\n{text}\n\n" for text in call.hoisted]
    text = "".join([*parts, "\n", _write_call(call.arguments), "\n"])
    text = re.sub(r"\n{4,}", "\n\n\n", text)
    return re.sub(r"(?<=[^\n])\n{3,}(?!(?:@|def |async def |class |run_environment|#))", "\n\n", text)


def _write_call(arguments: Mapping[str, str]) -> str:
    given = [f"{name}={value}" for name, value in arguments.items()]
    line = f"run_environment({', '.join(given)})"
    if len(line) <= _LONGEST and "\n" not in line:
        return line
    return "run_environment(\n" + "".join(f"    {one},\n" for one in given) + ")"


def is_logging(env: EnvFile, statement: ast.stmt) -> bool:
    """Whether a statement does nothing but read the logging of the ini, as `run_environment` does."""
    if isinstance(statement, ast.If):
        return not statement.orelse and all(is_logging(env, inner) for inner in statement.body)
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and env.find_origin(call.func) == "logging.config.fileConfig"


# What is not needed any more


def _prune(env: EnvFile, kept: Sequence[ast.stmt], call: Call, covered: Sequence[str]) -> dict[ast.stmt, str]:
    """The texts of the statements that are still needed: a name that only the machinery read goes, with what it alone needs."""
    read = {node.id for node in ast.walk(env.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    needed = set[str]().union(*(free_names(parse_expression(text)) for text in call.arguments.values()))
    needed |= set[str]().union(*(free_names(ast.parse(text)) for text in call.hoisted))
    texts = {statement: _quote(env, statement) for statement in kept}
    while True:
        alive = needed.union(*(free_names(statement) for statement in texts))
        dead = {
            statement: names
            for statement in texts
            if (names := {name for name in bound_names(statement) if name in read and name not in alive}) and _can_go(statement)
        }
        if not dead:
            break
        for statement, names in dead.items():
            if names >= set(bound_names(statement)):
                del texts[statement]
        if not any(statement not in texts for statement in dead):
            break
    for statement in [one for one in texts if isinstance(one, ast.Import | ast.ImportFrom)]:
        assert isinstance(statement, ast.Import | ast.ImportFrom)
        rest = [alias for alias in statement.names if _is_needed(statement, alias, read, alive, covered)]
        if not rest:
            del texts[statement]
        elif len(rest) < len(statement.names):
            module = f"from {'.' * statement.level}{statement.module or ''} " if isinstance(statement, ast.ImportFrom) else ""
            texts[statement] = f"{module}import {', '.join(ast.unparse(alias) for alias in rest)}"
    return texts


def _can_go(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom | Function | ast.ClassDef | ast.Assign | ast.AnnAssign)


def _is_needed(
    statement: ast.Import | ast.ImportFrom, alias: ast.alias, read: set[str], alive: set[str], covered: Sequence[str]
) -> bool:
    module = alias.name if isinstance(statement, ast.Import) else statement.module or ""
    if module == "__future__" or module.partition(".")[0] in _OTHER_ENUM_PACKAGES:
        return module == "__future__"
    name = alias.asname or alias.name.partition(".")[0]
    if name in read:
        return name in alive
    names = {module, f"{module}.{alias.name}"}  # imported for what that does: it may define tables
    return module.partition(".")[0] not in {"alembic", "sqlalchemy", *sys.stdlib_module_names} and not any(
        model == one or model.startswith(f"{one}.") for one in names for model in covered
    )


# How it is written


def _quote(env: EnvFile, statement: ast.stmt) -> str:
    """A statement with its decorators, and with the comments above it that are not those of Alembic's own templates."""
    first = _first_line(statement)
    others = [other for other in env.tree.body if other is not statement]
    if any(other.lineno <= statement.lineno <= (other.end_lineno or 0) for other in others):
        return ast.unparse(statement)  # several on one line
    above = first - 1
    end_before = max((other.end_lineno or 0 for other in others if other.lineno < first), default=0)
    while above > end_before and (not env.lines[above - 1].strip() or env.lines[above - 1].startswith("#")):
        above -= 1
    comments = [line for line in env.lines[above : first - 1] if line.strip() and line.strip() not in _stock_comments()]
    return "\n".join([*comments, *env.lines[first - 1 : statement.end_lineno]])


def _first_line(statement: ast.stmt) -> int:
    decorators: Sequence[ast.expr] = getattr(statement, "decorator_list", ())
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _space(env: EnvFile, statement: ast.stmt) -> str:
    """The empty lines in front of a statement."""
    if isinstance(statement, Function | ast.ClassDef):
        return "\n\n"
    above = env.lines[: _first_line(statement) - 1]
    while above and above[-1].startswith("#"):
        above.pop()
    return "\n" if above and not above[-1].strip() else ""


@cache
def _stock_comments() -> frozenset[str]:
    """The lines of comments that every `env.py` of Alembic's templates has."""
    return frozenset(_list_stock_comments())


def _list_stock_comments() -> Iterator[str]:
    for path in Path(alembic.__file__).parent.glob("templates/*/env.py"):
        yield from (line.strip() for line in path.read_text("utf-8").splitlines() if line.startswith("#"))
