"""The ERP: takes completions and consumption, tells materials and the work orders it knows (002 section 3)."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field, model_validator

from compose.simulators.catalogue import PARTS, master_data
from compose.simulators.ledger import whole_lines
from compose.simulators.systems.asked import Asked, Body, Refusal, Route, moment, page_of, read

COMPLETION: Final = "/api/production/work-order-completion"
CONSUMPTION: Final = "/api/inventory/material-consumption"
STATUS_AFTER: Final = {"created": "Released", "updated": "Released", "cancelled": "Cancelled"}


class Resource(Body):
    """An operator's or a machine's part in an order."""

    resource_type: Literal["operator", "machine"]
    resource_id: str = Field(min_length=1)
    employee_id: str | None = None
    hours_worked: float | None = Field(None, ge=0)
    machine_hours: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _has_hours(self) -> "Resource":
        wanted = ("employee_id", "hours_worked") if self.resource_type == "operator" else ("machine_hours",)
        if lacking := [name for name in wanted if getattr(self, name) is None]:
            raise ValueError(f"{self.resource_type} {self.resource_id} lacks {' and '.join(lacking)}")
        return self


class Consumed(Body):
    """How much of a material an order took."""

    material_id: str = Field(min_length=1)
    part_number: str
    quantity_consumed: float = Field(ge=0)
    unit_of_measure: str


class Quality(Body):
    """What the inspections said."""

    inspection_passed: bool
    defect_count: int = Field(ge=0)
    defect_types: list[str]


class Completion(Body):
    """A completion report (002 section 3.2.2)."""

    erp_work_order_id: str = Field(min_length=1)
    mraos_work_order_id: str = Field(min_length=1)
    completion_timestamp: AwareDatetime
    quantity_produced: float = Field(ge=0)
    quantity_scrapped: float = Field(ge=0)
    quantity_good: float = Field(ge=0)
    actual_start_time: AwareDatetime
    actual_end_time: AwareDatetime
    actual_duration_minutes: float = Field(ge=0)
    resources_used: list[Resource]
    materials_consumed: list[Consumed]
    quality_results: Quality

    @model_validator(mode="after")
    def _adds_up(self) -> "Completion":
        if abs(self.quantity_produced - self.quantity_scrapped - self.quantity_good) > 1e-6:
            raise ValueError("quantity_good is not quantity_produced less quantity_scrapped")
        if self.actual_end_time < self.actual_start_time:
            raise ValueError("actual_end_time lies before actual_start_time")
        return self


class Erp:
    """The ERP. Orders it sent come from `sent`; what stands in `data["work-orders"]` is told besides or instead."""

    name = "erp"

    def __init__(self, sent: Callable[[], Sequence[dict[str, Any]]] = tuple) -> None:
        self._sent = sent
        self.data: dict[str, Any] = {
            "materials": [master_data(part) for part in PARTS],
            "work-orders": [],
            "completions": [],
            "consumption": [],
            "strict": False,
        }
        self.routes = (
            Route("POST", COMPLETION, self._complete),
            Route("POST", CONSUMPTION, self._consume),
            Route("GET", "/api/v1/materials", self._materials),
            Route("GET", "/api/v1/work-orders", self._work_orders),
        )

    def scope(self, method: str) -> str:
        """Reading and writing are two rights."""
        return "erp.read" if method == "GET" else "erp.write"

    def replaced(self, name: str) -> None:
        """Nothing follows from the data."""

    def orders(self) -> list[dict[str, Any]]:
        """The orders as the ERP has them: sent, completed by report, and as somebody set them."""
        known = {order["erp_work_order_id"]: order for order in self._sent()}
        for done in self.data["completions"]:
            if order := known.get(done["erp_work_order_id"]):
                known[order["erp_work_order_id"]] = order | {
                    "status": "Completed",
                    "quantity_completed": done["quantity_good"],
                    "updated_at": done["received_at"],
                }
        known |= {order["erp_work_order_id"]: order for order in self.data["work-orders"]}
        return list(known.values())

    def _complete(self, asked: Asked) -> dict[str, Any]:
        report = read(Completion, asked)
        if self.data["strict"] and all(o["erp_work_order_id"] != report.erp_work_order_id for o in self.orders()):
            raise Refusal(404, f"There is no work order {report.erp_work_order_id}.")
        self.data["completions"].append(json.loads(asked.body) | {"received_at": asked.at.isoformat()})
        return {
            "status": "success",
            "erp_work_order_id": report.erp_work_order_id,
            "confirmation_number": f"CONF-{len(self.data['completions']):06}",
            "message": f"{report.erp_work_order_id} is completed with {report.quantity_good:g} good units",
        }

    def _consume(self, asked: Asked) -> dict[str, Any]:
        report = read(Body, asked)
        if not any(isinstance(rows, list) for rows in (report.model_extra or {}).values()):
            raise Refusal(400, "The body names no list of consumed materials.")
        self.data["consumption"].append(json.loads(asked.body) | {"received_at": asked.at.isoformat()})
        return {"status": "success", "document_number": f"MATDOC-{len(self.data['consumption']):06}"}

    def _materials(self, asked: Asked) -> dict[str, Any]:
        return page_of(asked, "materials", self.data["materials"])

    def _work_orders(self, asked: Asked) -> dict[str, Any]:
        since = moment(asked, "updated_since")
        orders = [order for order in self.orders() if since is None or _updated(order) >= since]
        return page_of(asked, "work_orders", orders)


def _updated(order: dict[str, Any]) -> datetime:
    told = order.get("updated_at")
    found = datetime.fromisoformat(told) if told else datetime.max.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class SentOrders:
    """The orders whose events the order desk has written into a file once the plant had accepted them."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0
        self._known: dict[str, dict[str, Any]] = {}

    def __call__(self) -> list[dict[str, Any]]:
        """The orders as of now."""
        lines, self._offset = whole_lines(self._path, self._offset)
        for line in lines:
            event = json.loads(line)
            order = event["work_order"]
            name, verb = order["erp_work_order_id"], event["event_type"].removeprefix("work_order.")
            told = {"status": STATUS_AFTER[verb], "updated_at": event["timestamp"]}
            self._known[name] = self._known.get(name, {}) | order | told
        return list(self._known.values())
