"""A dialect that writes names and types as SQL has them, for statements that go through `text()` or to the driver as they are."""

from __future__ import annotations

from sqlalchemy.engine import Dialect


def make_plain(dialect: Dialect) -> Dialect:
    """A dialect of the same kind that doubles no percent sign, as the dialects of some drivers do."""
    return dialect.__class__(paramstyle="named")  # type: ignore[call-arg]
