"""Tables and columns that may have been renamed: one that goes and one that comes, alike enough to be asked about."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from alembic.operations import ops
from sqlalchemy import ARRAY, Column
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Dialect
from sqlalchemy.types import (
    JSON,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Time,
    TypeEngine,
    Uuid,
)

from ..application.column_types import find_implementation
from .enum_changes import EnumChangeOps
from .narrowing import write_type
from .operation_tree import TableKey, list_table_operations

# A name as `-x` takes it: in double quotes if it has a dot, a colon or a quote.
NAME = r'"(?:[^"]|"")+"|[^".:]+'
# How many of the columns of the larger table both have to have.
_ENOUGH = 0.5
# How much more a column counts whose type or nullability stays, next to the likeness of the names, which is at most 1.
_SAME_TYPE, _SAME_NULLABLE = 0.5, 0.1


@dataclass(frozen=True, slots=True)
class Rename:
    """A table or a column that has another name, or may have."""

    schema: str | None
    table: str
    """The table's old name; for a column, the name that its table has when it is renamed."""
    column: str | None
    """The column's old name; None if the table itself is renamed."""
    new_name: str

    @property
    def old(self) -> tuple[str | None, str, str | None]:
        return self.schema, self.table, self.column

    @property
    def new(self) -> tuple[str | None, str, str | None]:
        if self.column is None:
            return self.schema, self.new_name, None
        return self.schema, self.table, self.new_name

    @property
    def question(self) -> str:
        if self.column is None:
            return f"Was table {_show(self.schema, self.table)} renamed to {self.new_name}?"
        table = _show(self.schema, self.table)
        return f"Was {table}.{self.column} renamed to {table}.{self.new_name}?"

    @property
    def argument(self) -> str:
        """What to type for yes."""
        kind = "rename_table" if self.column is None else "rename"
        names = ".".join(map(write_name, filter(None, (self.schema, self.table, self.column))))
        return f"-x {shlex.quote(f'{kind}={names}:{write_name(self.new_name)}')}"


def write_name(name: str) -> str:
    """A name as `-x` takes it."""
    doubled = name.replace('"', '""')
    return name if re.fullmatch(r'[^".:]+', name) else f'"{doubled}"'


def _show(*names: str | None) -> str:
    return ".".join(filter(None, names))


@dataclass(slots=True)
class Difference:
    """What a comparison adds and removes: tables by their key, and the columns of tables that stay, in their order."""

    removed_tables: dict[TableKey, list[Column[Any]]] = field(default_factory=dict)
    added_tables: dict[TableKey, list[Column[Any]]] = field(default_factory=dict)
    removed_columns: dict[TableKey, list[Column[Any]]] = field(default_factory=dict)
    added_columns: dict[TableKey, list[Column[Any]]] = field(default_factory=dict)
    enum_values: dict[TableKey, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """The values of enum types, in the database and in the models, where they differ."""

    def fits(self, rename: Rename) -> bool:
        """Whether the old name goes and the new one comes, whatever the types."""
        table = rename.schema, rename.table
        if rename.column is None:
            return table in self.removed_tables and (rename.schema, rename.new_name) in self.added_tables
        removed = {column.name for column in self.removed_columns.get(table, ())}
        return rename.column in removed and rename.new_name in {column.name for column in self.added_columns.get(table, ())}

    def renames_value(self, rename: Rename) -> bool:
        """Whether it is a value of an enum type that goes, and one that comes."""
        existing, values = self.enum_values.get((rename.schema, rename.table), ((), ()))
        return rename.column in {*existing} - {*values} and rename.new_name in {*values} - {*existing}

    def list_possible(self) -> Iterator[Rename]:
        """Every rename that would fit."""
        for schema, old in self.removed_tables:
            yield from (Rename(schema, old, None, new) for other, new in self.added_tables if other == schema)
        for (schema, table), columns in self.removed_columns.items():
            for column in columns:
                for added in self.added_columns.get((schema, table), ()):
                    yield Rename(schema, table, column.name, added.name)


def read_difference(upgrade_ops: ops.UpgradeOps, dialect: Dialect) -> Difference:
    """What a comparison has found of tables and columns."""
    difference = Difference()

    def name(operation: Any) -> TableKey:
        schema = operation.schema
        return None if schema == dialect.default_schema_name else schema, str(operation.table_name)

    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.DropTableOp):
            difference.removed_tables[name(operation)] = list(operation.to_table().columns)
        elif isinstance(operation, ops.CreateTableOp):
            difference.added_tables[name(operation)] = [part for part in operation.columns if isinstance(part, Column)]
        elif isinstance(operation, EnumChangeOps):
            schema = None if operation.schema == dialect.default_schema_name else operation.schema
            difference.enum_values.setdefault((schema, operation.enum_name), (operation.existing_values, operation.values))
    for table_ops in list_table_operations(upgrade_ops):
        for inner in table_ops.ops:
            if isinstance(inner, ops.DropColumnOp) and is_known(inner):
                difference.removed_columns.setdefault(name(table_ops), []).append(inner.to_column())
            elif isinstance(inner, ops.AddColumnOp):
                difference.added_columns.setdefault(name(table_ops), []).append(inner.column)
    return difference


def is_known(operation: ops.DropColumnOp) -> bool:
    """Whether the operation tells what the column was, as those of Alembic's comparison do; others may not."""
    try:
        return operation.to_column() is not None
    except ValueError:
        return False


def find_candidates(difference: Difference, dialect: Dialect) -> list[Rename]:
    """The renames to ask about, the best match first: those of tables, then those of columns."""
    tables: list[tuple[float, Rename]] = []
    columns: list[tuple[float, Rename]] = []
    for rename in difference.list_possible():
        likeness = SequenceMatcher(None, rename.column or rename.table, rename.new_name, False).ratio()
        key = rename.schema, rename.table
        if rename.column is None:
            common = _compare_tables(
                difference.removed_tables[key], difference.added_tables[rename.schema, rename.new_name], dialect
            )
            if common > _ENOUGH:
                tables.append((common + likeness, rename))
        else:
            (old,) = [column for column in difference.removed_columns[key] if column.name == rename.column]
            (new,) = [column for column in difference.added_columns[key] if column.name == rename.new_name]
            if _fit(old, new, dialect):
                columns.append((likeness + _compare_columns(old, new, dialect), rename))
    return [rename for _, rename in [*_sort(tables), *_sort(columns)]]


def _sort(scored: Iterable[tuple[float, Rename]]) -> list[tuple[float, Rename]]:
    return sorted(scored, key=lambda pair: (-pair[0], *(part or "" for part in pair[1].old), pair[1].new_name))


def drop_answered(candidates: Iterable[Rename], accepted: Iterable[Rename]) -> list[Rename]:
    """The candidates that are still open: nothing is renamed twice, or to a name that is taken."""
    old, new = {rename.old for rename in accepted}, {rename.new for rename in accepted}
    return [candidate for candidate in candidates if candidate.old not in old and candidate.new not in new]


def choose_together(candidates: Iterable[Rename]) -> list[Rename]:
    """Of the candidates, the best ones first, those that can all be true: each name is in one of them."""
    chosen: list[Rename] = []
    for candidate in candidates:
        chosen += drop_answered([candidate], chosen)
    return chosen


def _compare_tables(old: list[Column[Any]], new: list[Column[Any]], dialect: Dialect) -> float:
    """Which part of the columns both tables have, with types that fit."""
    known = {column.name: column for column in old}
    common = [column for column in new if column.name in known and _fit(known[column.name], column, dialect)]
    return len(common) / max(len(old), len(new), 1)


def _compare_columns(old: Column[Any], new: Column[Any], dialect: Dialect) -> float:
    types = [write_type(find_implementation(column.type, dialect), dialect) for column in (old, new)]
    return (types[0] == types[1]) * _SAME_TYPE + (bool(old.nullable) == bool(new.nullable)) * _SAME_NULLABLE


def _fit(old: Column[Any], new: Column[Any], dialect: Dialect) -> bool:
    """Whether the values of one column can be those of the other: types of one kind, and both or none computed."""
    if (old.computed is None) != (new.computed is None):
        return False
    return _find_kind(old.type, dialect) == _find_kind(new.type, dialect)


# The kinds of types, each of which PostgreSQL casts within by itself.
_KINDS: list[tuple[str, tuple[type[Any], ...]]] = [
    ("enum", (Enum,)),
    ("text", (String,)),
    ("truth value", (Boolean,)),
    ("number", (Integer, Numeric, Float)),
    ("moment", (DateTime,)),
    ("day", (Date,)),
    ("time", (Time,)),
    ("interval", (Interval,)),
    ("json", (JSON,)),
    ("binary", (LargeBinary,)),
    ("uuid", (Uuid,)),
]
# What has no type of its own elsewhere than on PostgreSQL, and is text.
_TEXT_ELSEWHERE = {"enum", "uuid"}


def _find_kind(type_: TypeEngine[Any], dialect: Dialect) -> str:
    type_ = find_implementation(type_, dialect)
    if isinstance(type_, DOMAIN):
        return _find_kind(type_.data_type, dialect)
    if isinstance(type_, ARRAY):
        return f"array of {_find_kind(type_.item_type, dialect)}"
    kind = next((name for name, classes in _KINDS if isinstance(type_, classes)), type(type_).__name__.lower())
    if kind == "enum" and not getattr(type_, "native_enum", True):
        return "text"
    return "text" if kind in _TEXT_ELSEWHERE and dialect.name != "postgresql" else kind
