"""Adds to a revision what its tables need and Alembic does not write: schemas, sequences, domains and comments of constraints.

`MetaData.create_all` creates them along with the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import ARRAY, Column, MetaData, inspect
from sqlalchemy import Sequence as DatabaseSequence
from sqlalchemy.dialects.postgresql import DOMAIN, CreateDomainType, DropDomainType
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.schema import CreateSequence, ExecutableDDLElement, SetConstraintComment
from sqlalchemy.types import TypeEngine

from .. import _compat
from ..application.column_types import find_implementation
from ..postgresql import escape_colons
from .operation_tree import TableKey, find_table
from .plain_dialect import make_plain
from .server_defaults import is_next_value

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


class StatementOp(ops.ExecuteSQLOp):
    """A statement that knows its reverse, and what it is about.

    :param undo: the statement that takes it back; empty if the end of its table does.
    :param table: the table that it changes; None if it creates what tables need.
    """

    def __init__(self, statement: str, undo: str = "", table: TableKey | None = None) -> None:
        super().__init__(escape_colons(statement))
        self.statement, self.undo, self.table = statement, undo, table

    def reverse(self) -> StatementOp:
        if not self.undo:
            raise NotImplementedError
        return StatementOp(self.undo, self.statement, self.table)


def add_schema_objects(
    context: MigrationContext, directive: ops.MigrationScript, metadatas: Sequence[MetaData], *, baseline: bool
) -> None:
    """Create each missing object before the first operation that needs it, and drop it last in the downgrade.

    :param baseline: whether the revision is compared with an empty database, in which nothing is there.
    """
    dialect = make_plain(context.dialect)  # the statements go through text()
    inspector = inspect(context.connection) if context.connection is not None and not baseline else None
    for upgrade_ops, downgrade_ops in zip(directive.upgrade_ops_list, directive.downgrade_ops_list, strict=True):
        sequences = _list_sequences(dialect, metadatas)
        domains = _list_domains(dialect, upgrade_ops) if dialect.name == "postgresql" else {}
        named = {
            *map(_read_schema, upgrade_ops.ops),
            *(sequence.schema for sequence in sequences),
            *(schema for schema, _ in domains),
        }
        schemas = _find_missing_schemas(named - {None, context.dialect.default_schema_name}, inspector)
        # Values are added to enum types before everything else.
        needs = [
            isinstance(one, ops.CreateTableOp | ops.ModifyTableOps) or _read_schema(one) in schemas for one in upgrade_ops.ops
        ]
        first = needs.index(True) if True in needs else 0
        quote = dialect.identifier_preparer.quote_identifier
        needed = [(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}", f"DROP SCHEMA {quote(schema)}") for schema in schemas]
        needed += _find_missing_sequences(dialect, sequences, inspector, schemas)
        needed += _find_missing_domains(dialect, domains, inspector)
        if dialect.supports_sequences:
            _leave_numbers_to_sequences(upgrade_ops)
            _leave_numbers_to_sequences(downgrade_ops)
        if dialect.name == "postgresql":
            comments = list(_write_constraint_comments(dialect, upgrade_ops))
            upgrade_ops.ops += comments
        upgrade_ops.ops[first:first] = [StatementOp(create, drop) for create, drop in needed if create]
        downgrade_ops.ops += [StatementOp(drop, create) for create, drop in reversed(needed)]


def _compile(element: ExecutableDDLElement, dialect: Dialect) -> str:
    return str(element.compile(dialect=dialect))


def _read_schema(operation: ops.MigrateOperation) -> str | None:
    return getattr(operation, "schema", None)


def _find_missing_schemas(schemas: Iterable[str | None], inspector: Inspector | None) -> list[str]:
    return [schema for schema in sorted(filter(None, schemas)) if inspector is None or not inspector.has_schema(schema)]


def _list_sequences(dialect: Dialect, metadatas: Iterable[MetaData]) -> list[DatabaseSequence]:
    """The sequences that the models declare, https://docs.sqlalchemy.org/en/20/core/defaults.html."""
    if not dialect.supports_sequences:
        return []
    declared = [sequence for metadata in metadatas for sequence in _compat.list_sequences(metadata)]
    return [sequence for sequence in declared if not (sequence.optional and dialect.sequences_optional)]


def _find_missing_sequences(
    dialect: Dialect, sequences: Iterable[DatabaseSequence], inspector: Inspector | None, new_schemas: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """The statements that create and drop the missing sequences."""
    known: dict[str | None, list[str]] = {}
    for sequence in sequences:
        schema = sequence.schema
        if inspector is not None and schema not in known:
            known[schema] = [] if schema in new_schemas else inspector.get_sequence_names(schema)
        if sequence.name not in known.get(schema, ()):
            create = _compile(CreateSequence(sequence), dialect)
            yield create, f"DROP SEQUENCE {dialect.identifier_preparer.format_sequence(sequence)}"


def _leave_numbers_to_sequences(container: ops.OpContainer) -> None:
    """Keep a primary key that takes its values from a declared sequence from becoming SERIAL, which has a sequence of its own.

    A key of the database with its own sequence has no default here any more, and is not concerned.
    """
    for operation in container.ops:
        if isinstance(operation, ops.CreateTableOp):
            operation.columns = [_without_serial(part) if isinstance(part, Column) else part for part in operation.columns]


def _without_serial(column: Column[Any]) -> Column[Any]:
    takes_values = isinstance(column.default, DatabaseSequence) and not column.default.optional
    if column.autoincrement is False or not (takes_values or is_next_value(column.server_default)):
        return column
    copy = _compat.copy_column(column)
    copy.autoincrement = False
    return copy


# Schema and name of a domain, the domain, and whether `op.create_table` creates it.
_Domains = dict[tuple[str | None, str], tuple[DOMAIN, bool]]


def _list_domains(dialect: Dialect, upgrade_ops: ops.UpgradeOps) -> _Domains:
    """The domains of new columns and new types; one that a new table has is created with it."""
    found: _Domains = {}
    for operation in upgrade_ops.ops:
        for type_, in_new_table in _list_new_types(operation):
            domain = find_implementation(type_, dialect)
            while isinstance(domain, ARRAY):
                domain = find_implementation(domain.item_type, dialect)
            if isinstance(domain, DOMAIN) and domain.create_type:
                key = domain.schema, str(domain.name)
                _, created = found.get(key, (domain, False))
                found[key] = domain, created or in_new_table
    return found


def _list_new_types(operation: ops.MigrateOperation) -> Iterator[tuple[TypeEngine[Any], bool]]:
    if isinstance(operation, ops.CreateTableOp):
        yield from ((column.type, True) for column in operation.columns if isinstance(column, Column))
    elif isinstance(operation, ops.ModifyTableOps):
        for inner in operation.ops:
            if isinstance(inner, ops.AddColumnOp):
                yield inner.column.type, False
            elif isinstance(inner, ops.AlterColumnOp) and inner.modify_type is not None:
                yield inner.modify_type, False


def _find_missing_domains(dialect: Dialect, domains: _Domains, inspector: Any) -> Iterator[tuple[str, str]]:
    """The statements that create and drop the missing domains."""
    known: dict[str | None, set[str]] = {}
    for (schema, name), (domain, created) in domains.items():
        if inspector is not None and schema not in known:
            known[schema] = {reflected["name"] for reflected in inspector.get_domains(schema)}
        if name not in known.get(schema, ()):
            create = "" if created else _compile(CreateDomainType(domain), dialect)
            yield create, _compile(DropDomainType(domain), dialect)


def _write_constraint_comments(dialect: Dialect, upgrade_ops: ops.UpgradeOps) -> Iterator[StatementOp]:
    for operation in upgrade_ops.ops:
        if isinstance(operation, ops.CreateTableOp):
            for constraint in operation.to_table().constraints:
                if constraint.comment is not None and isinstance(constraint.name, str):
                    yield StatementOp(_compile(SetConstraintComment(constraint), dialect), table=find_table(operation))
