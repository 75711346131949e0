"""Puts what would block a large table into `with op.online():`, and into a revision of its own where it has to come later.

A block comes first in its revision, both ways. So in one revision nothing in the block depends on what is beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from alembic import util
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations import Operations, ops
from sqlalchemy import Column, Enum

from ..enums.ops import CreateEnumOp, DropEnumOp
from ..errors import OnlineRefusedError
from ..online.refusals import refuse_unsafe
from ..online.work import Work, change, find_address
from .blocks import online_block
from .check_operations import CreateCheckOp, DropCheckOp
from .enum_changes import EnumAdditionOps, EnumRebuildOps
from .operation_needs import Touched, find_item_type, find_touched
from .rename_operations import RenamedTableOp
from .required_columns import BackfillOp, RefuseNullsOp, add_nullable, is_required, refuse_nulls

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Dialect

log = logging.getLogger("alembic_async_template.autogenerate")

# What scans a table, or does so in the other direction.
_BLOCKING = {
    ops.CreateIndexOp,
    ops.DropIndexOp,
    ops.CreateUniqueConstraintOp,
    ops.CreatePrimaryKeyOp,
    ops.CreateForeignKeyOp,
    ops.CreateCheckConstraintOp,
    ops.DropConstraintOp,
    CreateCheckOp,
    DropCheckOp,
    RefuseNullsOp,
}
# What needs its lock for a moment only.
_BRIEF = {
    ops.AddColumnOp,
    ops.DropColumnOp,
    ops.AlterColumnOp,
    ops.CreateTableCommentOp,
    ops.DropTableCommentOp,
}


class _Part(IntEnum):
    """The parts of an upgrade, in order; a downgrade has `LAST` first, then the block, the rest, and `FIRST` at the end.

    What a block has in front of it is in it, at its beginning.
    """

    FIRST = 0
    """Values are added to a type."""
    BLOCK = 1
    REST = 2
    LAST = 3
    """Values are removed from a type, which is the reverse of adding them."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An operation of the upgrade, its reverse in the downgrade, and what decides where they can be."""

    up: ops.MigrateOperation
    down: Sequence[ops.MigrateOperation]
    place: int
    """That of the reverse in the downgrade."""
    part: _Part
    touched: Touched
    may_join: bool = False
    """Whether it could be in the block."""

    @property
    def is_filled_in_front(self) -> bool:
        """Whether rows may get a label of an enum in front of the block, where none was added yet."""
        up = self.up
        is_refusal = isinstance(up, ops.AlterColumnOp) and up.modify_nullable is False and not isinstance(up, RefuseNullsOp)
        return is_refusal and isinstance(up.existing_type, Enum)  # type: ignore[attr-defined]

    def follows(self, earlier: _Item) -> bool:
        """Whether it has to stay behind an operation."""
        mine, other = self.touched, earlier.touched
        if mine.table is None or other.table is None:
            return True
        if mine.table == other.table:
            takes_away = isinstance(earlier.up, BackfillOp) and isinstance(self.up, ops.DropColumnOp)
            return takes_away or mine.parts is None or other.parts is None or bool(mine.parts & other.parts)
        # What is created refers to what was there before, however that changes.
        creates = ops.CreateTableOp | ops.CreateForeignKeyOp
        if isinstance(self.up, ops.CreateForeignKeyOp) and isinstance(earlier.up, ops.CreateForeignKeyOp):
            return False
        return other.table in mine.uses or (mine.table in other.uses and not isinstance(earlier.up, creates))

    def fits_behind(self, earlier: _Item) -> bool:
        """Whether it can be in one revision with what it has to stay behind."""
        return (
            earlier.part is self.part
            or (earlier.part is _Part.FIRST and not self.is_filled_in_front)
            or self.part is _Part.LAST
            or (earlier.part is _Part.BLOCK and not self.down)
        )


def write_online(context: MigrationContext, directives: list[ops.MigrationScript]) -> None:
    """Rewrite the one revision of an autogenerate so that what has a safe sequence on a table that exists is in a block.

    More revisions follow it where the block needs what the first one does, or something else needs the block.
    """
    (directive,) = directives
    assert directive.upgrade_ops is not None
    assert directive.downgrade_ops is not None
    items = _Items(context, directive.upgrade_ops, directive.downgrade_ops)
    if not any(item.part is _Part.BLOCK for item in items.items):
        return
    if not items.are_reversed():
        log.warning("op.online() is not written: the downgrade of this revision is not the reverse of its upgrade")
        return
    revisions = _arrange(items.items)
    script = context.environment_context.script if context.environment_context is not None else None
    if len(revisions) > 1 and script is not None and not any(f"%({name})" in script.file_template for name in ("rev", "slug")):
        log.warning(
            "op.online() is not written: it takes two revisions, whose files file_template calls the same; add %%(rev)s to it"
        )
        return
    for number, revision in enumerate(revisions):
        upgrade, downgrade = _join(revision)
        if number == 0:
            directive.upgrade_ops.ops, directive.downgrade_ops.ops = upgrade, [*downgrade, *items.undone]
        else:
            directives.append(_follow(directives[0], directives[-1], number + 1, upgrade, downgrade))
    if len(directives) > 1:
        log.info(
            "%d revisions are written: op.online() comes first in a revision, and needs what is done before", len(directives)
        )


class _Items:
    """The operations of a revision, each with its reverse."""

    def __init__(self, context: MigrationContext, upgrade_ops: ops.UpgradeOps, downgrade_ops: ops.DowngradeOps) -> None:
        self._dialect = context.dialect
        self._work = Work(Operations(context))
        self._rendering = AutogenContext(context, autogenerate=False)
        self._downs = list(enumerate(_flatten(downgrade_ops)))
        self._texts = [(place, self._write(down)) for place, down in self._downs]
        upgrade = list(_flatten(upgrade_ops))
        self._new = {find_address(one) for one in upgrade if isinstance(one, ops.CreateTableOp | ops.DropTableOp)}
        renamed = [one for one in upgrade if isinstance(one, RenamedTableOp)]
        self._old_names = {(str(one.new_table_name), one.schema): str(one.table_name) for one in renamed}
        self._keys = [one for one in upgrade if isinstance(one, ops.CreateForeignKeyOp)]
        self.items = [item for one in upgrade for item in self._make(one)]

    @property
    def undone(self) -> list[ops.MigrateOperation]:
        """What the downgrade does that is the reverse of nothing: it drops what a table has created along with it."""
        kept = {place for place, _ in self._texts}
        return [down for place, down in self._downs if place in kept]

    def are_reversed(self) -> bool:
        """Whether all that is the reverse of something comes before what is not."""
        left = [place for place, _ in self._texts]
        return left == [place for place, _ in self._downs][len(self._downs) - len(left) :]

    def _write(self, operation: ops.MigrateOperation) -> str:
        return "\n".join(render_op(self._rendering, operation))

    def _find_reverse(self, operation: ops.MigrateOperation) -> tuple[int, list[ops.MigrateOperation]]:
        """The reverse of an operation in the downgrade, and its place there."""
        try:
            text = self._write(operation.reverse())
        except (NotImplementedError, ValueError):  # of SQL, and of what has lost what it was
            return 0, []
        for found in reversed(self._texts):
            if found[1] == text:
                self._texts.remove(found)
                return found[0], [self._downs[found[0]][1]]
        return 0, []

    def _make(self, up: ops.MigrateOperation) -> Iterator[_Item]:
        place, down = self._find_reverse(up)
        item = _Item(up, down, place, _Part.REST, find_touched(up, self._dialect))
        if isinstance(up, EnumAdditionOps | EnumRebuildOps):
            yield replace(item, part=_Part.FIRST if isinstance(up, EnumAdditionOps) else _Part.LAST)
        elif isinstance(up, CreateEnumOp | DropEnumOp):
            yield replace(item, may_join=True)
        elif type(up) not in _BLOCKING | _BRIEF or find_address(up) in self._new:
            yield item
        elif isinstance(up, ops.AddColumnOp) and is_required(up.column):
            yield from self._split(item, up)
        elif isinstance(up, ops.AlterColumnOp) and up.modify_type is not None:
            yield item  # one of its directions reads the rows
        elif all(self._is_safe(one) for one in (up, *map(_relax, down))):
            if isinstance(up, ops.AlterColumnOp) and up.modify_nullable is False:
                item = replace(item, touched=self._await_parents(up, item.touched))
            is_blocking = type(up) in _BLOCKING or (isinstance(up, ops.AlterColumnOp) and up.modify_nullable is not None)
            yield replace(item, part=_Part.BLOCK if is_blocking else _Part.REST, may_join=True)
        else:
            yield item

    def _split(self, item: _Item, up: ops.AddColumnOp) -> Iterator[_Item]:
        """A column that takes no nulls, as one that takes them; a place to fill it; and the end of its nulls."""
        addition, refusal = add_nullable(up), refuse_nulls(up)
        if not self._is_safe(addition):
            yield item
            return
        yield replace(item, up=addition, part=_Part.BLOCK)
        filled = self._await_parents(up, item.touched)
        yield replace(item, up=BackfillOp(up), down=[], touched=filled)
        yield replace(item, touched=filled, up=refusal, down=[refusal.reverse()], part=_Part.BLOCK)

    def _await_parents(self, operation: ops.AddColumnOp | ops.AlterColumnOp, touched: Touched) -> Touched:
        """What rows of a key's column need to get their value: the tables that the key refers to."""
        column = operation.column.name if isinstance(operation, ops.AddColumnOp) else operation.column_name
        keys = [key for key in self._keys if column in key.local_cols and find_address(key) == find_address(operation)]
        return replace(touched, uses=touched.uses.union(*(find_touched(key, self._dialect).uses for key in keys)))

    def _is_safe(self, operation: ops.MigrateOperation) -> bool:
        """Whether a block takes an operation, as far as that can be seen before its revision runs."""
        old_name = self._old_names.get(find_address(operation))
        if old_name is not None:
            is_key = isinstance(operation, ops.CreateForeignKeyOp)
            operation = change(operation, **{"source_table" if is_key else "table_name": old_name})
        try:
            is_known = refuse_unsafe(self._work, operation)
        except OnlineRefusedError:
            return False
        # A column of a type that is still to be created: labels need no more than any other constant.
        return is_known or (isinstance(operation, ops.AddColumnOp) and _is_plain_enum(operation.column, self._dialect))


def _is_plain_enum(column: Column[Any], dialect: Dialect) -> bool:
    default = getattr(column.server_default, "arg", None)
    return isinstance(find_item_type(column.type, dialect), Enum) and (default is None or isinstance(default, str))


def _flatten(container: ops.OpContainer) -> Iterator[ops.MigrateOperation]:
    for operation in container.ops:
        if isinstance(operation, ops.ModifyTableOps):
            yield from operation.ops
        else:
            yield operation


def _relax(operation: ops.MigrateOperation) -> ops.MigrateOperation:
    """What a block has in place of an operation: a column can be added to rows only with nulls."""
    is_column = isinstance(operation, ops.AddColumnOp) and is_required(operation.column)
    return add_nullable(operation) if is_column else operation  # type: ignore[arg-type]


def _arrange(items: Sequence[_Item]) -> list[list[_Item]]:
    """The items of each revision.

    What is brief joins the block where that saves a revision, and where rows are to be filled: it would lock them meanwhile.
    """
    filled = {item.touched.table for item in items if isinstance(item.up, BackfillOp)}
    apart = [_join_block(item) if item.touched.table in filled else item for item in items]
    arrangements = []
    for some in (apart, items):
        block = [item for item in some if item.part is _Part.BLOCK]
        joined = [_join_block(item) if any(item.follows(one) or one.follows(item) for one in block) else item for item in some]
        arrangements += [_divide(some), _divide(joined)]
    return min(arrangements, key=len)


def _join_block(item: _Item) -> _Item:
    return replace(item, part=_Part.BLOCK) if item.may_join else item


def _divide(items: Iterable[_Item]) -> list[list[_Item]]:
    """Give each item the first revision in which it can be."""
    numbers: list[tuple[_Item, int]] = []
    for item in items:
        earlier = [(number + (not item.fits_behind(one))) for one, number in numbers if item.follows(one)]
        numbers.append((item, max(earlier, default=0)))
    count = max(number for _, number in numbers) + 1
    return [[item for item, at in numbers if at == number] for number in range(count)]


def _join(items: Iterable[_Item]) -> tuple[list[ops.MigrateOperation], list[ops.MigrateOperation]]:
    """The upgrade and the downgrade of a revision."""
    parts = {part: [item for item in items if item.part is part] for part in _Part}
    ups = {part: [item.up for item in own] for part, own in parts.items()}
    downs = {part: [down for item in sorted(own, key=_read_place) for down in _list_downs(item)] for part, own in parts.items()}
    return (
        [*_make_block(ups[_Part.FIRST], ups[_Part.BLOCK]), *ups[_Part.REST], *ups[_Part.LAST]],
        [*_make_block(downs[_Part.LAST], downs[_Part.BLOCK]), *downs[_Part.REST], *downs[_Part.FIRST]],
    )


def _read_place(item: _Item) -> int:
    return item.place


def _list_downs(item: _Item) -> Iterator[ops.MigrateOperation]:
    for down in item.down:
        if item.part is _Part.BLOCK and isinstance(down, ops.AddColumnOp) and is_required(down.column):
            yield from (add_nullable(down), refuse_nulls(down))
        else:
            yield down


def _make_block(first: list[ops.MigrateOperation], operations: list[ops.MigrateOperation]) -> list[ops.MigrateOperation]:
    return [online_block([*first, *operations])] if operations else first


def _follow(
    first: ops.MigrationScript,
    previous: ops.MigrationScript,
    number: int,
    upgrade: list[ops.MigrateOperation],
    downgrade: list[ops.MigrateOperation],
) -> ops.MigrationScript:
    """A revision that comes after another one; what was asked for of the command is the first one's."""
    return ops.MigrationScript(
        util.rev_id(),
        ops.UpgradeOps(upgrade),
        ops.DowngradeOps(downgrade),
        message=f"part {number} of {first.message}" if first.message else f"part {number}",
        imports=set(first.imports),
        head=previous.rev_id,
        version_path=first.version_path,
    )
