"""Errors of finding and reaching the database, and of the locks that a migration waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alembic.util.exc import DatabaseNotAtHead

from ..masking import mask_message
from .application_errors import SETTING_FIXES
from .base import AlembicAsyncTemplateError
from .block import Fix, quote_all, series
from .failure import Failure


class DatabaseAccessError(AlembicAsyncTemplateError):
    """Which database to use, and how to reach it."""


class NoDatabaseURLError(DatabaseAccessError):
    """No source names a database.

    :param variable: the environment variable that may hold the URL.
    :param candidates: the application's engines and URLs, as `app_engine` names them.
    :param notes: what is known of some of these.
    :param dotenv: how to read the variable from a file that has it.
    """

    def __init__(
        self,
        place: str,
        config_file: str,
        variable: str,
        candidates: Sequence[str] = (),
        notes: Mapping[str, str] | None = None,
        dotenv: Fix | None = None,
    ) -> None:
        self.candidates = tuple(candidates)
        variable = mask_message(variable)
        which = "one of the application's engines or URLs" if len(candidates) > 1 else "the application's"
        advice = [f"name {which} in {config_file}", *["another one"] * len(candidates)]
        known = {name: f" ({note})" for name, note in (notes or {}).items() if note}
        fixes = [
            Fix(f"{text}{known.get(name, '')}", f"app_engine = {name}") for text, name in zip(advice, candidates, strict=False)
        ]
        super().__init__(
            "No database URL was found",
            *fixes,
            *([dotenv] if dotenv else []),
            Fix("set one", f"export {variable}=postgresql://app@localhost/app"),
            where=f"{place}\nlooked at -x url, app_engine, the environment variable {variable}, sqlalchemy.url",
        )


class EngineReferenceError(DatabaseAccessError):
    """`app_engine` does not lead to an engine or a URL."""

    def __init__(self, reference: str, place: str, problem: str, *fixes: Fix) -> None:
        self.reference = mask_message(reference)
        self.problem = problem
        super().__init__(f"app_engine = {self.reference}: {problem}", *(fixes or SETTING_FIXES["app_engine"]), where=place)


class InvalidURLError(DatabaseAccessError):
    """A database URL cannot be read, or names a database without an async driver."""

    def __init__(self, source: str, problem: str, fix: str | None = None, *, encoding: bool = False) -> None:
        self.source = source
        advice = fix or (
            "encode characters of a password that mean something in a URL: @ is %40, / is %2F"
            if encoding
            else "name a database that this package or an installed dialect has an async driver for"
        )
        super().__init__(
            f"The database URL cannot be used: {problem}",
            Fix(advice, "postgresql://app:s%40cret@localhost/app"),
            where=_name_source(source),
        )


class MissingDriverError(DatabaseAccessError):
    """The async driver of a URL is not installed."""

    def __init__(self, backend: str, drivers: Sequence[str], source: str) -> None:
        self.backend = backend
        self.drivers = tuple(drivers)
        super().__init__(
            f"The async driver of {backend} is not installed: {' or '.join(drivers)}",
            Fix("install it", f"pip install 'alembic-async-template[{drivers[0]}]'"),
            where=_name_source(source),
        )


class GreenletNotInstalledError(DatabaseAccessError):
    """SQLAlchemy's asyncio cannot work."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(
            f"SQLAlchemy's asyncio needs the library greenlet, which cannot be imported: {problem}",
            Fix("install it", "pip install 'sqlalchemy[asyncio]'"),
        )


class MemoryDatabaseError(DatabaseAccessError):
    """An in-memory SQLite database exists in one connection only, so a migration of it would be lost."""

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(
            "An in-memory SQLite database exists in one connection only, with which the migration would be gone",
            Fix("use a file", "sqlite:///app.db"),
            Fix("hand the connection over in code", 'config.attributes["connection"] = connection'),
            where=_name_source(source),
        )


class ConnectionBindError(DatabaseAccessError):
    """`config.attributes["connection"]` holds something that migrations cannot run on."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f'bind (config.attributes["connection"]) {problem}',
            Fix("hand over an engine or an open connection", "await Migrations(bind=engine).upgrade()"),
            Fix("call Alembic's own functions", 'await connection.run_sync(lambda _: command.upgrade(config, "head"))'),
        )


class ConnectionFailedError(DatabaseAccessError):
    """The server is up, or the file's place is known, and no connection was made."""

    def __init__(self, database: str, source: str, problem: str, *fixes: Fix) -> None:
        self.database = database
        self.source = source
        self.problem = problem
        super().__init__(f"The database cannot be opened: {problem}", *fixes, where=f"{database}, from {source}")


class DatabaseNotReachableError(DatabaseAccessError):
    """The database was not up in time."""

    def __init__(self, database: str, source: str, problem: str, wait: float) -> None:
        self.database = database
        self.source = source
        self.problem = problem
        self.wait = wait
        super().__init__(
            f"The database could not be reached within {wait:g} s: {problem}",
            Fix("start it, or correct host and port"),
            Fix("wait longer, in alembic.ini", "database_wait = 60s"),
            where=f"{database}, from {source}",
        )


class DatabaseNotAtHeadError(DatabaseAccessError, DatabaseNotAtHead):
    """The database is not at the revision that the application needs, or its enum types have other values.

    :param instead: what to do in place of applying the pending revisions.
    """

    def __init__(
        self,
        current: Sequence[str],
        heads: Sequence[str],
        unknown: Sequence[str] = (),
        enums: Sequence[tuple[str, Sequence[str], Sequence[str]]] = (),
        *,
        instead: Sequence[Fix] = (),
    ) -> None:
        self.current = tuple(current)
        self.heads = tuple(heads)
        self.unknown = tuple(unknown)
        self.enums = tuple(enums)
        headline, *fixes = self._explain()
        super().__init__(headline, *(instead or fixes), where="\n".join(_describe_enum(*enum) for enum in enums))

    def _explain(self) -> tuple[str, *tuple[Fix, ...]]:
        at = f"The database is at revision {', '.join(self.current)}" if self.current else "The database is at no revision"
        heads = ", ".join(self.heads) or "no revision"
        if self.unknown and not self.heads:
            return (
                f"{at}, and there are no files of revisions",
                Fix("get them back, if they were deleted or are on another branch", "git log --diff-filter=D --summary"),
                Fix("if the tables are to stay and a new history begins", "alembic stamp --purge base"),
            )
        if self.unknown:
            return (
                f"{at}; this application, whose head is {heads}, has no revision {', '.join(self.unknown)}",
                Fix(
                    "deploy the newer code that has migrated it, or let its files take back what these do not know",
                    f"alembic downgrade {self.heads[0]}" if len(self.heads) == 1 else "",
                ),
                Fix("get the file back, if it was deleted or is on another branch", "git log --diff-filter=D --summary"),
                Fix(
                    "if nothing of it is left in the database, name the newest revision of these files that has run there",
                    f"alembic stamp --purge {' '.join(self.heads)}",
                ),
            )
        if not self.heads:
            return (
                "This application has no revisions, so whether the database is migrated is not known",
                Fix("write the first one", 'alembic revision --autogenerate -m "create tables"'),
                Fix("if there are some, deploy migrations/versions too"),
            )
        if self.enums:
            write = Fix("write the revision that is missing", 'alembic revision --autogenerate -m "change enums"')
            more = [
                _write_addition(name, value) for name, declared, there in self.enums for value in there if value not in declared
            ]
            first = "if no revision adds it, put this first in its upgrade(), for databases without the value"
            added = (Fix(first, "\n".join(more), label="then"),) if more else ()
            return (f"{at}, which is the head, but its enum types are not the application's", write, *added)
        if set(self.current) == set(self.heads):
            return (
                f"{at}, which is the head, and was not when the command looked: another process has migrated it",
                Fix("run the same command again", "alembic check"),
            )
        target = "head" if len(self.heads) < 2 else "heads"
        return f"{at}, and this application needs {heads}", Fix("migrate it", f"alembic upgrade {target}")


class ConcurrentRunError(DatabaseAccessError):
    """Two Alembic commands ran at the same time in one process."""

    def __init__(self) -> None:
        super().__init__(
            "Another Alembic command runs in this process, and this one would change its database",
            Fix(
                "run one after the other, which Migrations does outside of a revision",
                'await Migrations("alembic.ini").upgrade("head")',
            ),
            where="alembic.op and alembic.context, which belong to one command at a time",
        )


class MigrationLockedError(DatabaseAccessError):
    """Another process migrates the database, and did not finish in time."""

    def __init__(self, database: str, holder: str | None, wait: float) -> None:
        self.database = database
        self.holder = holder
        self.wait = wait
        super().__init__(
            f'The migration lock of database "{database}" was not free after {wait:g} s',
            Fix("wait for it, or raise lock_wait in alembic.ini", "lock_wait = 300s"),
            where=f"{holder or 'another process'} holds it",
        )


class MigrationLockUnavailableError(DatabaseAccessError):
    """No other process migrates the database, and yet its migration lock could not be acquired."""

    def __init__(self, database: str, wait: float, problem: str, example: str) -> None:
        self.database = database
        self.wait = wait
        self.problem = problem
        within = f" within {wait:g} s" if wait else ""
        super().__init__(
            f'The migration lock of database "{database}" could not be acquired{within}: {problem}',
            Fix("change that", example),
        )


class MigrationLockLostError(DatabaseAccessError):
    """The connection that held the migration lock ended, so another process may have begun to migrate."""

    def __init__(self, database: str, problem: str) -> None:
        self.database = database
        self.problem = problem
        super().__init__(
            f'The migration lock of database "{database}" was lost between two revisions: {problem}',
            Fix("run the same command again", "alembic upgrade head"),
            state="the next revision did not run, since another process may migrate now",
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
        in_block: bool = False,
    ) -> None:
        """The parts of the message.

        :param in_block: whether it is a step of `op.online()`, which has its own limit and goes on in the next run.
        """
        self.statement = statement
        self.problem = problem
        self.attempts = attempts
        self.blockers = tuple(blockers)
        tried = "one attempt" if attempts == 1 else f"{attempts} attempts"
        settings = "lock_timeout" if failure.committed else "lock_timeout and lock_retries"
        rerun = "the next run goes on with this step" if in_block else "not retried, since it has left its transaction"
        raised = [] if in_block else [Fix(f"raise {settings} in alembic.ini", "lock_timeout = 30s")]
        super().__init__(
            f"It did not get a lock in {tried}: {problem}",
            Fix("wait for the blocking transaction to end, then run the command again"),
            *raised,
            where=f"{statement}\nwaited for {series(blockers) or 'another transaction'}",
            state=f"{failure.state}; {rerun}" if failure.committed else None,
            failure=failure,
        )


class ServerSilentError(DatabaseAccessError):
    """The server, or the network to it, gave no sign of life for so long that the run was ended."""

    def __init__(self, failure: Failure, statement: str, seconds: float) -> None:
        self.statement = statement
        self.seconds = seconds
        unknown = f"whether the server has committed it is not known; {failure.describe_done()}"
        super().__init__(
            f"The server gave no sign of life for {seconds:g} s",
            Fix(
                "check that the server and the network to it work, then run the same command again; see where it stands",
                "alembic current",
            ),
            where="" if statement == failure.operation else statement,
            state=unknown if statement == "COMMIT" else None,
            failure=failure,
        )


def _name_source(source: str) -> str:
    return f"the database URL from {source}"


def _write_addition(enum: str, value: str) -> str:
    """The call that adds a value to a type, as messages name that."""
    schema, _, name = enum.rpartition(".")
    return f"op.add_enum_value({', '.join([repr(name), repr(value), *([f'schema={schema!r}'] if schema else [])])})"


def _describe_enum(name: str, declared: Sequence[str], there: Sequence[str]) -> str:
    return f"{name}: {quote_all(there)} in the database, {quote_all(declared)} in the application"
