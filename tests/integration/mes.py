"""What speaks MQTT in the plant, as a MES does: counts, wills, a steady stream, and what a bridge refuses."""

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

from schemas.envelope import Message
from tests.plants import RunningPlant, eventually

# A stream: so many machines, each with at least so many counts.
MACHINES, COUNTS = 8, 60


class Mes:
    """What speaks MQTT in the plant: sends at QoS 1 and waits for the broker's word."""

    def __init__(self, plant: RunningPlant) -> None:
        self._url = urlsplit(plant.mqtt_url)
        self._login = (plant.endpoints["MQTT_USERNAME"], plant.endpoints["MQTT_PASSWORD"])
        self.client = self.connected()

    def connected(self, client_id: str = "", *, clean: bool = True, will: tuple[str, bytes] | None = None) -> Client:
        """One more client, connected."""
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean)
        client.username_pw_set(*self._login)
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 1)
        if will:
            client.will_set(*will, qos=1)
        client.connect(self._url.hostname or "", self._url.port or 1883)
        client.loop_start()
        eventually(client.is_connected, 10, "the broker does not let us in")
        return client

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> MQTTMessageInfo:
        """Hand a message over without waiting."""
        return self.client.publish(topic, payload, qos=1, retain=retain)

    def tell(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a message and return when the broker has it."""
        self.say(topic, payload, retain=retain).wait_for_publish(20)

    def count(self, machine_id: str, cumulative: int, **changes: Any) -> MQTTMessageInfo:
        return self.say(count_topic(machine_id), count(machine_id, cumulative, **changes))

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def count_topic(machine_id: str) -> str:
    return f"mes/production/line2/machine/{machine_id}/count"


def moment(seconds: float = 0) -> str:
    """So many seconds from now, as a MES writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def count(machine_id: str, cumulative: int, **changes: Any) -> bytes:
    """The document's count, with changes."""
    told = {
        "machine_id": machine_id,
        "work_order_id": "WO-4600",
        "timestamp": moment(),
        "units_produced": 1,
        "cumulative_units": cumulative,
        "quality_status": "pass",
        "cycle_time_seconds": 44.8,
    }
    return json.dumps(told | changes).encode()


def totals(messages: list[Message[Any]]) -> list[int]:
    """The cumulative units of counts in their order, each message once."""
    return list({each.message_id: each.payload.cumulative_units for each in messages}.values())


def break_off(client: Client) -> None:
    """A machine's connection breaks without a good-bye."""
    line = client.socket()
    assert isinstance(line, socket.socket)
    client.loop_stop()
    line.shutdown(socket.SHUT_RDWR)


def in_a_stream(mes: Mes, trouble: Callable[[], None]) -> int:
    """Trouble in the middle of a steady stream of counts of all machines; how many each of them has sent."""
    is_over = threading.Event()
    sent = 0

    def speak() -> None:
        nonlocal sent
        while not is_over.wait(0.01) or sent < COUNTS:
            sent += 1
            for machine in range(MACHINES):
                mes.count(f"M-STREAM-{machine}", sent)

    speaking = threading.Thread(target=speak)
    speaking.start()
    try:
        trouble()
    finally:
        is_over.set()
        speaking.join()
    return sent


# What a bridge refuses is most often a good count with something wrong in it.
GOOD = json.loads(count("M-BAD", 7))


def changed(**changes: Any) -> bytes:
    """The good count with something else in it."""
    return json.dumps(GOOD | changes).encode()


def in_place_of(number: str, text: str) -> bytes:
    """The count with something else where a number belongs."""
    return json.dumps(GOOD | {number: "HERE"}).replace('"HERE"', text).encode()


# The payload, and the code of its dead letter.
BAD = {
    "broken_json": (b"{'machine_id': 'M-BAD'}", "INVALID_JSON"),
    "truncated": (json.dumps(GOOD).encode()[:-9], "TRUNCATED_JSON"),
    "empty": (b"", "EMPTY_MESSAGE"),
    "blank": (b" \n\t ", "EMPTY_MESSAGE"),
    "larger_than_256_kib": (changed(comment="x" * 300_000), "MESSAGE_TOO_LARGE"),
    "nested_too_deep": (changed(comment="HERE").replace(b'"HERE"', b"[" * 50_000 + b"]" * 50_000), "NESTED_TOO_DEEP"),
    "nested_without_end": (b"[" * 100_000, "NESTED_TOO_DEEP"),
    "nan": (in_place_of("cycle_time_seconds", "NaN"), "INVALID_JSON"),
    "infinity": (in_place_of("cycle_time_seconds", "-Infinity"), "INVALID_JSON"),
    "beyond_doubles": (in_place_of("cycle_time_seconds", "1e999"), "NUMBER_OUT_OF_RANGE"),
    "beyond_64_bits": (in_place_of("cumulative_units", str(2**70)), "VALIDATION_ERROR"),
    "negative_units": (changed(cumulative_units=-1), "VALIDATION_ERROR"),
    "nul_escaped": (changed(work_order_id="WO\0"), "NUL_CHARACTER"),
    "nul_byte": (json.dumps(GOOD).encode().replace(b"WO-4600", b"WO\x00"), "INVALID_JSON"),
    "lone_surrogate": (changed(work_order_id="\ud800"), "INVALID_JSON"),
    "not_utf8": (json.dumps(GOOD).encode().replace(b"WO-4600", b"WO-\xff"), "NOT_UTF8"),
    "not_utf8_where_nobody_looks": (changed(comment="HERE").replace(b"HERE", b"\xc3("), "NOT_UTF8"),
    "text_for_a_number": (changed(cumulative_units="7"), "VALIDATION_ERROR"),
    "number_for_a_text": (changed(work_order_id=4600), "VALIDATION_ERROR"),
    "list_for_an_object": (b"[1, 2]", "VALIDATION_ERROR"),
    "null": (b"null", "VALIDATION_ERROR"),
    "missing_field": (b'{"machine_id": "M-BAD"}', "VALIDATION_ERROR"),
    "time_without_zone": (changed(timestamp="2026-11-21T12:00:00"), "VALIDATION_ERROR"),
    "no_time_at_all": (changed(timestamp="yesterday"), "VALIDATION_ERROR"),
    "another_machine": (changed(machine_id="M-OTHER"), "MACHINE_MISMATCH"),
}
