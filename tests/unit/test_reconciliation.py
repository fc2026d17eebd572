"""The ERP's orders against ours: every class of difference is found, and nothing is put right that may not be."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages.work_orders import BomLine
from streams.domain import reconciliation_report
from streams.domain.reconciliation import (
    AGREES,
    CLOSED,
    LOW_RISK,
    Discrepancy,
    ErpOrder,
    OurOrder,
    Unreadable,
    View,
    compare,
    unreadable,
)

NIGHT = datetime(2025, 11, 18, 23, 0, tzinfo=UTC)
VIEW = View(at=NIGHT, since=NIGHT - timedelta(days=1), grace=timedelta(minutes=5))
HOURS = timedelta(hours=1)
BILL = (BomLine(material_id="MAT-A", quantity_required=Decimal(400)),)


def ours(number: int = 1, **fields: Any) -> OurOrder:
    told = NIGHT - 10 * HOURS
    values: dict[str, Any] = {
        "work_order_id": f"WO-{number}",
        "erp_work_order_id": f"WO-ERP-{number}",
        "status": "released",
        "product_id": "PROD-WD-100",
        "product_name": "Washer Door",
        "quantity_ordered": Decimal(200),
        "due_date": NIGHT + 24 * HOURS,
        "bill_of_materials": BILL,
        "told_at": told,
        "heard_at": told,
        "created_at": told,
    }
    return OurOrder(**(values | fields))


def theirs(number: int = 1, **fields: Any) -> ErpOrder:
    values: dict[str, Any] = {
        "erp_work_order_id": f"WO-ERP-{number}",
        "status": "released",
        "status_said": "Released",
        "product_id": "PROD-WD-100",
        "product_name": "Washer Door",
        "quantity_ordered": Decimal(200),
        "quantity_produced": Decimal(0),
        "unit_of_measure": "EA",
        "priority": "normal",
        "due_date": NIGHT + 24 * HOURS,
        "bill_of_materials": BILL,
        "updated_at": NIGHT - 2 * HOURS,
    }
    return ErpOrder(**(values | fields))


def found(erp: list[ErpOrder], own: list[OurOrder], view: View = VIEW) -> list[tuple[str, str, str]]:
    return [(each.kind, each.field, each.action) for each in compare(erp, own, view)]


def test_equal_orders_differ_in_nothing() -> None:
    assert compare([theirs()], [ours()], VIEW) == []


@pytest.mark.parametrize(
    ("told", "kind", "field", "action"),
    [
        ({"product_name": "Door"}, "description", "product_name", "auto_synced"),
        ({"special_instructions": "Mind the paint"}, "description", "special_instructions", "auto_synced"),
        ({"product_variant": "White"}, "description", "product_variant", "auto_synced"),
        ({"customer_order_id": "CO-2"}, "description", "customer_order_id", "auto_synced"),
        ({"priority": "urgent"}, "priority", "priority", "auto_synced"),
        ({"due_date": NIGHT + 30 * HOURS}, "due_date", "due_date", "auto_synced"),
        ({"quantity_ordered": Decimal(250)}, "quantity_ordered", "quantity_ordered", "manual_review"),
        ({"quantity_produced": Decimal(3)}, "quantity_produced", "quantity_produced", "manual_review"),
        ({"quantity_scrapped": Decimal(3)}, "quantity_produced", "quantity_scrapped", "manual_review"),
        ({"status": "on_hold", "status_said": "On Hold"}, "status", "status", "manual_review"),
        ({"status": None, "status_said": "Quarantined"}, "status", "status", "manual_review"),
        ({"product_id": "PROD-2"}, "product", "product_id", "manual_review"),
        ({"bill_of_materials": ()}, "bill_of_materials", "bill_of_materials", "manual_review"),
    ],
)
def test_each_class_is_found_and_only_low_risk_is_put_right(
    told: dict[str, Any], kind: str, field: str, action: str
) -> None:
    assert found([theirs(**told)], [ours()]) == [(kind, field, action)]


def test_an_order_missing_here_that_is_still_to_be_made_is_created() -> None:
    assert found([theirs()], []) == [("missing_in_ours", "order", "auto_synced")]


@pytest.mark.parametrize(
    "told",
    [
        {"status": "completed", "status_said": "TECO"},
        {"status": "cancelled", "status_said": "Cancelled"},
        {"status": "in_progress", "status_said": "In Progress"},
        {"status": None, "status_said": "Quarantined"},
        {"quantity_produced": Decimal(20)},
        {"due_date": None},
        {"product_id": None},
        {"bill_of_materials": (BomLine(material_id="MAT-?", quantity_required=Decimal(1)),)},
    ],
)
def test_an_order_missing_here_that_is_not_simply_to_be_made_is_left_to_a_person(told: dict[str, Any]) -> None:
    view = msgspec.structs.replace(VIEW, unknown_materials=frozenset({"MAT-?"}))
    assert found([theirs(**told)], [], view) == [("missing_in_ours", "order", "manual_review")]


def test_an_order_the_erp_sent_today_and_does_not_list_is_missing_there() -> None:
    assert found([], [ours()]) == [("missing_in_erp", "order", "manual_review")]


def test_an_order_of_earlier_days_or_a_cancelled_one_is_not_missed() -> None:
    assert found([], [ours(created_at=NIGHT - 25 * HOURS), ours(2, status="cancelled")]) == []


@pytest.mark.parametrize("status", ["received", "released", "assigned", "in_progress", "on_hold"])
def test_the_erp_hears_of_an_order_at_its_end_so_released_and_nothing_produced_agree_with_one_that_runs(
    status: str,
) -> None:
    assert found([theirs()], [ours(status=status, quantity_produced=Decimal(120))]) == []


def test_completed_in_the_erp_and_in_progress_here_is_a_conflict() -> None:
    assert found([theirs(status="completed", status_said="Completed")], [ours(status="in_progress")]) == [
        ("status", "status", "manual_review")
    ]


def test_a_completed_order_must_have_the_same_figures_in_the_erp() -> None:
    told = theirs(status="completed", status_said="TECO", quantity_produced=Decimal(190), quantity_good=Decimal(197))
    own = ours(status="completed", quantity_produced=Decimal(200), quantity_scrapped=Decimal(3))
    assert found([told], [own]) == [("quantity_produced", "quantity_produced", "manual_review")]


@pytest.mark.parametrize(
    ("told", "own"),
    [
        ({"quantity_ordered": Decimal(9), "updated_at": NIGHT - timedelta(minutes=4)}, {}),
        ({"product_name": "Door"}, {"heard_at": NIGHT - timedelta(minutes=4)}),
        ({}, {"status": "completed", "is_report_under_way": True}),
        ({}, {"status": "completed", "closed_at": NIGHT - timedelta(minutes=4)}),
    ],
)
def test_what_changed_in_the_last_minutes_or_is_being_reported_is_in_transit(
    told: dict[str, Any], own: dict[str, Any]
) -> None:
    assert {action for _, _, action in found([theirs(**told)], [ours(**own)])} == {"in_transit"}


def test_a_report_under_way_explains_no_other_difference() -> None:
    own = ours(status="completed", is_report_under_way=True)
    told = theirs(quantity_ordered=Decimal(250))
    assert found([told], [own]) == [
        ("status", "status", "in_transit"),
        ("quantity_ordered", "quantity_ordered", "manual_review"),
    ]


def test_a_missing_order_that_was_just_accepted_or_just_made_is_in_transit() -> None:
    just_accepted = msgspec.structs.replace(VIEW, accepted=frozenset({"WO-ERP-1"}))
    assert found([theirs()], [], just_accepted) == [("missing_in_ours", "order", "in_transit")]
    assert found([theirs(updated_at=NIGHT - timedelta(minutes=1))], []) == [("missing_in_ours", "order", "in_transit")]


@pytest.mark.parametrize(
    ("told", "own"),
    [
        ({"updated_at": NIGHT - 10 * HOURS}, {}),
        ({"updated_at": NIGHT - 11 * HOURS}, {}),
        ({"updated_at": None}, {}),
        ({"status": "completed", "status_said": "TECO"}, {"status": "completed"}),
        ({"status": "completed", "status_said": "TECO"}, {}),
        ({"status": "cancelled", "status_said": "Deleted"}, {}),
    ],
)
def test_a_low_risk_difference_is_left_alone_where_ours_is_not_older_or_an_order_is_closed(
    told: dict[str, Any], own: dict[str, Any]
) -> None:
    actions = {kind: action for kind, _, action in found([theirs(product_name="Door", **told)], [ours(**own)])}
    assert actions["description"] == "manual_review"


def test_a_bill_cut_into_other_lines_is_the_same_bill() -> None:
    halves = (
        BomLine(material_id="MAT-A", quantity_required=Decimal(150)),
        BomLine(material_id="MAT-A", part_name="Panel", quantity_required=Decimal(250)),
    )
    assert found([theirs(bill_of_materials=halves)], [ours()]) == []


def test_what_the_erp_does_not_tell_is_not_compared() -> None:
    assert found([ErpOrder(erp_work_order_id="WO-ERP-1")], [ours()]) == []


names = st.sampled_from([None, "", "Door", "Türe"])
quantities = st.integers(1, 10_000).map(Decimal)


@st.composite
def pairs(draw: st.DrawFn) -> list[tuple[ErpOrder, OurOrder]]:
    """The same orders, as each side would tell them."""
    made = []
    for number in range(draw(st.integers(0, 6))):
        status = draw(st.sampled_from(sorted(AGREES)))
        own_status = draw(st.sampled_from(sorted(AGREES[status])))
        ordered = draw(quantities)
        produced = draw(quantities)
        same: dict[str, Any] = {
            "product_id": draw(st.sampled_from(["P-1", "P-2"])),
            "product_name": draw(names),
            "special_instructions": draw(names),
            "quantity_ordered": ordered,
            "quantity_produced": produced,
            "priority": draw(st.sampled_from(["low", "normal", "high", "urgent"])),
            "due_date": NIGHT + draw(st.integers(-100, 100)) * HOURS,
            "bill_of_materials": draw(st.sampled_from([(), BILL])),
        }
        moment = NIGHT - draw(st.integers(0, 1440)) * timedelta(minutes=1)
        made.append(
            (
                theirs(number, **same, status=status, status_said=status, updated_at=moment),
                ours(number, **same, status=own_status, told_at=moment),
            )
        )
    return made


@given(pairs())
def test_two_equal_lists_differ_in_nothing(orders: list[tuple[ErpOrder, OurOrder]]) -> None:
    assert compare([told for told, _ in orders], [own for _, own in orders], VIEW) == []


SEEDS: dict[str, Any] = {
    "product_name": "Another name",
    "special_instructions": "Another instruction",
    "priority": "urgent",
    "due_date": NIGHT + 1000 * HOURS,
    "quantity_ordered": Decimal(77_777),
    "quantity_produced": Decimal(88_888),
    "product_id": "P-other",
    "bill_of_materials": (BomLine(material_id="MAT-other", quantity_required=Decimal(1)),),
}
CLASS_OF = {"product_name": "description", "special_instructions": "description", "product_id": "product"}


@given(pairs(), st.data())
def test_every_seeded_difference_is_found_and_none_is_wrongly_put_right(
    orders: list[tuple[ErpOrder, OurOrder]], data: st.DataObject
) -> None:
    seeded: set[tuple[str, str]] = set()
    erp: list[ErpOrder] = []
    for told, own in orders:
        fields = data.draw(st.sets(st.sampled_from(sorted(SEEDS))))
        changes = {name: SEEDS[name] for name in fields if getattr(told, name) != SEEDS[name]}
        seeded |= {(own.erp_work_order_id, name) for name in changes}
        erp.append(msgspec.structs.replace(told, **changes))
    compared = compare(erp, [own for _, own in orders], VIEW)
    assert {(each.erp_work_order_id, each.field) for each in compared} == seeded
    assert {each.kind for each in compared} == {CLASS_OF.get(name, name) for _, name in seeded}
    by_id = {own.erp_work_order_id: (told, own) for told, (_, own) in zip(erp, orders, strict=True)}
    for each in compared:
        _check_action(each, *by_id[each.erp_work_order_id])


def _check_action(each: Discrepancy, told: ErpOrder, own: OurOrder) -> None:
    assert told.updated_at is not None
    is_fresh = told.updated_at > NIGHT - VIEW.grace
    may_be_put_right = (
        each.kind in LOW_RISK
        and told.updated_at > own.told_at
        and not CLOSED & {own.status, told.status}
        and not is_fresh
    )
    assert (each.action == "auto_synced") == may_be_put_right
    assert (each.action == "in_transit") == is_fresh


def test_the_report_reads_as_the_document_shows_it() -> None:
    """002 section 3.4, word for word."""
    compared = compare(
        [
            theirs(status="completed", status_said="Completed", erp_work_order_id="WO-ERP-450123"),
            theirs(erp_work_order_id="WO-ERP-450456"),
        ],
        [ours(status="in_progress", erp_work_order_id="WO-ERP-450123")],
        VIEW,
    )
    assert reconciliation_report.text(date(2025, 11, 18), 523, 521, compared) == (
        "Date: 2025-11-18\n"
        "Total Work Orders in ERP: 523\n"
        "Total Work Orders in MRAOS: 521\n"
        "\n"
        "Discrepancies Found: 2\n"
        "\n"
        "1. Work Order WO-ERP-450123\n"
        "   - Status in ERP: Completed\n"
        "   - Status in MRAOS: In Progress\n"
        "   - Action: Manual review required\n"
        "\n"
        "2. Work Order WO-ERP-450456\n"
        "   - Exists in ERP: Yes\n"
        "   - Exists in MRAOS: No\n"
        "   - Action: Auto-sync scheduled\n"
    )


def test_the_report_says_every_value_as_a_person_reads_it() -> None:
    compared = compare(
        [theirs(quantity_ordered=Decimal("250.000"), due_date=NIGHT, bill_of_materials=(), priority="urgent")],
        [ours()],
        VIEW,
    )
    told = reconciliation_report.text(date(2025, 11, 18), 1, 1, [*compared, *unreadable([_nonsense()])])
    for line in (
        "Quantity Ordered in ERP: 250",
        "Quantity Ordered in MRAOS: 200",
        "Bill of Materials in ERP: (none)",
        "Bill of Materials in MRAOS: MAT-A x 400 EA",
        "Due Date in ERP: 2025-11-18T23:00:00Z",
        "Priority in ERP: Urgent",
        "Exists in ERP: Yes, and cannot be read",
    ):
        assert f"   - {line}\n" in told


def _nonsense() -> Unreadable:
    return Unreadable(erp_work_order_id="WO-ERP-9", reason="quantity_ordered must be a number, not text.")
