"""Finds what a session on a revision's connection has not written: objects that were never flushed.

See https://docs.sqlalchemy.org/en/20/orm/session_events.html#object-lifecycle-events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session


@contextmanager
def watch_sessions(connection: Connection | None) -> Iterator[list[str]]:
    """While the body runs, note the sessions on a connection; afterwards, the list has the classes of what they have not written.

    What a session rolls back is not to be written. What it forgets when it is closed was.

    :param connection: None for a script, which has none.
    """
    unwritten: list[str] = []
    sessions: dict[int, Session] = {}
    pending: dict[int, object] = {}

    def note(session: Session, *_: object) -> None:
        if session.bind is connection:
            sessions[id(session)] = session

    def add(session: Session, instance: object) -> None:
        note(session)
        if id(session) in sessions:
            pending[id(instance)] = instance

    def remove(_session: Session, instance: object) -> None:
        pending.pop(id(instance), None)

    def forget(session: Session, *_: object) -> None:
        if id(session) in sessions:
            pending.clear()

    listeners: dict[str, Callable[..., None]] = {
        "after_begin": note,
        "transient_to_pending": add,
        "pending_to_persistent": remove,
        "after_soft_rollback": forget,
    }
    with ExitStack() as stack:
        for name, listener in listeners.items():
            event.listen(Session, name, listener)
            stack.callback(event.remove, Session, name, listener)
        yield unwritten
        changed = [one for session in sessions.values() for one in session.dirty if session.is_modified(one)]
        changed += [one for session in sessions.values() for one in session.deleted]
        unwritten += dict.fromkeys(type(one).__name__ for one in (*pending.values(), *changed))
