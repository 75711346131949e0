"""Errors of autogenerate, before it writes a revision that would not do what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .base import AlembicAsyncTemplateError, count, quote, series


class AutogenerateError(AlembicAsyncTemplateError):
    """Autogenerate would write a revision that does not do what it is for."""


class ExistingTablesError(AutogenerateError):
    """The database has the models' tables already and there is no revision yet."""

    def __init__(self, tables: Sequence[str], missing: Sequence[str] = ()) -> None:
        self.tables = tuple(tables)
        self.missing = tuple(missing)
        absent = f" take out of that revision what is not there ({series(missing, 5)});" if missing else ""
        added = "; then write that in a second one: alembic revision --autogenerate" if missing else ""
        super().__init__(
            f"There is no revision yet, but the database already has {count(tables, 'table')} of the models "
            f"({series(tables, 5)}), made by create_all perhaps: the first revision would leave them out. Compare with an "
            f'empty database instead: alembic -x baseline revision --autogenerate -m "baseline";{absent} then mark this database '
            f"as migrated: alembic stamp head{added}"
        )


class BaselineError(AutogenerateError):
    """`-x baseline` was given although there are revisions."""

    def __init__(self, heads: Sequence[str]) -> None:
        self.heads = tuple(heads)
        super().__init__(
            f"-x baseline compares with an empty database, for the first revision, but there are revisions already (head "
            f"{', '.join(heads)}): every table would be created twice. Leave it out: alembic revision --autogenerate"
        )


class ExistingEnumsError(AutogenerateError):
    """The database has enum types of the models already, no table of them, and there is no revision yet."""

    def __init__(self, enums: Sequence[str]) -> None:
        self.enums = tuple(enums)
        super().__init__(
            f"There is no revision yet, but the database already has {count(enums, 'enum type')} of the models "
            f"({series(enums, 5)}), left over perhaps: the first revision would leave them out. Drop them, for example: "
            f"DROP TYPE {enums[0]}"
        )


class EnumDeclarationsDifferError(AutogenerateError):
    """Two columns of the models declare an enum type with different values."""

    def __init__(self, enum: str, first: tuple[str, Sequence[str]], second: tuple[str, Sequence[str]], example: str) -> None:
        self.enum = enum
        self.columns = (first[0], second[0])
        self.values = (tuple(first[1]), tuple(second[1]))
        described = " and ".join(f"{series([quote(value) for value in values])} by {name}" for name, values in (first, second))
        super().__init__(
            f"Enum {enum} is declared with different values: {described}. A Python enum gives the type its class's name in "
            "lower case. Share one declaration, or give one of them another name, for example: "
            f"sqlalchemy.Enum(..., name={example!r})"
        )


class PluginFailedError(AutogenerateError):
    """A function that another package has added to the comparison failed."""

    def __init__(self, package: str, function: str, place: str, problem: str, *, installed: bool) -> None:
        self.package = package
        self.function = function
        self.problem = problem
        remedy = (
            f"Update {package}, for example: pip install --upgrade {package}; or compare" if installed else "Mend it, or compare"
        )
        super().__init__(
            f"The comparison failed in another plugin, {package}: {function} ({place}) raised {problem}. {remedy} without it, by "
            "leaving out the import that adds it, or its name in autogenerate_plugins. See all of the error with: alembic "
            "--raiseerr check"
        )


class SQLModelNotInstalledError(AutogenerateError):
    """New revisions would import SQLModel, which is not installed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(
            f"{file} lets every new revision import sqlmodel, which is not installed. If the models use it, install it: "
            "pip install sqlmodel; if they do not, remove the line import sqlmodel from that file"
        )


class EnumComparisonClashError(AutogenerateError):
    """Another package compares enum types too: each change would be in the revision twice."""

    def __init__(self, package: str, imports: Sequence[tuple[Path, int]]) -> None:
        self.package = package
        self.imports = tuple(imports)
        places = series([f"line {line} of {file}" for file, line in imports], 5)
        super().__init__(
            f"{package} compares enum types too, so each change would be written twice. Its import switches that on: "
            f"{places or 'in a module that is loaded, of no file here'}. Let each revision that uses {package} import it inside "
            f"upgrade() and downgrade(), and take the import out everywhere else. Or leave enum types to {package}: "
            'run_environment(autogenerate_plugins=["alembic.autogenerate.*"]) in env.py, and from alembic import op in '
            "script.py.mako"
        )
