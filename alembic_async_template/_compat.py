"""Every private name of Alembic, SQLAlchemy and Python that this package uses, seen in the versions given with each.

`tests/unit/test_compat.py` pins them, so that a release that moves one fails there and not in a user's deployment.
"""

from __future__ import annotations

import inspect
import traceback
import warnings
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator
    from pathlib import Path
    from types import CodeType, FrameType

    from alembic.autogenerate.api import AutogenContext
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import Column, Constraint, MetaData, Sequence, Table
    from sqlalchemy.engine import Dialect, Engine, Row
    from sqlalchemy.types import TypeEngine


def current_environment() -> EnvironmentContext:
    """What `alembic.context` stands for in the running command; `alembic.context._proxy`: Alembic 1.18.0 to 1.20.1."""
    import alembic.context

    environment: EnvironmentContext = getattr(alembic.context, "_proxy", None)  # type: ignore[assignment]
    return environment


def is_configured() -> bool:
    """Whether the running `env.py` has come to `context.configure`; `EnvironmentContext._migration_context`: 1.18.0 to 1.20.1."""
    return getattr(current_environment(), "_migration_context", None) is not None


def reinstate_environment(environment: EnvironmentContext) -> None:
    """Let `alembic.context` stand for this environment again, as Alembic expects it to when the command ends.

    `EnvironmentContext._install_proxy`: Alembic 1.18.0 to 1.20.1.
    """
    if current_environment() is not environment:
        environment._install_proxy()


def environment_options() -> dict[str, Any]:
    """What the running command told its environment: the work function, `as_sql`, `revision_context` and so on.

    `EnvironmentContext.context_opts`: Alembic 1.18.0 to 1.20.1.
    """
    options: dict[str, Any] = current_environment().context_opts
    return options


def running_command() -> str | None:
    """Name of the Alembic command that runs the environment ("upgrade", "check", ...), None when it is not Alembic's.

    Each command passes a function of its own as `fn`, which the command line and calls in code have in common:
    Alembic 1.18.0 to 1.20.1.
    """
    work = environment_options().get("fn")
    if getattr(work, "__module__", None) != "alembic.command":
        return None
    return str(work.__qualname__).partition(".")[0]  # type: ignore[union-attr]


def revision_arguments() -> dict[str, Any]:
    """The arguments of the running `revision` or `check` command; `RevisionContext.command_args`, 1.18.0 to 1.20.1."""
    revision_context = environment_options().get("revision_context")
    return {} if revision_context is None else dict(revision_context.command_args)


def in_callers_transaction(context: MigrationContext) -> bool:
    """Whether the connection is in a transaction that Alembic neither began nor ends: `autocommit_block` would fail there.

    `MigrationContext._in_external_transaction`, `MigrationContext._transaction`: Alembic 1.18.0 to 1.20.1.
    """
    unknown = context.connection is not None and context.connection.in_transaction() and context._transaction is None
    return context._in_external_transaction or unknown


def has_transaction_per_migration(context: MigrationContext) -> bool:
    """Whether each revision is a transaction of its own; `MigrationContext._transaction_per_migration`: 1.18.0 to 1.20.1."""
    return bool(context._transaction_per_migration)


def is_up_to_date(context: MigrationContext) -> bool:
    """Whether the running command has nothing to do: the version table is there and no step leads to where it is told to go.

    `MigrationContext._has_version_table`, `MigrationContext._migrations_fn`: Alembic 1.18.0 to 1.20.1.
    """
    if context._migrations_fn is None or context.purge or not context._has_version_table():
        return False
    return not list(context._migrations_fn(context.get_current_heads(), context))


def exchange_work(context: MigrationContext, work: Callable[..., Any]) -> Callable[..., Any]:
    """Let `run_migrations` ask `work` for the steps, and return whom it would have asked.

    `MigrationContext._migrations_fn`: Alembic 1.18.0 to 1.20.1.
    """
    asked = context._migrations_fn
    assert asked is not None
    context._migrations_fn = work
    return asked


def create_version_table(context: MigrationContext) -> None:
    """Make the version table unless it is there; `MigrationContext._ensure_version_table`: Alembic 1.18.0 to 1.20.1."""
    context._ensure_version_table()


def failed_at_commit(error: BaseException) -> bool:
    """Whether a transaction was not committed although all that it did had succeeded.

    `Connection._commit_impl`, which calls the listeners of `commit` beforehand: SQLAlchemy 2.0.29 to 2.1.9.
    """
    return any(frame.f_code.co_name == "_commit_impl" for frame, _ in traceback.walk_tb(error.__traceback__))


def list_version_folders(script: ScriptDirectory) -> list[Path]:
    """The folders of the revisions' files; `ScriptDirectory._version_locations`: Alembic 1.18.0 to 1.20.1."""
    return list(script._version_locations)


def find_template(config: Config, template: str) -> Path:
    """The folder of a template; `Config._get_template_path`: Alembic 1.18.0 to 1.20.1."""
    return config._get_template_path() / template


def replace_template_path(config_class: type[Config], template_path: Callable[[Config], Any]) -> None:
    """Make `Config` find its templates with `template_path`; subclasses that choose their own folder keep it.

    `Config._get_template_path`, which `init` and `list_templates` call: Alembic 1.18.0 to 1.20.1.
    """
    stock: Callable[[Config], Path] = config_class._get_template_path

    def _get_template_path(config: Config) -> Any:
        if type(config).get_template_directory is not config_class.get_template_directory:
            return stock(config)
        return template_path(config)

    config_class._get_template_path = _get_template_path  # type: ignore[method-assign,assignment]


def clone_engine(engine: Engine) -> Engine:
    """A new engine with the dialect, connect arguments and events of `engine`, and a pool that keeps no connection.

    `Pool._creator`, the `_dispatch` argument of `Pool`, `Engine.dispatch._update`, `Engine._has_events` and
    `OptionEngineMixin._proxied`: SQLAlchemy 2.0.29 to 2.1.9.
    """
    from sqlalchemy.engine import Engine as SQLAlchemyEngine
    from sqlalchemy.engine.base import OptionEngineMixin
    from sqlalchemy.pool import NullPool

    from .masking import split_secrets

    options = {key: value for key, value in engine.get_execution_options().items() if key != "isolation_level"}
    pool = NullPool(engine.pool._creator, dialect=engine.dialect, _dispatch=engine.pool.dispatch)
    clone = SQLAlchemyEngine(
        pool,
        engine.dialect,
        split_secrets(engine.url)[0],  # the pool has its own arguments
        execution_options=options,
        hide_parameters=engine.hide_parameters,
    )
    clone._has_events = engine._has_events
    while isinstance(engine, OptionEngineMixin):  # what `engine.execution_options(...)` gives
        engine = engine._proxied
    clone.dispatch._update(engine.dispatch, only_propagate=False)
    return clone


def starts_in_autocommit(engine: Engine) -> bool:
    """Whether the engine was made with `isolation_level="AUTOCOMMIT"`, in which no migration could be rolled back.

    `Dialect._on_connect_isolation_level`: SQLAlchemy 2.0.29 to 2.1.9.
    """
    return getattr(engine.dialect, "_on_connect_isolation_level", None) == "AUTOCOMMIT"


def find_transport(connection: Any) -> Any:
    """The transport of a driver's connection that asyncio reads, None if there is none.

    `Connection._transport`: asyncpg 0.29 to 0.32; `Connection._writer`: aiomysql 0.2 to 0.3.2, asyncmy 0.2.9 to 0.2.18.
    """
    writer = getattr(connection, "_writer", None)
    return getattr(connection, "_transport", None) or getattr(writer, "transport", None)


def in_greenlet() -> bool:
    """Whether the caller runs inside `run_sync`, where synchronous calls may wait for the event loop.

    `_AsyncIoGreenlet`, SQLAlchemy's own class of greenlets: SQLAlchemy 2.0.29 to 2.1.9.
    """
    import greenlet  # type: ignore[import-untyped,unused-ignore]

    return type(greenlet.getcurrent()).__name__ == "_AsyncIoGreenlet"


def list_frames() -> Iterator[FrameType]:
    """The frames of the caller, innermost first, through the greenlets and coroutines that wait for it.

    `greenlet_spawn`, whose variable `context` is the greenlet that awaits its coroutine: SQLAlchemy 2.0.29 to 2.1.9.
    """
    import greenlet

    current = greenlet.getcurrent()
    frame = inspect.currentframe()
    while current is not None:
        while frame is not None:
            yield frame
            waiting = frame.f_locals.get("context") if frame.f_code.co_name == "greenlet_spawn" else None
            suspended = getattr(waiting, "gr_frame", None)
            while suspended is not None:
                yield suspended
                suspended = suspended.f_back
            frame = frame.f_back
        current = current.parent
        frame = None if current is None else current.gr_frame


def render_type(type_: TypeEngine[Any], context: AutogenContext) -> str:
    """The Python text by which autogenerate writes a type, imports added to `context`.

    `alembic.autogenerate.render._repr_type`: Alembic 1.18.0 to 1.20.1.
    """
    from alembic.autogenerate.render import _repr_type

    return _repr_type(type_, context)


def render_server_default(default: Any, context: AutogenContext) -> str | None:
    """The Python text by which autogenerate writes a server default; `alembic.autogenerate.render._render_server_default`:

    Alembic 1.18.0 to 1.20.1.
    """
    from alembic.autogenerate.render import _render_server_default

    return _render_server_default(default, context)


def list_comparing_packages(context: AutogenContext) -> set[str]:
    """The packages whose functions this comparison calls; `PriorityDispatcher._registry`: Alembic 1.18.0 to 1.20.1."""
    return {_package_of(function) for functions in context.comparators._registry.values() for function, _subgroup in functions}


def leave_out_package(context: AutogenContext, package: str) -> None:
    """Let this comparison call no function of a package; `PriorityDispatcher._registry`: Alembic 1.18.0 to 1.20.1."""
    registry = context.comparators._registry
    for key, functions in list(registry.items()):
        registry[key] = [entry for entry in functions if _package_of(entry[0]) != package]


def find_failed_comparator(error: BaseException) -> tuple[str, CodeType] | None:
    """The module and code of the function that a comparison called last before an error.

    `PriorityDispatcher.dispatch`, which returns a function `go` that calls one after the other: Alembic 1.18.0 to 1.20.1.
    """
    steps = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    called = [step for caller, step in pairwise(steps) if caller.f_code.co_qualname == "PriorityDispatcher.dispatch.<locals>.go"]
    return (str(called[-1].f_globals.get("__name__")), called[-1].f_code) if called else None


def _package_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__module__", None)).partition(".")[0]


def type_variants(type_: TypeEngine[Any]) -> dict[str, TypeEngine[Any]]:
    """What `with_variant` was given, by dialect; `TypeEngine._variant_mapping`: SQLAlchemy 2.0.29 to 2.1.9."""
    return dict(type_._variant_mapping)


def name_by_convention(constraint: Constraint) -> str | None:
    """The name that its MetaData's convention gives to a constraint, None where it gives none.

    `sqlalchemy.sql.naming._constraint_name_for_table`: SQLAlchemy 2.0.29 to 2.1.9.
    """
    from sqlalchemy.exc import InvalidRequestError
    from sqlalchemy.sql.naming import _constraint_name_for_table  # type: ignore[attr-defined,unused-ignore]

    try:
        return _constraint_name_for_table(constraint, constraint.table)  # type: ignore[no-any-return,no-untyped-call,unused-ignore]
    except InvalidRequestError:  # the convention needs a name that the constraint does not have
        return None


def is_type_bound(constraint: Constraint) -> bool:
    """Whether a constraint belongs to the type of a column, an Enum or Boolean; `_type_bound`: SQLAlchemy 2.0.29 to 2.1.9."""
    return bool(constraint._type_bound)


def is_created(constraint: Constraint, dialect: Dialect) -> bool:
    """Whether a database has a constraint of the models: a type or `ddl_if` may leave it out.

    `Constraint._should_create_for_compiler`: SQLAlchemy 2.0.29 to 2.1.9.
    """
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type,unused-ignore]
    return bool(constraint._should_create_for_compiler(compiler))


def copy_column(column: Column[Any]) -> Column[Any]:
    """A column like this one that belongs to no table; `Column._copy`: SQLAlchemy 2.0.29 to 2.1.9."""
    return column._copy()


def list_sequences(metadata: MetaData) -> list[Sequence]:
    """The sequences that `create_all` creates; `MetaData._sequences`: SQLAlchemy 2.0.29 to 2.1.9."""
    return list(metadata._sequences.values())


def take_tables(metadata: MetaData, tables: Iterable[Table]) -> MetaData:
    """A MetaData with some tables of another one, which they still belong to: what they refer to is found there.

    It has the sequences too, except those of the other tables. `MetaData._add_table`, `_sequences`: SQLAlchemy 2.0.29 to 2.1.9.
    """
    from sqlalchemy import MetaData, Sequence

    part = MetaData(schema=metadata.schema, naming_convention=metadata.naming_convention, info=metadata.info)
    taken = set(tables)
    for table in metadata.tables.values():
        if table in taken:
            part._add_table(table.name, table.schema, table)
    used: dict[bool, set[str]] = {True: set(), False: set()}
    for table in metadata.tables.values():
        used[table in taken] |= {column.default._key for column in table.columns if isinstance(column.default, Sequence)}
    part._sequences.update({key: one for key, one in metadata._sequences.items() if key not in used[False] - used[True]})
    return part


@contextmanager
def catch_unawaited(note: Callable[[object], bool]) -> Iterator[None]:
    """Ask `note` of every coroutine that is released without having run; Python warns only of those that it does not take.

    `warnings._warn_unawaited_coroutine`, which Python calls with the coroutine itself: Python 3.11 to 3.14.
    """
    warn: Callable[[Coroutine[Any, Any, Any]], None] = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]

    def ask(coroutine: Coroutine[Any, Any, Any]) -> None:
        if not note(coroutine):
            warn(coroutine)

    warnings._warn_unawaited_coroutine = ask  # type: ignore[attr-defined]
    try:
        yield
    finally:
        warnings._warn_unawaited_coroutine = warn  # type: ignore[attr-defined]


def name_values(row: Row[Any]) -> dict[str, Any]:
    """The values of a row by the names of its columns; `Row._mapping`, which is public: SQLAlchemy 2.0.29 to 2.1.9."""
    return dict(row._mapping)
