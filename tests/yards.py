"""A plant in one transaction of a real Postgres: what is said is folded, projected and reacted to."""

import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from connectors.deliveries.kind import Due, NotNeeded, NotYet, Request
from connectors.deliveries.making import make
from connectors.deliveries.registry import KINDS
from connectors.deliveries.requests import read, stored
from connectors.reactions import REACTIONS
from schemas.codec import decode, encode
from schemas.envelope import Message
from schemas.messages.materials import MaterialUpserted, StockBatch, StockReported
from schemas.messages.work_orders import BomLine, WorkOrderAssign, WorkOrderCommand, WorkOrderCreated
from schemas.settings import DEFAULT_TENANT, Settings
from sql import database, deliveries
from streams.driver import Output, Record, fold_batch, output_of
from streams.projection import Line, write
from streams.topology import TOPOLOGY
from tests.messages import NOON, units_counted

BY_INBOX = {processor.inbox: processor for processor in TOPOLOGY}
Row = dict[str, Any]


@dataclass
class Yard:
    """A plant with materials and orders. Each thing that is said happens a second after the one before."""

    rows: psycopg.Cursor[Row]
    settings: Settings
    now: datetime = NOON
    said: list[Message[Any]] = field(default_factory=list)
    _states: dict[str, dict[bytes, bytes]] = field(default_factory=lambda: {each.name: {} for each in TOPOLOGY})
    _offsets: Counter[str] = field(default_factory=Counter)

    def tell(self, type_name: str, payload: Any, **fields: Any) -> None:
        """Say something, and let everything follow from it."""
        self.now += timedelta(seconds=1)
        identity = f"said-{self.now.isoformat()}"
        envelope: dict[str, Any] = {
            "message_id": identity,
            "tenant_id": DEFAULT_TENANT,
            "timestamp": self.now,
            "source_system": "TEST",
            "correlation_id": f"corr-{identity}",
            "source": "test",
            "position": 0,
            "received_at": self.now,
        }
        self.publish([output_of(Message(type=type_name, payload=payload, **(envelope | fields)))])

    def publish(self, outputs: Iterable[Output]) -> None:
        """Fold, project, react, until nothing more follows."""
        waiting = deque(outputs)
        while waiting:
            heard = waiting.popleft()
            processor = BY_INBOX.get(heard.topic)
            offset = self._offsets[heard.topic]
            self._offsets[heard.topic] += 1
            self.said.append(decode(heard.value))
            if processor is not None:
                states = self._states[processor.name]
                batch = fold_batch(processor, 0, states, [Record(offset, heard.key, heard.value)])
                states.update(batch.changed)
                waiting.extendleft(reversed(batch.outputs))
                continue
            self._project(Line(heard.topic, 0, offset, heard.key, heard.value))
            waiting += self._react(self.said[-1])

    def _project(self, line: Line) -> None:
        with self.rows.connection.cursor(row_factory=tuple_row) as cursor:
            assert write(cursor, [line]).refused == []
        database.tenant(self.rows, DEFAULT_TENANT)

    def _react(self, message: Message[Any]) -> list[Output]:
        outputs: list[Output] = []
        for reaction in REACTIONS.get(message.type, ()):
            reacted = reaction(self.rows, message, self.settings)
            make(self.rows, reacted.deliveries)
            outputs += reacted.outputs
        return outputs

    def heard(self, type_name: str) -> list[Message[Any]]:
        """What was said of one type."""
        return [each for each in self.said if each.type == type_name]

    # What happens in a plant.

    def stock(self, material_id: str, on_hand: int, lots: dict[str, int] | None = None, **fields: Any) -> None:
        """A material with so much on its shelf."""
        self.tell(
            "erp.material_upserted",
            MaterialUpserted(material_id=material_id, part_number=f"P-{material_id}", part_name=material_id, **fields),
        )
        batches = tuple(
            StockBatch(batch_number=lot, quantity=Decimal(quantity), expiration_date=None)
            for lot, quantity in (lots or {}).items()
        )
        told = StockReported(material_id=material_id, on_hand_quantity=Decimal(on_hand), batch_details=batches)
        self.tell("inventory.stock_reported", told)

    def order(self, work_order_id: str, bill: dict[str, int], quantity: int = 100, **fields: Any) -> None:
        """An order is received and released."""
        told = WorkOrderCreated(
            work_order_id=work_order_id,
            erp_work_order_id=f"ERP-{work_order_id}",
            product_id="PROD-1",
            quantity_ordered=Decimal(quantity),
            due_date=self.now + timedelta(days=1),
            bill_of_materials=tuple(
                BomLine(material_id=name, quantity_required=Decimal(units)) for name, units in bill.items()
            ),
            **fields,
        )
        self.tell("erp.work_order_created", told)

    def assign(self, work_order_id: str) -> None:
        """A supervisor gives it to somebody."""
        self.tell("work_order.assign", WorkOrderAssign(work_order_id=work_order_id, actor="supervisor"))

    def command(self, work_order_id: str, verb: str) -> None:
        """start, hold, complete, cancel."""
        self.tell(f"work_order.{verb}", WorkOrderCommand(work_order_id=work_order_id, actor="supervisor"))

    def produce(self, work_order_id: str, units: int) -> None:
        """A machine makes units for it."""
        told = units_counted(work_order_id, units, f"log-{self.now.isoformat()}")
        self.tell("production.counted", told)

    # What the process `jobs` does with deliveries.

    def pending(self, kind: str) -> list[Row]:
        """Deliveries of a kind that nobody has answered, the oldest first."""
        self.rows.execute(
            "SELECT * FROM deliveries WHERE kind = %s AND status = 'pending' ORDER BY created_at, due_at", [kind]
        )
        return self.rows.fetchall()

    def request(self, delivery: Row) -> Request | str:
        """Its request, made and kept at the first attempt; or why there is none (yet)."""
        self.rows.execute("SELECT * FROM deliveries WHERE delivery_id = %s", [delivery["delivery_id"]])
        row = self.rows.fetchone()
        assert row is not None
        if row["request"] is None:
            try:
                with self.rows.connection.transaction():
                    made = KINDS[row["kind"]].request(self.rows, _due(row), self.settings)
            except NotYet as reason:
                return f"not yet: {reason}"
            except NotNeeded as reason:
                identity = row["delivery_id"]
                deliveries.end(self.rows, identity, "cancelled", self.now, attempts=0, is_attempt=False)
                return f"not needed: {reason}"
            row["request"] = deliveries.freeze(self.rows, row["delivery_id"], stored(made))
        return read(row["request"])

    def answer(self, delivery: Row, *answers: Any) -> None:
        """The other system has answered so: what follows from it. Raises Refused."""
        self.now += timedelta(seconds=1)
        with self.rows.connection.transaction():
            heard = json.loads(json.dumps(answers))
            assert deliveries.end(
                self.rows, delivery["delivery_id"], "succeeded", self.now, attempts=0, answer=heard[-1]
            )
            outputs = KINDS[delivery["kind"]].accepted(self.rows, _due(delivery), heard, self.now, self.settings)
        self.publish(outputs)

    def body(self, delivery: Row) -> Any:
        """The body of its request, as JSON."""
        made = self.request(delivery)
        assert not isinstance(made, str), made
        return json.loads(encode(getattr(made, "body", made)))

    def one(self, query: str, *parameters: Any) -> Row:
        """The only row of a query."""
        self.rows.execute(query.encode(), parameters)
        (row,) = self.rows.fetchall()
        return row


def _due(row: Row) -> Due:
    return Due(**{name: row[name] for name in Due._fields} | {"tenant_id": str(row["tenant_id"])})


def reserved(body: Any, lots: dict[str, list[tuple[str, float]]] | None = None, **changes: Any) -> dict[str, Any]:
    """The warehouse's answer to a reservation request: all that was asked for, of these lots."""
    lines = []
    for asked in body["materials"]:
        told = (lots or {}).get(asked["material_id"], [("LOT-W", asked["quantity"])])
        batches = [{"batch_number": lot, "quantity": quantity, "location": "Aisle 12"} for lot, quantity in told]
        lines.append(
            {
                "material_id": asked["material_id"],
                "quantity_reserved": asked["quantity"],
                "batches_allocated": batches,
            }
        )
    answer = {
        "status": "success",
        "reservation_id": body["reservation_id"],
        "inventory_reservation_id": f"INV-{body['reservation_id']}",
        "materials_reserved": lines,
    }
    return answer | changes


def assigned(yard: Yard, bill: dict[str, int], order: str = "WO-4600", **fields: Any) -> Row:
    """An order whose materials lie on the shelf, assigned; the delivery that asks the warehouse."""
    for name, units in bill.items():
        yard.stock(name, units * 2, {f"LOT-{name}": units * 2})
    yard.order(order, bill, **fields)
    yard.assign(order)
    (delivery,) = yard.pending("wms.reservation")
    return delivery


def completed(yard: Yard, bill: dict[str, int], **fields: Any) -> Row:
    """An order that was reserved at the warehouse and completed; the delivery that tells its consumption."""
    delivery = assigned(yard, bill, **fields)
    yard.answer(delivery, reserved(yard.body(delivery), {name: [(f"LOT-{name}", bill[name])] for name in bill}))
    yard.produce("WO-4600", 100)
    (told,) = yard.pending("wms.consumption")
    return told
