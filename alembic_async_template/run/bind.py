"""Finds the engine or connection in what a program has handed over to run on."""

from __future__ import annotations

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..errors import ConnectionBindError

Bind = AsyncEngine | AsyncConnection | Engine | Connection


def resolve_bind(bind: object) -> Bind:
    """The engine or connection itself; what a wrapper hands on decides, and not its class.

    Alembic's inspection needs SQLAlchemy's own object, so a wrapper cannot be used in its place.

    :raises ConnectionBindError: it is something else.
    """
    if isinstance(bind, Bind):
        return bind
    for name in ("sync_connection", "sync_engine"):  # of an asynchronous one, whose other methods have to be awaited
        match getattr(bind, name, None):
            case Connection() as connection:
                return AsyncConnection(AsyncEngine(connection.engine), connection)
            case Engine() as engine:
                return AsyncEngine(engine)
    # A connection sets no option and gives itself; an engine gives one on its pool, and itself as `engine`.
    options = getattr(bind, "execution_options", None)
    inner = options() if callable(options) and not isinstance(bind, type) else None
    if isinstance(inner, Engine):
        inner = bind.engine  # type: ignore[attr-defined]
    if isinstance(inner, Connection | Engine):
        return inner
    raise ConnectionBindError(f"is of type {type(bind).__name__}, neither an engine nor a connection of SQLAlchemy")
