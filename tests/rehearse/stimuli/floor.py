"""What the machines say: the simulators' workshop, one for each machine, and what only a bad day brings.

Beyond what a workshop does by itself (repeats, readings overtaken by the next, resets, nonsense of thirteen kinds) a
message comes a hundred times, readings come in the reverse order, shift-old ones come late by 20 minutes, and one
machine says hundreds of things at once.
"""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from compose.simulators.ledger import Order
from compose.simulators.machines import Saying as Utterance
from compose.simulators.machines import Workshop
from schemas.settings import MachineLayout
from tests.rehearse.ledger import Saying

# How often a bad thing happens, among what is said.
SHARES: Final = {"hundredfold": 1 / 6_000, "reversed": 1 / 150, "twenty_minutes": 1 / 800, "flood": 1 / 9_000}
FLOOD: Final = 400
TWENTY_MINUTES: Final = timedelta(minutes=20)
CHANNELS: Final = {"production": "counts", "quality": "inspections", "downtime": "downtimes"}


class Spoken(NamedTuple):
    """One MQTT message: what the ledger says of it, and where it goes. After a pause its machine awaits the answer."""

    saying: Saying
    topic: str
    data: bytes
    machine: str
    is_pause: bool = False


class Floor:
    """All machines that count by order. Time and chance arrive from outside: the same seed says the same."""

    def __init__(
        self, machines: Sequence[MachineLayout], orders: Sequence[Order], late_order: str, seed: int, run: str
    ) -> None:
        by_order = [each for each in machines if each.counter_scope == "order"]
        self._orders, self._late_order = orders, late_order
        self._chance = random.Random(f"{seed}/floor")
        self._shops = {
            each.machine_id: Workshop([each], random.Random(f"{seed}/{each.machine_id}"), f"{run}{number}")
            for number, each in enumerate(by_order, 1)
        }
        self._lines = {each.machine_id: each.line for each in by_order}
        self._late = dict.fromkeys(self._shops, 0)

    def next(self, now: datetime, silent: frozenset[str] = frozenset()) -> list[Spoken]:
        """What one of the machines says that are not silent; nothing if it stands still."""
        machine = self._chance.choice(sorted(self._shops))
        what = self._chance.choices(["usual", *SHARES], [1 - sum(SHARES.values()), *SHARES.values()])[0]
        if machine in silent:
            return []
        if what == "twenty_minutes":
            return [self._shift_old(machine, now)]
        if what == "flood":
            return self._several(machine, now, FLOOD)
        said = self._several(machine, now, 4 if what == "reversed" else 1)
        if what == "hundredfold" and said:
            return [*said[:-1], *[said[-1]] * 100]
        is_plain = all(each.saying.kind == "count" and not each.is_pause for each in said)
        return said[::-1] if what == "reversed" and is_plain else said

    def last_words(self, now: datetime) -> list[Spoken]:
        """What is still owed before all fall silent."""
        return [self._spoken(name, each) for name, shop in self._shops.items() for each in shop.last_words(now)]

    def _several(self, machine: str, now: datetime, count: int) -> list[Spoken]:
        """So many messages in a row, fewer where it breaks down or must wait for an answer."""
        said: list[Spoken] = []
        for _ in range(1 if count == 1 else 2 * count):
            said += [self._spoken(machine, each) for each in self._shops[machine].next(now, self._orders)]
            if len(said) >= count or (said and said[-1].is_pause):
                break
        return said

    def _shift_old(self, machine: str, now: datetime) -> Spoken:
        """A unit of 20 minutes ago, of which nobody heard yet: too old while the line is up, late after an outage."""
        self._late[machine] += 1
        at = now - TWENTY_MINUTES
        body = {
            "machine_id": machine,
            "work_order_id": self._late_order,
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "units_produced": 1,
            "cumulative_units": self._late[machine],
            "quality_status": "pass",
            "cycle_time_seconds": 45.0,
        }
        data = json.dumps(body).encode()
        topic = f"mes/production/{self._lines[machine]}/machine/{machine}/count"
        return Spoken(saying_of("", topic, data), topic, data, machine)

    def _spoken(self, machine: str, told: Utterance) -> Spoken:
        saying = saying_of(told.entry.id, told.topic, told.data, told.entry.fate)
        # What follows a reset at once could overtake it when a broker dies, and a machine needs a moment to boot.
        is_reset = saying.kind == "count" and told.entry.cumulative_units == 1 and told.entry.fate == "applied"
        return Spoken(saying, told.topic, told.data, machine, is_reset)


def saying_of(name: str, topic: str, data: bytes, fate: str = "") -> Saying:
    """What the ledger says of a message: the values of one that can be read, of another why not.

    `name` is that of one that cannot be read (hash of topic and bytes); others are named after what they say.
    """
    channel = CHANNELS[topic.split("/")[1]]
    body = _readable(data, topic)
    if body is None:
        return Saying(name, channel, "garbled", name, data, {"code": fate.removeprefix("dead_letter:")})
    machine = str(body["machine_id"])
    about = {"machine": machine, "at": _milliseconds(body["timestamp"])}
    if channel == "inspections":
        about |= {"order": body["work_order_id"], "result": body["result"]}
        return Saying(f"inspection-{body['inspection_id']}", channel, "inspection", machine, data, about)
    if channel == "downtimes":
        what = str(body["event_type"]).removeprefix("downtime.")
        return Saying(f"downtime-{machine}-{what}-{about['at']}", channel, f"downtime_{what}", machine, data, about)
    about |= {
        "order": body["work_order_id"],
        "cumulative": body["cumulative_units"],
        "units": body["units_produced"],
        "quality": body["quality_status"],
    }
    identity = f"count-{machine}-{about['order']}-{about['at']}-{about['cumulative']}"
    return Saying(identity, channel, "count", machine, data, about)


def _readable(data: bytes, topic: str) -> dict[str, object] | None:
    """The body of a message that keeps to document 002, by a reader of our own; None for any other."""
    if len(data) > 256 * 1024 or b"NaN" in data or b"\\u0000" in data or b'{"a":' in data:
        return None
    try:
        body = json.loads(data)
    except ValueError:
        return None
    is_zoned = str(body.get("timestamp", "")).endswith("Z")
    is_whole = "units_produced" not in body or isinstance(body["units_produced"], int)
    return body if is_zoned and is_whole and topic.split("/")[-2] == body.get("machine_id") else None


def _milliseconds(text: object) -> int:
    return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
