"""The warehouse and the supervisors: materials with little stock, and orders that want three times as much at once."""

import itertools
import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from compose.simulators.catalogue import PARTS, master_data
from schemas.ids import work_order_id
from tests.rehearse.ledger import Saying
from tests.rehearse.stimuli.orders import PATH as ORDERS
from tests.rehearse.stimuli.orders import bill_line, order_body
from tests.rehearse.stimuli.web import Request, Voice

MATERIALS: Final = "/api/v1/integrations/erp/materials"
STOCK: Final = "/api/v1/integrations/inventory/stock-levels"
ON_HAND: Final = 60
ORDERS_A_MATERIAL: Final = 6
WANTED: Final = 3 * ON_HAND // ORDERS_A_MATERIAL


class Stock:
    """A turn: a new material, its stock (and an older report of it), six orders, all assigned at the same time."""

    def __init__(self, erp: Voice, supervisor: Voice, tenant_id: str, seed: int) -> None:
        self._erp, self._supervisor, self._tenant_id, self._seed = erp, supervisor, tenant_id, seed
        self._chance = random.Random(f"{seed}/stock")
        self._numbers = itertools.count(1)
        self._people = ThreadPoolExecutor(ORDERS_A_MATERIAL, thread_name_prefix="supervisor")

    def open(self) -> None:
        """What the warehouse has anyway: the materials of which it tells the stock by itself."""
        rows = [master_data(part) for part in PARTS]
        parts = tuple(_material(row) for row in rows)
        saying = Saying("materials", "stock", "material", "materials", _json({"materials": rows}), {})
        self._erp.ask(Request(saying, MATERIALS, parts=parts))

    def turn(self) -> None:
        """One material and its orders."""
        material = f"MAT-RH-{self._seed}-{next(self._numbers)}"
        if not self._erp.ask(self._master_data(material)).is_ok:
            return
        now = datetime.now(UTC)
        reports = [self._report(material, ON_HAND, now), self._report(material, 500, now - timedelta(hours=1))]
        if self._chance.random() < 0.5:
            reports.append(reports[0])
        for report in reports:
            self._erp.ask(report)
        names = [f"{material}-{number}" for number in range(1, ORDERS_A_MATERIAL + 1)]
        taken = [name for name in names if self._erp.ask(self._order(name, material)).is_ok]
        list(self._people.map(self._supervisor.ask, [self._assign(name, material) for name in taken]))

    def close(self) -> None:
        """Let the supervisors go."""
        self._people.shutdown()

    def _master_data(self, material: str) -> Request:
        row = {"material_id": material, "part_number": material, "part_name": f"Part {material}"}
        return Request(_material(row), MATERIALS)

    def _report(self, material: str, on_hand: int, at: datetime) -> Request:
        lots = [{"batch_number": f"LOT-{number}", "quantity": on_hand // 2} for number in (1, 2)]
        row = {
            "material_id": material,
            "on_hand_quantity": on_hand,
            "last_updated": at.isoformat(),
            "batch_details": lots,
        }
        about = {"on_hand": on_hand, "at": at.timestamp()}
        name = f"stock-{material}-{at.timestamp()}"
        return Request(Saying(name, "stock", "stock", material, _json({"materials": [row]}), about), STOCK)

    def _order(self, name: str, material: str) -> Request:
        body = order_body(name, 10, "normal", bill_of_materials=[bill_line(material, WANTED)])
        about = {"quantity": 10, "priority": "normal", "order": work_order_id(self._tenant_id, name)}
        return Request(Saying(name, "orders", "order", name, _json(body), about), ORDERS, f"created-{name}")

    def _assign(self, name: str, material: str) -> Request:
        order = work_order_id(self._tenant_id, name)
        about = {"order": order, "material": material, "quantity": WANTED}
        saying = Saying(f"assign-{name}", "reservations", "assign", order, b"{}", about)
        return Request(saying, f"/api/v1/work-orders/{order}/assign", f"assign-{name}")


def _material(row: dict[str, Any]) -> Saying:
    name = row["material_id"]
    return Saying(f"material-{name}", "stock", "material", name, _json({"materials": [row]}), {})


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
