"""A TCP proxy in front of a database server that breaks connections: it resets them, or lets them fall silent."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy.engine import make_url


@dataclass(eq=False, slots=True)
class Link:
    """A client's connection and the one to the server that belongs to it."""

    writers: list[asyncio.StreamWriter]
    open: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class Proxy:
    """Forwards what clients and server say, until it is told to do something else; what is held is forwarded later."""

    target: tuple[str, int]
    url: str = ""
    """The database of the server, through this proxy."""
    chunks: int = 0
    """How many pieces clients have sent."""
    _links: list[Link] = field(default_factory=list)
    _tasks: list[asyncio.Task[None] | None] = field(default_factory=list)
    _holds_new: bool = False
    _traps: list[tuple[Callable[[bytes], bool], str]] = field(default_factory=list)

    def act(self, action: str) -> None:
        """Do it now: `reset` what is open, `silence` it, `hold` new connections too, or `forward` again and for good."""
        asyncio.run_coroutine_threadsafe(self._act(action), self._loop).result()

    def on(self, words: bytes, action: str, after: bytes = b"") -> None:
        """Do it when a client says this, after something else, before the server gets it; once.

        `others` silences the other connections, and `nothing` is what it says.
        """

        def arm(said: bytes) -> bool:
            if after in said:
                self.on(words, action)
            return after in said

        self._traps.append((arm, "nothing") if after else (lambda said: words in said, action))

    def after(self, chunks: int, action: str) -> None:
        """Do it when clients have sent so many pieces."""
        self._traps.append((lambda _said: self.chunks >= chunks, action))

    async def _act(self, action: str, link: Link | None = None) -> None:
        if action == "nothing":
            return
        if action == "forward":
            self._traps.clear()
        self._holds_new = action == "hold"
        for other in self._links:
            if action == "reset":
                for writer in other.writers:
                    connected = writer.get_extra_info("socket")
                    with suppress(OSError):  # it has ended
                        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
            elif action == "forward":
                other.open.set()
            elif action != "others" or other is not link:
                other.open.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(asyncio.current_task())
        server_reader, server_writer = await asyncio.open_connection(*self.target)
        link = Link([writer, server_writer])
        if not self._holds_new:
            link.open.set()
        self._links.append(link)
        await asyncio.gather(self._pump(reader, server_writer, link, True), self._pump(server_reader, writer, link, False))
        self._links.remove(link)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link, client: bool) -> None:
        with suppress(OSError):
            while said := await reader.read(65536):
                if client:
                    self.chunks += 1
                    for trap in list(self._traps):
                        if trap[0](said):
                            self._traps.remove(trap)
                            await self._act(trap[1], link)
                await link.open.wait()
                writer.write(said)
                await writer.drain()
            await link.open.wait()
        writer.close()

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()
        for link in self._links:
            link.open.set()
            for writer in link.writers:
                writer.transport.abort()
        await asyncio.gather(*filter(None, self._tasks))

    def stop(self) -> None:
        """End it, and every connection through it."""
        self._loop.call_soon_threadsafe(self._ended.set)


@contextmanager
def start_proxy(url: str) -> Iterator[Proxy]:
    """A proxy in front of the server of a URL, in a thread of its own."""
    target = make_url(url)
    proxy = Proxy((target.host or "localhost", target.port or 5432))
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(proxy._run(ready)), name="proxy")
    thread.start()
    assert ready.wait(10)
    proxy.url = target.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
