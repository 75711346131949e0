"""The operations that rename tables and columns, and with them the constraints and indexes that are named after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.engine import Dialect, Inspector
from sqlalchemy.sql.naming import conv

from .. import _compat
from ..postgresql import MAX_BYTES, escape_colons
from .comments import keep_together
from .plain_dialect import make_plain
from .renames import Rename, choose_together

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# The databases on which a savepoint takes back what was renamed in it.
TRANSACTIONAL = {"postgresql", "sqlite"}
# Those that rename a column only together with its type.
_NEEDING_TYPE = {"mysql", "mariadb"}
# How many of several renames are shown.
_SHOWN = 3


class RenameOp(ops.MigrateOperation):
    """An operation that renames a table or a column: it knows its reverse, and is rendered outside of any batch.

    Alembic's batch operations copy the table on SQLite, and leave keys and checks with the old name.
    """


class RenamedTableOp(RenameOp, ops.RenameTableOp):
    """Renames a table."""

    def reverse(self) -> RenamedTableOp:
        return RenamedTableOp(self.new_table_name, self.table_name, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("rename_table", self.schema, self.table_name, self.new_table_name)


class RenamedColumnOp(RenameOp, ops.AlterColumnOp):
    """Renames a column and changes nothing else of it."""

    def reverse(self) -> RenamedColumnOp:
        return RenamedColumnOp(self.table_name, str(self.modify_name), schema=self.schema, modify_name=self.column_name)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("rename_column", self.schema, self.table_name, self.column_name, self.modify_name)


def render_rename(context: AutogenContext, operation: RenamedTableOp | RenamedColumnOp) -> str:
    """`op.rename_table` or `op.alter_column`."""
    if isinstance(operation, RenamedTableOp):
        directive, names = "rename_table", [operation.table_name, operation.new_table_name]
        options = {}
    else:
        directive, names = "alter_column", [operation.table_name, operation.column_name]
        options = {"new_column_name": repr(str(operation.modify_name))}
        if operation.existing_type is not None:
            options["existing_type"] = _compat.render_type(operation.existing_type, context)
            options["existing_nullable"] = repr(operation.existing_nullable)
    if operation.schema:
        options["schema"] = repr(str(operation.schema))
    arguments = [*(repr(str(name)) for name in names), *(f"{name}={value}" for name, value in options.items())]
    return f"{context.opts.get('alembic_module_prefix') or ''}{directive}({', '.join(arguments)})"


class RenamedObjectOp(ops.ExecuteSQLOp):
    """Renames a constraint or an index, which Alembic has no operation for.

    :param write: SQL by the old and the new name.
    :param table: the table whose it is.
    """

    def __init__(self, write: Callable[[str, str], str], name: str, new_name: str, table: Table) -> None:
        super().__init__(escape_colons(write(name, new_name)))
        self.write, self.name, self.new_name, self.table = write, name, new_name, table

    def reverse(self) -> RenamedObjectOp:
        return RenamedObjectOp(self.write, self.new_name, self.name, self.table)


def write_rename(rename: Rename) -> RenamedTableOp | RenamedColumnOp:
    """The operation of a rename."""
    if rename.column is None:
        return RenamedTableOp(rename.table, rename.new_name, schema=rename.schema)
    return RenamedColumnOp(rename.table, rename.column, schema=rename.schema, modify_name=rename.new_name)


def advise_renames(renames: Sequence[Rename], dialect: Dialect) -> Callable[[ops.MigrateOperation], tuple[list[Any], str]]:
    """What to say in front of an operation that drops what may have been renamed: how to write that instead."""

    likely = choose_together(renames)

    def advise(operation: ops.MigrateOperation) -> tuple[list[Any], str]:
        if not isinstance(operation, ops.DropTableOp | ops.DropColumnOp):
            return [], ""
        old = operation.schema, str(operation.table_name), getattr(operation, "column_name", None)
        found = [rename for rename in renames if rename.old == old][:_SHOWN]
        parts: list[Any] = []
        for rename in found:
            comes = "creation" if rename.column is None else "addition"
            again = keep_together(rename.argument) if dialect.name in TRANSACTIONAL else ""
            if parts:
                parts.append(f"If to {rename.new_name}{f', {again}' if again else ''}:")
            else:
                again = f"write this revision again with {again}. By hand, write" if again else "write"
                parts.append(
                    f"If it was renamed to {rename.new_name}, {again} this in place of the {comes} of {rename.new_name}, and "
                    "remove the next line; likewise its reverse in downgrade():"
                )
            instead = write_rename(rename)
            if isinstance(operation, ops.DropColumnOp) and dialect.name in _NEEDING_TYPE:
                column = operation.to_column()
                instead.existing_type, instead.existing_nullable = column.type, column.nullable  # type: ignore[union-attr]
            parts.append(instead)
        asked = [rename for rename in found if rename in likely] if dialect.name in TRANSACTIONAL else []
        return parts, f"(renamed? {asked[0].argument})" if asked else ""

    return advise


def name_like_models(
    inspector: Inspector, renames: Iterable[Rename], metadatas: Iterable[MetaData], dialect: Dialect
) -> Iterator[RenamedObjectOp]:
    """Rename the constraints and indexes that the models name after what was renamed, on PostgreSQL.

    Indexes and unique constraints are the ones that differ in nothing but their name, which Alembic would drop and create. Other
    constraints follow where a naming convention names them; Alembic does not compare those names.

    :param inspector: sees the tables and columns under their new names.
    """
    renames = list(renames)
    default = dialect.default_schema_name
    renamed = {(rename.new[0], rename.new[1]) for rename in renames}
    for table in (table for metadata in metadatas for _, table in sorted(metadata.tables.items())):
        key = _normalise(table.schema, default), table.name
        referred = {_find_target(constraint, default) for constraint in table.foreign_key_constraints}
        if (key in renamed or referred & renamed) and inspector.has_table(table.name, table.schema):
            yield from _Names(inspector, table, renames, dialect).list_changes()


def _normalise(schema: str | None, default: str | None) -> str | None:
    return None if schema == default else schema


def _find_target(constraint: ForeignKeyConstraint, default: str | None) -> tuple[str | None, str]:
    *schema, table, _ = constraint.elements[0].target_fullname.split(".")
    return _normalise(".".join(schema) or None, default), table


class _Names:
    """The names of the constraints and indexes of one table, declared and reflected."""

    def __init__(self, inspector: Inspector, table: Table, renames: list[Rename], dialect: Dialect) -> None:
        self.table = table
        self.renames = renames
        self.default = dialect.default_schema_name
        arguments = (table.name, table.schema)
        primary_key: Any = inspector.get_pk_constraint(*arguments)
        self.reflected: dict[str, list[dict[str, Any]]] = {
            "pk": [primary_key] if primary_key["name"] else [],
            "fk": [dict(one) for one in inspector.get_foreign_keys(*arguments)],
            "uq": [dict(one) for one in inspector.get_unique_constraints(*arguments)],
            "ck": [dict(one) for one in inspector.get_check_constraints(*arguments)],
            "ix": [dict(one) for one in inspector.get_indexes(*arguments) if not one.get("duplicates_constraint")],
        }
        quote = make_plain(dialect).identifier_preparer.quote
        self.schema = f"{quote(table.schema)}." if table.schema else ""
        self.quoted = f"{self.schema}{quote(table.name)}"
        self.quote = quote

    def list_changes(self) -> Iterator[RenamedObjectOp]:
        of_columns = (constraint for column in self.table.columns for constraint in column.constraints)
        declared: list[Any] = [*self.table.constraints, *self.table.indexes, *of_columns]
        named = {str(one.name): one for one in declared if isinstance(one.name, str) and len(one.name.encode()) <= MAX_BYTES}
        taken = {one["name"] for kind in self.reflected.values() for one in kind}
        for name in sorted(named.keys() - taken):
            kind, columns = _classify(named[name])
            free = [one for one in self.reflected.get(kind, ()) if one["name"] not in named]
            old = self._choose(named[name], kind, columns, free)
            if old is not None:
                self.reflected[kind].remove(old)
                write = self._rename_index if kind == "ix" else self._rename_constraint
                yield RenamedObjectOp(write, old["name"], name, self.table)

    def _rename_index(self, old: str, new: str) -> str:
        return f"ALTER INDEX {self.schema}{self.quote(old)} RENAME TO {self.quote(new)}"

    def _rename_constraint(self, old: str, new: str) -> str:
        return f"ALTER TABLE {self.quoted} RENAME CONSTRAINT {self.quote(old)} TO {self.quote(new)}"

    def _choose(self, declared: Any, kind: str, columns: list[str], free: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The reflected constraint or index that is the declared one but for its name."""
        expected = self._list_old_names(str(declared.name))
        by_name = [one for one in free if one["name"] in expected]
        alike = by_name if kind == "ck" else [one for one in free if _list_columns(one) == columns]
        if kind == "fk":
            target = _find_target(declared, self.default)
            alike = [one for one in alike if (_normalise(one["referred_schema"], self.default), one["referred_table"]) == target]
        if kind == "ix":
            alike = [one for one in alike if bool(one["unique"]) == bool(declared.unique)]
        by_both = [one for one in alike if one in by_name]
        if by_both:
            return by_both[0]
        return alike[0] if kind in {"uq", "ix"} and len(alike) == 1 else None

    def _list_old_names(self, name: str) -> set[str]:
        """The names that may have become this one through the renames."""
        names = {name}
        for rename in self.renames:
            old = rename.column or rename.table
            names |= {one.replace(rename.new_name, old) for one in names}
        return names - {name}


def _classify(declared: Any) -> tuple[str, list[str]]:
    """The kind of a constraint or index, and its columns; an empty kind for what no one but the project names."""
    if isinstance(declared, Index):
        return "ix", [getattr(expression, "name", None) or "" for expression in declared.expressions]
    by_convention = isinstance(declared.name, conv)
    match declared:
        case UniqueConstraint():
            return "uq", [column.name for column in declared.columns]
        case PrimaryKeyConstraint() if by_convention:
            return "pk", [column.name for column in declared.columns]
        case ForeignKeyConstraint() if by_convention:
            return "fk", [column.name for column in declared.columns]
        case CheckConstraint() if by_convention:
            return "ck", []
        case _:
            return "", []


def _list_columns(reflected: dict[str, Any]) -> list[str]:
    columns = reflected.get("constrained_columns") or reflected.get("column_names") or []
    return [column or "" for column in columns]
