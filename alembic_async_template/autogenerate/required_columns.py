"""Says what to write for a column that takes no nulls, where the rows have no value for it.

A new one without a default cannot be added to a table with rows, and an old one cannot refuse the nulls that rows hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops
from sqlalchemy import Column, Table, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy import literal as literal_value
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import DefaultClause
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import (
    ARRAY,
    JSON,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    NullType,
    Numeric,
    String,
    Time,
    TypeEngine,
    Uuid,
)

from .. import _compat
from ..application.column_types import find_implementation
from ..diagnosis.row_updates import fill_nulls
from ..enums.model import qualify
from ..postgresql import escape_colons, literal
from .blocks import BlockOps, autocommit_block
from .comments import CommentOp
from .operation_tree import TableKey, find_column, find_table
from .plain_dialect import make_plain, quote_column
from .renames import Rename

# The databases that refuse to add such a column; MySQL gives every row an empty value.
_REFUSING = {"postgresql", "sqlite"}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value for the rows: as an expression of SQL, and as a server default where it can be one."""

    expression: str
    default: str | TextClause | None = None
    parent: str | None = None
    """The table that the value is the key of."""


class BackfillOp(ops.MigrateOperation):
    """The place in a revision where rows are to get their value for a column that the next revision lets take no nulls."""

    def __init__(self, addition: ops.AddColumnOp) -> None:
        self.addition = addition


class RefuseNullsOp(ops.AlterColumnOp):
    """Lets a column take no nulls, after rows have got their value."""


def add_nullable(addition: ops.AddColumnOp) -> ops.AddColumnOp:
    """The addition of a column that rows may have no value for."""
    return _add(addition, nullable=True)


def refuse_nulls(addition: ops.AddColumnOp) -> RefuseNullsOp:
    """Lets a column that is added as one that takes nulls take none."""
    column = addition.column
    return RefuseNullsOp(
        addition.table_name,
        column.name,
        schema=addition.schema,
        existing_type=column.type,
        existing_nullable=True,
        modify_nullable=False,
    )


def comment_required_columns(
    container: ops.OpContainer, dialect: Dialect, tables: Mapping[TableKey, Table], renames: Iterable[Rename], *, as_batch: bool
) -> list[str]:
    """Put a comment in front of each column that the database refuses while rows have no value for it; returns their names.

    :param tables: those of the models.
    :param renames: those that may be: a value would be written over the loss of the old column's.
    :param as_batch: whether the operations of a table are rendered as a batch; its comments are in front of it then, as are
        those of a block.
    """
    old_names = {rename.new: str(rename.column) for rename in reversed(list(renames))}
    required: list[str] = []

    def comment(operation: ops.MigrateOperation, *, in_block: bool = False) -> list[ops.MigrateOperation]:
        addition = operation.addition if isinstance(operation, BackfillOp) else operation
        found = None
        if isinstance(addition, ops.AddColumnOp) and is_required(addition.column) and dialect.name in _REFUSING:
            old_name = old_names.get((*find_table(addition), str(addition.column.name)))
            table, is_place = tables.get(find_table(addition)), addition is not operation
            found = _comment_addition(addition, table, dialect, old_name, as_batch=as_batch, is_place=is_place)
        elif isinstance(addition, ops.AlterColumnOp) and addition.modify_nullable is False:
            found = (
                None if isinstance(addition, RefuseNullsOp) else _comment_refusal(addition, tables, dialect, in_block=in_block)
            )
        if found is None:
            return []
        required.append(_name(addition))
        return [found]

    commented: list[ops.MigrateOperation] = []
    for operation in container.ops:
        if isinstance(operation, BackfillOp):
            commented += comment(operation)
        elif isinstance(operation, BlockOps):
            commented += [found for one in operation.ops for found in comment(one, in_block=True)]
            commented.append(operation)
        elif isinstance(operation, ops.ModifyTableOps) and not as_batch:
            operation.ops = [part for one in operation.ops for part in (*comment(one), one)]
            commented.append(operation)
        else:
            inner = operation.ops if isinstance(operation, ops.ModifyTableOps) else [operation]
            commented += [found for one in inner for found in comment(one)]
            commented.append(operation)
    container.ops = commented
    return required


def is_required(column: Column[Any]) -> bool:
    """Whether rows that are there would need a value which the column does not give them."""
    given = column.server_default is not None or column.computed is not None or column.identity is not None
    return not (column.nullable or column.primary_key or given)


def _name(operation: Any) -> str:
    column = operation.column.name if isinstance(operation, ops.AddColumnOp) else operation.column_name
    return f"{qualify(operation.table_name, operation.schema)}.{column}"


def _comment_addition(
    operation: ops.AddColumnOp, table: Table | None, dialect: Dialect, old_name: str | None, *, as_batch: bool, is_place: bool
) -> CommentOp:
    column = operation.column
    value = _choose_value(column, table, dialect)
    parts: list[str | ops.MigrateOperation] = []
    if is_place:
        dots = ", in place of the dots" if value is None else ""
        start = f"Give the rows a value for {_name(operation)} here{dots}: the next revision refuses nulls."
    else:
        start = f"Fails while the table has rows, which get no value for {_name(operation)}."
    if value is not None and value.parent is not None:
        start += f" {_explain_parent(value)}"
    if old_name is not None:
        also = ", and remove NOT NULL from the next revision" if is_place else ""
        start += f" If it was {old_name} before, see what is said about its removal{also}. If not:"
    if is_place:
        return CommentOp(start, ops.ExecuteSQLOp(escape_colons(_write_update(operation, value, dialect))))
    if value is not None and value.default is not None:
        parts += [
            f"{start} {'Give' if old_name is None else 'give'} them one with a server default, which the model then has too:",
            _wrap(_add(operation, server_default=DefaultClause(value.default)), as_batch=as_batch),
            "Or add it, fill it, and refuse nulls then:",
        ]
    else:
        parts.append(f"{start} {'Add' if old_name is None else 'add'} it, fill it, and refuse nulls then:")
    parts.append(_add(operation, nullable=True))
    if value is not None:
        parts.append(ops.ExecuteSQLOp(escape_colons(_write_update(operation, value, dialect))))
    parts.append(
        _wrap(
            ops.AlterColumnOp(
                operation.table_name,
                column.name,
                schema=operation.schema,
                existing_type=column.type,
                modify_nullable=False,
            ),
            as_batch=as_batch,
        )
    )
    return CommentOp(*parts)


def _write_update(operation: ops.AddColumnOp, value: _Value | None, dialect: Dialect) -> str:
    target, name = quote_column(operation, operation.column.name, dialect)
    return f"UPDATE {target} SET {name} = {'...' if value is None else value.expression}"


def _comment_refusal(
    operation: ops.AlterColumnOp, tables: Mapping[TableKey, Table], dialect: Dialect, *, in_block: bool
) -> CommentOp:
    start = f"Fails while rows hold no value for {_name(operation)}."
    column = _choose_column(operation, find_column(operation, tables), dialect)
    if column.computed is not None:
        return CommentOp(f"{start} It is computed from other columns: fill those in front.")
    value = _choose_value(column, tables.get(find_table(operation)), dialect)
    if value is not None and value.parent is not None:
        start += f" {_explain_parent(value)}"
    choice = ", with a value in place of the dots" if value is None else ", to give them one"
    statement = fill_nulls(*quote_column(operation, column.name, dialect), "..." if value is None else value.expression)
    update = ops.ExecuteSQLOp(escape_colons(statement))
    if in_block:  # which is the first that runs in its transaction
        return CommentOp(f"{start} Write this in front of the block{choice}:", autocommit_block([update]))
    parts: list[str | ops.MigrateOperation] = [f"{start} Write this in front{choice}:", update]
    if dialect.name == "postgresql" and any(str(key.initially).upper() == "DEFERRED" for key in column.foreign_keys):
        # A table with checks that are still to come cannot be altered.
        parts.append(ops.ExecuteSQLOp("SET CONSTRAINTS ALL IMMEDIATE"))
    return CommentOp(*parts)


def _choose_column(operation: ops.AlterColumnOp, declared: Column[Any] | None, dialect: Dialect) -> Column[Any]:
    """The column whose values the rows can have, while it still has its existing type."""
    existing = find_implementation(operation.existing_type, dialect) if operation.existing_type is not None else NullType()
    is_text = isinstance(existing, String) and not isinstance(existing, Enum)  # every value can be written as one
    if declared is not None and (operation.modify_type is None or is_text):
        return declared
    return Column(operation.column_name, existing)


def _explain_parent(value: _Value) -> str:
    return f"The UPDATE gives them the only row of {value.parent}; of several, say which: they keep nulls."


def _add(operation: ops.AddColumnOp, **changes: Any) -> ops.AddColumnOp:
    column = _compat.copy_column(operation.column)
    for name, value in changes.items():
        setattr(column, name, value)
    return ops.AddColumnOp(operation.table_name, column, schema=operation.schema)


def _wrap(operation: Any, *, as_batch: bool) -> ops.MigrateOperation:
    return ops.ModifyTableOps(operation.table_name, [operation], schema=operation.schema) if as_batch else operation


def _choose_value(column: Column[Any], table: Table | None, dialect: Dialect) -> _Value | None:
    """A value that the rows can have; None where only the project knows one."""
    quote = make_plain(dialect).identifier_preparer.quote
    is_unique = bool(column.unique) or (table is not None and column.name in _list_unique(table))
    if (default := _read_default(column, dialect, is_unique=is_unique)) is not None:
        return default
    declared = None if table is None else table.c.get(column.key)
    keys = list(column.foreign_keys or (() if declared is None else declared.foreign_keys))
    type_ = find_implementation(column.type, dialect)
    if keys:
        if is_unique or len(keys) > 1:
            return None
        *place, target = keys[0].target_fullname.split(".")
        parent = ".".join(map(quote, place))
        # Any of several rows would be as good as a wrong one.
        expression = f"(SELECT {quote(target)} FROM {parent} WHERE (SELECT count(*) FROM {parent}) = 1)"
        return _Value(expression, parent=".".join(place))
    if isinstance(type_, Uuid) and dialect.name == "postgresql":
        return _Value("gen_random_uuid()", text("gen_random_uuid()"))
    if not is_unique:
        return _choose_constant(column, type_, dialect)
    key = list(table.primary_key.columns) if table is not None else []
    if len(key) == 1 and isinstance(find_implementation(key[0].type, dialect), Integer):
        if isinstance(type_, Integer):
            return _Value(quote(key[0].name))
        if isinstance(type_, String) and not isinstance(type_, Enum):
            return _Value(f"CAST({quote(key[0].name)} AS {type_.compile(dialect=dialect)})")
    return None


def _read_default(column: Column[Any], dialect: Dialect, *, is_unique: bool) -> _Value | None:
    """The value that a new row gets from the server."""
    default = getattr(column.server_default, "arg", None)
    if isinstance(default, str):
        return None if is_unique else _write_string(default, dialect)
    if default is None:
        return None
    expression = str(default.compile(dialect=make_plain(dialect), compile_kwargs={"literal_binds": True}))
    return None if expression.upper() == "NULL" else _Value(expression)


def _list_unique(table: Table) -> Iterator[str]:
    """The columns that are unique by themselves."""
    constraints: list[Any] = [constraint for constraint in table.constraints if isinstance(constraint, Unique)]
    indexes = [index for index in table.indexes if index.unique]
    for columns in (list(one.columns) for one in (*constraints, *indexes)):
        if len(columns) == 1:
            yield columns[0].name


def _choose_constant(column: Column[Any], type_: TypeEngine[Any], dialect: Dialect) -> _Value | None:
    given: Any = getattr(column.default, "arg", None) if getattr(column.default, "is_scalar", False) else None
    match type_:
        case Enum(enums=[first, *_]):
            labels = list(map(str, type_.enums))
            label = next((str(one) for one in (getattr(given, "name", None), given) if str(one) in labels), str(first))
            return _write_string(label, dialect)
        case Boolean():
            word = "true" if given is True else "false"
            return _Value(word, text(word))
        case Integer() | Numeric() | Float():
            number = str(given) if isinstance(given, int | float) and not isinstance(given, bool) else "0"
            return _Value(number, number)
        case String():
            return _write_string(given if isinstance(given, str) else "", dialect)
        case DateTime() | Date() | Time():
            words = {DateTime: "CURRENT_TIMESTAMP", Date: "CURRENT_DATE", Time: "CURRENT_TIME"}
            expression = next(now for class_, now in words.items() if isinstance(type_, class_))
            return _Value(expression, text(expression))
        case JSON() | ARRAY():
            return _write_string("{}", dialect)
        case LargeBinary() if dialect.name == "postgresql":
            return _write_string("", dialect)
        case Interval() if dialect.name == "postgresql":
            return _write_string("0", dialect)
        case _:
            return None


def _write_string(value: str, dialect: Dialect) -> _Value:
    if dialect.name == "postgresql":
        return _Value(literal(value), value)
    return _Value(str(literal_value(value).compile(dialect=make_plain(dialect), compile_kwargs={"literal_binds": True})), value)
