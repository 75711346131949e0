"""Colour for what matters, on a terminal that shows it."""

from __future__ import annotations

import os
import re
from typing import TextIO

# Select Graphic Rendition, https://www.ecma-international.org/publications-and-standards/standards/ecma-48/
_COLOURS = {"red": "1;31", "yellow": "1;33", "green": "1;32"}
_FAILURE = re.compile(r"^(FAILED|INTERRUPTED):")
_FIX = re.compile(r"^  (first|fix|or|then)(?=  )", re.MULTILINE)


def has_colour(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that shows colours, and its user wants them: see https://no-color.org."""
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM", "") == "dumb":
        return False
    if os.name == "nt" and not (os.environ.get("WT_SESSION") or os.environ.get("TERM")):
        return False  # an old console shows the codes themselves
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False


def paint(text: str, colour: str, stream: TextIO | None) -> str:
    """A text in a colour, where the stream has it."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if has_colour(stream) else text


def paint_block(block: str, stream: TextIO | None) -> str:
    """The block of an error, with its first word and the labels of its fixes in colour."""
    block = _FAILURE.sub(lambda found: paint(found[0], "red", stream), block)
    return _FIX.sub(lambda found: f"  {paint(found[1], 'green', stream)}", block)
