"""Finds what a revision loses of the data, and says so: in front of each operation, and in one list for a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from alembic.operations import ops
from sqlalchemy.engine import Dialect

from ..enums.model import qualify
from ..enums.ops import RemoveEnumValueOp, RenameEnumValueOp, ReplaceEnumValuesOp
from ..enums.replacements import pair_renames
from ..errors.block import series
from .column_conversions import ConvertColumnOp
from .comments import Advise, CommentOp
from .enum_changes import EnumChangeOps
from .narrowing import explain_loss, write_type
from .renames import is_known
from .render_enums import render_directive
from .text_to_enum import refuses_texts


def comment_losses(container: ops.OpContainer, dialect: Dialect, advise: Advise) -> list[str]:
    """Put a comment in front of each operation that loses data; returns what is lost, for a warning.

    :param advise: what follows in the comment, and in the warning.
    """
    losses: list[str] = []
    commented: list[ops.MigrateOperation] = []
    for operation in container.ops:
        if isinstance(operation, EnumChangeOps):  # its renderer says what happens to the rows
            losses += _list_removed_values(operation)
        elif isinstance(operation, ops.OpContainer):
            losses += comment_losses(operation, dialect, advise)
        elif found := _find_loss(operation, dialect):
            subject, sentence = found
            advice, hint = advise(operation)
            losses.append(f"{subject} {hint}".strip())
            if sentence or advice:
                commented.append(CommentOp(*_join(sentence, advice)))
        commented.append(operation)
    container.ops = commented
    return losses


def join_advice(*advisers: Advise) -> Advise:
    """What several say about an operation, one after the other."""

    def advise(operation: ops.MigrateOperation) -> tuple[Sequence[str | ops.MigrateOperation], str]:
        said = [adviser(operation) for adviser in advisers]
        return [part for parts, _ in said for part in parts], " ".join(hint for _, hint in said if hint)

    return advise


def advise_left_out(find_left_out: Callable[[str], Sequence[str]]) -> Advise:
    """What to say in front of a table that is dropped since the module with its model is left out of the comparison."""

    def advise(operation: ops.MigrateOperation) -> tuple[Sequence[str | ops.MigrateOperation], str]:
        modules = find_left_out(str(operation.table_name)) if isinstance(operation, ops.DropTableOp) else ()
        if not modules:
            return [], ""
        owners = f"of {series(modules)}, which app_models leaves out"
        stays = "If it stays in this database, let include_object in env.py leave it alone, and write this revision again."
        return [f"It seems to be {owners}. {stays}"], f"({owners})"

    return advise


def _join(sentence: str, advice: Sequence[str | ops.MigrateOperation]) -> Iterator[str | ops.MigrateOperation]:
    """The parts of a comment; a text that follows the first sentence continues its line."""
    if advice and isinstance(advice[0], str):
        yield f"{sentence} {advice[0]}".strip()
        yield from advice[1:]
    else:
        yield sentence


def _find_loss(operation: ops.MigrateOperation, dialect: Dialect) -> tuple[str, str] | None:
    """What an operation loses: its subject, and a sentence about it."""
    if isinstance(operation, ops.DropTableOp):
        name = qualify(operation.table_name, operation.schema)
        return f"table {name}", f"This loses data: all rows of table {name}."
    if isinstance(operation, ops.DropColumnOp) and not _is_generated(operation):
        name = _name_column(operation)
        return f"column {name}", f"This loses data: all values of column {name}."
    if not isinstance(operation, ops.AlterColumnOp) or operation.existing_type is None or operation.modify_type is None:
        return None
    lost = explain_loss(operation.existing_type, operation.modify_type, dialect)
    if lost is None:
        return None
    types = [write_type(type_, dialect) for type_ in (operation.existing_type, operation.modify_type)]
    said = isinstance(operation, ConvertColumnOp) and ("array" in lost or refuses_texts(operation, dialect))  # elsewhere
    return f"type of {_name_column(operation)} ({' to '.join(types)})", "" if said else f"This may lose data: {lost}."


def _name_column(operation: ops.DropColumnOp | ops.AlterColumnOp) -> str:
    return f"{qualify(operation.table_name, operation.schema)}.{operation.column_name}"


def _is_generated(operation: ops.DropColumnOp) -> bool:
    """Whether the values of a column are computed from others."""
    return is_known(operation) and operation.to_column().computed is not None


def _list_removed_values(container: EnumChangeOps) -> Iterator[str]:
    """The values that go, each with the line to write if it was renamed."""
    renames = pair_renames(container.existing_values, container.values)
    for operation in container.ops:
        removed: Sequence[str] = ()
        if isinstance(operation, RemoveEnumValueOp):
            removed = [operation.value]
        elif isinstance(operation, ReplaceEnumValuesOp):
            removed = [value for value in operation.existing_values or () if value not in operation.values]
        for value in removed:
            hint = ""
            if value in renames:
                rename = RenameEnumValueOp(operation.enum_name, value, renames[value], schema=operation.schema)
                hint = f" (renamed? {render_directive(rename, 'op.')})"
            yield f"value '{value}' of enum {qualify(operation.enum_name, operation.schema)}{hint}"
