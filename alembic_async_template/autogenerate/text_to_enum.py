"""Says in front of a column of text that becomes an enum which texts of its rows are refused, and how to map them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alembic.operations import ops
from sqlalchemy import Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import Enum, String

from ..application.column_types import find_implementation
from ..diagnosis.row_updates import map_texts, replace_others
from ..enums.model import qualify
from ..postgresql import escape_colons
from .column_conversions import ConvertColumnOp
from .comments import Advise
from .enum_columns import EnumUse, find_enum_use
from .operation_tree import TableKey, find_column
from .plain_dialect import quote_column


def refuses_texts(operation: ops.AlterColumnOp, dialect: Dialect) -> bool:
    """Whether an operation turns texts into values of an enum type."""
    return _find_target(operation, dialect) is not None


def advise_texts(tables: Mapping[TableKey, Table], dialect: Dialect) -> Advise:
    """What to say in front of such an operation.

    :param tables: those of the models.
    """

    def advise(operation: ops.MigrateOperation) -> tuple[Sequence[str | ops.MigrateOperation], str]:
        if not isinstance(operation, ConvertColumnOp) or (use := _find_target(operation, dialect)) is None:
            return [], ""
        declared = find_column(operation, tables)
        declared_use = None if declared is None else find_enum_use(declared.type, dialect)
        pairs = {} if declared_use is None else _pair_members(declared_use.enum)
        column = f"{qualify(operation.table_name, operation.schema)}.{operation.column_name}"
        start = f"Fails while rows hold texts in {column} that the enum does not have."
        names = quote_column(operation, operation.column_name, dialect)
        if not pairs:
            choice = "Write this in front, with one of its values in place of the dots:"
            return [f"{start} {choice}", ops.ExecuteSQLOp(escape_colons(replace_others(*names, use.labels)))], ""
        choice = "Write this in front, if they are those of its members in Python; any other text needs its own WHEN:"
        return [f"{start} {choice}", *_widen(operation, pairs), ops.ExecuteSQLOp(escape_colons(map_texts(*names, pairs)))], ""

    return advise


def _find_target(operation: ops.AlterColumnOp, dialect: Dialect) -> EnumUse | None:
    if not isinstance(operation, ConvertColumnOp) or operation.existing_type is None or operation.modify_type is None:
        return None
    existing = find_implementation(operation.existing_type, dialect)
    use = find_enum_use(operation.modify_type, dialect)
    is_text = isinstance(existing, String) and not isinstance(existing, Enum)
    return use if is_text and use is not None and use.labels and not use.is_array else None


def _pair_members(enum: Enum) -> dict[str, str]:
    """The names and values of the members that are not what the column stores, each with that."""
    labels = list(map(str, enum.enums))
    pairs: dict[str, str] = {}
    for label, member in zip(labels, enum.enum_class or (), strict=False):
        texts = (getattr(member, "name", None), getattr(member, "value", None))
        pairs |= {text: label for text in texts if isinstance(text, str) and text not in labels and text not in pairs}
    return {str(text): label for text, label in pairs.items()}


def _widen(operation: ops.AlterColumnOp, pairs: Mapping[str, str]) -> list[ops.MigrateOperation]:
    """What lets the column hold the labels meanwhile."""
    length = getattr(operation.existing_type, "length", None)
    if length is None or max(map(len, pairs.values())) <= length:
        return []
    names = (operation.table_name, operation.column_name)
    return [ops.AlterColumnOp(*names, schema=operation.schema, existing_type=operation.existing_type, modify_type=Text())]
