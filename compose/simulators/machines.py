"""Machines as they are: they count, inspect and break down; they repeat themselves, come late, and talk nonsense."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from compose.simulators.ledger import Entry, Order
from connectors.systems.statement import milliseconds
from schemas.ids import short
from schemas.settings import MachineLayout

UNKNOWN_ORDER = Order("WO-UNKNOWN")
MILLISECOND = timedelta(milliseconds=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)

# What a machine says next, by weight.
WEIGHTS = {"count": 930, "duplicate": 15, "late": 15, "inspection": 20, "downtime": 4, "reset": 1, "trouble": 15}
COMES_BACK = 0.03
STOPS = [("MECH_FAULT", "Hydraulic system pressure drop", "high"), ("TOOL_CHANGE", "Die worn out", "low")]


class Saying(NamedTuple):
    """A message and what the ledger says of it."""

    entry: Entry
    topic: str
    data: bytes


class Workshop:
    """All machines of a layout. Time and chance arrive from outside, so the same seed says the same."""

    def __init__(
        self, machines: Sequence[MachineLayout], chance: random.Random, run: str, earlier: Iterable[Entry] = ()
    ) -> None:
        self._chance = chance
        self._run = run
        self._serial = 0
        made: Counter[str] = Counter()
        everybody = frozenset(layout.machine_id for layout in machines)
        self._machines = [_Machine(layout, made, everybody) for layout in machines]
        by_id = {machine.id: machine for machine in self._machines}
        for entry in earlier:
            if entry.machine_id in by_id and entry.cumulative_units is not None:
                by_id[entry.machine_id].remember(entry)

    def next(self, now: datetime, orders: Sequence[Order]) -> list[Saying]:
        """What one machine says now; without orders there is nothing to say, and one that is down keeps silent."""
        machine = self._chance.choice(self._machines)
        if machine.is_down:
            is_back = self._chance.random() < COMES_BACK
            return self._downtime(machine, None, machine.now(now)) if is_back else []
        order = machine.order(orders, self._chance)
        if order is None:
            return []
        (what,) = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if what == "trouble":
            return [self._trouble(machine, order, machine.now(now))]
        says: dict[str, Callable[[_Machine, Order, datetime], list[Saying]]] = {
            "count": self._count,
            "duplicate": self._duplicate,
            "late": self._late,
            "inspection": self._inspect,
            "downtime": self._downtime,
            "reset": self._reset,
        }
        return says[what](machine, order, machine.now(now))

    def last_words(self, now: datetime) -> list[Saying]:
        """What is still owed before the machines fall silent: messages held back, ends of downtimes."""
        said: list[Saying] = []
        for machine in self._machines:
            if machine.held:
                said.append(machine.held)
                machine.held = None
            if machine.is_down:
                said += self._downtime(machine, None, machine.now(now))
        return said

    def _count(self, machine: "_Machine", order: Order, now: datetime) -> list[Saying]:
        said = [self._reading(machine, order, now, "applied")]
        if machine.held:
            said.append(machine.held)
            machine.held = None
        return said

    def _reading(self, machine: "_Machine", order: Order, now: datetime, fate: str) -> Saying:
        cumulative = machine.count(order)
        body = _count_body(machine.id, order.work_order_id, now, cumulative, self._chance)
        entry = _count_entry(body, now, fate)
        machine.last = Saying(entry, machine.topic("production", "count"), _json(body))
        return machine.last

    def _duplicate(self, machine: "_Machine", order: Order, now: datetime) -> list[Saying]:
        if machine.last is None:
            return self._count(machine, order, now)
        entry = Entry(
            id=machine.last.entry.id,
            channel="mqtt",
            fate="duplicate",
            work_order_id=machine.last.entry.work_order_id,
            machine_id=machine.id,
        )
        return [machine.last._replace(entry=entry)]

    def _late(self, machine: "_Machine", order: Order, now: datetime) -> list[Saying]:
        """A reading that its successor overtakes."""
        if machine.held or machine.last is None:
            return self._count(machine, order, now)
        machine.held = self._reading(machine, order, now, "late")
        machine.last = None
        return []

    def _reset(self, machine: "_Machine", order: Order, now: datetime) -> list[Saying]:
        """The counter starts again at 1, as after a power cut."""
        if not machine.held and machine.cumulative(order) >= 10:
            machine.reset(order)
        return self._count(machine, order, now)

    def _inspect(self, machine: "_Machine", order: Order, now: datetime) -> list[Saying]:
        self._serial += 1
        is_bad = self._chance.random() < 0.1
        inspection_id = f"INS-{self._run}-{self._serial}"
        body = {
            "machine_id": machine.id,
            "work_order_id": order.work_order_id,
            "timestamp": _text(now),
            "inspection_id": inspection_id,
            "inspection_type": "inline_automated",
            "result": "fail" if is_bad else "pass",
            "defect_detected": is_bad,
            "defect_type": "cosmetic damage" if is_bad else None,
            "inspector": "AutoInspect_System",
        }
        entry = Entry(id=f"inspection-{inspection_id}", channel="mqtt", fate="applied", machine_id=machine.id)
        return [Saying(entry, machine.topic("quality", "inspection"), _json(body))]

    def _downtime(self, machine: "_Machine", order: Order | None, now: datetime) -> list[Saying]:
        """A machine that runs breaks down; one that is down comes back."""
        what = "ended" if machine.is_down else "started"
        code, description, severity = machine.stop or self._chance.choice(STOPS)
        body: dict[str, Any] = {
            "event_type": f"downtime.{what}",
            "machine_id": machine.id,
            "timestamp": _text(now),
            "downtime_reason_code": code,
        }
        if what == "started":
            body |= {
                "downtime_reason_description": description,
                "severity": severity,
                "estimated_repair_time_minutes": 45,
                "work_order_affected": order.work_order_id if order else None,
            }
        machine.stop = None if machine.is_down else (code, description, severity)
        entry_id = f"downtime-{machine.id}-{what}-{milliseconds(now)}"
        entry = Entry(id=entry_id, channel="mqtt", fate="applied", machine_id=machine.id)
        return [Saying(entry, machine.topic("downtime", "event"), _json(body))]

    def _trouble(self, machine: "_Machine", order: Order, now: datetime) -> Saying:
        self._serial += 1
        if self._chance.random() < 1 / (len(TROUBLES) + 1) and not machine.is_lifetime:
            return self._for_an_unknown_order(machine, now)
        return self._chance.choice(TROUBLES)(machine, order, now, self._serial, self._run, self._chance)

    def _for_an_unknown_order(self, machine: "_Machine", now: datetime) -> Saying:
        cumulative = machine.count(UNKNOWN_ORDER)
        body = _count_body(machine.id, UNKNOWN_ORDER.work_order_id, now, cumulative, self._chance)
        entry = _count_entry(body, now, "dead_letter:UNKNOWN_WORK_ORDER")
        return Saying(entry, machine.topic("production", "count"), _json(body))


class _Machine:
    """One machine: its counters, what it said last, what it holds back, why it stands.

    `made` counts the units of each order, whichever machine made them: an order is done when its quantity is made.
    """

    def __init__(self, layout: MachineLayout, made: "Counter[str]", everybody: frozenset[str]) -> None:
        self.id = layout.machine_id
        self._all = everybody
        self._line = layout.line
        self.is_lifetime = layout.counter_scope == "machine"
        self._counters: Counter[str] = Counter()
        self._made = made
        self._order: Order | None = None
        self._clock = LONG_AGO
        self.last: Saying | None = None
        self.held: Saying | None = None
        self.stop: tuple[str, str, str] | None = None

    @property
    def is_down(self) -> bool:
        """Whether it stands still."""
        return self.stop is not None

    def topic(self, subject: str, what: str) -> str:
        """Where it speaks."""
        return f"mes/{subject}/{self._line}/machine/{self.id}/{what}"

    def now(self, now: datetime) -> datetime:
        """Its clock: no two messages in the same millisecond."""
        self._clock = max(now.replace(microsecond=now.microsecond // 1000 * 1000), self._clock + MILLISECOND)
        return self._clock

    def order(self, orders: Sequence[Order], chance: random.Random) -> Order | None:
        """The order it works on; another one when that is done, but not while a message is held back.

        Where only others have work left it stands idle; where nobody has, it goes on with its last order.
        """
        is_done = self._order is None or not self._is_open(self._order)
        if is_done and not self.held:
            left = [each for each in orders if self._is_open(each)]
            mine = [each for each in left if each.machine_id in (None, self.id)]
            if mine:
                self._order = chance.choice(mine)
            elif any(each.machine_id in self._all for each in left):
                return None
        return self._order

    def _is_open(self, order: Order) -> bool:
        return self._made[order.work_order_id] < order.quantity

    def count(self, order: Order) -> int:
        """One more unit; the counter's new reading."""
        self._counters[self._scope(order.work_order_id)] += 1
        self._made[order.work_order_id] += 1
        return self.cumulative(order)

    def cumulative(self, order: Order) -> int:
        """The counter's reading."""
        return self._counters[self._scope(order.work_order_id)]

    def reset(self, order: Order) -> None:
        """Back to zero."""
        self._counters[self._scope(order.work_order_id)] = 0
        self.last = None

    def remember(self, entry: Entry) -> None:
        """Go on where an earlier run stopped."""
        order = entry.work_order_id or ""
        if entry.fate != "late":
            self._counters[self._scope(order)] = entry.cumulative_units or 0
        self._made[order] += entry.units

    def _scope(self, order: str) -> str:
        return "" if self.is_lifetime else order


Trouble = Callable[[_Machine, Order, datetime, int, str, random.Random], Saying]


def _count_body(machine: str, order: str, at: datetime, cumulative: int, chance: random.Random) -> dict[str, Any]:
    return {
        "machine_id": machine,
        "work_order_id": order,
        "timestamp": _text(at),
        "units_produced": 1,
        "cumulative_units": cumulative,
        "quality_status": "pass" if chance.random() < 0.98 else "fail",
        "cycle_time_seconds": round(chance.gauss(45, 2), 1) if chance.random() < 0.95 else None,
    }


def _count_entry(body: dict[str, Any], at: datetime, fate: str) -> Entry:
    machine, order, cumulative = body["machine_id"], body["work_order_id"], body["cumulative_units"]
    return Entry(
        id=short(f"count-{machine}-{order}-{milliseconds(at)}-{cumulative}"),
        channel="mqtt",
        fate=fate,
        work_order_id=order,
        machine_id=machine,
        units=1,
        cumulative_units=cumulative,
    )


def _refused(code: str, alter: Callable[[bytes], bytes]) -> Trouble:
    """A payload that nobody can read: it is filed under the hash of its topic and bytes."""

    def say(machine: _Machine, order: Order, at: datetime, serial: int, run: str, chance: random.Random) -> Saying:
        body = _count_body(machine.id, order.work_order_id, at, 10**9 + serial, chance) | {"note": f"{run}-{serial}"}
        topic, data = machine.topic("production", "count"), alter(_json(body))
        key = hashlib.sha256(topic.encode() + data).hexdigest()[:32]
        return Saying(Entry(id=key, channel="mqtt", fate=f"dead_letter:{code}"), topic, data)

    return say


def _stranger(code: str, **changes: Any) -> Trouble:
    """A count that can be read, and belongs nowhere."""

    def say(machine: _Machine, order: Order, at: datetime, serial: int, run: str, chance: random.Random) -> Saying:
        own = timedelta(milliseconds=int(run) % 10**10 + serial)
        moment = changes["at"] + own if "at" in changes else at
        machine_id = changes.get("machine_id", machine.id)
        body = _count_body(machine_id, order.work_order_id, moment, serial, chance)
        topic = machine.topic("production", "count").replace(machine.id, machine_id)
        entry = msgspec.structs.replace(_count_entry(body, moment, f"dead_letter:{code}"), cumulative_units=None)
        return Saying(entry, topic, _json(body))

    return say


TROUBLES: Sequence[Trouble] = (
    _refused("TRUNCATED_JSON", lambda data: data[:-5]),
    _refused("INVALID_JSON", lambda data: data.replace(b'"pass"', b"pass").replace(b'"fail"', b"fail")),
    _refused("INVALID_JSON", lambda data: data.replace(b'"units_produced":1', b'"units_produced":NaN')),
    _refused("MESSAGE_TOO_LARGE", lambda data: data + b" " * 256 * 1024),
    _refused("NESTED_TOO_DEEP", lambda data: b'{"a":' * 40 + data + b"}" * 40),
    _refused("NUL_CHARACTER", lambda data: data.replace(b'"machine_id":"', b'"machine_id":"\\u0000')),
    _refused("NOT_UTF8", lambda data: data.replace(b'"machine_id":"', b'"machine_id":"\xff\xfe')),
    _refused("VALIDATION_ERROR", lambda data: data.replace(b'"units_produced":1', b'"units_produced":"1"')),
    _refused("VALIDATION_ERROR", lambda data: data.replace(b'Z","units', b'","units')),
    _refused("MACHINE_MISMATCH", lambda data: data.replace(b'"machine_id":"M', b'"machine_id":"X')),
    _stranger("UNKNOWN_MACHINE", machine_id="M-404"),
    _stranger("STALE_TIMESTAMP", at=LONG_AGO),
    _stranger("FUTURE_TIMESTAMP", at=FAR_AHEAD),
)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
