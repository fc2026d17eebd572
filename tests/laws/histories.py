"""Histories of materials, and an order that has some: what the laws are tried on."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.messages.work_orders import BomLine, ReservationDecided, WorkOrderAssign
from tests import inventory
from tests.messages import created, message

ORDERS = st.sampled_from(["WO-1", "WO-2", "WO-3", "WO-4"])
QUANTITIES = st.integers(1, 60)
SECONDS = st.integers(0, 600)
LOTS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C"]),
        st.integers(0, 60),
        st.sampled_from([None, inventory.YESTERDAY, inventory.TODAY, date(2027, 1, 1)]),
    ),
    max_size=3,
    unique_by=lambda lot: lot[0],
)


def _confirmed(order: str, quantity: int, lot: str | None, seconds: int) -> Message[Any]:
    lots = [(lot, quantity)] if lot else []
    told: Message[Any] = inventory.confirmed(order, seconds, *lots)
    return told


MATERIAL_MESSAGES = st.one_of(
    st.builds(inventory.reserve, ORDERS, QUANTITIES, SECONDS, allow_partial=st.booleans()),
    st.builds(inventory.reserve, ORDERS, QUANTITIES, SECONDS),
    st.builds(inventory.release, ORDERS, SECONDS),
    st.builds(inventory.consume, ORDERS, QUANTITIES, SECONDS, st.integers(1, 2)),
    st.builds(inventory.reported, st.integers(0, 120), SECONDS, st.integers(0, 60)),
    st.builds(lambda lots, seconds: inventory.in_lots(*lots, seconds=seconds), LOTS, SECONDS),
    st.builds(
        inventory.corrected, st.sampled_from(["on_hand_quantity", "allocated_quantity"]), st.integers(0, 120), SECONDS
    ),
    st.builds(_confirmed, ORDERS, QUANTITIES, st.sampled_from([None, "A", "B", "Z"]), SECONDS),
    st.builds(inventory.acknowledged, ORDERS, SECONDS, SECONDS),
    st.builds(inventory.known, st.just(1), is_active=st.booleans()),
)
MATERIAL_HISTORIES = st.lists(MATERIAL_MESSAGES, max_size=40).map(lambda said: [inventory.known(), *said])


def an_assigned_order() -> list[Message[Any]]:
    """An order with two materials: one is reserved in part, one is answered twice, and stock is taken back."""
    bill = tuple(BomLine(material_id=f"MAT-{number}", quantity_required=Decimal(20)) for number in (1, 2))
    return [
        created("WO-1", 30, bill_of_materials=bill),
        message("work_order.assign", WorkOrderAssign(work_order_id="WO-1", actor="eva", machine_id="M-1"), -900),
        *(_answer(material, quantity, -800 + quantity) for material, quantity in ((1, 20), (2, 20), (2, 5))),
    ]


def _answer(number: int, quantity: int, seconds: int) -> Message[Any]:
    told = ReservationDecided(
        work_order_id="WO-1",
        material_id=f"MAT-{number}",
        reservation_id=f"RES-1-MAT-{number}",
        quantity_requested=Decimal(20),
        quantity_reserved=Decimal(quantity),
        status="reserved" if quantity == 20 else "partial",
    )
    return message("reservation.decided", told, seconds)
