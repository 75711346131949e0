"""Finds calls that send several statements at once, which asyncpg refuses and other drivers take."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from ..diagnosis.statement_facts import write_labels
from ..errors.block import Fix
from ..masking import holds_secret
from ..postgresql import split_statements
from ..project.syntax import single_values
from .drivers import find_driver
from .finding import Problem
from .revision_files import Revision, called_name, list_calls
from .subject import Subject

# What gives the text of its first argument, or of what it is a method of.
_WRAPPERS = frozenset({"text", "dedent", "cleandoc", "DDL"})
_METHODS = frozenset({"format", "strip", "lstrip", "rstrip", "bindparams", "execution_options"})
# https://www.psycopg.org/psycopg3/docs/basic/from_pg2.html#multiple-statements-in-the-same-query
OTHER_DRIVER = "let the URL of the migrations begin with postgresql+psycopg://, which takes several at once"


def list_several(revision: Revision) -> Iterator[tuple[ast.Call, str, list[str]]]:
    """The calls that send several statements, as far as their text is written out, with the text and the statements."""
    for function in filter(None, (revision.upgrade, revision.downgrade)):
        named = single_values(revision.source.tree.body) | single_values(function.body)
        for call in list_calls(function):
            if called_name(call) in {"execute", "exec_driver_sql"} and call.args:
                text = _read_text(call.args[0], named)
                statements = split_statements(text) if text else []
                if text and len(statements) > 1:
                    yield call, text, statements


def check_several(revision: Revision, subject: Subject) -> Iterator[Problem]:
    """Find those of a revision that will run through asyncpg."""
    if find_driver(subject) != "asyncpg":
        return
    for call, text, statements in list_several(revision):
        is_short = isinstance(call.args[0], ast.Constant) and "\n" not in text and not holds_secret(text)
        name = ast.unparse(call.func)
        example = "\n".join(f"{name}({write_labels([one])})" for one in statements) if is_short else ""
        yield Problem(
            "several-statements",
            f"Revision {revision.name} sends {len(statements)} statements at once",
            Fix(f"call {name} once for each of them", example),
            revision.source.path,
            call.lineno,
            other_fixes=(Fix(OTHER_DRIVER),),
        )


def _read_text(node: ast.expr, named: Mapping[str, ast.expr]) -> str:
    """The text of an expression, with `x` for what is filled in; empty where it is something else."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)
        case ast.BinOp(left, ast.Add(), right):
            first = _read_text(left, named)
            return f"{first}{_read_text(right, named) or 'x'}" if first else ""
        case ast.BinOp(left, ast.Mod(), _):
            return _read_text(left, named)
        case ast.Call(ast.Attribute(owner, method)) if method in _METHODS:
            return _read_text(owner, named)
        case ast.Call(_, [first_argument, *_]) if called_name(node) in _WRAPPERS:
            return _read_text(first_argument, named)
        case ast.Name(name) if name in named:
            return _read_text(named[name], {other: value for other, value in named.items() if other != name})
    return ""
