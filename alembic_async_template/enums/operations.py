"""The enum operations of a revision: what each is, with its `op` directive and its docstring."""

from __future__ import annotations

from alembic.operations import MigrateOperation, Operations


@Operations.register_operation("add_enum_value")
class AddEnumValueOp(MigrateOperation):
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
        """Add a value to a PostgreSQL enum type, in an autocommit block, unless it is there.

        Emits ``ALTER TYPE schema.enum_name ADD VALUE IF NOT EXISTS 'value' [BEFORE | AFTER 'neighbour']``, which takes no
        table lock. The value can be used in the next statement of the same revision. What the revision did before this
        call is committed by it: put additions first. In a transaction of the caller there is no autocommit block, and the
        value can be used after the caller's commit. On a database without enum types nothing is done. See
        https://www.postgresql.org/docs/current/sql-altertype.html and
        https://alembic.sqlalchemy.org/en/latest/api/runtime.html#alembic.runtime.migration.MigrationContext.autocommit_block

        :param enum_name: name of the enum type.
        :param value: the label to add.
        :param before: the existing label to add it before.
        :param after: the existing label to add it after; without ``before`` and ``after`` it is added at the end.
        :param schema: schema of the type; by default it is found through the search path.
        :raises alembic_async_template.errors.EnumOperationError: both ``before`` and ``after`` are given.
        """
        operations.invoke(cls(enum_name, value, before=before, after=after, schema=schema))
