"""What messages quote of a revision: which files are one, the statement at a place, and what the revision says that it does."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..masking import is_about_secret, mask_message, mask_statement

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# How much of a source a message quotes.
_LONGEST = 100


def read_message(module: Mapping[str, Any]) -> str:
    """The first line of a revision's docstring, which is what `-m` gave it."""
    return mask_message((module.get("__doc__") or "").strip().partition("\n")[0])


def is_inside(file: str | None, folders: Sequence[Path]) -> bool:
    """Whether a file is in one of the folders of the revisions."""
    return file is not None and any(folder in Path(file).resolve().parents for folder in folders)


def quote_statement(file: str, line: int, column: int | None = None) -> str | None:
    """The statement at a place, on one line, and of a compound one what stands before its body; None without the source.

    :param column: where in the line it is; by default the last statement of the line is meant.
    """
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    try:
        statements = [node for node in ast.walk(ast.parse("".join(lines))) if isinstance(node, ast.stmt)]
    except SyntaxError:  # the file was changed meanwhile
        return None
    if column is None:
        around = [node for node in statements if node.lineno <= line <= (node.end_lineno or 0)]
    else:
        around = [node for node in statements if (node.lineno, node.col_offset) <= (line, column) <= _find_end(node)]
    if not around:
        return None
    statement = max(around, key=lambda node: (node.lineno, node.col_offset))
    body: list[ast.stmt] = getattr(statement, "body", [])
    end_line, end_column = (body[0].lineno, body[0].col_offset) if body else _find_end(statement)
    quoted = [text.encode() for text in lines[statement.lineno - 1 : end_line]]
    quoted[-1] = quoted[-1][:end_column]
    quoted[0] = quoted[0][statement.col_offset :]
    return " ".join(b"".join(quoted).decode().split())


def quote_step(step: TracebackType, error: BaseException) -> str | None:
    """The statement of a step of an exception's traceback, as a message quotes it."""
    line, _, column, _ = list(step.tb_frame.f_code.co_positions())[step.tb_lasti // 2]
    statement = quote_statement(step.tb_frame.f_code.co_filename, line or step.tb_lineno, column or 0)
    return statement and shorten_source(statement, error)


def shorten_source(source: str, error: BaseException) -> str:
    """Source text as a message quotes it, without secrets and on one line."""
    source = mask_statement(" ".join(source.split()), always=is_about_secret(error))
    return source if len(source) <= _LONGEST else f"{source[:_LONGEST]}..."


def is_in_coroutine(file: str, line: int) -> bool:
    """Whether a line is in the body of an `async def`."""
    functions = [node for node in ast.walk(ast.parse("".join(linecache.getlines(file)))) if isinstance(node, _FUNCTIONS)]
    around = [node for node in functions if node.lineno <= line <= (node.end_lineno or 0)]
    return isinstance(max(around, key=lambda node: node.lineno, default=None), ast.AsyncFunctionDef)


def _find_end(node: ast.stmt) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0
