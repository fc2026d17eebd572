"""A link of a rehearsed plant lets everything through until it is cut, slowed or made a black hole; and again after."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from compose.local.identity import free_port
from tests.rehearse.links import SLOW_SECONDS, Address, Links

PATIENCE_SECONDS = 10.0
SILENCE_SECONDS = 0.2


@dataclass
class Way:
    """A link to a server that sends back what it hears."""

    links: Links
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)


def answer(client: socket.socket) -> None:
    with client, suppress(OSError):
        while data := client.recv(65536):
            client.sendall(data)


def serve(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()


@pytest.fixture
def way() -> Iterator[Way]:
    with socket.create_server(("127.0.0.1", 0)) as server, Links() as links:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        port = free_port()
        links.open({"echo": (port, Address(server.getsockname()[1]))})
        yield Way(links, port)
        server.shutdown(socket.SHUT_RDWR)


def said_back(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    heard = b""
    while len(heard) < len(data) and (more := client.recv(65536)):
        heard += more
    return heard


def is_dropped(client: socket.socket) -> bool:
    """Whether the connection is gone, one way or the other."""
    try:
        client.sendall(b"?")
        return client.recv(1) == b""
    except OSError:
        return True


def test_a_link_lets_everything_through_both_ways(way: Way) -> None:
    data = bytes(range(256)) * 4000
    with way.connect() as one, way.connect() as other:
        sending = threading.Thread(target=one.sendall, args=(data,))
        sending.start()
        heard = b""
        while len(heard) < len(data):
            heard += one.recv(65536)
        sending.join()
        assert heard == data
        assert said_back(other, b"other") == b"other"
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""


def test_a_cut_link_drops_what_is_open_and_what_comes_until_it_is_healed(way: Way) -> None:
    with way.connect() as before:
        assert said_back(before, b"before") == b"before"
        way.links.cut("echo")
        assert is_dropped(before)
    with way.connect() as during:
        assert is_dropped(during)
    way.links.heal("echo")
    with way.connect() as after:
        assert said_back(after, b"after") == b"after"


def test_a_black_hole_answers_nothing_and_drops_nobody_and_later_all_of_it_arrives(way: Way) -> None:
    with way.connect() as before, way.connect() as during:
        assert said_back(before, b"before") == b"before"
        way.links.swallow("echo")
        for client in (before, during):
            client.sendall(b"lost?")
            client.settimeout(SILENCE_SECONDS)
            with pytest.raises(TimeoutError):
                client.recv(1)
        way.links.heal_all()
        for client in (before, during):
            client.settimeout(PATIENCE_SECONDS)
            assert client.recv(5) == b"lost?"


def test_a_slow_link_delays_each_piece_either_way(way: Way) -> None:
    with way.connect() as client:
        way.links.slow("echo")
        began = time.monotonic()
        assert said_back(client, b"slow") == b"slow"
        assert time.monotonic() - began >= 2 * SLOW_SECONDS
        way.links.heal("echo")
        began = time.monotonic()
        assert said_back(client, b"fast") == b"fast"
        assert time.monotonic() - began < SLOW_SECONDS


def test_a_server_that_is_away_is_away_through_a_link(way: Way) -> None:
    nobody = free_port()
    way.links.open({"nobody": (nobody, Address(free_port()))})
    with socket.create_connection(("127.0.0.1", nobody), PATIENCE_SECONDS) as client:
        assert is_dropped(client)
