"""All errors of this package.

    AlembicAsyncTemplateError      also an `alembic.util.CommandError`: the command line prints it as one line
    ├── InitError                  `alembic init` cannot write this environment
    ├── ConfigNotFoundError
    ├── SettingError               a setting of alembic.ini means nothing
    ├── ApplicationError           the application's modules and models
    │   ├── ApplicationImportError
    │   ├── ModelsNotChosenError
    │   ├── NoTablesError
    │   ├── UnlistedModelsError
    │   ├── SeveralMetadataError
    │   └── DuplicateTableError
    ├── DatabaseError              which database, and how to reach it
    │   ├── NoDatabaseURLError
    │   ├── EngineReferenceError
    │   ├── InvalidURLError
    │   ├── MissingDriverError
    │   ├── GreenletNotInstalledError
    │   ├── MemoryDatabaseError
    │   ├── ConnectionBindError
    │   ├── ConnectionFailedError
    │   ├── DatabaseNotReachableError
    │   ├── DatabaseNotAtHeadError
    │   ├── ConcurrentRunError
    │   ├── MigrationLockedError
    │   ├── MigrationLockLostError
    │   ├── LockTimeoutError
    │   └── ServerSilentError
    ├── RevisionError              the revisions' files, or what is in one
    │   ├── RevisionNotFoundError
    │   ├── SeveralHeadsError
    │   └── RevisionFailedError
    ├── AutogenerateError
    │   ├── ExistingTablesError
    │   ├── ExistingEnumsError
    │   ├── BaselineError
    │   ├── EnumComparisonClashError
    │   ├── EnumDeclarationsDifferError
    │   ├── PluginFailedError
    │   └── SQLModelNotInstalledError
    └── EnumOperationError         an enum operation cannot be carried out
        ├── InvalidEnumError
        ├── UnknownEnumError
        ├── UnknownEnumValueError
        ├── EnumExistsError
        ├── EnumValueExistsError
        ├── EnumInUseError
        ├── EnumChangeBlockedError
        ├── EnumValueInUseError
        ├── EnumChangeFailedError
        ├── EnumOfflineError
        ├── UncommittedWorkError
        ├── UncommittedEnumValueError
        ├── EnumCheckError
        └── OperationClashError

Each message says what happened, to which object, and how to fix it, with an example to type; it survives being wrapped onto
one line. The facts are attributes too.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic.util.exc import CommandError, DatabaseNotAtHead

from .masking import mask_message

if TYPE_CHECKING:
    from pathlib import Path

    from .application.settings import Settings

__all__ = [
    "AlembicAsyncTemplateError",
    "ApplicationError",
    "ApplicationImportError",
    "AutogenerateError",
    "BaselineError",
    "ConcurrentRunError",
    "ConfigNotFoundError",
    "ConnectionBindError",
    "ConnectionFailedError",
    "DatabaseError",
    "DatabaseNotAtHeadError",
    "DatabaseNotReachableError",
    "DuplicateTableError",
    "EngineReferenceError",
    "EnumChangeBlockedError",
    "EnumChangeFailedError",
    "EnumCheckError",
    "EnumComparisonClashError",
    "EnumDeclarationsDifferError",
    "EnumExistsError",
    "EnumInUseError",
    "EnumOfflineError",
    "EnumOperationError",
    "EnumValueExistsError",
    "EnumValueInUseError",
    "ExistingEnumsError",
    "ExistingTablesError",
    "Failure",
    "GreenletNotInstalledError",
    "InitError",
    "InvalidEnumError",
    "InvalidURLError",
    "LockTimeoutError",
    "MemoryDatabaseError",
    "MigrationLockLostError",
    "MigrationLockedError",
    "MissingDriverError",
    "ModelsNotChosenError",
    "NoDatabaseURLError",
    "NoTablesError",
    "OperationClashError",
    "PluginFailedError",
    "RevisionError",
    "RevisionFailedError",
    "RevisionNotFoundError",
    "SQLModelNotInstalledError",
    "ServerSilentError",
    "SettingError",
    "SeveralHeadsError",
    "SeveralMetadataError",
    "UncommittedEnumValueError",
    "UncommittedWorkError",
    "UnknownEnumError",
    "UnknownEnumValueError",
    "UnlistedModelsError",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a command failed, and what of its work stays."""

    revision: str | None
    """The revision that failed, if one had begun."""
    file: Path | None
    line: int | None
    operation: str | None
    """The source text that failed, of a file of revisions; or COMMIT."""
    upgrades: bool
    """Whether the revision was to be applied, and not taken back."""
    done: tuple[str, ...]
    """The revisions of this run that are committed."""
    committed: bool
    """Whether the one that failed may have committed something before."""
    in_callers_transaction: bool
    in_one_transaction: bool
    """Whether all revisions of the run were to be committed together."""
    offline: bool
    """Whether SQL was written (`--sql`)."""
    invalid_indexes: tuple[str, ...]
    """What a `CREATE INDEX CONCURRENTLY` that failed has left."""

    @property
    def place(self) -> str:
        """For a message: revision, operation, line and file."""
        return self.describe_place("failed")

    def describe_place(self, happened: str) -> str:
        """The same for what is no failure."""
        revision = f"Revision {self.revision}" if self.upgrades else f"The downgrade of revision {self.revision}"
        subject = revision if self.revision else "The command"
        if self.line is None:
            return f"{subject} {happened}{f' at {self.operation}' if self.operation else ''}"
        line = f"line {self.line} of {self.file}"
        return f"{subject} {happened} at {f'{self.operation} ({line})' if self.operation else line}"

    @property
    def state(self) -> str:
        """For a message: what is committed, and what is not."""
        if self.offline:
            return "The script is not complete, and nothing was run"
        if self.in_callers_transaction:
            rest = "; what the database commits by itself stays" if self.committed else ""
            return f"The transaction is yours: roll it back{rest}"
        done = f"{'revisions' if self.upgrades else 'downgrades'} committed in this run: {', '.join(self.done) or 'none'}"
        if self.revision is None and self.operation != "COMMIT":
            return f"It is between two of them; {done}" if self.done else "Nothing was changed"
        if self.in_one_transaction:
            return "Whatever the run had committed before stays" if self.committed else "All of the run was rolled back"
        own = "Whatever it had committed before stays" if self.committed else "It was rolled back"
        indexes = "".join(
            f"; it has left the invalid index {index}, which is to be dropped first: DROP INDEX CONCURRENTLY {index}"
            for index in self.invalid_indexes
        )
        return f"{own}{indexes}; {done}"


def add_sentences(text: str, *sentences: str) -> str:
    """The sentences one after the other, whatever each of them ends with."""
    for sentence in sentences:
        text = f"{text}{'' if text.endswith(('.', '?', '!')) else '.'} {sentence}"
    return text


def _rebuild(error: type[AlembicAsyncTemplateError], arguments: tuple[Any, ...]) -> AlembicAsyncTemplateError:
    rebuilt = error.__new__(error)
    rebuilt.args = arguments
    return rebuilt


class AlembicAsyncTemplateError(CommandError):
    """The root of this package's errors."""

    failure: Failure | None = None
    """Where a command failed, unless that was before it began to work."""

    def __reduce__(self) -> Any:
        """Let it be copied and pickled, for another process: the arguments of the classes are not those of exceptions."""
        return _rebuild, (type(self), self.args), vars(self)

    def add_failure(self, failure: Failure) -> None:
        """Say where it happened, and what is committed."""
        self.failure = failure
        self.args = (add_sentences(str(self), failure.place, failure.state),)


class InitError(AlembicAsyncTemplateError):
    """`alembic init` was asked for an environment that would not work."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        super().__init__(
            f'Directory "{directory}" with --package would be a Python package named alembic and hide Alembic itself. '
            "Choose another name, for example: alembic init -t async-fastapi --package migrations"
        )


class ConfigNotFoundError(AlembicAsyncTemplateError):
    """`Migrations` has no configuration."""

    def __init__(self, path: Path, *, given: bool) -> None:
        self.path = path
        looked = "" if given else " Without a path it is looked for in the working directory, as the command line does."
        super().__init__(
            f"{path} was not found.{looked} Give the path of the project's alembic.ini, for example: "
            'Migrations(Path(__file__).parent / "alembic.ini")'
        )


class SettingError(AlembicAsyncTemplateError):
    """A setting cannot be used as it is."""

    def __init__(self, setting: str, value: str, settings: Settings, problem: str, fix: str | None = None) -> None:
        self.setting = setting
        self.value = value = mask_message(value)
        super().__init__(
            f'{setting} in section [{settings.section}] of {settings.config_file}: "{value}" {problem}. '
            f"{fix or _SETTING_EXAMPLES[setting]}"
        )


_SETTING_EXAMPLES = {
    "database_wait": "Give a time, for example: database_wait = 10s",
    "lock_wait": "Give a time, for example: lock_wait = 60s",
    "lock_timeout": "Give a time, or off, for example: lock_timeout = 5s",
    "lock_retries": "Give a number, for example: lock_retries = 5",
    "statement_timeout": "Give a time, or off, for example: statement_timeout = 5min",
    "prepend_sys_path": ("Name the folder from which the application is imported, for example: prepend_sys_path = %(here)s/src"),
    "app_models": ("Name the modules or packages that define the models, for example: app_models = app.models, app.billing"),
    "app_engine": (
        "Name the application's engine or its URL, for example: app_engine = app.db:engine, or "
        "app_engine = app.config:get_settings().database_url"
    ),
}


class ApplicationError(AlembicAsyncTemplateError):
    """Something about the application's own modules."""


class ApplicationImportError(ApplicationError):
    """A module of the application could not be imported."""

    def __init__(self, module: str, settings: Settings, problem: str, fix: str | None) -> None:
        self.module = module
        self.problem = problem
        self.fix = fix
        roots = ", ".join(map(str, settings.import_roots))
        path = shlex.quote(os.pathsep.join(map(str, settings.import_roots)))
        folder = shlex.quote(str(settings.directory))
        super().__init__(
            add_sentences(
                f"Module {module} could not be imported: {problem}",
                *([fix] if fix else []),
                f"The import root is {roots} (prepend_sys_path in section [{settings.section}] of {settings.config_file}). See "
                f'the error itself with: cd {folder} && PYTHONPATH={path} python -c "import {module}"',
            )
        )


class ModelsNotChosenError(ApplicationError):
    """Several packages define tables and the ini does not say which are this database's."""

    def __init__(self, settings: Settings, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)
        packages = list(dict.fromkeys(module.partition(".")[0] for module in modules))
        example = packages[0] if packages else "app.models"
        found = f"Tables were found in {_series(packages)}" if packages else "No module was found that defines tables"
        super().__init__(
            f"app_models is empty in section [{settings.section}] of {settings.config_file}. {found}: name those of this "
            f"database, for example: app_models = {example}"
        )


class NoTablesError(ApplicationError):
    """The application has no tables as far as its imported modules tell."""

    def __init__(self, settings: Settings | None, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)
        if settings is None:
            super().__init__(
                "The target_metadata given to run_environment in env.py has no tables, so autogenerate would see an empty "
                "application. Import the modules that define the models in env.py, or leave target_metadata out and "
                "name them in alembic.ini, for example: app_models = app.users.models, app.posts.models"
            )
            return
        roots = ", ".join(map(str, settings.import_roots))
        looked = f"after importing {_series(modules)}" if modules else f"in the sources under {roots}"
        super().__init__(
            f"No tables were found {looked}, so autogenerate would see an empty application. Name the modules that define the "
            f"models in {settings.config_file}, for example: app_models = app.users.models, app.posts.models"
        )


class UnlistedModelsError(ApplicationError):
    """Modules outside `app_models` define tables."""

    def __init__(self, settings: Settings, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)
        listed = ", ".join([*settings.app_models, *modules])
        unlisted = ", ".join([*settings.app_models, *(f"~{module}" for module in modules)])
        verb = "defines" if len(modules) == 1 else "define"
        super().__init__(
            f"{_series(modules)} {verb} tables but no name in app_models in section [{settings.section}] of "
            f"{settings.config_file} covers it, so they would be forgotten. If they belong to this database: "
            f"app_models = {listed}; if they belong to another one: app_models = {unlisted}"
        )


class SeveralMetadataError(ApplicationError):
    """Several MetaData objects that do not refer to each other, in an application with several engines."""

    def __init__(self, settings: Settings, groups: Sequence[tuple[Sequence[str], Sequence[str]]]) -> None:
        self.groups = tuple((tuple(modules), tuple(tables)) for modules, tables in groups)
        described = [f"{_series(modules)} ({_count(tables, 'table')}: {_series(tables, 5)})" for modules, tables in groups]
        listed, other = ", ".join(settings.app_models), groups[-1][0]
        all_named = ", ".join([*settings.app_models, *(modules[0] for modules, _ in groups[1:])])
        super().__init__(
            f"The application has several engines and {len(groups)} MetaData objects that do not refer to each other: "
            f"{'; '.join(described)}. Say in section [{settings.section}] of {settings.config_file} which are this database's. "
            f"If the last is another one's: app_models = {listed}, {', '.join(f'~{module}' for module in other)}; "
            f"if all are this one's: app_models = {all_named}"
        )


class DuplicateTableError(ApplicationError):
    """Two MetaData objects declare the same table."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"Table {table} is declared in two MetaData objects, so there is no telling which one is meant. Declare it once, or "
            "leave the module of the other one out, for example: app_models = app, ~app.legacy"
        )


class DatabaseError(AlembicAsyncTemplateError):
    """Which database to use, and how to reach it."""


class NoDatabaseURLError(DatabaseError):
    """No source names a database."""

    def __init__(self, settings: Settings, candidates: Sequence[str] = (), notes: Mapping[str, str] | None = None) -> None:
        self.candidates = tuple(candidates)
        variable = mask_message(settings.database_url_env)
        described = [f"app_engine = {name}" + (f" ({notes[name]})" if notes and notes.get(name) else "") for name in candidates]
        found = (
            f" The application has several engines or URLs: name one of them in {settings.config_file}: "
            f"{', or '.join(described)}. Or"
            if len(candidates) > 1
            else f" The application has one: name it in {settings.config_file}: {described[0]}. Or"
            if candidates
            else " Set one, for example:"
        )
        super().__init__(
            f"No database URL was found for section [{settings.section}] of {settings.config_file}: looked at -x url, "
            f"app_engine, the environment variable {variable} and sqlalchemy.url.{found} "
            f"export {variable}=postgresql://app@localhost/app"
        )


class EngineReferenceError(DatabaseError):
    """`app_engine` does not lead to an engine or a URL."""

    def __init__(self, reference: str, settings: Settings, problem: str, fix: str | None = None) -> None:
        self.reference = reference = mask_message(reference)
        self.problem = problem
        self.fix = fix
        super().__init__(
            f"app_engine = {reference} in section [{settings.section}] of {settings.config_file}: {problem}. "
            f"{fix or _SETTING_EXAMPLES['app_engine']}"
        )


class InvalidURLError(DatabaseError):
    """A database URL cannot be read, or names a database without an async driver."""

    def __init__(self, source: str, problem: str, fix: str | None = None, *, encoding: bool = False) -> None:
        self.source = source
        hint = fix or (
            "Characters of a password that mean something in a URL are percent-encoded (@ is %40, / is %2F)"
            if encoding
            else "Name a database that this package or an installed dialect has an async driver for"
        )
        super().__init__(
            f"The database URL from {source} cannot be used: {problem}. {hint}, "
            "for example: postgresql://app:s%40cret@localhost/app"
        )


class MissingDriverError(DatabaseError):
    """The async driver of a URL is not installed."""

    def __init__(self, backend: str, drivers: Sequence[str], source: str) -> None:
        self.backend = backend
        self.drivers = tuple(drivers)
        super().__init__(
            f"The database URL from {source} names {backend}, and its async driver {' or '.join(drivers)} is not installed. "
            f"Install it: pip install 'alembic-async-template[{drivers[0]}]'"
        )


class GreenletNotInstalledError(DatabaseError):
    """SQLAlchemy's asyncio cannot work."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(
            f"SQLAlchemy's asyncio needs the library greenlet, which cannot be imported: {problem}. Install it: "
            "pip install 'sqlalchemy[asyncio]'"
        )


class MemoryDatabaseError(DatabaseError):
    """An in-memory SQLite database exists in one connection only, so a migration of it would be lost."""

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(
            f"The database URL from {source} is an in-memory SQLite database, which exists in one connection only: what a "
            "migration makes there is gone when it ends. Use a file, for example: sqlite:///app.db; or hand the connection "
            'over in code: config.attributes["connection"] = connection'
        )


class ConnectionBindError(DatabaseError):
    """`config.attributes["connection"]` holds something that migrations cannot run on."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f'bind (config.attributes["connection"]) {problem}. Hand over an engine or an open connection, for example: await '
            "Migrations(bind=engine).upgrade(); or to Alembic's own functions: "
            'await connection.run_sync(lambda _: command.upgrade(config, "head"))'
        )


class ConnectionFailedError(DatabaseError):
    """The server is up, or the file's place is known, and no connection was made."""

    def __init__(self, database: str, source: str, problem: str, fix: str) -> None:
        self.database = database
        self.source = source
        self.problem = problem
        self.fix = fix
        super().__init__(add_sentences(f"Database {database}, from {source}, cannot be opened: {problem}", fix))


class DatabaseNotReachableError(DatabaseError):
    """The database was not up in time."""

    def __init__(self, database: str, source: str, problem: str, wait: float) -> None:
        self.database = database
        self.source = source
        self.problem = problem
        self.wait = wait
        super().__init__(
            f"Database {database}, from {source}, could not be reached within {wait:g} s: {problem}. Start it, correct host and "
            "port, or raise database_wait in alembic.ini, for example: database_wait = 60s"
        )


class DatabaseNotAtHeadError(DatabaseError, DatabaseNotAtHead):
    """The database is not at the revision that the application needs, or its enum types have other values."""

    def __init__(
        self,
        current: Sequence[str],
        heads: Sequence[str],
        unknown: Sequence[str] = (),
        enums: Sequence[tuple[str, Sequence[str], Sequence[str]]] = (),
    ) -> None:
        self.current = tuple(current)
        self.heads = tuple(heads)
        self.unknown = tuple(unknown)
        self.enums = tuple(enums)
        at = f"at revision {', '.join(current)}" if current else "at no revision"
        if not heads and not unknown:
            message = (
                "This application has no revisions, so nobody can tell whether the database is migrated. Write the first one, "
                'for example: alembic revision --autogenerate -m "create tables"; if there are, deploy migrations/versions too'
            )
        elif unknown:
            message = (
                f"The database is {at}, and this application's head is {', '.join(heads) or 'no revision'}: it has no revision "
                f"{', '.join(unknown)}. A newer release has migrated the database, or the file was deleted or is on another "
                "branch. Deploy what has it, or go back with that to a revision that both have, for example: alembic downgrade "
                "-1; if nothing of it is left in the database, name the newest revisions of these files that have run there: "
                "alembic stamp --purge ..."
            )
        elif enums:
            described = "; ".join(
                f"{name} has {_series([_quote(value) for value in there])} and the application "
                f"{_series([_quote(value) for value in declared])}"
                for name, declared, there in enums
            )
            message = (
                f"The database is {at}, which is the head, but its enum types are not the application's: {described}. Write the "
                'revision that is missing: alembic revision --autogenerate -m "change enums"'
            )
        elif set(current) == set(heads):
            message = (
                f"The database is {at}, which is the head, and was not when the command looked: another process has migrated it. "
                "Run the same command again, for example: alembic check"
            )
        else:
            target = "head" if len(heads) < 2 else "heads"
            needed = ", ".join(heads) or "none"
            message = f"The database is {at}, and this application needs {needed}. Migrate it: alembic upgrade {target}"
        super().__init__(message)


class ConcurrentRunError(DatabaseError):
    """Two Alembic commands ran at the same time in one process."""

    def __init__(self) -> None:
        super().__init__(
            "Another Alembic command runs in this process, and alembic.op and alembic.context belong to that one: this one would "
            "change its database. Let them run one after the other, which Migrations does outside of a revision, for example: "
            'await Migrations("alembic.ini").upgrade("head")'
        )


class MigrationLockedError(DatabaseError):
    """Another process migrates the database, and did not finish in time."""

    def __init__(self, database: str, holder: str | None, wait: float, problem: tuple[str, str] | None = None) -> None:
        self.database = database
        self.holder = holder
        self.wait = wait
        self.problem = None if problem is None else problem[0]
        if problem is None:
            message = (
                f"was not free after {wait:g} s: {holder or 'another process'} holds it. Wait for it, or raise lock_wait in "
                "alembic.ini, for example: lock_wait = 300s"
            )
        else:
            message = f"could not be had within {wait:g} s: {problem[0]}. Change that, for example: {problem[1]}"
        super().__init__(f'The migration lock of database "{database}" {message}')


class MigrationLockLostError(DatabaseError):
    """The connection that held the migration lock ended, so another process may have begun to migrate."""

    def __init__(self, database: str, problem: str) -> None:
        self.database = database
        self.problem = problem
        super().__init__(
            f'The migration lock of database "{database}" was lost between two revisions ({problem}), and the next one did not '
            "run, since another process may migrate now. Run the same command again: alembic upgrade head"
        )


class LockTimeoutError(DatabaseError):
    """A revision did not get a lock that it needs, as often as it was tried."""

    def __init__(
        self,
        failure: Failure,
        statement: str,
        problem: str,
        *,
        attempts: int,
        blockers: Sequence[str],
    ) -> None:
        self.failure = failure
        self.statement = statement
        self.problem = problem
        self.attempts = attempts
        self.blockers = tuple(blockers)
        tried = "one attempt" if attempts == 1 else f"{attempts} attempts"
        why = "It is not tried again, since it has left its transaction. " if failure.committed else ""
        settings = "lock_timeout" if failure.committed else "lock_timeout and lock_retries"
        waited = _series(blockers) or "another transaction"
        super().__init__(
            f"{failure.place}: it did not get a lock in {tried} ({problem}), and waited for {waited}, at: {statement}. "
            f"{why}{failure.state}. Let what it waited for end and run the same command again, or raise {settings} in "
            "alembic.ini, for example: lock_timeout = 30s"
        )


class ServerSilentError(DatabaseError):
    """The server, or the network to it, gave no sign of life for so long that the run was ended."""

    def __init__(self, failure: Failure, statement: str, seconds: float) -> None:
        self.failure = failure
        self.statement = statement
        self.seconds = seconds
        done = ", ".join(failure.done) or "none"
        unknown = f"Whether the server has committed it is not known; revisions committed in this run: {done}"
        state = unknown if statement == "COMMIT" else failure.state
        super().__init__(
            f"{failure.place}: the server gave no sign of life for {seconds:g} s, at: {statement}. {state}. Look "
            " whether the server and the network to it work, and run the same command again, for example: alembic current"
        )


class RevisionError(AlembicAsyncTemplateError):
    """Something about the revisions."""


class RevisionNotFoundError(RevisionError):
    """No file has the revision that was asked for."""

    def __init__(self, revision: str, current: Sequence[str] | None, heads: Sequence[str]) -> None:
        self.revision = revision
        self.current = None if current is None else tuple(current)
        self.heads = tuple(heads)
        at = "" if current is None else f"; the database is at {', '.join(current) or 'none'}"
        super().__init__(
            f"There is no revision {revision} among the files, whose head is {', '.join(heads) or 'none'}{at}. See which there "
            "are: alembic history"
        )


class SeveralHeadsError(RevisionError):
    """The history has branches, and the command is for one of them."""

    def __init__(self, heads: Sequence[str], command: str = "upgrade") -> None:
        self.heads = tuple(heads)
        if copied := next((head for head in heads if list(heads).count(head) > 1), None):
            super().__init__(
                f"Several files have the revision {copied}, copied perhaps. Give one of them another identifier and the revision "
                'before it, for example: revision = "5b3c"'
            )
            return
        super().__init__(
            f"The revisions have {len(heads)} heads, {', '.join(heads)}: written at the same time perhaps, and nobody knows "
            f'which comes first. Join them: alembic merge -m "merge" heads; or go to all of them: alembic {command} heads'
        )


class RevisionFailedError(RevisionError):
    """A revision, or Alembic's own part of a command, failed for a reason that is known."""

    def __init__(self, failure: Failure, problem: str, fix: str) -> None:
        self.failure = failure
        self.problem = problem
        self.fix = fix
        super().__init__(add_sentences(f"{failure.place}: {problem}", fix, failure.state))


class AutogenerateError(AlembicAsyncTemplateError):
    """Autogenerate would write a revision that does not do what it is for."""


class ExistingTablesError(AutogenerateError):
    """The database has the models' tables already and there is no revision yet."""

    def __init__(self, tables: Sequence[str], missing: Sequence[str] = ()) -> None:
        self.tables = tuple(tables)
        self.missing = tuple(missing)
        absent = f" take out of that revision what is not there ({_series(missing, 5)});" if missing else ""
        added = "; then write that in a second one: alembic revision --autogenerate" if missing else ""
        super().__init__(
            f"There is no revision yet, but the database already has {_count(tables, 'table')} of the models "
            f"({_series(tables, 5)}), made by create_all perhaps: the first revision would leave them out. Compare with an "
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
            f"There is no revision yet, but the database already has {_count(enums, 'enum type')} of the models "
            f"({_series(enums, 5)}), left over perhaps: the first revision would leave them out. Drop them, for example: "
            f"DROP TYPE {enums[0]}"
        )


class EnumDeclarationsDifferError(AutogenerateError):
    """Two columns of the models declare an enum type with different values."""

    def __init__(self, enum: str, first: tuple[str, Sequence[str]], second: tuple[str, Sequence[str]], example: str) -> None:
        self.enum = enum
        self.columns = (first[0], second[0])
        self.values = (tuple(first[1]), tuple(second[1]))
        described = " and ".join(f"{_series([_quote(value) for value in values])} by {name}" for name, values in (first, second))
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
        places = _series([f"line {line} of {file}" for file, line in imports], 5)
        super().__init__(
            f"{package} compares enum types too, so each change would be written twice. Its import switches that on: "
            f"{places or 'in a module that is loaded, of no file here'}. Let each revision that uses {package} import it inside "
            f"upgrade() and downgrade(), and take the import out everywhere else. Or leave enum types to {package}: "
            'run_environment(autogenerate_plugins=["alembic.autogenerate.*"]) in env.py, and from alembic import op in '
            "script.py.mako"
        )


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
            hint = f"There is {_series(near)}: name the schema, for example: schema={near[0].rpartition('.')[0]!r}"
        elif near:
            hint = f"Is it {_series(near)}?"
        else:
            hint = f"Create it first, for example: {example}"
        super().__init__(enum, f"Enum {enum} does not exist in the database. {hint}")


class UnknownEnumValueError(EnumOperationError):
    """An enum type has no such value."""

    def __init__(self, enum: str, value: str, values: Sequence[str], near: Sequence[str]) -> None:
        self.value = value
        self.values = tuple(values)
        self.near = tuple(near)
        hint = f"Is it {_series([*map(_quote, near)])}? " if near else ""
        super().__init__(enum, f'Enum {enum} has no value "{value}". {hint}Its values are {_series([*map(_quote, values)])}')


class EnumExistsError(EnumOperationError):
    """The name of a type that is to be made, or to get a new name, is taken."""

    def __init__(self, enum: str, values: Sequence[str], *, renames: bool = False) -> None:
        self.values = tuple(values)
        labels = ", ".join(map(_quote, values))
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
            f"Enum {enum} cannot be dropped: {_series(dependents)} {uses} it. Drop {this} first, or let a column have another "
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
            f"{'Value' if len(values) == 1 else 'Values'} {', '.join(map(_quote, values))} cannot be removed from enum {enum}: "
            f"{_and(held)} {'holds' if one else 'hold'} {'it' if len(values) == 1 else 'them'}. Give a replacement, for example: "
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


def _series(names: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def _count(names: Sequence[str], noun: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}"


def _quote(label: str) -> str:
    return f'"{label}"'


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
