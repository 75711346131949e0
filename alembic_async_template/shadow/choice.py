"""Chooses where the revisions are tried: a temporary database beside the live one, or the one of `shadow_url`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ..application.url import adapt_url, parse_url, same_database
from ..errors import ShadowError
from ..errors.block import Fix
from ..errors.shadow_errors import SHADOW_URL
from ..postgresql import identifier
from ..run.connection import call_on_new_connection
from .replay import Place
from .shadow_database import find_kept, keep_shadow, make_shadow

if TYPE_CHECKING:
    from ..application.settings import Settings

# What the comment of a database says that may be emptied.
_MARK = "a shadow for alembic plan and alembic drift, which empty it"
_STATE = text("""
    SELECT pg_catalog.shobj_description(oid, 'pg_database') AS mark, CAST(datname AS text) AS name,
           EXISTS (SELECT FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
                   WHERE nspname !~ '^pg_' AND nspname <> 'information_schema') AS has_tables,
           EXISTS (SELECT FROM pg_catalog.pg_stat_activity
                   WHERE pg_stat_activity.datid = pg_database.oid AND pid <> pg_catalog.pg_backend_pid()
                     AND backend_type = 'client backend') AS is_used,
           CAST(pg_catalog.pg_postmaster_start_time() AS text) AS started
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
""")
_SCHEMAS = text("""
    SELECT CAST(nspname AS text) FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
""")
_EXTENSIONS = text("SELECT CAST(extname AS text) FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'")
_STARTED = text("SELECT CAST(pg_catalog.pg_postmaster_start_time() AS text)")


@contextmanager
def open_place(
    settings: Settings,
    engine: Engine | None,
    url: str | None,
    digest: str,
    fill: Callable[[Place], object],
    *,
    keep: bool = False,
) -> Iterator[tuple[Place, bool]]:
    """While the body runs, there is a shadow; and whether the history has run on it already.

    :param engine: leads to the live database; None where that is not reached.
    :param url: its URL, as the revisions read it.
    :param digest: of all that the history makes.
    :param fill: runs the history at a place.
    :param keep: whether a database with the history is kept for the next run, which uses it without being asked to.
    :raises ShadowError: there is none that could be emptied.
    """
    if settings.shadow_url is not None:
        yield _open_given(settings, engine), False
        return
    if engine is None or url is None:
        raise ShadowError("Without the live database, the revisions need a place where they are tried", SHADOW_URL)
    live = make_url(url)

    def describe(name: str) -> Place:
        shadow = live.set(database=name).render_as_string(hide_password=False)
        return Place(shadow, through_application=settings.app_engine is not None)

    kept = keep_shadow(engine, digest, lambda name: fill(describe(name))) if keep else find_kept(engine, digest)
    with make_shadow(engine, kept) as name:
        yield describe(name), kept is not None


def _open_given(settings: Settings, live: Engine | None) -> Place:
    """Empty the database of `shadow_url`, if it is empty already or marked as a shadow."""
    assert settings.shadow_url is not None
    source = f"shadow_url in {settings.config_file}"
    database = adapt_url(parse_url(settings.shadow_url, source), source, directory=settings.directory)
    if live is not None and same_database(database.url, live.url):
        raise ShadowError("shadow_url names the live database", SHADOW_URL)
    engine = create_async_engine(database.url, poolclass=NullPool, connect_args=database.connect_arguments).sync_engine
    is_elsewhere = True

    def empty(connection: Connection) -> None:
        nonlocal is_elsewhere
        state = connection.execute(_STATE).one()
        if live is not None:
            started: list[str] = []
            call_on_new_connection(live, lambda other: started.append(other.scalar(_STARTED) or ""))
            is_elsewhere = started != [state.started]
        if state.is_used:
            raise ShadowError(f'Someone is connected to the database "{state.name}" of shadow_url')
        if state.mark != _MARK:
            if state.has_tables:
                mark = f"COMMENT ON DATABASE {identifier(state.name)} IS '{_MARK}'"
                raise ShadowError(
                    f'The database "{state.name}" of shadow_url has tables, and would be emptied',
                    SHADOW_URL,
                    Fix("if nothing in it is needed, say so there", mark),
                )
            connection.exec_driver_sql(f"COMMENT ON DATABASE {identifier(state.name)} IS '{_MARK}'")
        for name in connection.scalars(_EXTENSIONS).all():
            connection.exec_driver_sql(f"DROP EXTENSION IF EXISTS {identifier(name)} CASCADE")
        for name in connection.scalars(_SCHEMAS).all():
            connection.exec_driver_sql(f"DROP SCHEMA {identifier(name)} CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")

    call_on_new_connection(engine, empty)
    return Place(database.original.render_as_string(hide_password=False), is_elsewhere=is_elsewhere)
