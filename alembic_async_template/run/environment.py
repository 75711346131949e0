"""Runs the migration environment: the one call in which a generated `env.py` ends."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from typing import Any

from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .. import _compat
from ..application.settings import is_command_line, project_directory, read_settings
from ..application.url import Database, is_memory
from ..application.url_choice import resolve_database
from ..diagnosis.driver_errors import describe_outage, is_lock_failure
from ..diagnosis.explain import describe_interruption, explain_failure, explain_silence, locate_failure
from ..errors import AlembicAsyncTemplateError, ApplicationImportError, ConnectionBindError
from ..errors.failure import Progress
from ..masking import mask_url
from .bind import resolve_bind
from .branches import refuse_ambiguous_steps
from .cancellation import cancellation
from .command import DATABASE_SOURCE, Command, read_command
from .comparison import prepare_comparison
from .connection import connect, connect_sync
from .coroutines import refuse_coroutines
from .known_facts import find_facts, list_facts
from .lent_url import lend_url
from .logs import DATABASE, calm_logging, configure_logging, silence
from .loop import SecondInterrupt, run_coroutine
from .migration_lock import hold_migration_lock, name_version_table
from .outcome import report_outcome
from .retries import run_attempts, run_migrations
from .session import create_schema, end_reading
from .silence import SILENCE
from .target import GivenMetadata, Target
from .terminal import paint_block
from .turn import have_turn
from .watch import Watch, watch_statements

log = logging.getLogger("alembic_async_template")

_BIND = 'config.attributes["connection"]'

# What shells have as the status of a command that Ctrl-C has ended: 128 and the number of the signal.
_INTERRUPTED = 130


class _ConventionNeeded(Exception):
    """There is something to do, and its constraints are named by the convention of models that are not imported yet."""


def run_environment(
    target_metadata: GivenMetadata = None,
    *,
    naming_convention: dict[str, Any] | None = None,
    **context_configure_arguments: Any,
) -> None:
    """Run the Alembic command that loaded `env.py`, online or with `--sql`, with settings from `alembic.ini`.

    Call it last in `env.py`.

    :param target_metadata: the models' MetaData, one or several; by default every module that `app_models` covers and that
        defines tables is imported, and their MetaData objects are taken.
    :param naming_convention: the convention for constraints that the models and the revisions leave unnamed; by default that of
        the models. It replaces an assignment to `metadata.naming_convention` in `env.py`.
    :param context_configure_arguments: anything that `alembic.context.configure` takes, see
        https://alembic.sqlalchemy.org/en/latest/api/runtime.html#alembic.runtime.environment.EnvironmentContext.configure;
        `include_name`, `process_revision_directives` and `render_item` are called in addition to this package's own.
    :raises AlembicAsyncTemplateError: the settings, the application's models or the database are not as they need to be.
    """
    environment = _compat.current_environment()
    config = environment.config
    configure_logging(config)
    settings = read_settings(config)
    command = read_command(environment, settings, naming_convention, context_configure_arguments)
    run = _Run(command, Target(command, target_metadata))
    calm = calm_logging(config, command.name, changes=command.changes)
    with have_turn(), calm, project_directory(settings, config), run.cleanup:
        try:
            if environment.is_offline_mode():
                run.offline()
            else:
                run.online()
        except (Exception, SystemExit) as error:
            explained = run.explain(error)
            if explained is error:
                raise
            raise explained from error
        except KeyboardInterrupt as error:
            if not is_command_line(config):
                raise
            progress = replace(run.progress, cut=isinstance(error, SecondInterrupt))
            block = describe_interruption(error, environment.script, progress)
            print(paint_block(f"INTERRUPTED: {block}", sys.stderr), file=sys.stderr)
            raise SystemExit(_INTERRUPTED) from error
        finally:
            _compat.reinstate_environment(environment)  # a command that was refused meanwhile has taken it away


class _Run:
    """The run of one command, online or offline: the command, and how far it has come."""

    def __init__(self, command: Command, target: Target) -> None:
        self.command = command
        self.environment = command.environment
        self.config = command.config
        self.target = target
        self.progress = Progress()
        self.watch: Watch | None = None
        self.source = ""
        self.known: dict[str, str | None] = {}
        self.current: tuple[str, ...] | None = None
        self.lock_wait_end: float | None = None
        self.has_begun = False
        self.was_configured = False
        self.cleanup = ExitStack()
        """What restores, after the run, what it has changed of the program's."""

    def explain(self, error: Exception | SystemExit) -> BaseException:
        """What to raise in place of an exception."""
        try:
            if self.watch is not None and self.watch.silent_at is not None:
                return explain_silence(error, self.environment.script, self.progress, self.watch.silent_at, SILENCE)
            return explain_failure(error, self.environment.script, self.progress, self.current, self.known)
        except Exception as failed:  # an exception that cannot be described, a file that cannot be read
            log.debug("The error could not be explained: %r", failed)
            return error

    # Online

    def online(self) -> None:
        self.target.load_models()  # before any loop runs: applications may run one when imported
        if self.command.name is None:
            self.target.load_convention()  # a program's own work may run revisions at once
        given = self.config.attributes.get("connection")
        if given is None:
            self._run_in_loop(self._resolve_database(offline=False))
            return
        match resolve_bind(given):
            case AsyncConnection(sync_connection=None):
                raise ConnectionBindError("is an AsyncConnection that is not open")
            case AsyncConnection(sync_connection=Connection() as connection) | (Connection() as connection):
                self._run_on_callers(connection)
            case AsyncEngine() | Engine() as engine:
                self._run_on_engine(engine)

    def _run_on_callers(self, connection: Connection) -> None:
        if connection.closed:
            raise ConnectionBindError("is a connection that is closed")
        if connection.dialect.is_async and not _compat.in_greenlet():
            raise ConnectionBindError("belongs to an event loop and is used outside of it")
        self._use(Database(connection.engine.url, _BIND))
        self._migrate(connection)

    def _run_on_engine(self, engine: AsyncEngine | Engine) -> None:
        sync_engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        database = Database(sync_engine.url, _BIND)
        if sync_engine.dialect.is_async and not _compat.in_greenlet():
            # Its pool belongs to the caller's loop, which is not this one.
            self._run_in_loop(replace(database, engine=AsyncEngine(sync_engine)))
            return
        self._use(database)
        if is_memory(sync_engine.url):
            with sync_engine.connect() as connection:
                self._migrate(connection)
            return

        def migrate() -> None:
            with connect_sync(database, sync_engine, self.command.settings.database_wait, self.command.limits) as connection:
                self._migrate(connection, own=True)

        self._reconnect(migrate)

    def _run_in_loop(self, database: Database) -> None:
        self._use(database)

        async def migrate() -> None:
            async with connect(database, self.command.settings.database_wait, self.command.limits) as connection:
                await connection.run_sync(self._migrate, own=True)

        def run() -> None:
            request = cancellation.get()
            run_coroutine(migrate() if request is None else request.watch(migrate()), database.url.get_driver_name())

        self._reconnect(run)

    def _reconnect(self, run: Callable[[], None]) -> None:
        """Run with a new connection when the database went away while the migration had not begun: it waited for the lock."""
        while True:
            try:
                run()
                return
            except _ConventionNeeded:
                self.target.load_convention()  # while no loop runs
            except CommandError:
                raise
            except Exception as error:
                waited = self.lock_wait_end is not None and not self.has_begun
                problem = describe_outage(error) if waited else None
                if problem is None:
                    raise
                log.warning("The connection ended while it waited for the migration lock; connecting again: %s", problem)
                self.watch = None

    def _migrate(self, connection: Connection, *, own: bool = False) -> None:
        """Configure Alembic on a connection and let the command work.

        :param own: whether the connection was made for this run, and set up for it.
        """
        with watch_statements(connection, self.command.settings.lock_timeout) as self.watch:
            self._migrate_watched(connection, own=own)

    def _migrate_watched(self, connection: Connection, *, own: bool) -> None:
        in_transaction = connection.in_transaction()
        self.progress = Progress(in_callers_transaction=in_transaction)
        self.known = list_facts(connection.engine.url, only_reads=self.command.only_reads)
        self.target.choose(connection.dialect)
        options: dict[str, Any] = {
            "connection": connection,
            "target_metadata": self.target.for_alembic(),
            "compare_type": True,
            "compare_server_default": True,
            "autogenerate_plugins": ["alembic.autogenerate.*", "alembic_async_template.enums"],
            "transaction_per_migration": True,
            "render_as_batch": connection.dialect.name == "sqlite",
            DATABASE_SOURCE: self.source,
            **self.command.options,
        }
        if own and connection.dialect.name == "sqlite":
            options.setdefault("transactional_ddl", True)
        if not _compat.environment_options().get("dont_mutate"):
            create_schema(connection, options.get("version_table_schema"))
        if self.command.compares:
            prepare_comparison(self.command, self.target, connection, options, self.cleanup, in_transaction=in_transaction)
        if not in_transaction and connection.in_transaction():
            connection.rollback()  # what was read above; Alembic takes an open transaction for the caller's
        if self.command.name == "stamp":
            options["transaction_per_migration"] = False  # it is one change of one table, and --purge a part of it
        with silence("alembic.runtime.migration") if self.was_configured else nullcontext():
            self.environment.configure(**options)
        self.was_configured = True
        try:
            self._run_command(connection, in_transaction=in_transaction, own=own)
        except (Exception, SystemExit) as error:
            revision = locate_failure(error, self.environment.script, self.progress).file
            self.known |= find_facts(error, connection, self.command.settings, revision)
            with suppress(SQLAlchemyError):  # the server may be gone
                end_reading(connection, in_transaction=in_transaction)
            raise
        end_reading(connection, in_transaction=in_transaction)

    def _run_command(self, connection: Connection, *, in_transaction: bool, own: bool) -> None:
        try:
            if self.command.changes:
                self._change(connection, in_transaction=in_transaction, own=own)
            else:
                run_migrations(self.environment)
        except AlembicAsyncTemplateError:
            raise
        except (CommandError, AssertionError):  # Alembic fails some targets with an assertion
            with suppress(SQLAlchemyError):  # the caller's transaction may be aborted
                self.current = self.environment.get_context().get_current_heads()
            raise

    def _change(self, connection: Connection, *, in_transaction: bool, own: bool) -> None:
        """Let a command work that changes the database: under the migration lock, unless there is nothing to do."""
        environment, settings, is_stamp = self.environment, self.command.settings, self.command.name == "stamp"
        context = environment.get_context()
        refuse_ambiguous_steps(context)
        refuse_coroutines(context, environment.script, self.progress)
        if not environment.script.get_heads():
            log.warning("There are no revisions in %s", ", ".join(map(str, _compat.list_version_folders(environment.script))))
        try:
            idle = _compat.is_up_to_date(context)
        except Exception as error:
            if in_transaction or not is_lock_failure(error):
                raise
            idle = False  # the version table is locked: what needs it will say so, and retry
        if not in_transaction:
            connection.rollback()
        if idle:
            run_migrations(environment)
            report_outcome(environment, connection, self.progress, 0, is_stamp=is_stamp)
            return
        if self.target.lacks_convention():
            if own:
                raise _ConventionNeeded
            self.target.load_convention()
            context.opts["target_metadata"] = self.target.for_alembic()
        table = name_version_table(context)
        self.lock_wait_end = self.lock_wait_end or time.monotonic() + settings.lock_wait
        with hold_migration_lock(connection, table, settings.lock_wait, self.lock_wait_end) as check_lock:
            self.has_begun = True
            assert self.watch is not None
            began = time.monotonic()
            done = run_attempts(environment, connection, check_lock, settings, self.progress, self.watch)
            report_outcome(environment, connection, self.progress, done, time.monotonic() - began, is_stamp=is_stamp)

    # Offline

    def offline(self) -> None:
        bind = self.config.attributes.get("connection")
        if bind is not None:
            dialect = bind.dialect.name
            self.cleanup.enter_context(lend_url(self.config, bind.engine.url))
        else:
            self._use(database := self._resolve_database(offline=True))
            dialect = database.url.get_backend_name()
        try:
            self.target.load_models()
            self.target.load_convention()
        except ApplicationImportError as error:
            log.warning("The models' naming convention is not known to this script. %s", error.one_line)
        start = self.environment.get_starting_revision_argument()
        self.progress = Progress(offline=True, start=str(start or "base"), upgrades=self.command.name != "downgrade")
        self.environment.configure(
            **{
                "dialect_name": dialect,
                "target_metadata": self.target.for_alembic(),
                "literal_binds": True,
                "dialect_opts": {"paramstyle": "named"},
                "transaction_per_migration": True,
                **({"transactional_ddl": True} if dialect == "sqlite" else {}),
                **self.command.options,
            }
        )
        if self.command.changes:
            refuse_coroutines(self.environment.get_context(), self.environment.script, self.progress)
        run_migrations(self.environment)

    # Both

    def _resolve_database(self, *, offline: bool) -> Database:
        return resolve_database(self.command.settings, self.command.x_arguments.get("url"), offline=offline)

    def _use(self, database: Database) -> None:
        """Say which database this run is for, and let its revisions know."""
        for warning in database.warnings:
            log.warning(warning)
        self.source = database.source
        log.info(DATABASE, mask_url(database.url), database.source)
        self.cleanup.enter_context(lend_url(self.config, database.original))
