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
from sqlalchemy import ARRAY, Column, Enum

from ..application.column_types import find_implementation
from ..enums.ops import CreateEnumOp, DropEnumOp
from ..errors import OnlineRefusedError
from ..online.refusals import refuse_unsafe
from ..online.work import Work, find_address
from .blocks import BlockOps, online_block
from .check_operations import CreateCheckOp, DropCheckOp
from .enum_changes import EnumAdditionOps, EnumRebuildOps
from .operation_tree import TableKey
from .rename_operations import RenamedColumnOp
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
    RenamedColumnOp,
}
# Stands for all types, beside the tables, in what operations change and use.
_TYPES: TableKey = (None, "")


class _Part(IntEnum):
    """The parts of an upgrade, in order; a downgrade has `LAST` first, then the block, the rest, and `FIRST` at the end."""

    FIRST = 0
    """Values are added to a type: that commits by itself, and may stand in front of a block."""
    BLOCK = 1
    REST = 2
    LAST = 3
    """Values are removed from a type, which is the reverse of adding them."""


@dataclass(frozen=True, slots=True)
class _Touched:
    """What an operation changes and needs."""

    table: TableKey | None = None
    """The table that it changes; None if nothing is known of it."""
    parts: frozenset[str] | None = None
    """Its columns, constraints and indexes that are concerned; None for all."""
    uses: frozenset[TableKey] = frozenset()
    """Other tables that it needs as they are."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An operation of the upgrade, its reverse in the downgrade, and what decides where they can be."""

    up: ops.MigrateOperation
    down: Sequence[ops.MigrateOperation]
    place: float
    """That of the reverse in the downgrade."""
    part: _Part
    touched: _Touched
    may_join: bool = False
    """Whether it could be in the block."""

    def follows(self, earlier: _Item) -> bool:
        """Whether it has to stay behind an operation."""
        mine, other = self.touched, earlier.touched
        if mine.table is None or other.table is None:
            return True
        if mine.table == other.table:
            return mine.parts is None or other.parts is None or bool(mine.parts & other.parts)
        # What a new table refers to may change before and after.
        return other.table in mine.uses or (mine.table in other.uses and not isinstance(earlier.up, ops.CreateTableOp))

    def fits_behind(self, earlier: _Item) -> bool:
        """Whether it can be in one revision with what it has to stay behind."""
        return (
            earlier.part is self.part
            or earlier.part is _Part.FIRST
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

    def _find_reverse(self, operation: ops.MigrateOperation) -> tuple[float, list[ops.MigrateOperation]]:
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
        item = _Item(up, down, place, _Part.REST, _find_touched(up, self._dialect))
        if isinstance(up, EnumAdditionOps | EnumRebuildOps):
            yield replace(item, part=_Part.FIRST if isinstance(up, EnumAdditionOps) else _Part.LAST)
        elif type(up) not in _BLOCKING | _BRIEF or find_address(up) in self._new:
            yield item
        elif isinstance(up, ops.AddColumnOp) and is_required(up.column):
            yield from self._split(item, up)
        elif isinstance(up, ops.AlterColumnOp) and up.modify_type is not None:
            yield item  # one of its directions reads the rows
        elif all(self._is_safe(one) for one in (up, *map(_relax, down))):
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
        yield replace(item, up=BackfillOp(up), down=[])
        yield replace(item, up=refusal, down=[refusal.reverse()], part=_Part.BLOCK)

    def _is_safe(self, operation: ops.MigrateOperation) -> bool:
        """Whether a block takes an operation, as far as that can be seen before its revision runs."""
        try:
            refuse_unsafe(self._work, operation)
        except OnlineRefusedError:
            return False
        return True


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


def _find_touched(operation: Any, dialect: Dialect) -> _Touched:
    def name(table: Any, schema: str | None) -> TableKey:
        return None if schema == dialect.default_schema_name else schema, str(table)

    def find_target(key: Any) -> TableKey:
        schema, _, table = key.elements[0].target_fullname.rpartition(".")[0].rpartition(".")
        return name(table, schema or None)

    own = name(*find_address(operation))
    match operation:
        case CreateEnumOp() | DropEnumOp():
            return _Touched(_TYPES)
        case ops.CreateTableOp() | ops.DropTableOp():
            return _Touched(own, None, frozenset({_TYPES, *map(find_target, operation.to_table().foreign_key_constraints)}))
        case ops.CreateForeignKeyOp():
            target = name(operation.referent_table, operation.kw.get("referent_schema"))
            return _Touched(own, _name_parts(operation.constraint_name, operation.local_cols), frozenset({target}))
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
            return _Touched(own, _name_parts(operation.constraint_name, operation.columns))
        case ops.CreateIndexOp():
            return _Touched(
                own,
                None
                if operation.kw.get("postgresql_where") is not None
                else _name_parts(operation.index_name, operation.columns),
            )
        case ops.DropIndexOp() | ops.DropConstraintOp() if operation._reverse is not None:
            return _find_touched(operation.reverse(), dialect)
        case ops.AddColumnOp():
            return _Touched(own, _name_parts(operation.column.name), _list_types(operation.column.type, dialect))
        case ops.DropColumnOp():
            type_ = operation.to_column().type if operation._reverse is not None else None
            return _Touched(own, _name_parts(operation.column_name), _list_types(type_, dialect))
        case ops.AlterColumnOp():
            types = _list_types(operation.modify_type, dialect) | _list_types(operation.existing_type, dialect)
            return _Touched(own, _name_parts(operation.column_name, [operation.modify_name or operation.column_name]), types)
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
            return _Touched(own, frozenset())
        case _ if type(operation) in _BLOCKING | _BRIEF:
            return _Touched(own)
        case _:
            return _Touched()


def _name_parts(name: Any, columns: Sequence[Any] = ()) -> frozenset[str] | None:
    """Columns, and what has them; None where one of them is an expression."""
    names = [column.name if isinstance(column, Column) else column for column in (name, *columns)]
    return frozenset(map(str, names)) if all(isinstance(one, str) for one in names) else None


def _list_types(type_: Any, dialect: Dialect) -> frozenset[TableKey]:
    """Whether a column needs a type that a revision may create or drop; where nothing is known of it, it may."""
    is_own = type_ is None or isinstance(find_implementation(type_, dialect), Enum | ARRAY)
    return frozenset({_TYPES} if is_own else ())


def _arrange(items: Iterable[_Item]) -> list[list[_Item]]:
    """The items of each revision.

    What is brief joins the block where that saves a revision, and where rows are to be filled: it would lock them meanwhile.
    """
    found = list(items)
    filled = {item.touched.table for item in found if isinstance(item.up, BackfillOp)}
    apart = [_join_block(item) if item.touched.table in filled else item for item in found]
    block = [item for item in apart if item.part is _Part.BLOCK]
    joined = [_join_block(item) if any(item.follows(one) or one.follows(item) for one in block) else item for item in apart]
    return min(_divide(apart), _divide(joined), key=len)


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
    ups[_Part.REST].sort(key=lambda up: not isinstance(up, BackfillOp))  # what changes their tables has a lock up to the end
    downs = {part: [down for item in sorted(own, key=_read_place) for down in _list_downs(item)] for part, own in parts.items()}
    return (
        [*ups[_Part.FIRST], *_make_block(ups[_Part.BLOCK]), *ups[_Part.REST], *ups[_Part.LAST]],
        [*downs[_Part.LAST], *_make_block(downs[_Part.BLOCK]), *downs[_Part.REST], *downs[_Part.FIRST]],
    )


def _read_place(item: _Item) -> float:
    return item.place


def _list_downs(item: _Item) -> Iterator[ops.MigrateOperation]:
    for down in item.down:
        if item.part is _Part.BLOCK and isinstance(down, ops.AddColumnOp) and is_required(down.column):
            yield from (add_nullable(down), refuse_nulls(down))
        else:
            yield down


def _make_block(operations: list[ops.MigrateOperation]) -> list[BlockOps]:
    return [online_block(operations)] if operations else []


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
        message=f"{first.message}, part {number}" if first.message else f"part {number}",
        imports=set(first.imports),
        head=previous.rev_id,
        version_path=first.version_path,
    )
