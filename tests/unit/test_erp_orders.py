"""What the ERP lists is read: its words for a status, rows that are no orders, orders listed twice, pages."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.systems import erp_orders
from schemas.codec import Unreadable
from streams.domain.reconciliation import unreadable

NIGHT = datetime(2025, 11, 18, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Completed", "completed"),
        ("TECO", "completed"),
        ("REL  PCNF PRC", "in_progress"),
        ("CRTD", "received"),
        ("In Progress", "in_progress"),
        ("IN_PROGRESS", "in_progress"),
        ("Released", "released"),
        ("Canceled", "cancelled"),
        ("On-Hold", "on_hold"),
        ("Reported as finished", "completed"),
        ("Complete - No Charges", "completed"),
        ("Quarantined", None),
        (None, None),
    ],
)
def test_the_erps_words_for_a_status_are_known(said: str | None, status: str | None) -> None:
    assert erp_orders.status_of(said) == status


def test_a_row_that_is_no_order_is_for_a_person_and_spoils_no_other() -> None:
    rows = [
        {"erp_work_order_id": "WO-ERP-1", "quantity_ordered": "many"},
        {"erp_work_order_id": "WO-ERP-2", "quantity_ordered": 5, "status": "Released"},
        "nonsense",
    ]
    good, bad = erp_orders.read_rows(rows)
    assert [order.erp_work_order_id for order in good] == ["WO-ERP-2"]
    assert [(each.kind, each.action, each.erp_work_order_id) for each in unreadable(bad)] == [
        ("unreadable", "manual_review", "WO-ERP-1"),
        ("unreadable", "manual_review", "(no id)"),
    ]


def test_of_an_order_listed_twice_the_later_counts() -> None:
    rows = [
        {"erp_work_order_id": "WO-ERP-1", "quantity_ordered": size, "updated_at": f"2025-11-18T{hour:02}:00:00Z"}
        for size, hour in ((5, 9), (7, 11), (6, 10))
    ]
    (order,), _ = erp_orders.read_rows(rows)
    assert order.quantity_ordered == 7


def test_pages_follow_until_the_count_is_reached_or_a_page_is_not_full() -> None:
    query = erp_orders.first_page(NIGHT)
    rows: list[Any] = [{}] * 100
    assert erp_orders.next_page(query, {"work_orders": rows, "total_count": 100}) is None
    assert erp_orders.next_page(query, {"work_orders": rows, "total_count": 101}) == {**query, "page": "2"}
    assert erp_orders.next_page(query, {"work_orders": rows}) == {**query, "page": "2"}
    assert erp_orders.next_page(query, rows[:99]) is None
    assert erp_orders.next_page(query, {"work_orders": rows[:50], "page_size": 50}) == {**query, "page": "2"}
    with pytest.raises(Unreadable):
        erp_orders.next_page(query, {"error": "no list"})
