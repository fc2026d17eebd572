"""Machines that publish over MQTT at QoS 1 what the workshop says, written into the ledger first."""

import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from compose.simulators.ledger import Ledger, Orders, read_entries
from compose.simulators.machines import Saying, Workshop
from schemas.settings import Settings

TICK_SECONDS: Final = 0.02
LOOK_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 120.0
MOST_IN_FLIGHT: Final = 1_000

log = structlog.get_logger()


def run(
    settings: Settings,
    *,
    rate: float,
    seed: int,
    duration: float | None,
    ledger_path: Path,
    orders_path: Path,
    stop: threading.Event,
) -> int:
    """Speak until the time is over or somebody asks to stop; 0 when the broker has acknowledged all of it."""
    orders = Orders(orders_path)
    now = datetime.now(UTC)
    workshop = Workshop(
        settings.layout.machines, random.Random(seed), f"{now:%y%m%d%H%M%S%f}"[:15], read_entries(ledger_path)
    )
    ledger = Ledger(ledger_path)
    mouth = Mouth(settings, stop)
    if mouth.is_connected:
        sent = _speak(workshop, orders, ledger, mouth, rate, duration, stop)
        is_complete = mouth.wait_for_acknowledgements(PATIENCE_SECONDS)
        log.info("the machines fall silent", sent=sent, unacknowledged=mouth.in_flight)
    ledger.close()
    mouth.close()
    return 0 if not mouth.is_connected or is_complete else 1


def _speak(
    workshop: Workshop,
    orders: Orders,
    ledger: Ledger,
    mouth: "Mouth",
    rate: float,
    duration: float | None,
    stop: threading.Event,
) -> int:
    begin = looked = time.monotonic()
    orders.look()
    sent = 0
    said: list[Saying]
    while not stop.is_set() and (duration is None or time.monotonic() - begin < duration):
        elapsed = time.monotonic() - begin
        said = []
        while sent + len(said) < elapsed * rate and mouth.in_flight + len(said) < MOST_IN_FLIGHT:
            more = workshop.next(datetime.now(UTC), orders.known)
            if not more and not orders.known:
                break
            said += more
        sent += _say(said, ledger, mouth)
        if not orders.known:
            begin = time.monotonic()
        if time.monotonic() - looked > LOOK_SECONDS:
            orders.look()
            looked = time.monotonic()
        stop.wait(TICK_SECONDS)
    return sent + _say(workshop.last_words(datetime.now(UTC)), ledger, mouth)


def _say(said: Sequence[Saying], ledger: Ledger, mouth: "Mouth") -> int:
    if said:
        ledger.write(saying.entry for saying in said)
    for saying in said:
        mouth.say(saying.topic, saying.data)
    return len(said)


class Mouth:
    """A connection to the broker that knows what has not been acknowledged."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._lock = threading.Lock()
        self._said = self._acknowledged = 0
        self._all = threading.Event()
        url = urlsplit(settings.mqtt_url)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="simulated-machines", clean_session=False)
        if settings.mqtt_username:
            self._client.username_pw_set(settings.mqtt_username, settings.mqtt_password)
        if url.scheme == "mqtts":
            self._client.tls_set(settings.mqtt_ca_file, settings.mqtt_cert_file, settings.mqtt_key_file)
        self._client.max_inflight_messages_set(MOST_IN_FLIGHT)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 5)
        self._client.on_publish = self._on_publish
        self.is_connected = self._connect(url.hostname or "127.0.0.1", url.port or 1883, stop)

    def _connect(self, host: str, port: int, stop: threading.Event) -> bool:
        """Wait for the broker, however long it takes to come up."""
        while not stop.is_set():
            try:
                self._client.connect(host, port, keepalive=30)
            except OSError as error:
                log.warning("the broker cannot be reached", host=host, port=port, error=str(error))
                stop.wait(1.0)
                continue
            self._client.loop_start()
            return True
        return False

    @property
    def in_flight(self) -> int:
        """Messages that the broker has not acknowledged."""
        return self._said - self._acknowledged

    def say(self, topic: str, data: bytes) -> None:
        """Publish at QoS 1."""
        self._said += 1
        self._client.publish(topic, data, qos=1)

    def wait_for_acknowledgements(self, seconds: float) -> bool:
        """Wait until the broker has acknowledged everything; False if it took too long."""
        deadline = time.monotonic() + seconds
        while self.in_flight and time.monotonic() < deadline:
            self._all.wait(0.05)
        return self.in_flight == 0

    def close(self) -> None:
        """Say good-bye."""
        if self.is_connected:
            self._client.disconnect()
            self._client.loop_stop()

    def _on_publish(self, *_: Any) -> None:
        with self._lock:
            self._acknowledged += 1
