"""Compares the ERP's orders with ours: what differs, how risky it is to put right, and who may do it (002 section 3.4).

The ERP is the master of what an order asks for; the plant is the master of what was made. The ERP hears of an order's
course only when it is completed, so its "Released" or "0 produced" agrees with an order of ours that runs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from schemas.messages.work_orders import BomLine, OrderStatus, Priority

Class = Literal[
    "missing_in_ours",
    "missing_in_erp",
    "status",
    "quantity_ordered",
    "quantity_produced",
    "product",
    "bill_of_materials",
    "due_date",
    "priority",
    "description",
    "unreadable",
]
Risk = Literal["low", "high"]
Action = Literal["auto_synced", "manual_review", "in_transit"]

DESCRIPTIONS: Final = (
    "product_name",
    "product_variant",
    "customer_order_id",
    "production_line_preference",
    "special_instructions",
)
# Priority and due date move an order in the queue and can be moved back; nothing is made, used or booked by them, and
# a webhook changes them without asking anybody. Quantity, product and materials decide what is made and taken from
# stock; status decides who works: these are for a person.
LOW_RISK: Final[frozenset[Class]] = frozenset({"description", "priority", "due_date"})
CLOSED: Final = frozenset({"completed", "cancelled"})
OPEN: Final[frozenset[str]] = frozenset({"received", "released", "assigned", "in_progress", "on_hold"})
NOT_BEGUN: Final = frozenset({"received", "released", None})
AGREES: Final[Mapping[str, frozenset[str]]] = {
    "received": OPEN,
    "released": OPEN,
    "assigned": OPEN,
    "in_progress": frozenset({"in_progress", "on_hold"}),
    "on_hold": frozenset({"on_hold"}),
    "completed": frozenset({"completed"}),
    "cancelled": frozenset({"cancelled"}),
}


class ErpOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the ERP tells it; what it does not tell is None. `status` is None for a word nobody knows."""

    erp_work_order_id: str
    status: OrderStatus | None = None
    status_said: str | None = None
    product_id: str | None = None
    product_name: str | None = None
    product_variant: str | None = None
    quantity_ordered: Decimal | None = None
    quantity_produced: Decimal | None = None
    quantity_scrapped: Decimal | None = None
    quantity_good: Decimal | None = None
    unit_of_measure: str | None = None
    priority: Priority | None = None
    due_date: datetime | None = None
    customer_order_id: str | None = None
    production_line_preference: str | None = None
    special_instructions: str | None = None
    bill_of_materials: tuple[BomLine, ...] | None = None
    updated_at: datetime | None = None


class OurOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as our rows tell it.

    `told_at` is the ERP's own moment of the latest thing it told us of this order: so age is judged by one clock.
    """

    work_order_id: str
    erp_work_order_id: str
    status: OrderStatus
    product_id: str
    product_name: str | None = None
    product_variant: str | None = None
    quantity_ordered: Decimal
    quantity_produced: Decimal = Decimal(0)
    quantity_scrapped: Decimal = Decimal(0)
    unit_of_measure: str = "EA"
    priority: Priority = "normal"
    due_date: datetime
    customer_order_id: str | None = None
    production_line_preference: str | None = None
    special_instructions: str | None = None
    bill_of_materials: tuple[BomLine, ...] = ()
    told_at: datetime
    heard_at: datetime
    created_at: datetime
    closed_at: datetime | None = None
    is_report_under_way: bool = False

    @property
    def quantity_good(self) -> Decimal:
        """Units made less scrap."""
        return self.quantity_produced - self.quantity_scrapped


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ERP that is no order, and why."""

    erp_work_order_id: str
    reason: str
    said: Any = None


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs. Values are as they stand in each system; `reason` says why this action."""

    erp_work_order_id: str
    work_order_id: str | None
    kind: Class
    risk: Risk
    field: str
    in_erp: Any
    in_ours: Any
    action: Action
    reason: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison knows besides the two lists.

    `accepted` are ERP ids we took whose rows are not there yet; `unknown_materials` those that no master data names.
    """

    at: datetime
    since: datetime
    grace: timedelta
    accepted: frozenset[str] = frozenset()
    unknown_materials: frozenset[str] = frozenset()


def compare(erp: Sequence[ErpOrder], ours: Sequence[OurOrder], view: View) -> list[Discrepancy]:
    """Everything that differs, by ERP id. `ours` are our orders of those ids, and all that began in the window."""
    told = {order.erp_work_order_id: order for order in sorted(erp, key=_age)}
    known = {order.erp_work_order_id: order for order in ours}
    found: list[Discrepancy] = []
    for erp_id in sorted(told.keys() | known.keys()):
        theirs, own = told.get(erp_id), known.get(erp_id)
        if own is None:
            assert theirs is not None
            found.append(_missing_in_ours(theirs, view))
        elif theirs is None:
            found.extend(_missing_in_erp(own, view))
        else:
            found.extend(_differences(theirs, own, view))
    return found


def unreadable(rows: Iterable[Unreadable]) -> list[Discrepancy]:
    """Rows of the ERP that nobody can compare: each is for a person."""
    return [
        Discrepancy(
            erp_work_order_id=row.erp_work_order_id,
            work_order_id=None,
            kind="unreadable",
            risk="high",
            field="order",
            in_erp=row.said,
            in_ours=None,
            action="manual_review",
            reason=row.reason,
        )
        for row in rows
    ]


def _age(order: ErpOrder) -> tuple[bool, datetime | None]:
    return (True, order.updated_at) if order.updated_at else (False, None)


def _missing_in_ours(theirs: ErpOrder, view: View) -> Discrepancy:
    action, risk, reason = _why_missing(theirs, view)
    return Discrepancy(
        erp_work_order_id=theirs.erp_work_order_id,
        work_order_id=None,
        kind="missing_in_ours",
        risk=risk,
        field="order",
        in_erp=theirs,
        in_ours=None,
        action=action,
        reason=reason,
    )


def _why_missing(theirs: ErpOrder, view: View) -> tuple[Action, Risk, str]:
    """Only an order that is complete and still to be made is made here without asking."""
    missing = [name for name in ("product_id", "quantity_ordered", "due_date") if getattr(theirs, name) is None]
    unknown = sorted({line.material_id for line in theirs.bill_of_materials or ()} & view.unknown_materials)
    if theirs.erp_work_order_id in view.accepted:
        return "in_transit", "low", "It was accepted a moment ago and is on its way to our rows."
    if _is_fresh(theirs.updated_at, view):
        return "in_transit", "low", "The ERP changed it within the last minutes; its message may be under way."
    if theirs.status in CLOSED:
        return "manual_review", "high", f"The ERP calls it {theirs.status_said} already: nothing is to be made of it."
    if theirs.status not in NOT_BEGUN or (theirs.status is None and theirs.status_said) or theirs.quantity_produced:
        return "manual_review", "high", "The ERP says that it has begun, and not here."
    if missing:
        return "manual_review", "high", f"The ERP does not tell its {', '.join(missing)}."
    if unknown:
        return "manual_review", "high", f"No such material: {', '.join(unknown)}."
    return "auto_synced", "low", "It is complete and still to be made: created from what the ERP says."


def _missing_in_erp(own: OurOrder, view: View) -> Iterator[Discrepancy]:
    """What the ERP sent within the window should be in its list; what is cancelled here is missed by nobody."""
    if own.status == "cancelled" or own.created_at < view.since + view.grace:
        return
    is_fresh = _is_fresh(own.created_at, view) or _is_fresh(own.heard_at, view)
    yield Discrepancy(
        erp_work_order_id=own.erp_work_order_id,
        work_order_id=own.work_order_id,
        kind="missing_in_erp",
        risk="high",
        field="order",
        in_erp=None,
        in_ours=own.status,
        action="in_transit" if is_fresh else "manual_review",
        reason="It came within the last minutes." if is_fresh else "The ERP sent it, and does not list it any more.",
    )


def _differences(theirs: ErpOrder, own: OurOrder, view: View) -> Iterator[Discrepancy]:
    for kind, field, in_erp, in_ours in _unequal(theirs, own):
        action, reason = _action(kind, theirs, own, view)
        yield Discrepancy(
            erp_work_order_id=own.erp_work_order_id,
            work_order_id=own.work_order_id,
            kind=kind,
            risk="low" if kind in LOW_RISK else "high",
            field=field,
            in_erp=in_erp,
            in_ours=in_ours,
            action=action,
            reason=reason,
        )


def _unequal(theirs: ErpOrder, own: OurOrder) -> Iterator[tuple[Class, str, Any, Any]]:
    """What the ERP tells and we have otherwise: class, field, its value, ours."""
    if theirs.status_said is not None and own.status not in AGREES.get(theirs.status or "", ()):
        yield "status", "status", theirs.status_said, own.status
    yield from _fields(theirs, own, "product", ("product_id", "unit_of_measure"))
    yield from _fields(theirs, own, "quantity_ordered", ("quantity_ordered",))
    yield from _made(theirs, own)
    if theirs.bill_of_materials is not None and _needs(theirs.bill_of_materials) != _needs(own.bill_of_materials):
        yield "bill_of_materials", "bill_of_materials", theirs.bill_of_materials, own.bill_of_materials
    yield from _fields(theirs, own, "due_date", ("due_date",))
    yield from _fields(theirs, own, "priority", ("priority",))
    yield from _fields(theirs, own, "description", DESCRIPTIONS)


def _fields(
    theirs: ErpOrder, own: OurOrder, kind: Class, names: Sequence[str]
) -> Iterator[tuple[Class, str, Any, Any]]:
    for name in names:
        in_erp, in_ours = getattr(theirs, name), getattr(own, name)
        if in_erp is not None and (in_erp or None) != (in_ours or None):
            yield kind, name, in_erp, in_ours


def _made(theirs: ErpOrder, own: OurOrder) -> Iterator[tuple[Class, str, Any, Any]]:
    """Of an open order the ERP knows nothing yet, so its 0 is no claim; of a closed one it was told."""
    is_open = own.status in OPEN and theirs.status != "completed"
    for name in ("quantity_produced", "quantity_scrapped", "quantity_good"):
        in_erp, in_ours = getattr(theirs, name), getattr(own, name)
        if in_erp is not None and in_erp != in_ours and not (is_open and in_erp == 0):
            yield "quantity_produced", name, in_erp, in_ours


def _needs(lines: Iterable[BomLine]) -> dict[tuple[str, str], Decimal]:
    """What a bill of materials comes to, however its lines are cut and ordered."""
    needs: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        key = (line.material_id, line.unit_of_measure)
        needs[key] = needs.get(key, Decimal(0)) + line.quantity_required
    return needs


def _action(kind: Class, theirs: ErpOrder, own: OurOrder, view: View) -> tuple[Action, str]:
    if transit := _in_transit(kind, theirs, own, view):
        return "in_transit", transit
    if kind not in LOW_RISK:
        return "manual_review", "Quantity, product, materials and status are changed by a person."
    if own.status in CLOSED:
        return "manual_review", f"Our order is {own.status} and takes no change."
    if theirs.status in CLOSED:
        return "manual_review", f"The ERP calls the order {theirs.status_said}."
    if theirs.updated_at is None or theirs.updated_at <= own.told_at:
        return "manual_review", "What the ERP lists is not newer than what it told us last."
    return "auto_synced", "The ERP's change did not arrive; ours is older and the order is open."


def _in_transit(kind: Class, theirs: ErpOrder, own: OurOrder, view: View) -> str | None:
    """Why a difference may go away by itself, or None."""
    if _is_fresh(theirs.updated_at, view):
        return "The ERP changed the order within the last minutes."
    if _is_fresh(own.heard_at, view):
        return "The ERP's latest message came within the last minutes."
    if kind in ("status", "quantity_produced"):
        if own.is_report_under_way:
            return "Our report of the order's completion is under way."
        if _is_fresh(own.closed_at, view):
            return "Our order was closed within the last minutes."
    return None


def _is_fresh(moment: datetime | None, view: View) -> bool:
    return moment is not None and moment > view.at - view.grace
