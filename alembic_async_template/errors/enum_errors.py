"""Errors of the operations on enum types."""

from __future__ import annotations

from collections.abc import Sequence

from .base import AlembicAsyncTemplateError, join, quote, series


class EnumOperationError(AlembicAsyncTemplateError):
    """An operation on an enum type that cannot be carried out; nothing was changed by it."""

    def __init__(self, enum: str, message: str) -> None:
        self.enum = enum
        super().__init__(message)


class InvalidEnumError(EnumOperationError):
    """The arguments of an operation have no meaning, whatever the database holds."""

    def __init__(self, enum: str, problem: str, example: str | None = None) -> None:
        self.problem = problem
        example = example or 'op.create_enum("status", ["draft", "live"])'
        super().__init__(enum, f"Enum {enum}: {problem}. For example: {example}")


class UnknownEnumError(EnumOperationError):
    """The database has no enum type of that name."""

    def __init__(self, enum: str, near: Sequence[str], *, elsewhere: bool = False, example: str = "op.create_enum(...)") -> None:
        self.near = tuple(near)
        if elsewhere:
            hint = f"There is {series(near)}: name the schema, for example: schema={near[0].rpartition('.')[0]!r}"
        elif near:
            hint = f"Is it {series(near)}?"
        else:
            hint = f"Create it first, for example: {example}"
        super().__init__(enum, f"Enum {enum} does not exist in the database. {hint}")


class UnknownEnumValueError(EnumOperationError):
    """An enum type has no such value."""

    def __init__(self, enum: str, value: str, values: Sequence[str], near: Sequence[str]) -> None:
        self.value = value
        self.values = tuple(values)
        self.near = tuple(near)
        hint = f"Is it {series([*map(quote, near)])}? " if near else ""
        super().__init__(enum, f'Enum {enum} has no value "{value}". {hint}Its values are {series([*map(quote, values)])}')


class EnumExistsError(EnumOperationError):
    """The name of a type that is to be made, or to get a new name, is taken."""

    def __init__(self, enum: str, values: Sequence[str], *, renames: bool = False) -> None:
        self.values = tuple(values)
        labels = ", ".join(map(quote, values))
        choose = (
            "Choose"
            if renames
            else (
                "If something else, create_all for example, has made all that the revision makes, count it as done with alembic "
                "stamp. Otherwise leave op.create_enum out if these are the values that it is meant to have, choose"
            )
        )
        super().__init__(
            enum,
            f"Enum {enum} exists already, with the values {labels}. {choose} another name, or drop it first if nothing uses it: "
            f"DROP TYPE {enum}",
        )


class EnumValueExistsError(EnumOperationError):
    """A value cannot get the name of another one."""

    def __init__(self, enum: str, old_value: str, new_value: str) -> None:
        self.old_value = old_value
        self.new_value = new_value
        super().__init__(
            enum,
            f'Value "{old_value}" of enum {enum} cannot be renamed to "{new_value}": the enum has that value too. Choose a name '
            f'that is free, or move the rows from one to the other: op.execute("UPDATE ...")',
        )


class EnumInUseError(EnumOperationError):
    """A type that is to be dropped is still used."""

    def __init__(self, enum: str, dependents: Sequence[str]) -> None:
        self.dependents = tuple(dependents)
        uses, this = ("uses", "this") if len(dependents) == 1 else ("use", "these")
        super().__init__(
            enum,
            f"Enum {enum} cannot be dropped: {series(dependents)} {uses} it. Drop {this} first, or let a column have another "
            'type, for example: op.alter_column("post", "status", type_=sa.String(), postgresql_using="status::text")',
        )


class EnumChangeBlockedError(EnumOperationError):
    """An object that uses a type cannot be restored with a changed one."""

    def __init__(self, enum: str, blockers: Sequence[tuple[str, str]], fix: str, example: str | None = None) -> None:
        self.blockers = tuple(blockers)
        listed = "; ".join(f"{name} {reason}" for name, reason in blockers)
        shown = f", for example: {example}" if example else ""
        super().__init__(
            enum,
            f"The values of enum {enum} cannot be changed, and nothing was touched: {listed}. {fix}{shown}",
        )


class EnumValueInUseError(EnumOperationError):
    """Rows or defaults hold a value that is to go, and nothing is to take its place."""

    def __init__(self, enum: str, values: Sequence[str], rows: dict[str, int], defaults: Sequence[str], example: str) -> None:
        self.values = tuple(values)
        self.rows = rows
        self.defaults = tuple(defaults)
        held = [f"{count} row{'' if count == 1 else 's'} of {column}" for column, count in rows.items()]
        held += [f"the default of {column}" for column in defaults]
        one = len(held) == 1 and set(rows.values()) <= {1}
        super().__init__(
            enum,
            f"{'Value' if len(values) == 1 else 'Values'} {', '.join(map(quote, values))} cannot be removed from enum {enum}: "
            f"{join(held)} {'holds' if one else 'hold'} {'it' if len(values) == 1 else 'them'}. Give a replacement, for example: "
            f"{example}",
        )


class EnumChangeFailedError(EnumOperationError):
    """PostgreSQL refused a statement of the change; all of it is rolled back."""

    def __init__(self, enum: str, statement: str, problem: str, holders: Sequence[str] = ()) -> None:
        self.statement = statement
        self.problem = problem
        self.holders = tuple(holders)
        hint = (
            f"Wait for those who hold the tables: {'; '.join(holders)}"
            if holders
            else "Mend what the message names, in the same revision before the change, and run it again: alembic upgrade head"
        )
        super().__init__(
            enum,
            f"The values of enum {enum} were not changed, and everything is as it was: {problem}. It happened at: {statement}. "
            f"{hint}",
        )


class EnumOfflineError(EnumOperationError):
    """An operation that reads the catalog was called with `--sql`."""

    def __init__(self, enum: str, operation: str) -> None:
        self.operation = operation
        super().__init__(
            enum,
            f"op.{operation} cannot be written as a script for enum {enum}: its statements depend on what uses the type in the "
            "database. Run this revision with a connection, for example: alembic upgrade +1; print those before and after it "
            "as ranges: alembic upgrade start:end --sql",
        )


class UncommittedWorkError(EnumOperationError):
    """A value is to be added after other work in the same revision, which the addition would commit."""

    def __init__(self, enum: str, value: str) -> None:
        self.value = value
        super().__init__(
            enum,
            f'Value "{value}" is not added to enum {enum}: the revision has changed something before, and the addition would '
            "commit that while the database still counts as not migrated. If a later statement failed, the revision could not "
            "run again. Put op.add_enum_value first in the function, or into a revision of its own: "
            f'alembic revision -m "add {value}"',
        )


class UncommittedEnumValueError(EnumOperationError):
    """A value was used in the transaction that added it (PostgreSQL's 55P04)."""

    def __init__(self, message: str) -> None:
        super().__init__(
            "",
            f"PostgreSQL refused to use an enum value in the transaction that added it: {message}. The migration ran in a "
            "transaction of the caller, so op.add_enum_value could not commit the value. Commit before it is used, or hand "
            'over an engine instead of a connection, for example: config.attributes["connection"] = engine',
        )


class EnumCheckError(EnumOperationError):
    """On a database without enum types, a CHECK constraint lists other values."""

    def __init__(self, enum: str, value: str, dialect: str, table: str, constraint: str, definition: str) -> None:
        self.value = value
        self.dialect = dialect
        self.table = table
        self.constraint = constraint
        super().__init__(
            enum,
            f'Value "{value}" is not allowed in enum {enum} on {dialect}: there it is text, and constraint {constraint} of table '
            f"{table} is CHECK ({definition}). Change that first, for example: with op.batch_alter_table({table!r}) as batch: "
            f'batch.drop_constraint({constraint!r}, type_="check"); batch.create_check_constraint({constraint!r}, "...")',
        )


class OperationClashError(EnumOperationError):
    """Another package registers an operation of the same name, and a call is written for neither or for several."""

    def __init__(self, operation: str, packages: Sequence[str], problem: str) -> None:
        self.operation = operation
        self.packages = tuple(packages)
        super().__init__(
            "",
            f"op.{operation} is an operation of {' and of '.join(packages)}, and the arguments {problem}. Import op from the "
            "package that is meant: from alembic_async_template import op",
        )
