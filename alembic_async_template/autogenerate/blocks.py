"""Operations in a `with` block of a revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alembic.autogenerate.render import render_op
from alembic.operations import ops

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


class BlockOps(ops.OpContainer):
    """The operations of a block.

    :param opening: what it enters, as the revision has it after `op.`.
    """

    def __init__(self, opening: str, operations: Sequence[ops.MigrateOperation]) -> None:
        super().__init__(operations)
        self.opening = opening


def online_block(operations: Sequence[ops.MigrateOperation]) -> BlockOps:
    """What runs without an outage."""
    return BlockOps("online()", operations)


def autocommit_block(operations: Sequence[ops.MigrateOperation]) -> BlockOps:
    """What commits by itself."""
    return BlockOps("get_context().autocommit_block()", operations)


def render_block(context: AutogenContext, operation: BlockOps) -> list[str]:
    """The lines of a block, as Alembic's printer takes them: it indents them itself, up to an empty line."""
    inner = [line for one in operation.ops for line in render_op(context, one)]
    return [f"with {context.opts['alembic_module_prefix'] or ''}{operation.opening}:", *inner, ""]
