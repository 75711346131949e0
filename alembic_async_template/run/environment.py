"""Runs the migration environment: the one call in which a generated `env.py` ends."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic.util.exc import CommandError
from sqlalchemy import MetaData
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .. import _compat
from ..application.database import resolve_database
from ..application.declared_conventions import find_holders, load_conventions
from ..application.metadata_choice import choose_metadata
from ..application.models import ModelMetadata, load_metadata, refuse_duplicates
from ..application.settings import Settings, is_command_line, lend_url, project_directory, read_settings
from ..application.url import Database, is_memory
from ..autogenerate.directives import filter_names, model_schemas, process_directives, refuse_existing_tables
from ..autogenerate.naming_conventions import use_convention, warn_of_lost_convention
from ..autogenerate.render_types import render_items
from ..diagnosis.driver_errors import describe_outage, is_lock_failure
from ..diagnosis.failures import describe_interruption, explain_failure, explain_silence
from ..errors import (
    AlembicAsyncTemplateError,
    ApplicationImportError,
    ConnectionBindError,
    NoTablesError,
    SeveralHeadsError,
)
from ..errors.failure import Progress
from ..masking import mask_url
from .connection import connect, connect_sync
from .logs import configure_logging, silence
from .loop import cancellation, have_turn, run_coroutine
from .migration_lock import hold_migration_lock
from .retries import refuse_coroutines, run_attempts, run_migrations
from .session import Limits, create_schema
from .silence import SILENCE
from .watch import Watch, watch_statements

if TYPE_CHECKING:
    from alembic.runtime.environment import EnvironmentContext

log = logging.getLogger("alembic_async_template")

_BIND = 'config.attributes["connection"]'

# What shells have as the status of a command that Ctrl-C has ended: 128 and the number of the signal.
_INTERRUPTED = 130

Target = MetaData | Sequence[MetaData] | None


class _ConventionNeeded(Exception):
    """There is something to do, and its constraints are named by the convention of models that are not imported yet."""


def run_environment(
    target_metadata: Target = None,
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
    run = _Run(environment, settings, target_metadata, naming_convention, context_configure_arguments)
    with have_turn(), project_directory(settings, config), run.cleanup:
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
            print(f"INTERRUPTED: {describe_interruption(error, environment.script, run.progress)}", file=sys.stderr)
            raise SystemExit(_INTERRUPTED) from error
        finally:
            _compat.reinstate_environment(environment)  # a command that was refused meanwhile has taken it away


class _Run:
    """One command: its settings, and the steps that online and offline mode share."""

    def __init__(
        self,
        environment: EnvironmentContext,
        settings: Settings,
        target_metadata: Target,
        naming_convention: dict[str, Any] | None,
        options: dict[str, Any],
    ) -> None:
        self.environment = environment
        self.config = environment.config
        self.settings = settings
        self.given_metadata = target_metadata
        self.naming_convention = naming_convention
        self.options = options
        self.database_wait = settings.read_seconds("database_wait")
        self.lock_wait = settings.read_seconds("lock_wait")
        self.lock_wait_end: float | None = None
        self.limits = Limits(settings.read_seconds("lock_timeout"), settings.read_seconds("statement_timeout"))
        self.lock_retries = settings.read_number("lock_retries")
        self.command = _compat.running_command()
        self.changes = self.command in {"upgrade", "downgrade", "stamp"}
        self.has_begun = False
        self.was_configured = False
        self.progress = Progress()
        self.user: str | None = None
        self.watch: Watch | None = None
        self.current: tuple[str, ...] | None = None
        self.arguments = environment.get_x_argument(as_dictionary=True)
        self.compares = bool(_compat.revision_arguments().get("autogenerate"))
        self.reads_models = bool(_compat.environment_options().get("reads_models"))
        self.models: list[ModelMetadata] = []
        self.metadatas: list[MetaData] = []
        self.other_metadatas: list[MetaData] = []
        self.holders: Mapping[str, bytes] | None = None
        self.lacks_convention = self._runs_revisions() and target_metadata is None and naming_convention is None
        self.cleanup = ExitStack()  # what this run has changed of the program's, for its time

    def explain(self, error: Exception | SystemExit) -> BaseException:
        """What to raise in place of an exception."""
        try:
            if self.watch is not None and self.watch.silent_at is not None:
                return explain_silence(error, self.environment.script, self.progress, self.watch.silent_at, SILENCE)
            return explain_failure(error, self.environment.script, self.progress, self.current, self.user)
        except Exception as failed:  # an exception that cannot be described, a file that cannot be read
            log.debug("The error could not be explained: %r", failed)
            return error

    # Online

    def online(self) -> None:
        self._load_metadata()  # before any loop runs: applications may run one when imported
        if self.command is None:
            self._load_conventions()  # a program's own work may run revisions at once
        bind = self.config.attributes.get("connection")
        if bind is None:
            self._run_in_loop(resolve_database(self.settings, self.arguments.get("url"), offline=False))
        elif isinstance(bind, AsyncConnection):
            if bind.sync_connection is None:
                raise ConnectionBindError("is an AsyncConnection that is not open")
            self._run_on_callers(bind.sync_connection)
        elif isinstance(bind, Connection):
            self._run_on_callers(bind)
        elif isinstance(bind, AsyncEngine | Engine):
            self._run_on_engine(bind)
        else:
            raise ConnectionBindError(f"is of type {type(bind).__name__}, neither an engine nor a connection of SQLAlchemy")

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
            with connect_sync(database, sync_engine, self.database_wait, self._find_limits()) as connection:
                self._migrate(connection, own=True)

        self._reconnect(migrate)

    def _run_in_loop(self, database: Database) -> None:
        self._use(database)

        async def migrate() -> None:
            async with connect(database, self.database_wait, self._find_limits()) as connection:
                await connection.run_sync(self._migrate, own=True)

        def run() -> None:
            request = cancellation.get()
            run_coroutine(migrate() if request is None else request.watch(migrate()), database.url.get_driver_name())

        self._reconnect(run)

    def _find_limits(self) -> Limits | None:
        return self.limits if self.changes else None

    def _reconnect(self, run: Callable[[], None]) -> None:
        """Run with a new connection when the database went away while the migration had not begun: it waited for the lock."""
        while True:
            try:
                run()
                return
            except _ConventionNeeded:
                self._load_conventions()  # while no loop runs
            except CommandError:
                raise
            except Exception as error:
                waited = self.lock_wait_end is not None and not self.has_begun
                problem = describe_outage(error) if waited else None
                if problem is None:
                    raise
                log.warning("The connection ended while it waited for the migration lock, and is made again: %s", problem)
                self.watch = None

    def _migrate(self, connection: Connection, *, own: bool = False) -> None:
        """Configure Alembic on a connection and let the command work.

        :param own: whether the connection was made for this run, and set up for it.
        """
        with watch_statements(connection, self.limits.lock_timeout) as self.watch:
            self._migrate_watched(connection, own=own)

    def _migrate_watched(self, connection: Connection, *, own: bool) -> None:
        in_transaction = connection.in_transaction()
        self.progress = Progress(in_callers_transaction=in_transaction)
        self.user = connection.engine.url.username
        self._choose_metadata(connection.dialect)
        options: dict[str, Any] = {
            "connection": connection,
            "target_metadata": self._target(),
            "compare_type": True,
            "compare_server_default": True,
            "autogenerate_plugins": ["alembic.autogenerate.*", "alembic_async_template.enums"],
            "transaction_per_migration": True,
            "render_as_batch": connection.dialect.name == "sqlite",
            **self.options,
        }
        if own and connection.dialect.name == "sqlite":
            options.setdefault("transactional_ddl", True)
        create_schema(connection, options.get("version_table_schema"))
        if self.compares:
            self._prepare_comparison(connection, options)
        if not in_transaction and connection.in_transaction():
            connection.rollback()  # what was read above; Alembic takes an open transaction for the caller's
        if self.command == "stamp":
            options["transaction_per_migration"] = False  # it is one change of one table, and --purge a part of it
        with silence("alembic.runtime.migration") if self.was_configured else nullcontext():
            self.environment.configure(**options)
        self.was_configured = True
        try:
            self._run_command(connection, in_transaction=in_transaction, own=own)
        except (Exception, SystemExit):
            with suppress(SQLAlchemyError):  # the server may be gone
                _end_reading(connection, in_transaction=in_transaction)
            raise
        _end_reading(connection, in_transaction=in_transaction)

    def _run_command(self, connection: Connection, *, in_transaction: bool, own: bool) -> None:
        try:
            if self.changes:
                self._change(connection, in_transaction=in_transaction, own=own)
            else:
                run_migrations(self.environment)
        except AlembicAsyncTemplateError:
            raise
        except CommandError:
            with suppress(SQLAlchemyError):  # the caller's transaction may be aborted
                self.current = self.environment.get_context().get_current_heads()
            raise

    def _change(self, connection: Connection, *, in_transaction: bool, own: bool) -> None:
        """Let a command work that changes the database: under the migration lock, unless there is nothing to do."""
        environment = self.environment
        context = environment.get_context()
        refuse_coroutines(context, self.progress)
        if not environment.script.get_heads():
            log.warning("There are no revisions in %s", ", ".join(map(str, _compat.list_version_folders(environment.script))))
        try:
            idle = _compat.is_up_to_date(context)
        except Exception as error:
            if in_transaction or not is_lock_failure(error):
                raise
            idle = False  # the version table is locked: whoever needs it will say so, and begin anew
        if not in_transaction:
            connection.rollback()
        if idle:
            run_migrations(environment)
            return
        if self.lacks_convention and self._find_holders():
            if own:
                raise _ConventionNeeded
            self._load_conventions()
            context.opts["target_metadata"] = self._target()
        schema = context.version_table_schema
        in_default = schema is None or schema == connection.dialect.default_schema_name
        table = context.version_table if in_default else f"{schema}.{context.version_table}"
        self.lock_wait_end = self.lock_wait_end or time.monotonic() + self.lock_wait
        with hold_migration_lock(connection, table, self.lock_wait, self.lock_wait_end) as check_lock:
            self.has_begun = True
            assert self.watch is not None
            run_attempts(environment, connection, check_lock, self.lock_retries, self.progress, self.watch)

    def _prepare_comparison(self, connection: Connection, options: dict[str, Any]) -> None:
        metadatas = self.metadatas
        if not any(metadata.tables for metadata in metadatas):
            raise NoTablesError()
        writes = self.command != "check"
        use_convention(metadatas, self.naming_convention, None if writes else self.cleanup)
        baseline = writes and "baseline" in self.arguments
        if writes:
            # Alembic asks for the head only after the comparison.
            heads = self.environment.script.get_heads()
            if len(heads) > 1 and _compat.revision_arguments().get("head") in {None, "head"}:
                raise SeveralHeadsError(heads)
            refuse_existing_tables(connection, self.environment.script, metadatas, options, baseline=baseline)
        if self.naming_convention is None and not baseline:
            warn_of_lost_convention(connection, metadatas)
        options["include_name"] = filter_names(
            connection,
            metadatas,
            self.other_metadatas,
            options.get("include_name"),
            baseline=baseline,
            every_schema=bool(self.options.get("include_schemas")),
        )
        options.setdefault("include_schemas", bool(model_schemas(metadatas)))
        options["process_revision_directives"] = process_directives(
            self.config, metadatas, options.get("process_revision_directives"), baseline=baseline, writes=writes
        )
        options["render_item"] = render_items(options.get("render_item"))

    # Offline

    def offline(self) -> None:
        bind = self.config.attributes.get("connection")
        if bind is not None:
            dialect = bind.dialect.name
            self.cleanup.enter_context(lend_url(self.config, bind.engine.url))
        else:
            database = resolve_database(self.settings, self.arguments.get("url"), offline=True)
            self._use(database)
            dialect = database.url.get_backend_name()
        try:
            self._load_metadata()
            self._load_conventions()
        except ApplicationImportError as error:
            log.warning("The models' naming convention is not known to this script. %s", error)
        self.progress.offline = True
        self.environment.configure(
            **{
                "dialect_name": dialect,
                "target_metadata": self._target(),
                "literal_binds": True,
                "dialect_opts": {"paramstyle": "named"},
                "transaction_per_migration": True,
                **({"transactional_ddl": True} if dialect == "sqlite" else {}),
                **self.options,
            }
        )
        if self.changes:
            refuse_coroutines(self.environment.get_context(), self.progress)
        run_migrations(self.environment)

    # Both

    def _use(self, database: Database) -> None:
        """Say which database this run is for, and let its revisions know."""
        for warning in database.warnings:
            log.warning(warning)
        log.info("Database %s, from %s", mask_url(database.url), database.source)
        self.cleanup.enter_context(lend_url(self.config, database.original))

    def _load_metadata(self) -> None:
        """Take the models' MetaData, which are imported for what reads them only."""
        given = self.given_metadata
        if given is not None:
            self.metadatas = [given] if isinstance(given, MetaData) else list(given)
        elif self.compares or self.reads_models:
            self.models = load_metadata(self.settings, complete=self.compares)

    def _choose_metadata(self, dialect: Dialect) -> None:
        if self.models:
            choice = choose_metadata(self.models, self.settings, dialect, complete=self.compares)
            if self.compares:
                refuse_duplicates(choice.own)
            self.metadatas, self.other_metadatas = choice.own, choice.others

    def _load_conventions(self) -> None:
        """Import what holds the naming convention of the models, if it is needed and they have one."""
        if self.lacks_convention and self._find_holders():
            self.metadatas = load_conventions(self.settings, self._find_holders())
            self.lacks_convention = False

    def _find_holders(self) -> Mapping[str, bytes]:
        if self.holders is None:
            self.holders = find_holders(self.settings)
        return self.holders

    def _runs_revisions(self) -> bool:
        """Whether revisions may run: what a program of its own does with the environment is not known."""
        if self.command is None:
            return not (self.reads_models or _compat.environment_options().get("dont_mutate"))
        return self.command in {"upgrade", "downgrade"}

    def _target(self) -> Any:
        if self.naming_convention is not None and not (self.compares or self.reads_models):
            return MetaData(naming_convention=self.naming_convention)
        return self.metadatas[0] if len(self.metadatas) == 1 else self.metadatas


def _end_reading(connection: Connection, *, in_transaction: bool) -> None:
    """End what a command has only read: the next one on the connection is not to take it for a transaction of the caller's."""
    if not in_transaction and connection.in_transaction():
        connection.rollback()
