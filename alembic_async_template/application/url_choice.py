"""Chooses the database: the first source that names one, and a warning where a later one disagrees."""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Engine
from sqlalchemy.engine.url import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import AlembicAsyncTemplateError, ApplicationImportError, EngineReferenceError, NoDatabaseURLError
from ..masking import mask_url
from .dotenv_file import find_variable
from .engine_reference import resolve_reference
from .url import PLACEHOLDER, Database, absolute_sqlite, adapt_url, parse_url, same_database

if TYPE_CHECKING:
    from .settings import Settings

log = logging.getLogger("alembic_async_template")


def resolve_database(settings: Settings, x_url: str | None, *, offline: bool) -> Database:
    """Find the database, the first source that names one; a later one that disagrees is a warning.

    :param x_url: what `-x url` says.
    :param offline: whether no connection will be made.
    :raises DatabaseAccessError: no source names a database, or it cannot be used.
    """
    configured = list(_list_configured(settings, x_url))

    def adapt(source: str, text: str, installed: bool) -> Database:
        return adapt_url(parse_url(text, source), source, directory=settings.directory, installed=installed)

    database: Database | None = None
    if settings.app_engine and x_url is None:
        try:
            database = _read_application(settings, installed=not offline)
        except (ApplicationImportError, EngineReferenceError) as error:
            if not (offline and configured):
                raise
            log.warning("%s is used instead of app_engine. %s", configured[0][0], error.one_line)
    if database is None:
        if not configured:
            from ..project.survey import describe_project  # which reads sources as init does, and takes a moment to import

            project = describe_project(settings.directory, settings.import_roots, settings.excluded_folders)
            variable = settings.database_url_env
            raise NoDatabaseURLError(
                settings.place,
                settings.config_file,
                variable,
                [name for name in project.engines if name not in settings.other_engines],
                project.engine_notes,
                find_variable(settings.directory, variable),
            )
        database = adapt(*configured.pop(0), not offline)
    for source, text in configured:
        try:
            other = adapt(source, text, False).url
        except AlembicAsyncTemplateError as error:
            log.warning("%s is not used. %s", source, error.one_line)
            continue
        if not same_database(database.url, other):
            log.warning(
                "%s names another database (%s) and is not used: %s comes first", source, mask_url(other), database.source
            )
    return database


def _read_application(settings: Settings, *, installed: bool = True) -> Database:
    """The database that `app_engine` names: an async engine to clone, or the URL of anything else.

    :raises EngineReferenceError: the reference leads nowhere, or to something that is neither engine nor URL.
    """
    reference = settings.app_engine
    assert reference is not None
    source = f"app_engine {reference}"
    value = resolve_reference(reference, settings)
    if inspect.iscoroutine(value):
        value.close()
        raise EngineReferenceError(reference, settings.place, "it is a coroutine, which nothing awaits here")
    if inspect.isroutine(value):
        raise EngineReferenceError(reference, settings.place, "it is a function; add () to call it")
    if isinstance(value, Engine) and value.dialect.is_async:
        value = AsyncEngine(value)
    if isinstance(value, AsyncEngine):
        # SQLite's path became absolute when the application made the engine, in what is the working directory here.
        url = absolute_sqlite(value.url, Path.cwd()) if value.url.get_backend_name() == "sqlite" else value.url
        return Database(url, source, engine=value)
    if isinstance(value, Engine):
        return adapt_url(value.url, source, directory=settings.directory, installed=installed)
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if value is None or (not isinstance(value, URL) and not re.match(r"\W*\w[\w+]*://", str(value))):
        raise EngineReferenceError(
            reference, settings.place, f"it is of type {type(value).__name__}, neither an engine nor a URL"
        )
    url = parse_url(value if isinstance(value, URL) else str(value), source)
    return adapt_url(url, source, directory=settings.directory, installed=installed)


def _list_configured(settings: Settings, x_url: str | None) -> Sequence[tuple[str, str]]:
    """The URLs at hand without importing the application, as (source, text), in their order."""
    candidates = [
        ("-x url", x_url),
        (f"the environment variable {settings.database_url_env}", os.environ.get(settings.database_url_env)),
        (settings.sqlalchemy_url_source, settings.sqlalchemy_url),
    ]
    return [(source, text) for source, text in candidates if text and text != PLACEHOLDER]
