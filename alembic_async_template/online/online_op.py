"""The operation that stands for the block `with op.online()`."""

from __future__ import annotations

from alembic.operations import MigrateOperation


class OnlineOp(MigrateOperation):
    """The block itself: what carries it out returns a context manager."""
