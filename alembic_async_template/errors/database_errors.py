"""Errors of finding and reaching the database, and of the locks that a migration waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alembic.util.exc import DatabaseNotAtHead

from ..masking import mask_message
from .application_errors import SETTING_EXAMPLES
from .base import AlembicAsyncTemplateError, add_sentences, quote, series
from .failure import Failure


class DatabaseAccessError(AlembicAsyncTemplateError):
    """Which database to use, and how to reach it."""


class NoDatabaseURLError(DatabaseAccessError):
    """No source names a database."""

    def __init__(
        self, place: str, config_file: str, variable: str, candidates: Sequence[str] = (), notes: Mapping[str, str] | None = None
    ) -> None:
        self.candidates = tuple(candidates)
        variable = mask_message(variable)
        described = [f"app_engine = {name}" + (f" ({notes[name]})" if notes and notes.get(name) else "") for name in candidates]
        found = (
            f" The application has several engines or URLs: name one of them in {config_file}: {', or '.join(described)}. Or"
            if len(candidates) > 1
            else f" The application has one: name it in {config_file}: {described[0]}. Or"
            if candidates
            else " Set one, for example:"
        )
        super().__init__(
            f"No database URL was found for {place}: looked at -x url, "
            f"app_engine, the environment variable {variable} and sqlalchemy.url.{found} "
            f"export {variable}=postgresql://app@localhost/app"
        )


class EngineReferenceError(DatabaseAccessError):
    """`app_engine` does not lead to an engine or a URL."""

    def __init__(self, reference: str, place: str, problem: str, fix: str | None = None) -> None:
        self.reference = reference = mask_message(reference)
        self.problem = problem
        self.fix = fix
        super().__init__(f"app_engine = {reference} in {place}: {problem}. {fix or SETTING_EXAMPLES['app_engine']}")


class InvalidURLError(DatabaseAccessError):
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


class MissingDriverError(DatabaseAccessError):
    """The async driver of a URL is not installed."""

    def __init__(self, backend: str, drivers: Sequence[str], source: str) -> None:
        self.backend = backend
        self.drivers = tuple(drivers)
        super().__init__(
            f"The database URL from {source} names {backend}, and its async driver {' or '.join(drivers)} is not installed. "
            f"Install it: pip install 'alembic-async-template[{drivers[0]}]'"
        )


class GreenletNotInstalledError(DatabaseAccessError):
    """SQLAlchemy's asyncio cannot work."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(
            f"SQLAlchemy's asyncio needs the library greenlet, which cannot be imported: {problem}. Install it: "
            "pip install 'sqlalchemy[asyncio]'"
        )


class MemoryDatabaseError(DatabaseAccessError):
    """An in-memory SQLite database exists in one connection only, so a migration of it would be lost."""

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(
            f"The database URL from {source} is an in-memory SQLite database, which exists in one connection only: what a "
            "migration makes there is gone when it ends. Use a file, for example: sqlite:///app.db; or hand the connection "
            'over in code: config.attributes["connection"] = connection'
        )


class ConnectionBindError(DatabaseAccessError):
    """`config.attributes["connection"]` holds something that migrations cannot run on."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f'bind (config.attributes["connection"]) {problem}. Hand over an engine or an open connection, for example: await '
            "Migrations(bind=engine).upgrade(); or to Alembic's own functions: "
            'await connection.run_sync(lambda _: command.upgrade(config, "head"))'
        )


class ConnectionFailedError(DatabaseAccessError):
    """The server is up, or the file's place is known, and no connection was made."""

    def __init__(self, database: str, source: str, problem: str, fix: str) -> None:
        self.database = database
        self.source = source
        self.problem = problem
        self.fix = fix
        super().__init__(add_sentences(f"Database {database}, from {source}, cannot be opened: {problem}", fix))


class DatabaseNotReachableError(DatabaseAccessError):
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


class DatabaseNotAtHeadError(DatabaseAccessError, DatabaseNotAtHead):
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
                f"{name} has {series([quote(value) for value in there])} and the application "
                f"{series([quote(value) for value in declared])}"
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


class ConcurrentRunError(DatabaseAccessError):
    """Two Alembic commands ran at the same time in one process."""

    def __init__(self) -> None:
        super().__init__(
            "Another Alembic command runs in this process, and alembic.op and alembic.context belong to that one: this one would "
            "change its database. Let them run one after the other, which Migrations does outside of a revision, for example: "
            'await Migrations("alembic.ini").upgrade("head")'
        )


class MigrationLockedError(DatabaseAccessError):
    """Another process migrates the database, and did not finish in time."""

    def __init__(self, database: str, holder: str | None, wait: float) -> None:
        self.database = database
        self.holder = holder
        self.wait = wait
        super().__init__(
            f'The migration lock of database "{database}" was not free after {wait:g} s: {holder or "another process"} holds it. '
            "Wait for it, or raise lock_wait in alembic.ini, for example: lock_wait = 300s"
        )


class MigrationLockUnavailableError(DatabaseAccessError):
    """No other process migrates the database, and yet its migration lock could not be acquired."""

    def __init__(self, database: str, wait: float, problem: str, example: str) -> None:
        self.database = database
        self.wait = wait
        self.problem = problem
        super().__init__(
            f'The migration lock of database "{database}" could not be acquired within {wait:g} s: {problem}. Change that, for '
            f"example: {example}"
        )


class MigrationLockLostError(DatabaseAccessError):
    """The connection that held the migration lock ended, so another process may have begun to migrate."""

    def __init__(self, database: str, problem: str) -> None:
        self.database = database
        self.problem = problem
        super().__init__(
            f'The migration lock of database "{database}" was lost between two revisions ({problem}), and the next one did not '
            "run, since another process may migrate now. Run the same command again: alembic upgrade head"
        )


class LockTimeoutError(DatabaseAccessError):
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
        waited = series(blockers) or "another transaction"
        super().__init__(
            f"{failure.place}: it did not get a lock in {tried} ({problem}), and waited for {waited}, at: {statement}. "
            f"{why}{failure.state}. Let what it waited for end and run the same command again, or raise {settings} in "
            "alembic.ini, for example: lock_timeout = 30s"
        )


class ServerSilentError(DatabaseAccessError):
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
