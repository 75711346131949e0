"""Bounds the wait for a server that has fallen silent: what keeps its sockets alive, and what cuts a connection to it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.engine import Connection

from .. import _compat

log = logging.getLogger("alembic_async_template")

# For how many seconds a server may give no sign of life, and how long a question may take that needs no work.
SILENCE = 60.0
ANSWER = 10.0

# The same in TCP's own terms, where the other end does not even acknowledge: after 30 seconds of silence it is asked every ten.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-KEEPALIVES
KEEPALIVE_WORDS: Mapping[str, int] = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# In milliseconds is TCP_USER_TIMEOUT, which an option of libpq and of Linux have in common.
_OPTIONS = {
    "TCP_KEEPIDLE": KEEPALIVE_WORDS["keepalives_idle"],
    "TCP_KEEPINTVL": KEEPALIVE_WORDS["keepalives_interval"],
    "TCP_KEEPCNT": KEEPALIVE_WORDS["keepalives_count"],
    "TCP_USER_TIMEOUT": KEEPALIVE_WORDS["tcp_user_timeout"],
}
# What a client asks first, and what every server of PostgreSQL's protocol answers without a role or a free connection:
# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def keep_alive(driver_connection: Any) -> None:
    """Let TCP notice that the other end of an asyncio driver's connection is gone; files (Unix sockets) need nothing."""
    transport = _compat.find_transport(driver_connection)
    connected = transport.get_extra_info("socket") if transport is not None else None
    if connected is None or connected.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):  # not everywhere
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def find_address(connection: Connection) -> tuple[str, int] | None:
    """Host and port at the other end of a connection to PostgreSQL; None for a file, and where they are not known."""
    driver: Any = connection.connection.driver_connection
    transport = _compat.find_transport(driver)
    if transport is not None:
        peer = transport.get_extra_info("peername")
    elif hasattr(driver, "pgconn"):
        with socket.socket(fileno=os.dup(driver.pgconn.socket)) as connected:
            peer = connected.getpeername()
    else:
        return None
    return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None


def is_silent(address: tuple[str, int]) -> bool:
    """Whether a PostgreSQL or a pooler does not answer a new connection at all.

    To be refused is an answer, and of a network that is down TCP knows more.
    """
    try:
        with socket.create_connection(address, timeout=ANSWER) as connected:
            connected.sendall(_SSL_REQUEST)
            connected.recv(1)
    except TimeoutError:
        return True
    except OSError:
        return False
    return False


def find_cut(connection: Connection) -> Callable[[], None] | None:
    """What cuts a connection, from any thread, so that who waits for its answer gets an error; None where nothing can."""
    if connection.closed or connection.invalidated:
        return None
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "pgconn"):

        def shut_down() -> None:
            try:
                with socket.socket(fileno=os.dup(driver.pgconn.socket)) as connected:
                    connected.shutdown(socket.SHUT_RDWR)
            except Exception as error:  # it has ended meanwhile
                log.debug("The connection could not be cut: %s", error)

        return shut_down
    if connection.dialect.is_async and hasattr(driver, "terminate"):
        loop = asyncio.get_running_loop()

        def terminate() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(driver.terminate)

        return terminate
    return None


@contextmanager
def cut_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection if the body takes longer: it fails then as if the server had ended it."""
    cut = find_cut(connection)
    if cut is None:
        yield
        return
    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
