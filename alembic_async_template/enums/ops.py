"""The enum operations of a revision: what each is, its exact reverse, and its `op` directive with the docstring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alembic.operations import MigrateOperation, Operations


class EnumOperation(MigrateOperation):
    """An operation on one enum type."""

    enum_name: str
    schema: str | None

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))  # what equal operations have in common and nobody changes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


@Operations.register_operation("add_enum_value")
class AddEnumValueOp(EnumOperation):
    """Adds a value to an enum type."""

    def __init__(
        self,
        enum_name: str,
        value: str,
        *,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.value = value
        self.before = before
        self.after = after
        self.schema = schema

    def reverse(self) -> RemoveEnumValueOp:
        return RemoveEnumValueOp(self.enum_name, self.value, before=self.before, after=self.after, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("add_enum_value", self.schema, self.enum_name, self.value, self.before, self.after)

    @classmethod
    def add_enum_value(
        cls,
        operations: Operations,
        enum_name: str,
        value: str,
        *,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Add a value to a PostgreSQL enum type, outside of the revision's transaction, unless the type has it.

        Emits ``ALTER TYPE schema.enum_name ADD VALUE IF NOT EXISTS 'value' [BEFORE | AFTER 'neighbour']`` in an autocommit
        block, so that the next statement of the revision can use the value. It locks the type against other additions,
        and no table. The block commits what the revision did before: an addition has to come first. In a transaction of
        the caller there is no block, and the value can be used after the caller's commit. A value that the type has at
        another position stays there, with a warning. On a database without enum types nothing is done. See
        https://www.postgresql.org/docs/current/sql-altertype.html and
        https://alembic.sqlalchemy.org/en/latest/api/runtime.html#alembic.runtime.migration.MigrationContext.autocommit_block

        :param enum_name: name of the enum type.
        :param value: the label to add.
        :param before: the existing label to add it before.
        :param after: the existing label to add it after; without ``before`` and ``after`` it is added at the end.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.InvalidEnumError: a label that PostgreSQL cannot store, or two neighbours.
        :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
        :raises alembic_async_template.errors.UnknownEnumValueError: the neighbour is no value of the type.
        :raises alembic_async_template.errors.UncommittedWorkError: the revision has done something before.
        :raises alembic_async_template.errors.EnumCheckError: without enum types, a CHECK does not list the value.
        """
        operations.invoke(cls(enum_name, value, before=before, after=after, schema=schema))


@Operations.register_operation("rename_enum_value")
class RenameEnumValueOp(EnumOperation):
    """Gives a value of an enum type another name."""

    def __init__(self, enum_name: str, old_value: str, new_value: str, *, schema: str | None = None) -> None:
        self.enum_name = enum_name
        self.old_value = old_value
        self.new_value = new_value
        self.schema = schema

    def reverse(self) -> RenameEnumValueOp:
        return RenameEnumValueOp(self.enum_name, self.new_value, self.old_value, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("rename_enum_value", self.schema, self.enum_name, self.old_value, self.new_value)

    @classmethod
    def rename_enum_value(
        cls, operations: Operations, enum_name: str, old_value: str, new_value: str, *, schema: str | None = None
    ) -> None:
        """Rename a value of a PostgreSQL enum type; rows, defaults and constraints that hold it follow.

        Emits ``ALTER TYPE schema.enum_name RENAME VALUE 'old_value' TO 'new_value'`` in the revision's transaction. It
        locks the type against other changes, and no table. The new name can be used at once. On a database without enum
        types nothing is done, and a warning says what to write. See
        https://www.postgresql.org/docs/current/sql-altertype.html

        :param enum_name: name of the enum type.
        :param old_value: the label that the type has.
        :param new_value: the label that it gets.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.InvalidEnumError: a label that PostgreSQL cannot store.
        :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
        :raises alembic_async_template.errors.UnknownEnumValueError: the type has no such value.
        :raises alembic_async_template.errors.EnumValueExistsError: the type has a value of the new name.
        :raises alembic_async_template.errors.EnumCheckError: without enum types, a CHECK does not list the new name.
        """
        operations.invoke(cls(enum_name, old_value, new_value, schema=schema))


@Operations.register_operation("create_enum")
class CreateEnumOp(EnumOperation):
    """Creates an enum type; `renamed_from` is schema and name of one that goes, if this may be that under another name."""

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        renamed_from: tuple[str | None, str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.renamed_from = renamed_from
        self.schema = schema

    def reverse(self) -> DropEnumOp:
        return DropEnumOp(self.enum_name, self.values, renamed_to=self.renamed_from, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("create_enum", self.schema, self.enum_name, self.values)

    @classmethod
    def create_enum(cls, operations: Operations, enum_name: str, values: Sequence[str], *, schema: str | None = None) -> None:
        """Create a PostgreSQL enum type.

        Emits ``CREATE TYPE schema.enum_name AS ENUM ('value', ...)`` in the revision's transaction, without a lock that
        others would notice. A column of the type must not create it once more:
        ``sqlalchemy.dialects.postgresql.ENUM(..., name="enum_name", create_type=False)``. On a database without enum types
        nothing is done. See https://www.postgresql.org/docs/current/sql-createtype.html

        :param enum_name: name of the new type.
        :param values: its labels, in their order.
        :param schema: schema of the type; by default the first one of the search path.
        :raises alembic_async_template.errors.InvalidEnumError: no labels, one twice, or one that PostgreSQL cannot store.
        :raises alembic_async_template.errors.EnumExistsError: there is an enum type of that name.
        """
        operations.invoke(cls(enum_name, values, schema=schema))


@Operations.register_operation("drop_enum")
class DropEnumOp(EnumOperation):
    """Drops an enum type; `renamed_to` is schema and name of one that comes, if that may be this under another name."""

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        renamed_to: tuple[str | None, str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.renamed_to = renamed_to
        self.schema = schema

    def reverse(self) -> CreateEnumOp:
        return CreateEnumOp(self.enum_name, self.values, renamed_from=self.renamed_to, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("drop_enum", self.schema, self.enum_name, self.values)

    @classmethod
    def drop_enum(cls, operations: Operations, enum_name: str, values: Sequence[str], *, schema: str | None = None) -> None:
        """Drop a PostgreSQL enum type that nothing uses.

        Emits ``DROP TYPE schema.enum_name`` in the revision's transaction, never CASCADE. It locks the type, and no table.
        On a database without enum types nothing is done. See https://www.postgresql.org/docs/current/sql-droptype.html

        :param enum_name: name of the type.
        :param values: its labels, which make the operation reversible; they are not compared with the database's.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.InvalidEnumError: no labels, one twice, or one that PostgreSQL cannot store.
        :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
        :raises alembic_async_template.errors.EnumInUseError: something uses the type; the message names all of it.
        """
        operations.invoke(cls(enum_name, values, schema=schema))


@Operations.register_operation("rename_enum")
class RenameEnumOp(EnumOperation):
    """Gives an enum type another name."""

    def __init__(self, enum_name: str, new_name: str, *, schema: str | None = None) -> None:
        self.enum_name = enum_name
        self.new_name = new_name
        self.schema = schema

    def reverse(self) -> RenameEnumOp:
        return RenameEnumOp(self.new_name, self.enum_name, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("rename_enum", self.schema, self.enum_name, self.new_name)

    @classmethod
    def rename_enum(cls, operations: Operations, enum_name: str, new_name: str, *, schema: str | None = None) -> None:
        """Rename a PostgreSQL enum type; what uses it follows.

        Emits ``ALTER TYPE schema.enum_name RENAME TO new_name`` in the revision's transaction. It locks the type, and no
        table. On a database without enum types nothing is done. See
        https://www.postgresql.org/docs/current/sql-altertype.html

        :param enum_name: name of the type.
        :param new_name: the name that it gets, in the same schema.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.InvalidEnumError: a name that PostgreSQL cannot store.
        :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
        :raises alembic_async_template.errors.EnumExistsError: there is an enum type of the new name.
        """
        operations.invoke(cls(enum_name, new_name, schema=schema))


@Operations.register_operation("remove_enum_value")
class RemoveEnumValueOp(EnumOperation):
    """Takes a value away from an enum type; `before` and `after` say where it was, for the reverse."""

    def __init__(
        self,
        enum_name: str,
        value: str,
        *,
        replace_with: str | None = None,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.value = value
        self.replace_with = replace_with
        self.before = before
        self.after = after
        self.schema = schema

    def reverse(self) -> AddEnumValueOp:
        return AddEnumValueOp(self.enum_name, self.value, before=self.before, after=self.after, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("remove_enum_value", self.schema, self.enum_name, self.value)

    @classmethod
    def remove_enum_value(
        cls,
        operations: Operations,
        enum_name: str,
        value: str,
        *,
        replace_with: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Take a value away from a PostgreSQL enum type, and keep everything that uses the type.

        PostgreSQL has no statement for it. The type is created anew: emits, in the revision's transaction, ``ALTER TYPE ...
        RENAME TO``, ``CREATE TYPE``, one ``ALTER TABLE ... ALTER COLUMN ... TYPE`` for each table that has columns of the
        type, ``DROP TYPE``, and what drops and makes again each view, index, constraint, trigger and policy that stands in
        the way. Each of the tables is rewritten under an ACCESS EXCLUSIVE lock: nobody reads or writes it meanwhile. Live
        clients have to plan their cached statements anew. On a database without enum types nothing is done. See
        https://www.postgresql.org/docs/current/sql-altertable.html

        :param enum_name: name of the enum type.
        :param value: the label to remove.
        :param replace_with: the label that rows, array elements and defaults get which hold it.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
        :raises alembic_async_template.errors.UnknownEnumValueError: the type has no such value.
        :raises alembic_async_template.errors.EnumValueInUseError: rows or defaults hold the value, with counts.
        :raises alembic_async_template.errors.EnumChangeBlockedError: what uses the type cannot be made again; names all of it.
        :raises alembic_async_template.errors.EnumChangeFailedError: PostgreSQL refused a statement; nothing was changed.
        :raises alembic_async_template.errors.EnumOfflineError: with ``--sql``.
        """
        operations.invoke(cls(enum_name, value, replace_with=replace_with, schema=schema))


@Operations.register_operation("reorder_enum_values")
class ReorderEnumValuesOp(EnumOperation):
    """Gives the values of an enum type another order; `existing_values` is the one before, for the reverse."""

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        existing_values: Sequence[str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.existing_values = None if existing_values is None else tuple(existing_values)
        self.schema = schema

    def reverse(self) -> ReorderEnumValuesOp:
        """The operation that brings the old order back.

        :raises ValueError: the old order is not known.
        """
        existing = _require_existing(self.existing_values)
        return ReorderEnumValuesOp(self.enum_name, existing, existing_values=self.values, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("reorder_enum_values", self.schema, self.enum_name, self.existing_values, self.values)

    @classmethod
    def reorder_enum_values(
        cls, operations: Operations, enum_name: str, values: Sequence[str], *, schema: str | None = None
    ) -> None:
        """Give the values of a PostgreSQL enum type another order, and keep everything that uses the type.

        It is what ``ORDER BY`` and comparisons follow. The type is created anew as by ``op.remove_enum_value``, with the same
        statements, locks and refusals; rows keep their values. On a database without enum types nothing is done.

        :param enum_name: name of the enum type.
        :param values: all of its labels, in the new order.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.InvalidEnumError: the labels are not those of the type.
        :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
        :raises alembic_async_template.errors.EnumChangeBlockedError: what uses the type cannot be made again; names all of it.
        :raises alembic_async_template.errors.EnumChangeFailedError: PostgreSQL refused a statement; nothing was changed.
        :raises alembic_async_template.errors.EnumOfflineError: with ``--sql``.
        """
        operations.invoke(cls(enum_name, values, schema=schema))


@Operations.register_operation("replace_enum_values")
class ReplaceEnumValuesOp(EnumOperation):
    """Gives an enum type other values; `existing_values` are those before, for the reverse."""

    def __init__(
        self,
        enum_name: str,
        values: Sequence[str],
        *,
        replace_with: Mapping[str, str] | None = None,
        existing_values: Sequence[str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.enum_name = enum_name
        self.values = values if isinstance(values, str) else tuple(values)
        self.replace_with = dict(replace_with or {})
        self.existing_values = None if existing_values is None else tuple(existing_values)
        self.schema = schema

    def reverse(self) -> ReplaceEnumValuesOp:
        """The operation that brings the old values back; rows keep what `replace_with` gave them.

        :raises ValueError: the old values are not known.
        """
        existing = _require_existing(self.existing_values)
        return ReplaceEnumValuesOp(self.enum_name, existing, existing_values=self.values, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("replace_enum_values", self.schema, self.enum_name, self.existing_values, self.values)

    @classmethod
    def replace_enum_values(
        cls,
        operations: Operations,
        enum_name: str,
        values: Sequence[str],
        *,
        replace_with: Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> None:
        """Give a PostgreSQL enum type other values, and keep everything that uses the type.

        Removes, adds and orders many values in one rewrite of each table. The type is created anew as by
        ``op.remove_enum_value``, with the same statements, locks and refusals. On a database without enum types nothing is
        done.

        :param enum_name: name of the enum type.
        :param values: all the labels that it gets, in their order.
        :param replace_with: for labels that go, the ones that rows, array elements and defaults get instead.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.InvalidEnumError: the labels, or what replaces them, mean nothing.
        :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
        :raises alembic_async_template.errors.UnknownEnumValueError: ``replace_with`` names a value that the type has not.
        :raises alembic_async_template.errors.EnumValueInUseError: rows or defaults hold a value that goes, with counts.
        :raises alembic_async_template.errors.EnumChangeBlockedError: what uses the type cannot be made again; names all of it.
        :raises alembic_async_template.errors.EnumChangeFailedError: PostgreSQL refused a statement; nothing was changed.
        :raises alembic_async_template.errors.EnumOfflineError: with ``--sql``.
        """
        operations.invoke(cls(enum_name, values, replace_with=replace_with, schema=schema))


def _require_existing(values: tuple[str, ...] | None) -> tuple[str, ...]:
    if values is None:
        raise ValueError("existing_values are needed to reverse the operation")
    return values


DIRECTIVES: dict[str, type[EnumOperation]] = {
    "add_enum_value": AddEnumValueOp,
    "remove_enum_value": RemoveEnumValueOp,
    "reorder_enum_values": ReorderEnumValuesOp,
    "replace_enum_values": ReplaceEnumValuesOp,
    "rename_enum_value": RenameEnumValueOp,
    "create_enum": CreateEnumOp,
    "drop_enum": DropEnumOp,
    "rename_enum": RenameEnumOp,
}


def _carry_out(operations: Operations, operation: EnumOperation) -> None:
    # Not imported before it is needed: programs that import Alembic and migrate nothing have to wait for all of it.
    from .toimpl import carry_out

    carry_out(operation, operations)


for _operation in DIRECTIVES.values():
    Operations.implementation_for(_operation)(_carry_out)
