"""Runs the history of a live database on a shadow, and there what a command wants to know, in a process of its own."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from .. import _compat
from ..application.settings import read_settings
from ..errors import ShadowError
from ..errors.block import Fix
from ..errors.failure import shorten_path
from ..run.command import uses_this_package
from .choice import open_place
from .replay import Place, run_on_shadow

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

Run = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Runs a module of `answer_on_shadow` with a request, and gives its answer."""


@dataclass(frozen=True, slots=True)
class LiveDatabase:
    """How the server of the live database is reached."""

    engine: Engine = field(repr=False)
    url: str = field(repr=False)
    """As the revisions read it."""

    @classmethod
    def of(cls, context: MigrationContext) -> LiveDatabase:
        """That of a connection which Alembic has.

        :raises ShadowError: it is not PostgreSQL.
        """
        connection, config = context.connection, context.config
        assert connection is not None
        assert config is not None
        if connection.dialect.name != "postgresql":
            raise ShadowError(f"The revisions are tried on PostgreSQL only, and this database is {connection.dialect.name}")
        return cls(_compat.clone_engine(connection.engine), config.get_main_option("sqlalchemy.url") or "")


def read_script(config: Config) -> ScriptDirectory:
    """The revisions' files, of an environment that keeps to the shadow.

    :raises ShadowError: its `env.py` may run on the live database.
    """
    script = ScriptDirectory.from_config(config)
    if not uses_this_package(script):
        raise ShadowError(
            f"{shorten_path(Path(script.env_py_location))} does not call run_environment, and may not keep to the shadow",
            Fix("turn it into an environment of this package", "alembic adopt"),
        )
    return script


@contextmanager
def try_history(
    config: Config,
    script: ScriptDirectory,
    live: LiveDatabase | None,
    current: Sequence[str],
    *,
    schema: Path | None = None,
    keep: bool = False,
    fixes: Sequence[Fix] = (),
) -> Iterator[Run]:
    """While the body runs, there is a shadow on which the history up to `current` runs in front of the first thing that is asked.

    :param live: None where the live database is not reached.
    :param schema: a dump that takes the place of the history.
    :param keep: whether what the history makes is kept for the next run.
    :param fixes: what helps where the history does not run.
    :raises ShadowError: there is no shadow, or the history does not run on it.
    """
    dump = _read_schema(schema) if schema is not None else None

    def run(place: Place, module: str, request: Mapping[str, Any], *, replays: bool) -> Mapping[str, Any]:
        whole = {**request, "start": list(current), "schema": dump, "replays": replays}
        found = run_on_shadow(module, config, place, whole)
        if isinstance(found, str):
            raise ShadowError(f"The revisions could not be tried: {found}")
        if "history_error" in found:
            raise ShadowError(f"{_name_history(schema, current)}:\n{found['history_error']}", *fixes)
        return found

    def fill(place: Place) -> None:
        run(place, f"{__package__}.filled", {}, replays=True)

    digest = _digest(script, current, dump)
    engine, url = (live.engine, live.url) if live else (None, None)
    with (
        _end_on_termination(),
        open_place(read_settings(config), engine, url, digest, fill, keep=keep) as (place, has_history),
    ):
        yield lambda module, request: run(place, module, request, replays=not has_history)


def _digest(script: ScriptDirectory, current: Sequence[str], schema: str | None) -> str:
    """What the history depends on: its files, or the dump that takes its place."""
    digest = hashlib.sha256(schema.encode() if schema is not None else b"")
    for one in script.iterate_revisions(tuple(current), "base", implicit_base=True, inclusive=True):
        digest.update(f"{one.revision}\0".encode() + (b"" if schema is not None else Path(one.path).read_bytes()))
    return digest.hexdigest()


def _name_history(schema: Path | None, current: Sequence[str]) -> str:
    if schema is not None:
        return f"{schema} cannot be loaded into an empty database"
    return f"The revisions until {', '.join(current)} do not run on an empty database"


def _read_schema(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ShadowError(f"{file} is not a dump that can be read") from error


@contextmanager
def _end_on_termination() -> Iterator[None]:
    """Let SIGTERM end the body as an exception does, so that the shadow is removed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(143)

    try:
        previous = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
