"""TCP proxies in the way of a plant's links: each can be cut, slowed, or made a black hole, and healed."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self, TypeVar

import uvloop

CHUNK_BYTES: Final = 64 * 1024
SLOW_SECONDS: Final = 0.2
"""What a slow link adds to each piece of at most `CHUNK_BYTES`, in either direction."""

Answer = TypeVar("Answer")


class Address(NamedTuple):
    """A port of this machine."""

    port: int
    host: str = "127.0.0.1"


class Link:
    """Whoever connects to `port` reaches `server`, as long as nothing is wrong with the link."""

    def __init__(self, port: int, server: Address) -> None:
        self.port, self._server = port, server
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._delay_seconds = 0.0
        self.connections = 0

    async def open(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=CHUNK_BYTES)

    async def close(self) -> None:
        """Listen no longer, and drop what is open."""
        if self._listener:
            self._listener.close()
        self._drop()

    async def cut(self) -> None:
        """Reset every connection, and each new one at once."""
        self._is_cut = True
        self._drop()

    async def slow(self) -> None:
        """Let everything arrive late and little at a time."""
        self._delay_seconds = SLOW_SECONDS

    async def swallow(self) -> None:
        """Let connections stay open and new ones begin, but nothing come through. It arrives after `heal`, as TCP has
        it, unless the sender gave up.
        """
        self._flows.clear()

    async def heal(self) -> None:
        """Let everything through again."""
        self._is_cut, self._delay_seconds = False, 0.0
        self._flows.set()

    def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            if self._is_cut:
                writer.transport.abort()
                return
            await self._flows.wait()
            with suppress(OSError):  # who connects to a server that is away is sent away, too
                await self._connect(reader, writer)
            writer.transport.abort() if self._is_cut else writer.close()
        finally:
            self._writers.discard(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(self._server.host, self._server.port, limit=CHUNK_BYTES)
        self._writers.add(to_server)
        pumps = [asyncio.create_task(each) for each in (self._pump(reader, to_server), self._pump(from_server, writer))]
        try:
            await asyncio.gather(*pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            to_server.transport.abort()
            self._writers.discard(to_server)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way until their sender has said all, or a connection breaks (OSError)."""
        while data := await reader.read(CHUNK_BYTES):
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            await self._flows.wait()
            if writer.is_closing():
                return
            writer.write(data)
            await writer.drain()
        await self._flows.wait()
        if not writer.is_closing():
            writer.write_eof()


class Links:
    """All links by name, on an event loop in a thread of their own."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._links: dict[str, Link] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def names(self) -> list[str]:
        """Every link that is open."""
        return list(self._links)

    def open(self, wanted: Mapping[str, tuple[int, Address]]) -> None:
        """Open what is not open yet: name -> port to listen on, and the server behind it."""
        for name, (port, server) in wanted.items():
            if name not in self._links:
                self._links[name] = self._run(self._opened(port, server))

    def cut(self, name: str) -> None:
        """Reset every connection of a link, and each new one at once."""
        self._run(self._links[name].cut())

    def slow(self, name: str) -> None:
        """Let everything arrive late."""
        self._run(self._links[name].slow())

    def swallow(self, name: str) -> None:
        """Make a black hole of it."""
        self._run(self._links[name].swallow())

    def heal(self, name: str) -> None:
        """Let everything through again."""
        self._run(self._links[name].heal())

    def heal_all(self) -> None:
        """Let everything through everywhere."""
        for name in self._links:
            self.heal(name)

    async def _end(self) -> None:
        for link in self._links.values():
            await link.close()
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    @staticmethod
    async def _opened(port: int, server: Address) -> Link:
        link = Link(port, server)
        await link.open()
        return link

    def _run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        done: Future[Answer] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(10)
