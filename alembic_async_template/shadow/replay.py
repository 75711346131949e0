"""Runs revisions on a shadow, in a process of its own, which knows no other database."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .. import _compat
from ..application.settings import project_directory, read_settings
from ..application.url import Database, adapt_url
from ..application.url_choice import resolve_database
from ..errors import ServerWideStatementError
from ..masking import mask_message, shorten_statement
from ..postgresql import split_statements
from ..run.connection import call_on_new_connection
from ..run.process import answer_request, describe_config, make_config, run_apart
from .server_wide import is_server_wide

if TYPE_CHECKING:
    from alembic.config import Config

# The variable of the process that has the URL of the shadow: a file would keep the password.
_URL = "ALEMBIC_ASYNC_TEMPLATE_SHADOW"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a shadow is, and how the process that replays gets there."""

    url: str
    """With its password, and the words that the URL of the live database has."""
    through_application: bool = False
    """Whether the application's engine connects: to the same server, with another database."""
    is_elsewhere: bool = False
    """Whether it is on another server than the live database."""

    def __repr__(self) -> str:
        return f"Place({self.through_application=}, {self.is_elsewhere=})"


def run_on_shadow(module: str, config: Config, place: Place, request: Mapping[str, Any]) -> dict[str, Any] | str:
    """The answer of a module that is run in a new process for a shadow, or why there is none."""
    variable = read_settings(config).database_url_env
    whole = {
        **describe_config(config),
        **request,
        "through_application": place.through_application,
        "is_elsewhere": place.is_elsewhere,
    }
    whole["x"] = [argument for argument in whole["x"] or () if not argument.startswith("url=")]
    return run_apart(module, whole, variables={_URL: place.url, variable: place.url}, patience=None)


@contextmanager
def open_shadow(request: Mapping[str, Any]) -> Iterator[tuple[Config, Engine]]:
    """In the new process: the configuration, every source of its URL being the shadow, and the engine of the shadow."""
    config = make_config(request)
    settings = read_settings(config)
    text = os.environ[_URL]
    shadow = make_url(text)
    assert config.cmd_opts is not None
    config.cmd_opts.x = [*request["x"], f"url={text}"]
    config.set_main_option("blocking", "allow")  # no table of a shadow is large
    with project_directory(settings, config):
        if request["through_application"]:
            database = resolve_database(settings, None, offline=False)
        else:
            database = adapt_url(shadow, "the shadow", directory=settings.directory)
        engine = _make_engine(database, shadow.database or "").sync_engine
    config.attributes["connection"] = AsyncEngine(engine)
    if not request["is_elsewhere"]:
        event.listen(engine, "before_cursor_execute", _refuse_server_wide)
    yield config, engine


def _make_engine(database: Database, name: str) -> AsyncEngine:
    """An engine as the application's is, that connects to the database of this name."""
    if database.engine is None:
        url = database.url.set(database=name)
        return create_async_engine(url, poolclass=NullPool, connect_args=database.connect_arguments)
    engine = _compat.clone_engine(database.engine.sync_engine)
    engine.url = engine.url.set(database=name)

    @event.listens_for(engine, "do_connect")
    def connect_to_shadow(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        parameters["database" if engine.dialect.driver == "asyncpg" else "dbname"] = name

    return AsyncEngine(engine)


def _refuse_server_wide(_connection: object, _cursor: object, statement: str, *_: object) -> None:
    if is_server_wide(statement):
        raise ServerWideStatementError(shorten_statement(statement))


def _refuse_server_wide_dump(schema: str) -> None:
    """A dump runs as a whole, past the listener."""
    for statement in split_statements(schema):
        _refuse_server_wide(None, None, statement)


def replay(config: Config, engine: Engine, revisions: Sequence[str], schema: str | None = None) -> None:
    """Run the revisions up to these, from nothing.

    :param schema: the text of a dump that has what they would make, in their place.
    """
    from alembic import command

    if schema is None:
        for revision in revisions:
            command.upgrade(config, revision)
        return
    # What begins so is for psql, and what makes the schema `public` again would fail.
    sql = re.sub(r"^(\\.*|CREATE SCHEMA public;)$", "", schema, flags=re.MULTILINE)
    call_on_new_connection(_compat.clone_engine(engine), lambda connection: _run_script(connection, sql))
    command.stamp(config, list(revisions))


def answer_on_shadow(work: Callable[[Config, Engine, Mapping[str, Any]], dict[str, Any]]) -> None:
    """In the new process: run the history where that is asked for, and answer with what `work` finds after it."""

    def answer(request: Mapping[str, Any]) -> dict[str, Any]:
        with open_shadow(request) as (config, engine):
            try:
                if request["replays"]:
                    if not request["is_elsewhere"]:
                        _refuse_server_wide_dump(request["schema"] or "")
                    replay(config, engine, request["start"], request["schema"])
            except (Exception, SystemExit) as error:
                return {"history_error": describe_failure(error)}
            return work(config, engine, request)

    answer_request(answer)


def describe_failure(error: BaseException) -> str:
    """An error as the command line shows it."""
    return str(error) if isinstance(error, CommandError) else mask_message(f"{type(error).__name__}: {error}")


def _run_script(connection: Connection, sql: str) -> None:
    """Run several statements at once, past what prepares each of them."""
    driver: Any = connection.connection.dbapi_connection
    driver.run_async(lambda inner: inner.execute(sql))
