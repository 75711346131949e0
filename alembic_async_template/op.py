"""`alembic.op` together with this package's directives, typed and documented.

Alembic adds registered directives to `alembic.op` at run time, where no type checker sees them, and where another package
may register the same name. Revisions import `op` from here instead: this package's directives are always its own, and
every other name is looked up in `alembic.op` when it is used.
"""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import alembic.op
from alembic.operations import Operations

from .enums import ops
from .online.guard import allow_blocking
from .online.online_op import OnlineOp

if TYPE_CHECKING:
    from alembic.op import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
else:

    def __getattr__(name: str) -> Any:
        return getattr(alembic.op, name)


def __dir__() -> list[str]:
    return sorted({*dir(alembic.op), *ops.DIRECTIVES, "online", "blocking"})


def add_enum_value(
    enum_name: str, value: str, *, before: str | None = None, after: str | None = None, schema: str | None = None
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
    :raises alembic_async_template.errors.UnknownEnumValueError: the neighbour is not a value of the type.
    :raises alembic_async_template.errors.UncommittedWorkError: the revision has done something before.
    :raises alembic_async_template.errors.EnumCheckError: without enum types, a CHECK does not list the value.
    """
    alembic.op.invoke(ops.AddEnumValueOp(enum_name, value, before=before, after=after, schema=schema))


def rename_enum_value(enum_name: str, old_value: str, new_value: str, *, schema: str | None = None) -> None:
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
    alembic.op.invoke(ops.RenameEnumValueOp(enum_name, old_value, new_value, schema=schema))


def create_enum(enum_name: str, values: Sequence[str], *, schema: str | None = None) -> None:
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
    alembic.op.invoke(ops.CreateEnumOp(enum_name, values, schema=schema))


def drop_enum(enum_name: str, values: Sequence[str], *, schema: str | None = None) -> None:
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
    alembic.op.invoke(ops.DropEnumOp(enum_name, values, schema=schema))


def rename_enum(enum_name: str, new_name: str, *, schema: str | None = None) -> None:
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
    alembic.op.invoke(ops.RenameEnumOp(enum_name, new_name, schema=schema))


def remove_enum_value(enum_name: str, value: str, *, replace_with: str | None = None, schema: str | None = None) -> None:
    """Take a value away from a PostgreSQL enum type, and keep everything that uses the type.

    PostgreSQL has no statement for it. The type is rebuilt: emits, in the revision's transaction, ``ALTER TYPE ...
    RENAME TO``, ``CREATE TYPE``, one ``ALTER TABLE ... ALTER COLUMN ... TYPE`` for each table that has columns of the
    type, ``DROP TYPE``, and what drops and restores each view, index, constraint, trigger and policy that stands in
    the way. Each of the tables is rewritten under an ACCESS EXCLUSIVE lock: no one reads or writes it meanwhile. Live
    clients have to replan their cached statements. On a database without enum types nothing is done. See
    https://www.postgresql.org/docs/current/sql-altertable.html

    :param enum_name: name of the enum type.
    :param value: the label to remove.
    :param replace_with: the label that rows, array elements and defaults get which hold it.
    :param schema: schema of the type; by default it is found through the search path.
    :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
    :raises alembic_async_template.errors.UnknownEnumValueError: the type has no such value.
    :raises alembic_async_template.errors.EnumValueInUseError: rows or defaults hold the value, with counts.
    :raises alembic_async_template.errors.EnumChangeBlockedError: what uses the type cannot be restored; it is all named.
    :raises alembic_async_template.errors.EnumChangeFailedError: PostgreSQL refused a statement; nothing was changed.
    :raises alembic_async_template.errors.EnumOfflineError: with ``--sql``.
    """
    alembic.op.invoke(ops.RemoveEnumValueOp(enum_name, value, replace_with=replace_with, schema=schema))


def reorder_enum_values(enum_name: str, values: Sequence[str], *, schema: str | None = None) -> None:
    """Give the values of a PostgreSQL enum type another order, and keep everything that uses the type.

    It is what ``ORDER BY`` and comparisons follow. The type is rebuilt as by ``op.remove_enum_value``, with the same
    statements, locks and refusals; rows keep their values. On a database without enum types nothing is done.

    :param enum_name: name of the enum type.
    :param values: all of its labels, in the new order.
    :param schema: schema of the type; by default it is found through the search path.
    :raises alembic_async_template.errors.InvalidEnumError: the labels are not those of the type.
    :raises alembic_async_template.errors.UnknownEnumError: there is no such type.
    :raises alembic_async_template.errors.EnumChangeBlockedError: what uses the type cannot be restored; it is all named.
    :raises alembic_async_template.errors.EnumChangeFailedError: PostgreSQL refused a statement; nothing was changed.
    :raises alembic_async_template.errors.EnumOfflineError: with ``--sql``.
    """
    alembic.op.invoke(ops.ReorderEnumValuesOp(enum_name, values, schema=schema))


def replace_enum_values(
    enum_name: str, values: Sequence[str], *, replace_with: Mapping[str, str] | None = None, schema: str | None = None
) -> None:
    """Give a PostgreSQL enum type other values, and keep everything that uses the type.

    Removes, adds and orders many values in one rewrite of each table. The type is rebuilt as by
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
    :raises alembic_async_template.errors.EnumChangeBlockedError: what uses the type cannot be restored; it is all named.
    :raises alembic_async_template.errors.EnumChangeFailedError: PostgreSQL refused a statement; nothing was changed.
    :raises alembic_async_template.errors.EnumOfflineError: with ``--sql``.
    """
    alembic.op.invoke(ops.ReplaceEnumValuesOp(enum_name, values, replace_with=replace_with, schema=schema))


def online() -> AbstractContextManager[None]:
    """Run Alembic's own operations without an outage: the body of ``with op.online():`` blocks no table for long.

    Indexes are built and dropped ``CONCURRENTLY``, checks and foreign keys are added ``NOT VALID`` and validated, unique
    constraints and primary keys are made of an index, and ``nullable=False`` of a check. Columns that can be null or have
    a constant default, drops, renames, defaults, comments, new tables and the enum operations are as they are. The
    operations run when the body has ended, so that what has no safe sequence is refused before anything has run:
    ``op.execute``, ``op.batch_alter_table``, a change of type that rewrites the table, and so on.

    Each step is a transaction of its own, and is looked up in the catalog first: a run that was killed continues where it
    stopped. A step that blocks others waits 200 ms for its lock, and is retried for a minute; the others wait as long as
    that takes. The block commits what the revision did before: it has to come first. With ``--sql`` the statements are
    written; on another database than PostgreSQL and in a transaction of the caller, the operations run as they are. See
    https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY and
    https://www.postgresql.org/docs/current/sql-altertable.html

    :raises alembic_async_template.errors.OnlineRefusedError: an operation has no safe sequence.
    :raises alembic_async_template.errors.OnlineDefinitionError: what is to be created is there, and is something else.
    :raises alembic_async_template.errors.UncommittedWorkError: the revision has done something before.
    :raises alembic_async_template.errors.LockTimeoutError: a step did not get its lock.
    """
    block: AbstractContextManager[None] = alembic.op.invoke(OnlineOp())
    return block


def blocking(reason: str) -> AbstractContextManager[None]:
    """Say that the operations of the block may block large tables: ``with op.blocking("no one uses it at night"):``.

    They run as they would without it. Where the setting ``blocking`` would warn of one or refuse it, a line of the log at
    INFO has the reason. It changes nothing for tables of less than ``blocking_rows`` rows, with ``--sql``, and on other
    databases than PostgreSQL.

    :param reason: why that is no harm, for those who read the revision and the log.
    :raises alembic_async_template.errors.BlockingReasonError: the reason is not a text, or says nothing.
    """
    return allow_blocking(alembic.op.get_context(), reason)


def invoke_on(operations: Operations, directive: str, *arguments: Any, **options: Any) -> Any:
    """Invoke a directive of this package on Alembic's own `Operations`, with the arguments that the function here takes."""
    bound = inspect.signature(globals()[directive]).bind(*arguments, **options)
    if directive == "blocking":
        return allow_blocking(operations.get_context(), *bound.args, **bound.kwargs)
    kind = OnlineOp if directive == "online" else ops.DIRECTIVES[directive]
    return operations.invoke(kind(*bound.args, **bound.kwargs))
