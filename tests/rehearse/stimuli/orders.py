"""The ERP: work orders, said again with and without their key, changed, cancelled, garbled."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.ids import work_order_id
from tests.rehearse.ledger import Saying
from tests.rehearse.stimuli.web import Request, Voice

PATH: Final = "/api/v1/integrations/erp/work-orders"
CHANNEL: Final = "orders"
PRIORITIES: Final = ("low", "normal", "high", "urgent")
TRUNCATED_BY: Final = 20


class Orders:
    """Sends an order a turn, and does with it what ERPs do."""

    def __init__(self, voice: Voice, tenant_id: str, seed: int) -> None:
        self._voice, self._tenant_id = voice, tenant_id
        self._prefix = f"WO-ERP-RH-{seed}"
        self._chance = random.Random(f"{seed}/orders")
        self._numbers = itertools.count(1)
        self._turns = itertools.cycle(
            (
                self._plain,
                self._again_with_its_key,
                self._again_without_a_key,
                self._its_key_with_another_body,
                self._changed,
                self._cancelled,
                self._truncated,
                self._of_unknown_material,
            )
        )

    def open(self, what: str, count: int, quantity: int = 1_000_000) -> list[str]:
        """Orders that machines will work on; our ids. Raises AssertionError when the plant does not take them."""
        ours = []
        for number in range(1, count + 1):
            name = f"{self._prefix}-{what}-{number}"
            reply = self._voice.ask(self._create(name, quantity))
            assert reply.status in (200, 409), f"{name} was not taken: {reply}"
            ours.append(work_order_id(self._tenant_id, name))
        return ours

    def turn(self) -> None:
        """The next of the things that an ERP does."""
        next(self._turns)()

    def _plain(self) -> None:
        self._voice.ask(self._new())

    def _again_with_its_key(self) -> None:
        asked = self._new()
        self._voice.ask(asked)
        self._voice.ask(asked)

    def _again_without_a_key(self) -> None:
        asked = self._new()
        if self._voice.ask(asked).is_ok:
            self._voice.ask(_as(asked, "order_without_key")._replace(key=None))

    def _its_key_with_another_body(self) -> None:
        asked = self._new()
        other = asked.saying.data.replace(b'"unit_of_measure": "EA"', b'"unit_of_measure": "KG"')
        if self._voice.ask(asked).is_ok:
            self._voice.ask(_as(asked, "order_other_body", other))

    def _changed(self) -> None:
        asked = self._new()
        if self._voice.ask(asked).is_ok:
            self._say_to(asked, "updated", priority="urgent", special_instructions="Revision 2: needed sooner")

    def _cancelled(self) -> None:
        asked = self._new()
        if self._voice.ask(asked).is_ok:
            self._say_to(asked, "cancelled", cancellation_reason="The customer withdrew.")

    def _truncated(self) -> None:
        asked = self._new()
        self._voice.ask(_as(asked, "order_garbled", asked.saying.data[:-TRUNCATED_BY]))

    def _of_unknown_material(self) -> None:
        asked = self._new(bill_of_materials=[bill_line("MAT-UNHEARD-OF", 1)])
        self._voice.ask(_as(asked, "order_of_unknown_material"))

    def _new(self, **fields: Any) -> Request:
        return self._create(f"{self._prefix}-{next(self._numbers)}", self._chance.randrange(20, 200), **fields)

    def _create(self, name: str, quantity: int, **fields: Any) -> Request:
        body = order_body(name, quantity, self._chance.choice(PRIORITIES), **fields)
        about = {"quantity": quantity, "priority": body["work_order"]["priority"]}
        about["order"] = work_order_id(self._tenant_id, name)
        return Request(Saying(name, CHANNEL, "order", name, _json(body), about), PATH, f"created-{name}")

    def _say_to(self, created: Request, verb: str, **fields: Any) -> None:
        name = created.saying.key
        body = {
            "event_type": f"work_order.{verb}",
            "timestamp": datetime.now(UTC).isoformat(),
            "work_order": {"erp_work_order_id": name, **fields},
        }
        saying = Saying(f"{verb}-{name}", CHANNEL, f"order_{verb}", name, _json(body), created.saying.about | fields)
        self._voice.ask(Request(saying, PATH, f"{verb}-{name}"))


def order_body(name: str, quantity: int, priority: str, **fields: Any) -> dict[str, Any]:
    """A new order as in 002 section 3.2.1."""
    now = datetime.now(UTC)
    return {
        "event_type": "work_order.created",
        "timestamp": now.isoformat(),
        "work_order": {
            "erp_work_order_id": name,
            "product_id": "PROD-WD-100",
            "product_name": "Washer Door Assembly",
            "quantity_ordered": quantity,
            "unit_of_measure": "EA",
            "priority": priority,
            "due_date": (now + timedelta(days=2)).isoformat(),
            **fields,
        },
    }


def bill_line(material_id: str, quantity: int) -> dict[str, Any]:
    """A line of a bill of materials."""
    return {
        "material_id": material_id,
        "part_number": material_id,
        "quantity_required": quantity,
        "unit_of_measure": "EA",
    }


def _as(asked: Request, kind: str, data: bytes | None = None) -> Request:
    """The same, by another name in the ledger: it must not take effect, or not once more."""
    return asked._replace(saying=asked.saying._replace(kind=kind, data=data or asked.saying.data))


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
