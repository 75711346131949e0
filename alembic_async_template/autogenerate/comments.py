"""Comments in a revision: lines of text, and the code to write instead of what follows."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from alembic.autogenerate.render import render_op
from alembic.operations import ops

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# How long a comment's line is, which is indented by four: formatters allow 88 unless they are told otherwise.
_WIDTH = 84
# At which no line is broken.
_KEPT_SPACE = "\N{NO-BREAK SPACE}"


# What else to say about an operation: in the comment in front of it, and in the warning.
Advise = Callable[[ops.MigrateOperation], tuple[Sequence[str | ops.MigrateOperation], str]]


class CommentOp(ops.MigrateOperation):
    """Stands in front of an operation of any kind and does nothing but write a comment.

    :param parts: sentences, and operations that are shown as the code that would run them.
    """

    def __init__(self, *parts: str | ops.MigrateOperation) -> None:
        self.parts = parts

    def reverse(self) -> CommentOp:
        return self

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("comment", *(part for part in self.parts if isinstance(part, str)))


def render_comment(context: AutogenContext, operation: CommentOp) -> list[str]:
    """The lines of a comment in a revision."""
    lines: list[str] = []
    for part in operation.parts:
        if isinstance(part, str):
            lines += write_comment(part)
        else:
            lines += write_comment("", _lay_out("\n".join(render_op(context, part)).rstrip("\n")))
    return lines


def write_comment(text: str, code: Sequence[str] = ()) -> list[str]:
    """The lines of a comment: text that is wrapped, and code that is not."""
    lines = textwrap.wrap(text, _WIDTH - len("# "), break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in (*(line.replace(_KEPT_SPACE, " ") for line in lines), *code)]


def keep_together(text: str) -> str:
    """Words of a comment that stay on one line."""
    return text.replace(" ", _KEPT_SPACE)


def _lay_out(code: str) -> list[str]:
    """Code as it stands in a file: short calls on one line, and what is in a `with` block of batch operations indented."""
    calls = re.split(r"\n(?=\S)", code)
    margin = "    " if calls[0].startswith("with ") else ""
    lines: list[str] = []
    for number, call in enumerate(calls):
        joined = re.sub(r"\n *", " ", call)
        shown = [joined] if len(joined) <= _WIDTH else call.split("\n")
        lines += [f"{margin if number else ''}{line}" for line in shown]
    return lines
