"""A plant without processes: the real translators and folds in memory, and the picture that those outside would see.

What the checker says of it is known beforehand: a calm plant is clean, and each thing done to the picture has its name.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from compose.simulators.ledger import Order
from connectors.registry import route_of
from connectors.said import said as record_of
from connectors.systems.statement import Context
from schemas.codec import Unreadable, decode
from schemas.envelope import Message
from schemas.ids import milliseconds
from schemas.messages.failures import IntegrationFailure
from schemas.messages.machines import DowntimeRecorded, MachineRegistered
from schemas.messages.materials import MaterialChanged, ReservationChanged
from schemas.messages.work_orders import WorkOrderCreated, WorkOrderInspected, WorkOrderProgressed
from schemas.settings import DEFAULT_TENANT, MachineLayout, Settings
from streams.driver import Output, Record, fold_batch
from streams.topology import TOPOLOGY
from tests.rehearse.ledger import Answer, Said, Saying, together
from tests.rehearse.model import FUTURE_SECONDS, STALE_SECONDS
from tests.rehearse.outside import Head, Letter, Outside, Row, Step, Stock
from tests.rehearse.stimuli.floor import Floor, Spoken

ORDERS = [(f"WO-{number}", f"RH-{number}", 1_000_000, "normal") for number in range(4)]
LATE = "WO-0"
MESSAGES = 3_000
BY_INBOX = {processor.inbox: processor for processor in TOPOLOGY}
MOST_BYTES = 256 * 1024


class PaperPlant:
    """Takes what machines say, and shows what became of it. One partition; everything that follows, follows at once."""

    def __init__(self, machines: Iterable[MachineLayout], orders: Iterable[tuple[str, str, int, str]]) -> None:
        self.states: dict[str, dict[bytes, bytes]] = {each.name: {} for each in TOPOLOGY}
        self._offsets: Counter[str] = Counter()
        self.events: list[Message[Any]] = []
        self._letters: dict[str, Letter] = {}
        self._heard: Counter[str] = Counter()
        self._erp_ids: dict[str, tuple[str, int, str]] = {}
        now = datetime.now(UTC)
        for each in machines:
            told = MachineRegistered(
                machine_id=each.machine_id,
                machine_name=each.machine_id,
                line=each.line,
                counter_scope=each.counter_scope,
            )
            self.publish("machine.register", told, f"register-{each.machine_id}", now)
        for order, erp_id, quantity, priority in orders:
            self._erp_ids[order] = (erp_id, quantity, priority)
            created = WorkOrderCreated(
                work_order_id=order,
                erp_work_order_id=erp_id,
                product_id="PROD-WD-100",
                quantity_ordered=Decimal(quantity),
                due_date=now,
                priority=priority,  # type: ignore[arg-type]
            )
            self.publish("erp.work_order_created", created, f"erp-created-{order}", now)

    def hear(self, spoken: Spoken, received_at: datetime) -> None:
        """One MQTT message, received at that moment while the line was up."""
        route = route_of("mqtt", spoken.topic)
        assert route is not None, spoken.topic
        try:
            told = route.translate(spoken.topic, spoken.data, Context(DEFAULT_TENANT, MOST_BYTES))
        except Unreadable as refusal:
            key = hashlib.sha256(spoken.topic.encode() + spoken.data).hexdigest()[:32]
            self._letters[key] = Letter(frozenset({key}), refusal.code, key, "pending_manual_review")
            return
        age = (received_at - told.timestamp).total_seconds()
        if -FUTURE_SECONDS <= age <= STALE_SECONDS:
            self._heard[told.message_id] += 1
            self.publish(told.type, told.payload, told.message_id, told.timestamp)
            return
        code = "STALE_TIMESTAMP" if age > 0 else "FUTURE_TIMESTAMP"
        self._letters[told.message_id] = Letter(
            frozenset({told.message_id}), code, told.message_id, "pending_manual_review"
        )

    def publish(self, type_name: str, payload: Any, message_id: str, at: datetime) -> None:
        """Say something on its inbox, and let everything follow from it."""
        self.follow([record_of(type_name, DEFAULT_TENANT, payload, message_id=message_id, timestamp=at)])

    def follow(self, outputs: Iterable[Output]) -> None:
        """Take what stands in the log now, and let everything follow from it."""
        waiting = list(outputs)
        while waiting:
            waiting = [after for output in waiting for after in self._take(output)]

    def _take(self, output: Output) -> list[Output]:
        offset = self._offsets[output.topic]
        self._offsets[output.topic] += 1
        processor = BY_INBOX.get(output.topic)
        if processor is None:
            self.events.append(decode(output.value))
            return []
        states = self.states[processor.name]
        batch = fold_batch(processor, 0, states, [Record(offset, output.key, output.value)])
        states.update(batch.changed)
        return batch.outputs

    def picture(self) -> Outside:
        """What those outside would see."""
        found = Outside(heard=Counter(self._heard))
        histories: dict[str, list[Step]] = defaultdict(list)
        produced: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        letters = dict(self._letters)
        for message in self.events:
            payload = message.payload
            if message.type.startswith("work_order.") and hasattr(payload, "version"):
                histories[payload.work_order_id].append(Step(payload.version, message.message_id))
            if isinstance(payload, WorkOrderProgressed):
                produced[payload.work_order_id] = (payload.quantity_produced, payload.quantity_scrapped)
                found.readings[payload.log_id] = Row(
                    payload.work_order_id,
                    payload.machine_id,
                    payload.cumulative_units,
                    payload.units,
                    payload.scrapped_units,
                    message.late,
                )
            elif isinstance(payload, WorkOrderInspected):
                found.rows[f"inspection-{payload.inspection_id}"] += 1
            elif isinstance(payload, DowntimeRecorded):
                what = "closed" if payload.ended_at else "started"
                found.rows[f"downtime-{payload.machine_id}-{what}-{milliseconds(payload.started_at)}"] = 1
            elif isinstance(payload, MaterialChanged):
                held = found.stocks[payload.material_id].held if payload.material_id in found.stocks else {}
                on_hand, allocated = float(payload.on_hand_quantity), float(payload.allocated_quantity)
                found.stocks[payload.material_id] = Stock(on_hand, allocated, held)
            elif isinstance(payload, ReservationChanged):
                held = found.stocks.setdefault(payload.material_id, Stock(0, 0, {})).held
                held[payload.work_order_id] = float(payload.quantity_reserved)
            elif isinstance(payload, IntegrationFailure):
                letters[payload.failure_key] = _letter(payload)
        found.rows.update(found.readings.keys())
        found.letters = list(letters.values())
        found.histories = dict(histories)
        for order, (erp_id, quantity, priority) in self._erp_ids.items():
            found.rows[erp_id] += 1
            found.heads[erp_id] = [Head(order, quantity, "in_progress", priority, *produced[order])]
        return found


def _letter(failure: IntegrationFailure) -> Letter:
    original: Any = failure.original_message or {}
    log_id = (original.get("payload") or {}).get("log_id")
    names = {failure.failure_key, failure.original_message_id, log_id} - {None}
    return Letter(
        frozenset(str(name) for name in names), failure.error_details.error_code, failure.failure_key, failure.status
    )


def spoken(seed: int, now: datetime, count: int = MESSAGES) -> list[Spoken]:
    """What the machines of a plant say at 500 a second."""
    floor = Floor(Settings().layout.machines, [Order(name, 100) for name, *_ in ORDERS[1:]], LATE, seed, str(seed))
    said: list[Spoken] = []
    for _ in range(20 * count):
        said += floor.next(now + timedelta(milliseconds=2 * len(said)))
        if len(said) >= count:
            break
    return said + floor.last_words(now + timedelta(milliseconds=2 * len(said) + 2))


def ledger(said: Iterable[Spoken], now: datetime, *others: Saying) -> list[Said]:
    """What was written down of it, of the orders, and of others who spoke; all was answered."""
    sayings = [
        *(
            Saying(erp_id, "orders", "order", erp_id, b"", {"order": order, "quantity": quantity, "priority": priority})
            for order, erp_id, quantity, priority in ORDERS
        ),
        *(each.saying for each in said),
        *others,
    ]
    intents = [each.intent(number, now.timestamp()) for number, each in enumerate(sayings)]
    return together([*intents, Answer(n=tuple(each.n for each in intents), result="ok", at=now.timestamp())])
