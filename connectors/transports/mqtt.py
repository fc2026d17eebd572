"""An MQTT broker: bytes in at QoS 1 over a persistent session; PUBACK only when somebody says the bytes are safe.

paho does the protocol, the event loop reads and writes: one thread, so nothing here needs a lock. Every connection
is a new paho client; an acknowledgement of an older connection is dropped, the broker sends that message again.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from connectors import metrics
from connectors.age import Line, Outage
from connectors.bridge import Received
from connectors.outbox import Outbox
from connectors.resilience import Door, reconnect_delays, wait, wait_for_server
from schemas.settings import Settings

QOS: Final = 1
PACKETS_AT_ONCE: Final = 200
RECEIVE_MAXIMUM: Final = 5_000
SESSION_EXPIRY_SECONDS: Final = 14 * 24 * 3600
CONNECT_SECONDS: Final = 10.0
FINISH_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
UNREAD_AT_ONCE: Final = 65_536
TICK_SECONDS: Final = 1.0
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

log = structlog.get_logger()


class Refused(Exception):
    """The broker does not want us: credentials, client id, protocol."""


class MqttTransport:
    """The session with one broker. `take` gets every message; `on_gap` hears when the broker forgot our session."""

    def __init__(
        self,
        settings: Settings,
        filters: Sequence[str],
        line: Line,
        outbox: Outbox,
        take: Callable[[Received], None],
        on_gap: Callable[[Outage, str], None],
    ) -> None:
        self._settings = settings
        self._filters = list(filters)
        self._line = line
        self._outbox = outbox
        self._take = take
        self._on_gap = on_gap
        self._url = urlsplit(settings.mqtt_url)
        self._door = Door.of(settings.mqtt_url, PORTS[self._url.scheme])
        self._version = parse_qs(self._url.query).get("version", ["3.1.1"])[0]
        self._connection: _Connection | None = None
        self._up = metrics.LINE_UP.labels(line.name)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the session until asked to stop; wait longer after each failure in a row."""
        delays = reconnect_delays(self._settings)
        while not stop.is_set():
            try:
                await self._connect(stop)
                delays = reconnect_delays(self._settings)
                await self._stay(stop)
                await self._finish()
            except (OSError, TimeoutError, Refused) as error:
                log.warning("the MQTT broker cannot be reached", broker=self._url.hostname, error=str(error))
            finally:
                await self._hang_up()
            if not stop.is_set() and await wait_for_server(stop, next(delays), self._door.is_open, self._settings):
                delays = reconnect_delays(self._settings)

    async def _connect(self, stop: asyncio.Event) -> None:
        connection = self._connection = _Connection(
            self._settings, self._version, self._outbox, self._came_up, self._take
        )
        await asyncio.to_thread(connection.open, *self._door)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((connection.accepted, stopping), timeout=CONNECT_SECONDS, return_when=FIRST_COMPLETED)
        stopping.cancel()
        if not connection.accepted.done():
            raise TimeoutError("The broker takes the connection and does not answer.")
        connection.accepted.result()

    def _came_up(self, session_present: bool) -> None:
        outage = self._line.connected()
        self._up.set(1)
        metrics.CONNECTIONS.labels(self._line.name).inc()
        if outage and not session_present:
            metrics.GAPS.labels(self._line.name).inc()
            log.warning("the broker forgot our session; what it held for us is lost", since=str(outage.from_at))
            self._on_gap(outage, "The MQTT broker had forgotten our session: what it held in between is lost.")

    async def _stay(self, stop: asyncio.Event) -> None:
        """Subscribe, then look after the connection until it is lost."""
        connection = self._connection
        assert connection is not None
        connection.subscribe(self._filters)
        refused_again = reconnect_delays(self._settings)
        retry_in = 0.0
        while not stop.is_set() and not connection.lost.is_set():
            await wait(connection.lost, TICK_SECONDS)
            connection.look_after()
            if not self._outbox.is_blocked and not connection.lost.is_set():
                self._line.alive()
            retry_in -= TICK_SECONDS
            if connection.refused and retry_in <= 0:
                retry_in = next(refused_again)
                connection.subscribe(sorted(connection.refused))
        connection.raise_failure()

    async def _finish(self) -> None:
        """Before a clean end: read no more, and acknowledge what was read."""
        if self._connection and not self._connection.lost.is_set():
            self._connection.read_no_more()
            async with asyncio.timeout(FINISH_SECONDS):
                await self._outbox.settled()

    async def _hang_up(self) -> None:
        if self._line.is_up:
            self._line.lost()
            self._up.set(0)
        if self._connection:
            await self._connection.close()
            self._connection = None


class _Connection:
    """One TCP connection, from CONNECT to its end."""

    def __init__(
        self,
        settings: Settings,
        version: str,
        outbox: Outbox,
        came_up: Callable[[bool], None],
        take: Callable[[Received], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._settings = settings
        self._came_up = came_up
        self._take = take
        self._outbox = outbox
        self._socket: Any = None
        self._packets = 0
        self._asked: dict[int, list[str]] = {}
        self._failure: BaseException | None = None
        self._resume: asyncio.Task[None] | None = None
        self._is_leaving = False
        self._line: socket.socket | None = None
        self.accepted: asyncio.Future[None] = self._loop.create_future()
        self.lost = asyncio.Event()
        self.refused: set[str] = set()
        self._is_version_5 = version.startswith("5")
        self._client = self._make_client()

    def _make_client(self) -> paho.Client:
        settings = self._settings
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.mqtt_client_id,
            clean_session=None if self._is_version_5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._is_version_5 else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_SECONDS
        if settings.mqtt_username:
            client.username_pw_set(settings.mqtt_username, settings.mqtt_password)
        if urlsplit(settings.mqtt_url).scheme == "mqtts":
            client.tls_set(
                settings.mqtt_ca_file,
                settings.mqtt_cert_file,
                settings.mqtt_key_file,
                cert_reqs=ssl.CERT_REQUIRED,
            )
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_open = lambda _client, _data, sock: self._in_loop(self._watch, sock)
        client.on_socket_close = lambda _client, _data, sock: self._in_loop(self._unwatch, sock)
        client.on_socket_register_write = lambda _client, _data, sock: self._in_loop(self._want_to_write, sock)
        client.on_socket_unregister_write = lambda _client, _data, sock: self._in_loop(self._written, sock)
        return client

    def open(self, host: str, port: int) -> None:
        """Connect; blocks, so call it in a thread. Raises OSError."""
        options: dict[str, Any] = {}
        if self._is_version_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_SECONDS
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            options = {"clean_start": False, "properties": properties}
        try:
            self._client.connect(host or "127.0.0.1", port, self._settings.mqtt_keepalive_seconds, **options)
        except ssl.SSLError as error:
            raise OSError(f"TLS failed: {error}") from error

    def subscribe(self, filters: Sequence[str]) -> None:
        """Ask for filters at QoS 1; what is not granted lands in `refused`."""
        result, mid = self._client.subscribe([(each, QOS) for each in filters])
        if result == paho.MQTT_ERR_SUCCESS and mid is not None:
            self._asked[mid] = list(filters)

    def look_after(self) -> None:
        """Keep-alive; notices a broker that went silent."""
        self._client.loop_misc()

    def raise_failure(self) -> None:
        """Raise what the handling of a message raised: a fault of ours, which must not go unnoticed."""
        if self._failure:
            raise self._failure

    def read_no_more(self) -> None:
        """Leave what the broker sends from now on unread."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)

    async def close(self) -> None:
        """Say good-bye; the broker keeps the session."""
        if not self.accepted.done():
            self.accepted.cancel()
        if self._resume:
            self._resume.cancel()
        if not self.lost.is_set():
            self._is_leaving = True
            self._client.disconnect()
            await wait(self.lost, CLOSE_SECONDS)
        if self._socket is not None:
            self._unwatch(self._socket)
        if self._line is not None:
            await self._until_the_broker_hangs_up(self._line)

    async def _until_the_broker_hangs_up(self, line: socket.socket) -> None:
        """Closed over unread bytes, a socket resets the connection: the broker would never see our last PUBACKs."""
        with line, contextlib.suppress(OSError, TimeoutError):
            line.setblocking(False)
            line.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(CLOSE_SECONDS):
                while await self._loop.sock_recv(line, UNREAD_AT_ONCE):
                    pass

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if self.accepted.done():
            return
        if reason.is_failure:
            self.accepted.set_exception(Refused(f"The broker refuses the connection: {reason}."))
        else:
            # At once: what the broker held for us may be read in the same go, and is judged by when the line was down.
            self._came_up(bool(flags.session_present))
            self.accepted.set_result(None)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not self.accepted.done():
            self.accepted.set_exception(OSError(f"The broker closed the connection: {reason}."))
        self.lost.set()

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        for name, reason in zip(self._asked.pop(mid, []), reasons, strict=False):
            if reason.is_failure or reason.value < QOS:
                self.refused.add(name)
                log.error("the broker does not grant a subscription at QoS 1", filter=name, granted=str(reason))
            else:
                self.refused.discard(name)
            metrics.REFUSED_FILTERS.labels(name).set(name in self.refused)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._packets += 1
        acknowledge = partial(self._acknowledge, message.mid) if message.qos else None
        received = Received(message.topic, bytes(message.payload), datetime.now(UTC), acknowledge, message.retain)
        try:
            self._take(received)
        except Exception as error:  # noqa: BLE001 - raised again by raise_failure, where it ends the process
            self._failure = error
            self.lost.set()

    def _acknowledge(self, mid: int) -> None:
        if not self.lost.is_set():
            self._client.ack(mid, QOS)

    def _in_loop(self, call: Callable[..., None], sock: Any) -> None:
        if threading.get_ident() == self._thread:
            call(sock)
        else:
            self._loop.call_soon_threadsafe(call, sock)

    def _watch(self, sock: Any) -> None:
        self._socket = sock
        if not self.lost.is_set():
            self._loop.add_reader(sock, self._read)

    def _unwatch(self, sock: Any) -> None:
        self._socket = None
        if self._is_leaving and self._line is None:
            self._line = socket.socket(fileno=os.dup(sock.fileno()))
        with contextlib.suppress(ValueError, OSError):
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _want_to_write(self, sock: Any) -> None:
        if self._socket is not None:
            self._loop.add_writer(sock, self._write)

    def _written(self, sock: Any) -> None:
        with contextlib.suppress(ValueError, OSError):
            self._loop.remove_writer(sock)

    def _write(self) -> None:
        self._client.loop_write()

    def _read(self) -> None:
        """Read what is there; a message a packet, many packets a wake-up."""
        for _ in range(PACKETS_AT_ONCE):
            seen = self._packets
            self._client.loop_read()
            if self._packets == seen:
                break
        sock = self._socket
        if not self._outbox.has_room and self._resume is None and sock is not None:
            self._loop.remove_reader(sock)
            self._resume = self._loop.create_task(self._read_on_when_there_is_room(sock))
        elif isinstance(sock, ssl.SSLSocket) and sock.pending():
            self._loop.call_soon(self._read)

    async def _read_on_when_there_is_room(self, sock: socket.socket) -> None:
        await self._outbox.room()
        self._resume = None
        if self._socket is sock:
            self._loop.add_reader(sock, self._read)
