"""Errors of autogenerate, before it writes a revision that would not do what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .base import AlembicAsyncTemplateError
from .block import Fix, count, quote_all, series
from .database_errors import DatabaseNotAtHeadError


class AutogenerateError(AlembicAsyncTemplateError):
    """Autogenerate would write a revision that does not do what it is for."""


class ExistingTablesError(AutogenerateError):
    """The database has the models' tables already and there is no revision yet."""

    def __init__(self, tables: Sequence[str], missing: Sequence[str] = ()) -> None:
        self.tables = tuple(tables)
        self.missing = tuple(missing)
        fixes = [
            Fix("compare with an empty database", 'alembic -x baseline revision --autogenerate -m "baseline"'),
            Fix("mark this database as migrated", "alembic stamp head", label="then"),
        ]
        if missing:
            fixes.insert(1, Fix(f"take out of that revision what is not there: {series(missing, 5)}", label="then"))
            fixes.append(Fix("write that in a second one", "alembic revision --autogenerate", label="then"))
        super().__init__(
            f"There is no revision yet, but the database already has {count(tables, 'table')} of the models",
            *fixes,
            where=f"{series(tables, 5)}: probably made by create_all; the first revision would leave them out",
        )


class UnversionedTablesError(DatabaseNotAtHeadError):
    """There are revisions, and the database has tables of the models, but counts no revision as done."""

    def __init__(self, tables: Sequence[str], missing: Sequence[str], head: str, complete: str | None) -> None:
        """The parts of the message.

        :param missing: what the models have and the database does not.
        :param complete: the newest revision of which nothing is missing.
        """
        self.tables = tuple(tables)
        self.missing = tuple(missing)
        self.complete = complete
        self.current, self.heads, self.unknown, self.enums = (), (head,), (), ()
        compare = Fix("see what differs", "alembic check", label="then")
        if complete == head:
            fixes = [
                Fix("if they are as the newest revision makes them, mark the database as migrated", "alembic stamp head"),
                compare,
            ]
        elif complete:
            advice = f"if they are as revision {complete} makes them, count that as done, and run the later ones"
            fixes = [Fix(advice, f"alembic stamp {complete}\nalembic upgrade head"), compare]
        else:
            fixes = [
                Fix("add by hand what is not there, as the revisions make it"),
                Fix("mark the database as migrated", "alembic stamp head", label="then"),
                compare,
            ]
        absent = f"\nnot there: {series(missing, 5)}" if missing else ""
        AlembicAsyncTemplateError.__init__(
            self,
            f"The database is at no revision, and already has {count(tables, 'table')} of the models",
            *fixes,
            Fix("if nothing in them is needed, drop them and their enum types, and migrate", "alembic upgrade head"),
            where=f"{series(tables, 5)}: probably made by create_all{absent}",
        )


class BaselineError(AutogenerateError):
    """`-x baseline` was given although there are revisions."""

    def __init__(self, heads: Sequence[str]) -> None:
        self.heads = tuple(heads)
        super().__init__(
            "-x baseline is for the first revision, and there are revisions already: every table would be created twice",
            Fix("leave it out", "alembic revision --autogenerate"),
            where=f"head {', '.join(heads)}",
        )


class ExistingEnumsError(AutogenerateError):
    """The database has enum types of the models already, no table of them, and there is no revision yet."""

    def __init__(self, enums: Sequence[str]) -> None:
        self.enums = tuple(enums)
        super().__init__(
            f"There is no revision yet, but the database already has {count(enums, 'enum type')} of the models",
            Fix("drop them", f"DROP TYPE {enums[0]}"),
            where=f"{series(enums, 5)}: probably left over; the first revision would leave them out",
        )


class EnumDeclarationsDifferError(AutogenerateError):
    """Two columns of the models declare an enum type with different values."""

    def __init__(self, enum: str, first: tuple[str, Sequence[str]], second: tuple[str, Sequence[str]], example: str) -> None:
        self.enum = enum
        self.columns = (first[0], second[0])
        self.values = (tuple(first[1]), tuple(second[1]))
        super().__init__(
            f"Enum {enum} is declared with different values",
            Fix("share one declaration"),
            Fix(
                "give one of them another name; that of a Python enum is its class's in lower case",
                f"sqlalchemy.Enum(..., name={example!r})",
            ),
            where="\n".join(f"{quote_all(values)} by {name}" for name, values in (first, second)),
        )


class PluginFailedError(AutogenerateError):
    """A function that another package has added to the comparison failed."""

    def __init__(self, package: str, function: str, place: str, problem: str, *, installed: bool) -> None:
        self.package = package
        self.function = function
        self.problem = problem
        update = Fix(f"update {package}", f"pip install --upgrade {package}") if installed else Fix("correct it")
        super().__init__(
            f"The comparison failed in another plugin, {package}: {problem}",
            update,
            Fix("compare without it: leave out the import that adds it, or its name in autogenerate_plugins"),
            Fix("all of the error", "alembic --raiseerr check", label="see"),
            where=f"{function}, {place}",
        )


class RenameAnswerError(AutogenerateError):
    """An argument of `-x` says that a table or column was renamed, and that cannot be written."""

    def __init__(self, argument: str, problem: str, *fixes: Fix, where: str = "") -> None:
        self.argument = argument
        self.problem = problem
        super().__init__(f"-x {argument} {problem}", *fixes, where=where)

    @classmethod
    def malformed(cls, argument: str) -> RenameAnswerError:
        """The argument does not have the form of an answer."""
        return cls(
            argument,
            "does not say which name became which",
            Fix("for a column", "-x rename=[schema.]table.column:new_name"),
            Fix("for a table", "-x rename_table=[schema.]table:new_name"),
            Fix("if nothing was renamed", "-x rename=none"),
            where="a name with a dot, a colon or a quote is in double quotes, which the shell has to leave alone",
        )

    def with_fitting(self, commands: Sequence[str]) -> RenameAnswerError:
        """The same, with the commands that it may mean."""
        self.fixes = (*(Fix("one that fits", command) for command in commands), *self.fixes)
        return self

    @classmethod
    def of_value(cls, argument: str, line: str, without: str) -> RenameAnswerError:
        """It is a value of an enum type that was renamed.

        :param line: the call that renames it.
        :param without: the command without the argument.
        """
        return cls(
            argument,
            "names a value of an enum type, and is for tables and columns",
            Fix("leave it out", without),
            Fix("in upgrade(), put this in place of what changes the values; in downgrade(), its reverse", line, label="then"),
        )

    @classmethod
    def unfit(
        cls, argument: str, names: tuple[Sequence[str], Sequence[str]], possible: Sequence[str], without: str
    ) -> RenameAnswerError:
        """No such table or column goes while one of the new name comes.

        :param names: what goes, and what comes.
        :param possible: the commands with an argument that would fit.
        :param without: the command without it.
        """
        goes, comes = (series(found, 10) or "nothing" for found in names)
        fixes = [Fix("one that fits", command) for command in possible]
        return cls(
            argument,
            "fits nothing that differs between the database and the models",
            *fixes,
            Fix("leave it out", without),
            where=f"in the database only: {goes}\nin the models only: {comes}",
        )

    @classmethod
    def unsupported(cls, argument: str, dialect: str) -> RenameAnswerError:
        """The database takes back no rename, so that it cannot be compared with the models as if something were renamed."""
        return cls(
            argument,
            f"needs a database that takes back what is tried in a transaction, and {dialect} does not",
            Fix("leave it out; a comment in the revision shows what to write", "alembic revision --autogenerate"),
        )


class RenameTrialError(AutogenerateError):
    """A table or column that was renamed cannot be compared: the database does not let this connection rename it for that."""

    def __init__(self, argument: str, problem: str) -> None:
        self.argument = argument
        self.problem = problem
        super().__init__(
            f"The rename cannot be tried: {problem}",
            Fix(
                "run the command where it can: as the owner of the table, on a server that takes writes, while no program uses it"
            ),
            Fix(
                "write the revision without it; a comment in it shows the line to use instead",
                "alembic revision --autogenerate < /dev/null",
            ),
            where=f"{argument}: autogenerate renames, compares and takes the rename back",
            state="nothing was changed",
        )


class SQLModelNotInstalledError(AutogenerateError):
    """New revisions would import SQLModel, which is not installed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(
            "Every new revision would import sqlmodel, which is not installed",
            Fix("if the models use it, install it", "pip install sqlmodel"),
            Fix("if they do not, remove this line from that file", "import sqlmodel"),
            where=str(file),
        )


class EnumComparisonClashError(AutogenerateError):
    """Another package compares enum types too: each change would be in the revision twice."""

    def __init__(self, package: str, imports: Sequence[tuple[Path, int]]) -> None:
        self.package = package
        self.imports = tuple(imports)
        places = series([f"{file}:{line}" for file, line in imports], 5)
        super().__init__(
            f"{package} compares enum types too, so each change would be written twice",
            Fix(f"take the import of {package} out there; revisions may go on importing it"),
            Fix(
                f"leave enum types to {package}: from alembic import op in script.py.mako, and in env.py",
                'run_environment(autogenerate_plugins=["alembic.autogenerate.*"])',
            ),
            where=f"its import switches that on: {places or 'in a module that is loaded, of no file here'}",
        )
