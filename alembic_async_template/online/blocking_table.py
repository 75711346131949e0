"""The table of what blocks: which of Alembic's operations keeps others from a large table, and for how long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum as Choice
from typing import TYPE_CHECKING, Any

from alembic.ddl.postgresql import CreateExcludeConstraintOp
from alembic.operations import MigrateOperation, ops
from sqlalchemy import CheckConstraint, Column, Enum, Integer
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.schema import DefaultClause

from ..postgresql import empty_strings
from .large_tables import Details, LargeColumn, LargeTable
from .type_rewrites import is_plain, read_type, rebuilds_indexes, rewrites
from .work import find_address

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

ALL, WRITES = "reads and writes", "writes"
READS, BUILDS, REWRITES = "reads every row", "builds an index", "writes every row again"
Key = tuple[str | None, str]
"""Schema and name of a table; without a schema it is found on the search path."""


class Way(Choice):
    """What to do instead."""

    ONLINE = "online"
    COLUMN_FIRST = "column first"
    DEFAULT_LATER = "default later"
    IDENTITY_LATER = "identity later"
    VIRTUAL = "virtual"
    TYPE_BELOW = "type below"
    LENGTH_CHECK = "length check"
    NEW_COLUMN = "new column"
    WITHOUT_DEPENDENTS = "without dependents"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Blocking:
    """What an operation blocks."""

    table: LargeTable
    blocks: str
    """`reads and writes`, or `writes`."""
    why: str
    """What it does meanwhile."""
    way: Way
    other: Key | None = None
    """A second table that is blocked."""


class Finder:
    """Finds what an operation blocks of a large table.

    :param read: reads what decides how long it takes; asked only where it depends on that.
    """

    def __init__(self, table: LargeTable, dialect: Dialect, read: Callable[[], Details]) -> None:
        self.table = table
        self.dialect = dialect
        self.read = read

    def find(self, operation: MigrateOperation) -> Blocking | None:
        """What it blocks; None where that is nothing, or only for an instant."""
        table = self.table
        match operation:
            case ops.CreateIndexOp():
                is_there = operation.if_not_exists and operation.index_name in self.read().indexes
                return None if is_there else Blocking(table, WRITES, BUILDS, Way.ONLINE)
            case ops.AddColumnOp():
                return next(self._list_of_column(operation, self.read()), None)
            case ops.AlterColumnOp():
                return next(self._list_of_change(operation, self.read()), None)
            case ops.CreateForeignKeyOp():
                way = self._choose(needs=18)
                return Blocking(table, WRITES, READS, way, (operation.kw.get("referent_schema"), operation.referent_table))
            case ops.CreateCheckConstraintOp():
                return Blocking(table, ALL, READS, Way.ONLINE)
            case CreateExcludeConstraintOp():
                return Blocking(table, ALL, BUILDS, Way.NONE)
        return Blocking(table, ALL, BUILDS, self._choose())

    def _choose(self, needs: int = 99) -> Way:
        """A partitioned table cannot have a constraint of an index, and a foreign key without a check since PostgreSQL 18."""
        version = int((self.dialect.server_version_info or (0,))[0])
        return Way.ONLINE if not self.table.is_partitioned or version >= needs else Way.NONE

    def _list_of_column(self, operation: ops.AddColumnOp, details: Details) -> Iterator[Blocking]:
        column, table = operation.column, self.table
        if operation.if_not_exists and column.name in details.columns:
            return
        inlines_key = getattr(operation, "inline_primary_key", None) and column.primary_key
        if column.identity is not None or _is_serial(column):
            yield Blocking(table, ALL, REWRITES, Way.IDENTITY_LATER)
        elif column.computed is not None:
            if column.computed.persisted is not False:
                yield Blocking(table, ALL, REWRITES, Way.VIRTUAL)
        elif self._is_volatile(column.server_default, details):
            yield Blocking(table, ALL, REWRITES, Way.DEFAULT_LATER)
        if read_type(self._write_type(column.type)).base in details.domains:
            yield Blocking(table, ALL, REWRITES, Way.TYPE_BELOW)
        if _has_check(column.type) or any(isinstance(one, CheckConstraint) for one in column.constraints):
            yield Blocking(table, ALL, READS, Way.COLUMN_FIRST)
        if column.unique or inlines_key:
            yield Blocking(table, ALL, BUILDS, Way.COLUMN_FIRST)
        if column.foreign_keys and not getattr(operation, "inline_references", None):
            yield Blocking(table, WRITES, READS, Way.COLUMN_FIRST)
        if column.index:
            yield Blocking(table, WRITES, BUILDS, Way.COLUMN_FIRST)

    def _list_of_change(self, operation: ops.AlterColumnOp, details: Details) -> Iterator[Blocking]:
        known, table = details.columns.get(operation.column_name), self.table
        if operation.modify_type is not None:
            if known is not None:
                yield from self._list_of_type(operation, details, known)
            if _has_check(operation.modify_type):
                yield Blocking(table, ALL, READS, Way.NONE)
        if operation.modify_nullable is False and not (known and known.is_required):
            yield Blocking(table, ALL, READS, Way.ONLINE)

    def _list_of_type(self, operation: ops.AlterColumnOp, details: Details, known: LargeColumn) -> Iterator[Blocking]:
        written = self._write_type(operation.modify_type)
        old, new = read_type(known.type), read_type(written)
        using = operation.kw.get("postgresql_using")
        changes_values = using is not None and not is_plain(str(using), operation.column_name, written)
        if changes_values or rewrites(old, new, details.casts, details.time_zone):
            is_text = {old.base, new.base} <= {"text", "character varying"} and not (old.dimensions or new.dimensions)
            way = Way.LENGTH_CHECK if is_text and new.arguments and not changes_values else Way.NEW_COLUMN
            yield Blocking(self.table, ALL, REWRITES, way)
        elif known.is_tied or (known.is_indexed and rebuilds_indexes(old, new)):
            yield Blocking(self.table, ALL, READS, Way.WITHOUT_DEPENDENTS)

    def _write_type(self, type_: Any) -> str:
        """As the statement has it; a type may be given as its class."""
        return str((type_() if isinstance(type_, type) else type_).compile(dialect=self.dialect))

    def _is_volatile(self, default: Any, details: Details) -> bool:
        """Whether a default has to be computed for each row."""
        if not isinstance(default, DefaultClause) or isinstance(default.arg, str):
            return False
        options = {"literal_binds": True}
        sql = str(getattr(default.arg, "text", None) or default.arg.compile(dialect=self.dialect, compile_kwargs=options))
        called = re.findall(r'([\w$]+|"[^"]+") ?\(', empty_strings(sql))
        return any(name.strip('"') in details.volatile or name.lower() in details.volatile for name in called)


def find_blocked(operation: MigrateOperation) -> Key | None:
    """The table that an operation would block if it is large; None for an operation that blocks none."""
    match operation:
        case ops.CreateIndexOp():
            blocks = not operation.kw.get("postgresql_concurrently")
        case ops.AddColumnOp():
            blocks = not _is_plain_column(operation.column)
        case ops.AlterColumnOp():
            blocks = operation.modify_nullable is False or operation.modify_type is not None
        case ops.CreateForeignKeyOp():
            blocks = not operation.kw.get("postgresql_not_valid")
        case ops.CreateCheckConstraintOp():
            blocks = not (operation.kw.get("postgresql_not_valid") or operation.kw.get("postgresql_not_enforced"))
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp() | CreateExcludeConstraintOp():
            blocks = True
        case _:
            return None
    name, schema = find_address(operation)
    return (schema, name) if blocks else None


def _is_plain_column(column: Column[Any]) -> bool:
    """Whether a column has nothing but a name, a type of SQLAlchemy's and perhaps a constant."""
    default = column.server_default
    return (
        (default is None or (isinstance(default, DefaultClause) and isinstance(default.arg, str)))
        and not (column.primary_key or column.unique or column.index or column.foreign_keys or column.constraints)
        and type(column.type).__module__.startswith("sqlalchemy.")
        and not isinstance(column.type, DOMAIN)
        and not _has_check(column.type)
    )


def _has_check(type_: TypeEngine[Any]) -> bool:
    """Whether a type brings a CHECK along; that of Boolean is none on PostgreSQL."""
    return isinstance(type_, Enum) and bool(type_.create_constraint) and not type_.native_enum


def _is_serial(column: Column[Any]) -> bool:
    """See https://docs.sqlalchemy.org/en/latest/dialects/postgresql.html#sequences-serial-identity."""
    return (
        column.primary_key
        and column.autoincrement in {True, "auto"}
        and isinstance(column.type, Integer)
        and column.server_default is None
        and not column.foreign_keys
    )
