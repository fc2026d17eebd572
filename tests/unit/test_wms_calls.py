"""What we ask of the warehouse, in the words of 002 section 6.2.2, and what its answers mean."""

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.systems import wms_calls
from connectors.systems.wms_calls import Issue, Need, Place
from schemas.codec import Unreadable, encode, parse

RESERVED = datetime(2025, 11, 18, 14, 30, tzinfo=UTC)
EXPECTED = datetime(2025, 11, 18, 15, 30, tzinfo=UTC)
REQUEST = {
    "reservation_id": "RES-MRAOS-20251118-0042",
    "work_order_id": "WO-4600",
    "reserved_by": "MRAOS_System",
    "reservation_date": "2025-11-18T14:30:00Z",
    "expected_consumption_date": "2025-11-18T15:30:00Z",
    "materials": [
        {
            "material_id": "MAT-A-1234",
            "part_number": "A-1234",
            "quantity": 400,
            "unit_of_measure": "EA",
            "prefer_batch": "FEFO",
        }
    ],
}
ANSWER = {
    "status": "success",
    "reservation_id": "RES-MRAOS-20251118-0042",
    "inventory_reservation_id": "INV-RES-78945",
    "materials_reserved": [
        {
            "material_id": "MAT-A-1234",
            "quantity_reserved": 400,
            "batches_allocated": [
                {"batch_number": "BATCH-20251115-01", "quantity": 250, "location": "Aisle 12, Bin 3A"},
                {"batch_number": "BATCH-20251116-02", "quantity": 150, "location": "Aisle 12, Bin 3B"},
            ],
        }
    ],
}
CONSUMPTION = {
    "transaction_id": "TXN-MRAOS-20251118-0156",
    "work_order_id": "WO-4600",
    "transaction_date": "2025-11-18T15:45:30Z",
    "materials_consumed": [
        {
            "material_id": "MAT-A-1234",
            "quantity_consumed": 405,
            "batch_number": "BATCH-20251115-01",
            "reason_code": "PRODUCTION",
            "cost_center": "CC-Manufacturing-Line2",
        }
    ],
}


def _need(quantity: str = "400.000000") -> Need:
    return Need("MAT-A-1234", "A-1234", Decimal(quantity), "EA")


def test_a_reservation_is_asked_for_in_the_documents_words() -> None:
    body = wms_calls.reservation("RES-MRAOS-20251118-0042", "WO-4600", RESERVED, EXPECTED, [_need()])
    assert parse(encode(body)) == REQUEST


def test_nothing_is_expected_to_be_consumed_before_it_is_reserved() -> None:
    body = wms_calls.reservation("RES-MRAOS-1", "WO-1", EXPECTED, RESERVED, [_need()])
    assert body["expected_consumption_date"] == body["reservation_date"] == "2025-11-18T15:30:00Z"


def test_part_quantities_keep_their_decimals() -> None:
    body = wms_calls.reservation("RES-MRAOS-1", "WO-1", RESERVED, EXPECTED, [_need("0.125000")])
    assert body["materials"][0]["quantity"] == 0.125


def test_consumption_is_told_in_the_documents_words() -> None:
    at = datetime(2025, 11, 18, 15, 45, 30, tzinfo=UTC)
    issues = [Issue("MAT-A-1234", Decimal("405.000000"), "BATCH-20251115-01")]
    center = wms_calls.cost_center("CC-Manufacturing", "Line 2")
    body = wms_calls.consumption("TXN-MRAOS-20251118-0156", "WO-4600", at, issues, center)
    assert parse(encode(body)) == CONSUMPTION


def test_a_line_for_each_lot_is_consumed() -> None:
    issues = [Issue("MAT-1", Decimal(3), "B-1"), Issue("MAT-1", Decimal(2), "B-2"), Issue("MAT-2", Decimal(1), None)]
    lines = wms_calls.consumption("T", "WO-1", RESERVED, issues, "CC")["materials_consumed"]
    assert [(line["batch_number"], line["quantity_consumed"]) for line in lines] == [("B-1", 3), ("B-2", 2), (None, 1)]


@pytest.mark.parametrize(
    ("line", "center"), [("line2", "CC-1-Line2"), ("Line 2", "CC-1-Line2"), ("", "CC-1"), (None, "CC-1")]
)
def test_the_cost_centre_names_the_line(line: str | None, center: str) -> None:
    assert wms_calls.cost_center("CC-1", line) == center


def test_ids_of_requests_follow_from_the_order_and_the_request() -> None:
    assert wms_calls.request_id("WO-4600") == "RES-MRAOS-4600"
    assert wms_calls.request_id("WO-4600", 2) == "RES-MRAOS-4600-2"
    assert wms_calls.transaction_id("WO-4600") == "TXN-MRAOS-4600"


def test_the_documents_answer_is_an_allocation_of_lots() -> None:
    told = wms_calls.allocation(REQUEST, ANSWER)
    assert told.inventory_reservation_id == "INV-RES-78945"
    assert told.materials == {
        "MAT-A-1234": (
            Place("BATCH-20251115-01", Decimal(250), "Aisle 12, Bin 3A"),
            Place("BATCH-20251116-02", Decimal(150), "Aisle 12, Bin 3B"),
        )
    }


def test_a_material_without_lots_is_reserved_all_the_same() -> None:
    answer = copy.deepcopy(ANSWER)
    answer["materials_reserved"][0].pop("batches_allocated")  # type: ignore[attr-defined]
    assert wms_calls.allocation(REQUEST, answer).materials == {"MAT-A-1234": ()}


def _changed(path: str, value: Any) -> Any:
    answer: Any = copy.deepcopy(ANSWER)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = answer
    for step in steps:
        place = place[step]
    place[last] = value
    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_changed("status", "partial"), "status 'partial'"),
        (_changed("reservation_id", "RES-OTHER"), "answered for RES-OTHER instead of"),
        (_changed("materials_reserved.0.quantity_reserved", 300), "reserved 300 of MAT-A-1234 instead of 400"),
        (_changed("materials_reserved.0.quantity_reserved", 500), "reserved 500 of MAT-A-1234 instead of 400"),
        (_changed("materials_reserved.0.batches_allocated.0.quantity", 1), "add up to 151 instead of 400"),
        (_changed("materials_reserved.0.material_id", "MAT-X"), "reserved MAT-X unasked"),
        (_changed("materials_reserved", ANSWER["materials_reserved"] * 2), "reserved MAT-A-1234 twice"),  # type: ignore[operator]
        (_changed("materials_reserved", []), "reserved nothing of MAT-A-1234"),
        (_changed("materials_reserved", "all"), "materials_reserved"),
        (_changed("inventory_reservation_id", None), "inventory_reservation_id"),
        (_changed("materials_reserved.0.quantity_reserved", "400"), "must be a number, not text"),
        (_changed("materials_reserved.0.quantity_reserved", float("nan")), "quantity_reserved"),
        (None, "must be a JSON object"),
        ([], "must be a JSON object"),
        ("ok", "must be a JSON object"),
        ({}, "status"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_is_refused_with_a_sentence(answer: Any, said: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        wms_calls.allocation(REQUEST, answer)
    assert said in refusal.value.reason


@pytest.mark.parametrize("answer", [None, {}, {"status": "success"}, {"status": "ok"}, []])
def test_an_answer_may_say_nothing(answer: Any) -> None:
    wms_calls.refuse_failure(answer)


def test_an_answer_that_says_no_is_refused() -> None:
    with pytest.raises(Unreadable, match="status 'rejected'"):
        wms_calls.refuse_failure({"status": "rejected"})
