"""What we ask of the warehouse (002 section 6.2.2), and what its answers mean: reservations, releases, consumption."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from connectors.systems.erp import validated
from connectors.systems.wms import Id, Quantity
from schemas.codec import Unreadable

RESERVED_BY: Final = "MRAOS_System"


class Need(NamedTuple):
    """So much of a material that an order reserved."""

    material_id: str
    part_number: str
    quantity: Decimal
    unit_of_measure: str


class Issue(NamedTuple):
    """So much of a lot that an order consumed; `batch_number` is None where the material has no lots."""

    material_id: str
    quantity: Decimal
    batch_number: str | None


class Place(NamedTuple):
    """So much of a lot, and where the warehouse takes it from."""

    batch_number: str
    quantity: Decimal
    location: str | None


class WmsPlace(BaseModel):
    """A lot that the warehouse set aside."""

    model_config = ConfigDict(extra="ignore")

    batch_number: Id
    quantity: Quantity
    location: Annotated[str, Field(max_length=4000)] | None = None


class WmsReserved(BaseModel):
    """A material that the warehouse set aside."""

    model_config = ConfigDict(extra="ignore")

    material_id: Id
    quantity_reserved: Quantity
    batches_allocated: list[WmsPlace] = Field(default_factory=list, max_length=5000)


class WmsReservation(BaseModel):
    """The answer to a reservation request."""

    model_config = ConfigDict(extra="ignore")

    status: Annotated[str, Field(max_length=100)]
    reservation_id: Id
    inventory_reservation_id: Id
    materials_reserved: list[WmsReserved] = Field(max_length=5000)


class Allocation(NamedTuple):
    """What the warehouse set aside for a request, under its own id."""

    inventory_reservation_id: str
    materials: Mapping[str, tuple[Place, ...]]


def request_id(work_order_id: str, number: int = 1) -> str:
    """The constant id of an order's n-th reservation request."""
    order = work_order_id.removeprefix("WO-")
    return f"RES-MRAOS-{order}" if number == 1 else f"RES-MRAOS-{order}-{number}"


def transaction_id(work_order_id: str, number: int = 1) -> str:
    """The constant id of the n-th time that an order's consumption is told."""
    order = work_order_id.removeprefix("WO-")
    return f"TXN-MRAOS-{order}" if number == 1 else f"TXN-MRAOS-{order}-{number}"


def cost_center(prefix: str, line: str | None) -> str:
    """The cost centre of a line: `CC-Manufacturing` and "Line 2" make `CC-Manufacturing-Line2`."""
    name = "".join(word[:1].upper() + word[1:] for word in (line or "").split())
    return f"{prefix}-{name}" if name else prefix


def reservation(
    identity: str, work_order_id: str, reserved_at: datetime, expected_at: datetime, needs: Sequence[Need]
) -> dict[str, Any]:
    """The body of `POST /api/v1/reservations`; it is never expected to be consumed before it is reserved."""
    return {
        "reservation_id": identity,
        "work_order_id": work_order_id,
        "reserved_by": RESERVED_BY,
        "reservation_date": in_words(reserved_at),
        "expected_consumption_date": in_words(max(reserved_at, expected_at)),
        "materials": [
            {
                "material_id": need.material_id,
                "part_number": need.part_number,
                "quantity": number(need.quantity),
                "unit_of_measure": need.unit_of_measure,
                "prefer_batch": "FEFO",
            }
            for need in needs
        ],
    }


def release(identity: str, work_order_id: str, released_at: datetime, reason: str) -> dict[str, Any]:
    """The body of `POST /api/v1/reservations/{reservation_id}/release`: all of the request is given back."""
    return {
        "reservation_id": identity,
        "work_order_id": work_order_id,
        "released_by": RESERVED_BY,
        "release_date": in_words(released_at),
        "reason": reason,
    }


def consumption(
    identity: str, work_order_id: str, consumed_at: datetime, issues: Sequence[Issue], center: str
) -> dict[str, Any]:
    """The body of `POST /api/v1/transactions/consumption`: a line for each lot."""
    return {
        "transaction_id": identity,
        "work_order_id": work_order_id,
        "transaction_date": in_words(consumed_at),
        "materials_consumed": [
            {
                "material_id": issue.material_id,
                "quantity_consumed": number(issue.quantity),
                "batch_number": issue.batch_number,
                "reason_code": "PRODUCTION",
                "cost_center": center,
            }
            for issue in issues
        ],
    }


def allocation(asked: Mapping[str, Any], answer: Any) -> Allocation:
    """What was set aside for a request. Raises Unreadable unless it is exactly what was asked for."""
    told = validated(WmsReservation, answer)
    _refuse_other(asked, told)
    wanted = {line["material_id"]: Decimal(str(line["quantity"])) for line in asked["materials"]}
    reserved: dict[str, tuple[Place, ...]] = {}
    for index, material in enumerate(told.materials_reserved):
        path = f"materials_reserved.{index}"
        name = material.material_id
        if name not in wanted or name in reserved:
            was = "twice" if name in reserved else "unasked"
            raise Unreadable("UNEXPECTED_ANSWER", f"The warehouse reserved {name} {was}.", path)
        _refuse_other_quantity(material, wanted[name], path)
        reserved[name] = tuple(
            Place(lot.batch_number, lot.quantity, lot.location) for lot in material.batches_allocated
        )
    if missing := sorted(wanted.keys() - reserved.keys()):
        sentence = f"The warehouse reserved nothing of {', '.join(missing)}."
        raise Unreadable("UNEXPECTED_ANSWER", sentence, "materials_reserved")
    return Allocation(told.inventory_reservation_id, reserved)


def _refuse_other(asked: Mapping[str, Any], told: WmsReservation) -> None:
    if told.status != "success":
        raise Unreadable("UNEXPECTED_ANSWER", f"The warehouse answered with status {told.status!r}.", "status")
    if told.reservation_id != asked["reservation_id"]:
        sentence = f"The warehouse answered for {told.reservation_id} instead of {asked['reservation_id']}."
        raise Unreadable("UNEXPECTED_ANSWER", sentence, "reservation_id")


def _refuse_other_quantity(material: WmsReserved, wanted: Decimal, path: str) -> None:
    if material.quantity_reserved != wanted:
        sentence = (
            f"The warehouse reserved {number(material.quantity_reserved)} of {material.material_id} "
            f"instead of {number(wanted)}."
        )
        raise Unreadable("UNEXPECTED_ANSWER", sentence, f"{path}.quantity_reserved")
    lots = sum((lot.quantity for lot in material.batches_allocated), Decimal(0))
    if material.batches_allocated and lots != wanted:
        sentence = f"The lots of {material.material_id} add up to {number(lots)} instead of {number(wanted)}."
        raise Unreadable("UNEXPECTED_ANSWER", sentence, f"{path}.batches_allocated")


def refuse_failure(answer: Any) -> None:
    """Raise Unreadable where an answer says that nothing was done; an answer may also say nothing at all."""
    status = answer.get("status") if isinstance(answer, dict) else None
    if status is not None and status not in ("success", "ok"):
        raise Unreadable("UNEXPECTED_ANSWER", f"The other system answered with status {str(status)[:100]!r}.", "status")


def number(quantity: Decimal) -> int | float:
    """A quantity as JSON has it: whole numbers without a decimal point."""
    return int(quantity) if quantity == quantity.to_integral_value() else float(quantity)


def in_words(moment: datetime) -> str:
    """A moment as the documents write it: UTC, whole seconds, `Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
