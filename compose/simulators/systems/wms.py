"""The warehouse: stock in batches, reserved first-expired-first-out, consumed and released (002 section 6.2)."""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

from pydantic import AwareDatetime, Field

from compose.simulators.catalogue import stock
from compose.simulators.systems.asked import Asked, Body, Refusal, Route, read

FIRST_NUMBER = 78_945


class Wanted(Body):
    """A material to reserve."""

    material_id: str = Field(min_length=1)
    part_number: str | None
    quantity: float = Field(gt=0)
    unit_of_measure: str
    prefer_batch: str | None = None


class Reserve(Body):
    """A reservation request."""

    reservation_id: str = Field(min_length=1)
    work_order_id: str = Field(min_length=1)
    reserved_by: str = Field(min_length=1)
    reservation_date: AwareDatetime
    expected_consumption_date: AwareDatetime | None
    materials: list[Wanted] = Field(min_length=1)


class Used(Body):
    """A material that was consumed."""

    material_id: str = Field(min_length=1)
    quantity_consumed: float = Field(gt=0)
    batch_number: str | None
    reason_code: str = Field(min_length=1)
    cost_center: str = Field(min_length=1)


class Consumption(Body):
    """A consumption transaction."""

    transaction_id: str = Field(min_length=1)
    work_order_id: str = Field(min_length=1)
    transaction_date: AwareDatetime
    materials_consumed: list[Used] = Field(min_length=1)


class Place(NamedTuple):
    """A batch of a material."""

    material_id: str
    batch_number: str


class Wms:
    """The warehouse. What it does not know it grants as if there were plenty, unless `data["strict"]` is set.

    It counts its stock once it `is_stocked`.
    """

    name = "wms"

    def __init__(self, opened: datetime, is_stocked: Callable[[], bool] = lambda: True) -> None:
        self._is_stocked = is_stocked
        self.data: dict[str, Any] = {
            "stock-levels": stock(opened),
            "reservations": {},
            "transactions": [],
            "strict": False,
        }
        self._held: dict[Place, float] = defaultdict(float)
        self.routes = (
            Route("GET", "/api/v1/materials/stock-levels", self._stock_levels),
            Route("POST", "/api/v1/reservations", self._reserve),
            Route("POST", "/api/v1/reservations/([^/]+)/release", self._release),
            Route("POST", "/api/v1/transactions/consumption", self._consume),
        )

    def scope(self, method: str) -> str:
        """One right for both."""
        return "inventory.readwrite"

    def replaced(self, name: str) -> None:
        """A new count of the stock holds what it says, and nothing for anybody."""
        if name == "stock-levels":
            self._held.clear()

    def _stock_levels(self, asked: Asked) -> dict[str, Any]:
        where = asked.query.get("location", "")
        rows = self.data["stock-levels"] if self._is_stocked() else []
        return {"materials": [row for row in rows if row.get("warehouse", "").startswith(where)]}

    def _reserve(self, asked: Asked) -> dict[str, Any]:
        told = read(Reserve, asked)
        if earlier := self.data["reservations"].get(told.reservation_id):
            raise Refusal(409, f"{told.reservation_id} is reserved already as {earlier['inventory_reservation_id']}.")
        self._check_known(wanted.material_id for wanted in told.materials)
        lines = [self._allocate(wanted, asked.at) for wanted in told.materials]
        got = [line["quantity_reserved"] >= wanted.quantity for line, wanted in zip(lines, told.materials, strict=True)]
        status = "success" if all(got) else "partial" if any(line["quantity_reserved"] for line in lines) else "refused"
        answer = {
            "status": status,
            "reservation_id": told.reservation_id,
            "inventory_reservation_id": f"INV-RES-{FIRST_NUMBER + len(self.data['reservations'])}",
            "materials_reserved": lines,
        }
        self.data["reservations"][told.reservation_id] = answer | {
            "work_order_id": told.work_order_id,
            "is_released": False,
        }
        return answer

    def _check_known(self, materials: Any) -> None:
        if self.data["strict"] and (unknown := sorted({each for each in materials if self._row(each) is None})):
            raise Refusal(404, f"There is no material {', '.join(unknown)}.")

    def _allocate(self, wanted: Wanted, at: datetime) -> dict[str, Any]:
        """Hold what is there of a material, the batch that expires first before the others; none that has expired."""
        row = self._row(wanted.material_id)
        if row is None:
            batches = [_allocated(f"BATCH-{wanted.material_id}", wanted.quantity, "Plant1-WH")]
            return _line(wanted.material_id, wanted.quantity, batches)
        open_quantity = min(wanted.quantity, max(row["available_quantity"], 0))
        batches = []
        for batch in sorted(row["batch_details"], key=lambda each: each.get("expiration_date") or "9999"):
            place = Place(wanted.material_id, batch["batch_number"])
            taken = min(open_quantity, batch["quantity"] - self._held[place])
            if taken > 0 and not _is_expired(batch, at.date()):
                self._held[place] += taken
                open_quantity -= taken
                batches.append(_allocated(batch["batch_number"], taken, row["location"]))
        reserved = sum(batch["quantity"] for batch in batches)
        _change(row, 0, reserved, at)
        return _line(wanted.material_id, reserved, batches)

    def _release(self, asked: Asked) -> dict[str, Any]:
        (named,) = asked.ids
        found = self._reservation(named)
        if found is None:
            raise Refusal(404, f"There is no reservation {named}.")
        if not found["is_released"]:
            found["is_released"] = True
            for line in found["materials_reserved"]:
                for batch in line["batches_allocated"]:
                    self._let_go(Place(line["material_id"], batch["batch_number"]), batch["quantity"], asked.at)
        return {
            "status": "success",
            "reservation_id": found["reservation_id"],
            "inventory_reservation_id": found["inventory_reservation_id"],
            "message": f"{found['inventory_reservation_id']} is released",
        }

    def _consume(self, asked: Asked) -> dict[str, Any]:
        told = read(Consumption, asked)
        self._check_known(used.material_id for used in told.materials_consumed)
        warnings = [warning for used in told.materials_consumed if (warning := self._take(told, used, asked.at))]
        number = f"INV-TXN-{FIRST_NUMBER + len(self.data['transactions'])}"
        self.data["transactions"].append(
            json.loads(asked.body) | {"inventory_transaction_id": number, "received_at": asked.at.isoformat()}
        )
        return {
            "status": "success",
            "transaction_id": told.transaction_id,
            "inventory_transaction_id": number,
            "warnings": warnings,
        }

    def _take(self, told: Consumption, used: Used, at: datetime) -> str | None:
        """Take it from its batch, then from others; what was held of it for the order is held no more."""
        row = self._row(used.material_id)
        if row is None:
            return None
        open_quantity = used.quantity_consumed
        for batch in sorted(row["batch_details"], key=lambda each: each["batch_number"] != used.batch_number):
            taken = min(open_quantity, batch["quantity"])
            batch["quantity"] -= taken
            open_quantity -= taken
        _change(row, open_quantity - used.quantity_consumed, 0, at)
        self._use_up(told.work_order_id, used, at)
        return f"{used.material_id} was short of {open_quantity:g} {row['unit_of_measure']}." if open_quantity else None

    def _use_up(self, work_order_id: str, used: Used, at: datetime) -> None:
        open_quantity = used.quantity_consumed
        for found in self.data["reservations"].values():
            if found["work_order_id"] != work_order_id or found["is_released"]:
                continue
            for line in found["materials_reserved"]:
                for batch in line["batches_allocated"] if line["material_id"] == used.material_id else ():
                    freed = min(open_quantity, batch["quantity"])
                    batch["quantity"] -= freed
                    open_quantity -= freed
                    self._let_go(Place(used.material_id, batch["batch_number"]), freed, at)

    def _let_go(self, place: Place, quantity: float, at: datetime) -> None:
        held = min(quantity, self._held[place])
        self._held[place] -= held
        if row := self._row(place.material_id):
            _change(row, 0, -held, at)

    def _row(self, material_id: str) -> dict[str, Any] | None:
        return next((row for row in self.data["stock-levels"] if row["material_id"] == material_id), None)

    def _reservation(self, named: str) -> dict[str, Any] | None:
        found: dict[str, dict[str, Any]] = self.data["reservations"]
        return next((one for one in found.values() if named in _names(one)), None)


def _names(reservation: dict[str, Any]) -> tuple[str, str]:
    return reservation["reservation_id"], reservation["inventory_reservation_id"]


def _line(material_id: str, reserved: float, batches: list[dict[str, Any]]) -> dict[str, Any]:
    return {"material_id": material_id, "quantity_reserved": reserved, "batches_allocated": batches}


def _allocated(batch_number: str, quantity: float, location: str) -> dict[str, Any]:
    return {"batch_number": batch_number, "quantity": quantity, "location": location}


def _is_expired(batch: dict[str, Any], today: date) -> bool:
    return bool(batch.get("expiration_date")) and date.fromisoformat(batch["expiration_date"]) < today


def _change(row: dict[str, Any], on_hand: float, allocated: float, at: datetime) -> None:
    row["on_hand_quantity"] += on_hand
    row["allocated_quantity"] += allocated
    row["available_quantity"] = row["on_hand_quantity"] - row["allocated_quantity"]
    row["last_updated"] = at.isoformat()
