"""The command line that was typed, for advice that changes a part of it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from ..masking import mask_message


def type_again(answers: Sequence[str] = (), without: str = "") -> str:
    """The `alembic revision` that was typed, with more arguments of `-x`, which stand before the subcommand, and without one.

    In a program that runs Alembic, the shortest one that does the same.
    """
    words = sys.argv[1:] if "revision" in sys.argv else ["revision", "--autogenerate"]
    kept: list[str] = []
    for word in words:
        if without and word == without and kept[-1:] == ["-x"]:
            kept.pop()
        elif not (without and word == f"-x{without}"):
            kept.append(word)
    more = [word for answer in answers for word in ("-x", answer)]
    return mask_message(shlex.join(["alembic", *more, *kept]))
