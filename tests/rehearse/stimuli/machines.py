"""The machines' voice: MQTT at QoS 1, each message in the ledger first, its PUBACK there afterwards."""

import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

import paho.mqtt.client as paho

from tests.e2e.load import mqtt_client
from tests.rehearse.ledger import Book
from tests.rehearse.stimuli.floor import Floor, Spoken
from tests.rehearse.stimuli.threads import TICK_SECONDS, Speaker

# Packet ids are 16 bits: with more than these unanswered the machines wait, and catch up later.
MOST_UNANSWERED: Final = 50_000
MOST_AT_ONCE: Final = 500
# All machines may stand still at the same time.
MOST_TRIES: Final = 2_000
PATIENCE_SECONDS: Final = 180.0
RECENT_SECONDS: Final = 900.0


class Machines:
    """Says at a steady rate what the floor has to say."""

    def __init__(self, endpoints: dict[str, str], book: Book, floor: Floor, rate: int, seconds: float) -> None:
        self._book, self._floor, self._rate = book, floor, rate
        self._client = mqtt_client(endpoints, f"rehearsal-{time.time_ns()}")
        self._client.on_publish = self._on_publish
        self._lock = threading.Lock()
        self._unanswered: dict[int, int] = {}
        self._acknowledged: deque[int] = deque()
        self._silent: dict[str, int] = {}
        self._recent: deque[tuple[float, str]] = deque()
        self._said = 0
        self._begun = 0.0
        self._speaker = Speaker("machines", self._turn, TICK_SECONDS, seconds, self._end)

    def start(self) -> None:
        """Begin to speak."""
        self._begun = time.monotonic()
        self._speaker.start()

    def finish(self) -> None:
        """Wait until all is said and answered, or nobody answers any more."""
        self._speaker.finish()

    def recent(self, seconds: float) -> list[str]:
        """The readings of the last seconds that must become rows."""
        since = time.monotonic() - seconds
        with self._lock:
            return [name for at, name in self._recent if at >= since]

    def _turn(self) -> None:
        self._write_answers()
        said: list[Spoken] = []
        due = (time.monotonic() - self._begun) * self._rate
        room = min(MOST_AT_ONCE, MOST_UNANSWERED - len(self._unanswered))
        for _ in range(MOST_TRIES):
            if self._said + len(said) >= due or len(said) >= room or (said and said[-1].is_pause):
                break
            said += self._floor.next(datetime.now(UTC), frozenset(self._silent))
        self._say(said)

    def _say(self, said: list[Spoken]) -> None:
        numbers = self._book.say([each.saying for each in said])
        for number, each in zip(numbers, said, strict=True):
            if each.is_pause:
                self._silent[each.machine] = number
            info = self._client.publish(each.topic, each.data, qos=1)
            assert info.rc != paho.MQTT_ERR_QUEUE_SIZE, "the machines' client has run out of packet ids"
            self._unanswered[info.mid] = number
        now = time.monotonic()
        with self._lock:
            self._recent.extend((now, each.saying.id) for each in said if _must_be_a_row(each))
            while self._recent and self._recent[0][0] < now - RECENT_SECONDS:
                self._recent.popleft()
        self._said += len(said)

    def _end(self) -> None:
        self._say(self._floor.last_words(datetime.now(UTC)))
        until = time.monotonic() + PATIENCE_SECONDS
        tick = threading.Event()
        while self._unanswered and time.monotonic() < until:
            tick.wait(TICK_SECONDS)
            self._write_answers()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, *_: Any) -> None:
        # It is called under locks of paho's that publish() takes, too: no lock of ours here.
        self._acknowledged.append(mid)

    def _write_answers(self) -> None:
        answered = {self._unanswered.pop(self._acknowledged.popleft()) for _ in range(len(self._acknowledged))}
        self._book.answer(sorted(answered), "ok")
        self._silent = {machine: number for machine, number in self._silent.items() if number not in answered}


def _must_be_a_row(said: Spoken) -> bool:
    """A plain reading of now, of an order and a machine that are known."""
    about = said.saying.about
    is_now = abs(about.get("at", 0) / 1000 - time.time()) < 60
    return said.saying.kind == "count" and is_now and about["machine"] != "M-404" and about["order"] != "WO-UNKNOWN"
