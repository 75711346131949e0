"""Errors of the operations on enum types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..postgresql import escape_colons, literal, quote_if_needed
from .base import AlembicAsyncTemplateError
from .block import Fix, join, quote_all, series
from .failure import Failure


class EnumOperationError(AlembicAsyncTemplateError):
    """An operation on an enum type that cannot be carried out; nothing was changed by it."""

    def __init__(self, enum: str, headline: str, *fixes: Fix, where: str = "", state: str | None = None) -> None:
        self.enum = enum
        super().__init__(headline, *fixes, where=where, state=state)

    def add_failure(self, failure: Failure) -> None:
        super().add_failure(failure)
        if failure.committed:
            self._state = None  # the operation has changed nothing, but an autocommit block before it has


class InvalidEnumError(EnumOperationError):
    """The arguments of an operation have no meaning, whatever the database holds."""

    def __init__(self, enum: str, problem: str, example: str | None = None) -> None:
        """`example` is a call with correct arguments; it is empty where only a person knows it."""
        self.problem = problem
        schema, name = _split(enum) if re.fullmatch(r"(\w+\.)?\w{1,63}", enum) else ("", "status")
        in_schema = f', schema="{schema}"' if schema else ""
        default = f'op.create_enum("{name}", ["draft", "live"]{in_schema})'
        fix = Fix("correct the arguments", default if example is None else example)
        super().__init__(enum, f"Enum {enum}: {problem}", fix)


class UnknownEnumError(EnumOperationError):
    """The database has no enum type of that name."""

    def __init__(self, enum: str, near: Sequence[str], *, elsewhere: bool = False, example: str = "op.create_enum(...)") -> None:
        self.near = tuple(near)
        if elsewhere:
            fix = Fix(f"name the schema of {series(near)}", f"schema={near[0].rpartition('.')[0]!r}")
        elif near:
            fix = Fix(f"correct the name: is it {series(near)}?")
        else:
            fix = Fix("create it first", example)
        super().__init__(enum, f"Enum {enum} does not exist in the database", fix)


class UnknownEnumValueError(EnumOperationError):
    """An enum type has no such value."""

    def __init__(self, enum: str, value: str, values: Sequence[str], near: Sequence[str], addition: str = "") -> None:
        """The parts of the message.

        :param near: values that are spelt alike.
        :param addition: the call that adds the value, where it is to be removed and another database may have it.
        """
        self.value = value
        self.values = tuple(values)
        self.near = tuple(near)
        fixes = [Fix(f"correct the value: is it {quote_all(near)}?" if near else "correct the value")]
        if addition:
            fixes.append(Fix("if another database got it without a revision, put this first in the function", addition))
        super().__init__(enum, f'Enum {enum} has no value "{value}"', *fixes, where=f"its values are {quote_all(values)}")


class EnumExistsError(EnumOperationError):
    """The name of a type that is to be made, or to get a new name, is taken."""

    def __init__(self, enum: str, values: Sequence[str], *, wanted: Sequence[str] | None = None, renames: bool = False) -> None:
        """The parts of the message.

        :param wanted: the values that it is meant to have, if it is to be made.
        """
        self.values = tuple(values)
        self.wanted = None if wanted is None else tuple(wanted)
        self.renames = renames
        name = ".".join(map(quote_if_needed, filter(None, _split(enum))))
        self._missing = [value for value in wanted or () if value not in values]
        differs = wanted is not None and set(wanted) != set(values)
        created = (
            Fix("if create_all, or something else, has made all that the revision makes, count it as done with alembic stamp"),
            *([] if differs else [Fix("leave op.create_enum out, if these are the values that it is meant to have")]),
        )
        additions = "\n".join(f"ALTER TYPE {name} ADD VALUE {literal(value)};" for value in self._missing)
        add = [Fix("if older models have made it, add what is missing", additions)] if additions else []
        super().__init__(
            enum,
            f"Enum {enum} exists already{', with other values' if differs else ''}",
            *(() if renames else (*add, *created)),
            Fix("choose another name"),
            Fix("drop it first, if nothing uses it", f"DROP TYPE {name}"),
            where=f"its values are {quote_all(values)}" + (f"; it is to have {quote_all(wanted or ())}" if differs else ""),
        )

    def add_failure(self, failure: Failure) -> None:
        super().add_failure(failure)
        if failure.maker:
            fix = Fix(f"revision {failure.maker} has made it before in the same run: remove one", f"alembic show {failure.maker}")
            self.fixes = (fix, *self.fixes[-2:])
        elif failure.revision and not self.renames:
            stamp = f"alembic stamp {failure.revision}"
            if self._missing:
                add, _, *others = self.fixes
                then = Fix("if the tables have all that this revision makes, count it as done", stamp, label="then")
                self.fixes = (add, then, *others)
                return
            fix = Fix("if create_all has made it, and all that this revision makes, count it as done", stamp)
            self.fixes = (fix, *self.fixes[1:])


class EnumValueExistsError(EnumOperationError):
    """A value cannot get the name of another one."""

    def __init__(self, enum: str, old_value: str, new_value: str, removal: str, merge: str, *, is_used: bool = False) -> None:
        """The parts of the message.

        :param removal: the call that takes the new value away from this database.
        :param merge: the call that takes the old value away, and gives its rows the new one, on every database.
        :param is_used: whether rows or defaults hold the new value.
        """
        self.old_value = old_value
        self.new_value = new_value
        self.is_used = is_used
        free = Fix("choose a name that is free")
        fixes = (
            (free, Fix(f"if what has either value is to have {new_value!r}, write this instead", merge))
            if is_used
            else (
                Fix("if an addition has left it, write this instead, which renames on every database", merge),
                Fix("put this before the line on this database only, and take it out again afterwards", removal),
                free,
            )
        )
        super().__init__(
            enum,
            f'Value "{old_value}" of enum {enum} cannot be renamed to "{new_value}": the enum has that value too',
            *fixes,
            where=f'{"rows or defaults hold" if is_used else "nothing holds"} "{new_value}" in this database',
        )


class EnumInUseError(EnumOperationError):
    """A type that is to be dropped is still used."""

    def __init__(self, enum: str, dependents: Sequence[str]) -> None:
        self.dependents = tuple(dependents)
        uses, this = ("uses", "this") if len(dependents) == 1 else ("use", "these")
        columns = (re.fullmatch(r"column (\w+) of table (?:(\w+)\.)?(\w+)", dependent) for dependent in dependents)
        column, schema, table = next((found.groups() for found in columns if found), ("status", None, "post"))
        in_schema = f', schema="{schema}"' if schema else ""
        super().__init__(
            enum,
            f"Enum {enum} cannot be dropped: {series(dependents)} {uses} it",
            Fix(f"drop {this} first"),
            Fix(
                "let a column have another type",
                f'op.alter_column("{table}", "{column}", type_=sa.String(), postgresql_using="{column}::text"{in_schema})',
            ),
        )


class EnumChangeBlockedError(EnumOperationError):
    """An object that uses a type cannot be restored with a changed one."""

    def __init__(self, enum: str, blockers: Sequence[tuple[str, str]], fix: str, example: str | None = None) -> None:
        self.blockers = tuple(blockers)
        super().__init__(
            enum,
            f"The values of enum {enum} cannot be changed",
            Fix(fix, example or ""),
            where="\n".join(f"{name} {reason}" for name, reason in blockers),
            state="nothing was touched",
        )


class EnumValueInUseError(EnumOperationError):
    """Rows or defaults hold a value that is to be removed, and no replacement is given."""

    def __init__(
        self,
        enum: str,
        values: Sequence[str],
        rows: dict[str, int],
        defaults: Sequence[str],
        example: str,
        choices: Sequence[str] = (),
    ) -> None:
        """The parts of the message.

        :param example: the call that replaces the values; it has three dots where nothing speaks for one of `choices`.
        """
        self.values = tuple(values)
        self.rows = rows
        self.defaults = tuple(defaults)
        held = [f"{count} row{'' if count == 1 else 's'} of {column}" for column, count in rows.items()]
        held += [f"the default of {column}" for column in defaults]
        one = len(held) == 1 and set(rows.values()) <= {1}
        advice = f"say which {'value takes its place' if len(values) == 1 else 'values take their places'}"
        how = f": {quote_all(choices)}, one in place of each three dots" if choices else ", such as"
        them = f"{join(held)} {'holds' if one else 'hold'} {'it' if len(values) == 1 else 'them'}"
        super().__init__(
            enum,
            f"{'Value' if len(values) == 1 else 'Values'} {quote_all(values)} cannot be removed from enum {enum}: {them}",
            Fix(advice + how, example),
        )


class EnumChangeFailedError(EnumOperationError):
    """PostgreSQL refused a statement of the change; all of it is rolled back."""

    def __init__(self, enum: str, statement: str, problem: str, holders: Sequence[str] = ()) -> None:
        self.statement = statement
        self.problem = problem
        self.holders = tuple(holders)
        fix = (
            Fix(f"wait for those who hold the tables: {'; '.join(holders)}")
            if holders
            else Fix(
                "solve what the message names, in the same revision before the change, and run it again", "alembic upgrade head"
            )
        )
        super().__init__(
            enum,
            f"The values of enum {enum} were not changed: {problem}",
            fix,
            where=statement,
            state="everything is as it was",
        )


class EnumOfflineError(EnumOperationError):
    """An operation that reads the catalog was called with `--sql`."""

    def __init__(self, enum: str, operation: str) -> None:
        self.operation = operation
        super().__init__(
            enum,
            f"op.{operation} cannot be written as a script for enum {enum}: its statements depend on what uses the type",
            Fix("run this revision with a connection, and print those before and after it as ranges"),
        )

    def add_failure(self, failure: Failure) -> None:
        super().add_failure(failure)
        if failure.revision is None:
            return
        one, previous = failure.revision, failure.previous or "base"
        verb, before, run, after = (
            ("upgrade", previous, one, f"{one}:head")
            if failure.upgrades
            else ("downgrade", one, previous, f"{previous}:base" if failure.previous else "")
        )
        start = failure.start or "base"
        steps = (
            ("print those before it as a script", f"alembic {verb} {start}:{before} --sql" if start != before else ""),
            ("when that has run, run this revision with a connection", f"alembic {verb} {run}"),
            ("print those after it", f"alembic {verb} {after} --sql" if after else ""),
        )
        typed = (Fix(*step, label="then" if number else "") for number, step in enumerate(s for s in steps if s[1]))
        live = Fix("write the script from the live database, which is only read", "alembic plan --sql")
        self.fixes = (live, *typed) if failure.upgrades else (*typed,)


class UncommittedWorkError(EnumOperationError):
    """A value is to be added, or a block run, after other work in the same revision, which that would commit."""

    def __init__(self, enum: str, value: str, creation: str = "", *, in_block: bool = False) -> None:
        """The parts of the message.

        :param creation: the call that creates the type with the value, if the same revision creates it.
        :param in_block: it is `op.online()` that would commit, and no value is added.
        """
        self.value = value
        if creation:
            first = Fix("create the type with it, in place of both lines", creation)
        else:
            first = Fix(f"put {'the block' if in_block else 'op.add_enum_value'} first in the function")
        what = "op.online() is not run" if in_block else f'Value "{value}" is not added to enum {enum}'
        super().__init__(
            enum,
            f"{what}: that would commit what the revision has changed before",
            first,
            Fix("put it into a revision of its own", f'alembic revision -m "{"online" if in_block else f"add {value}"}"'),
            where="the database would still count as not migrated, and the revision could not run again",
        )


class UncommittedEnumValueError(EnumOperationError):
    """A value was used in the transaction that added it (PostgreSQL's 55P04)."""

    def __init__(self, message: str) -> None:
        super().__init__(
            "",
            f"PostgreSQL refused to use an enum value in the transaction that added it: {message}",
            Fix("commit before it is used"),
            Fix("hand over an engine instead of a connection", 'config.attributes["connection"] = engine'),
            where="the transaction is the caller's, so op.add_enum_value could not commit the value",
        )


class EnumCheckError(EnumOperationError):
    """On a database without enum types, a CHECK constraint lists other values."""

    def __init__(self, enum: str, values: Sequence[str], dialect: str, table: str, constraint: str, definition: str) -> None:
        self.value = value = values[0]
        self.dialect = dialect
        self.table = table
        self.constraint = constraint
        super().__init__(
            enum,
            f'Value "{value}" is not allowed in enum {enum}, which is text on {dialect}',
            Fix(
                f"change the constraint first, on {dialect} only: PostgreSQL has a type instead",
                f"if op.get_context().dialect.name == {dialect!r}:\n"
                f"    with op.batch_alter_table({table!r}) as batch:\n"
                f'        batch.drop_constraint(op.f({constraint!r}), type_="check")\n'
                f"        batch.create_check_constraint(op.f({constraint!r}), {_extend(definition, values)!r})",
            ),
            where=f"constraint {constraint} of table {table}: CHECK ({definition})",
        )


class OperationClashError(EnumOperationError):
    """Another package registers an operation of the same name, and a call is written for neither or for several."""

    def __init__(self, operation: str, packages: Sequence[str], problem: str) -> None:
        self.operation = operation
        self.packages = tuple(packages)
        super().__init__(
            "",
            f"op.{operation} is an operation of {' and of '.join(packages)}, and the arguments {problem}",
            Fix("import op from the package that is meant", "from alembic_async_template import op"),
        )


def _split(enum: str) -> tuple[str, str]:
    """Schema and name of a type, as messages name it."""
    schema, _, name = enum.rpartition(".")
    return schema, name


def _extend(definition: str, values: Sequence[str]) -> str:
    """A condition that lists values, with more of them, as `op.create_check_constraint` takes it."""
    more = "".join(f", {literal(value)}" for value in values)
    return escape_colons(re.sub(r"\)(?=[^)']*$)", lambda _: f"{more})", definition, count=1))
