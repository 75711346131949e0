"""Runs the revisions of a command, and retries one that fails to get a lock."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import PendingRollbackError, SQLAlchemyError

from .. import _compat
from ..diagnosis.driver_errors import describe, describe_outage, is_lock_failure
from ..diagnosis.explain import locate_failure
from ..diagnosis.statement_facts import list_made
from ..enums.additions import forget_additions, list_committed
from ..errors import EnumExistsError, LockTimeoutError
from ..errors.failure import Progress
from ..masking import shorten_statement
from ..online.guard import Guard
from ..online.steps import find_wait
from ..postgresql import NO_STATEMENT
from .cancellation import raise_if_cancelled
from .committed_work import CommittedWork
from .session import expect_writes, is_autocommit, pause
from .watch import Watch

if TYPE_CHECKING:
    from ..application.settings import Settings

log = logging.getLogger("alembic_async_template")

# The pause before the second attempt, in seconds, which doubles with each one; and no pause is longer than this.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0

# After ROLLBACK too, the driver does not begin another transaction, and statements are committed. Not ROLLBACK TO a savepoint.
# It may be one of several statements, which psycopg can send at once.
_ENDS_TRANSACTION = re.compile(
    r"(^|;)\s*(COMMIT|END|PREPARE\s+TRANSACTION|(ROLLBACK|ABORT)(?!(\s+(WORK|TRANSACTION))?\s+TO\b))\b", re.IGNORECASE
)
# Of a partitioned table, an index is invalid until it has a part in each partition: such a part is not an index of its own.
_INVALID_INDEXES = text("""
    SELECT CAST(relname AS text) AS name, CAST(CAST(indexrelid AS pg_catalog.regclass) AS text) AS qualified
    FROM pg_catalog.pg_index JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relkind = 'i'
    ORDER BY qualified
""")


class _Steps:
    """The steps of a command: each is done once, however often Alembic asks for those that are left."""

    def __init__(
        self, context: MigrationContext, connection: Connection, check_lock: Callable[[], None], progress: Progress
    ) -> None:
        self.connection = connection
        self.check_lock = check_lock
        self.progress = progress
        self.find = _compat.exchange_work(context, self)
        self.steps: list[Any] | None = None
        self.done = 0
        self.makers: dict[str, str | None] = {}
        """Which revision of this run has made what."""
        # Whether each statement is committed.
        self.commits = (
            not context.impl.transactional_ddl or connection.dialect.name in {"mysql", "mariadb"} or is_autocommit(connection)
        )
        self.work = CommittedWork(
            autocommits=is_autocommit(connection),
            definitions_commit=connection.dialect.name in {"mysql", "mariadb"},
            version_table=context.version_table,
        )
        progress.in_one_transaction = not _compat.has_transaction_per_migration(context)
        progress.committed = self.committed_before = self.commits

    def __call__(self, heads: tuple[str, ...], context: MigrationContext) -> Iterable[Any]:
        """What is called in place of the command's own function."""
        if self.steps is None:
            self.steps = list(self.find(heads, context))
        while self.done < len(self.steps):
            step = self.steps[self.done]
            raise_if_cancelled()
            if self.done:
                self.check_lock()
            if not self.progress.in_one_transaction:
                forget_additions(context)
                self.work.forget()
            self.progress.upgrades = step.info.is_upgrade
            self.progress.revision = revision = step.info.up_revision_id or "base"
            yield step  # and is committed afterwards, before the next one is asked for
            self.done += 1
            if not (self.progress.in_one_transaction or self.progress.in_callers_transaction):
                if self.connection.in_transaction():
                    # The revision has ended Alembic's transaction, and what it did later, its version too, is in another.
                    self.connection.commit()
                self.progress.committed = self.commits
                self.progress.done += (revision,)
                self.progress.revision = None

    def note_commit(self, _connection: Connection) -> None:
        """What SQLAlchemy calls before it commits."""
        self.committed_before, self.progress.committed = self.progress.committed, True

    def note_failure(self, error: Exception) -> None:
        """A transaction that could not be committed was rolled back; if the connection ended, its outcome is unknown."""
        if _compat.failed_at_commit(error) and describe_outage(error) is None:
            self.progress.committed = self.committed_before
            self.work.undo_commit()
        self.progress.committed_work = self.work.statements
        made = list_made(str(getattr(error, "statement", None) or ""))[:1]
        if isinstance(error, EnumExistsError):
            made = [error.enum.lower(), error.enum.lower().removeprefix("public.")]
        self.progress.maker = next((self.makers[name] for name in made if name in self.makers), None)

    def start_over(self) -> None:
        """After a failure: what was rolled back is run again."""
        self.progress.committed = self.commits
        self.makers = {name: maker for name, maker in self.makers.items() if maker != self.progress.revision}
        if self.progress.in_one_transaction:
            self.done = 0
            self.makers = {}


def run_migrations(environment: EnvironmentContext, guard: Guard | None = None) -> None:
    """Let the command do its work, in the transactions that Alembic has for it.

    :param guard: looks at the operations of the revisions.
    """
    context = environment.get_context()
    try:
        # What `environment.run_migrations()` does, with the object in hand that the revisions have as `op`.
        with environment.begin_transaction(), Operations.context(context) as operations:
            if guard is not None:
                guard.listen(operations)
            context.run_migrations()
        return
    except PendingRollbackError as error:
        # An autocommit block ends with a commit, which hides what has ended the connection: a cancellation, or the server.
        hidden = error.__context__ or error
    raise hidden


def run_attempts(
    environment: EnvironmentContext,
    connection: Connection,
    check_lock: Callable[[], None],
    settings: Settings,
    progress: Progress,
    watch: Watch,
) -> int:
    """Run the revisions; retry each one that fails to get a lock and was rolled back.

    :param check_lock: is called between two revisions, and raises if the migration lock was lost.
    :param watch: what is known of the statement that runs, and of who is in its way.
    :param progress: is kept up to date. In the caller's transaction nothing is retried.
    :return: how many steps were done.
    :raises LockTimeoutError: no attempt got the lock, or it has committed something and cannot be retried.
    """
    steps = _Steps(environment.get_context(), connection, check_lock, progress)
    callers = progress.in_callers_transaction
    expect_writes(connection)
    attempts = 1
    guard = _make_guard(environment, connection, settings, progress)
    with _watch_commits(connection, steps), guard.watch() if guard else nullcontext():
        while True:
            done = steps.done
            try:
                if not callers:
                    # Before the first revision, so that its transaction holds nothing but its own work.
                    _compat.create_version_table(environment.get_context())
                    connection.commit()
                    progress.committed = steps.commits
                run_migrations(environment, guard)
                return steps.done
            except Exception as error:
                steps.note_failure(error)
                progress.committed_values = list_committed(environment.get_context())
                _find_invalid_indexes(error, connection, progress, watch)
                if not is_lock_failure(error):
                    raise
                if steps.done > done and not progress.in_one_transaction:
                    attempts = 1
                if callers or progress.committed or attempts > settings.lock_retries:
                    raise _explain(error, environment, connection, progress, watch, attempts) from error
                seconds = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempts - 1)) * random.uniform(0.5, 1.5)
                log.warning(
                    "%s was rolled back (%s) and is retried in %.1f s, attempt %d of %d. It waited for %s, at: %s",
                    f"Revision {progress.revision}" if progress.revision else "The command",
                    describe(error),
                    seconds,
                    attempts + 1,
                    settings.lock_retries + 1,
                    ", ".join(watch.blockers) or "another transaction",
                    _find_statement(error, watch),
                )
            attempts += 1
            steps.start_over()
            connection.rollback()
            watch.end()
            pause(connection, seconds)


def _make_guard(environment: EnvironmentContext, connection: Connection, settings: Settings, progress: Progress) -> Guard | None:
    if connection.dialect.name != "postgresql" or settings.blocking == "allow":
        return None
    refuses = settings.blocking == "refuse"
    return Guard(environment.get_context(), connection, settings.blocking_rows, progress, refuses=refuses)


@contextmanager
def _watch_commits(connection: Connection, steps: _Steps) -> Iterator[None]:
    """Take note of a revision that leaves its transaction: by an autocommit block, or by COMMIT."""
    progress = steps.progress

    def note_options(_connection: Connection, options: dict[str, Any]) -> None:
        progress.committed |= options.get("isolation_level") == "AUTOCOMMIT"

    def note_statement(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        progress.committed |= bool(_ENDS_TRANSACTION.search(NO_STATEMENT.sub("", statement)))

    def note_made(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        steps.makers |= dict.fromkeys(list_made(statement), progress.revision)

    listeners: list[tuple[str, Callable[..., None]]] = [
        ("set_connection_execution_options", note_options),
        ("set_connection_execution_options", steps.work.note_options),
        ("commit", steps.note_commit),
        ("commit", steps.work.note_commit),
        ("rollback", steps.work.note_rollback),
        ("savepoint", steps.work.note_savepoint),
        ("rollback_savepoint", steps.work.note_rollback_to),
        ("before_cursor_execute", note_statement),
        ("after_cursor_execute", note_made),
        ("after_cursor_execute", steps.work.note_statement),
    ]
    for name, listener in listeners:
        event.listen(connection, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(connection, name, listener)


def _explain(
    error: Exception, environment: EnvironmentContext, connection: Connection, progress: Progress, watch: Watch, attempts: int
) -> LockTimeoutError:
    if connection.in_transaction() and not progress.in_callers_transaction:
        connection.rollback()
    statement = _find_statement(error, watch)
    waited = find_wait(environment.get_context(), error)
    return LockTimeoutError(
        locate_failure(error, environment.script, progress),
        statement,
        describe(error),
        attempts=waited.attempts if waited else attempts,
        blockers=waited.holders if waited else watch.blockers,
        in_block=waited is not None,
    )


def _find_invalid_indexes(error: Exception, connection: Connection, progress: Progress, watch: Watch) -> None:
    """Take note of what a `CREATE INDEX CONCURRENTLY` that failed has left: an index that is there and is not used."""
    if (
        watch.silent_at is not None
        or not progress.committed
        or progress.in_callers_transaction
        or connection.dialect.name != "postgresql"
    ):
        return
    statement = _find_statement(error, watch)
    if "concurrently" in statement.lower():
        with suppress(SQLAlchemyError):  # the server may be gone
            connection.rollback()
            rows = connection.execute(_INVALID_INDEXES).all()
            connection.rollback()
            progress.invalid_indexes = tuple(row.qualified for row in rows if _names_index(statement, row.name))


def _names_index(statement: str, name: str) -> bool:
    """Whether a statement makes this index: by its name, or without one, when PostgreSQL makes it of the table's."""
    name = re.sub(r"_cc(new|old)\d*$", "", name)  # of REINDEX: https://www.postgresql.org/docs/current/sql-reindex.html
    unnamed = re.search(r'CONCURRENTLY\s+ON\s+(?:ONLY\s+)?(?:[^\s(]*\.)?"?([^\s"(]+)', statement, re.IGNORECASE)
    if unnamed:
        return re.fullmatch(rf"{re.escape(unnamed[1])}_.*idx\d*", name, re.IGNORECASE) is not None
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", statement, re.IGNORECASE) is not None


def _find_statement(error: BaseException, watch: Watch) -> str:
    return shorten_statement(str(getattr(error, "statement", None) or watch.statement or "a statement"))
