"""The list of orders finds what a plain look at every order finds, page by page, whatever is asked."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql.reads import work_orders
from sql.reads.work_orders import OPEN, Wanted
from tests.facts import put
from tests.yards import Row

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

STATUSES = (*OPEN, "completed", "cancelled")
NOW = datetime.now(UTC)
WANTED = st.builds(
    Wanted,
    statuses=st.lists(st.sampled_from(STATUSES), max_size=3).map(tuple),
    priorities=st.lists(st.sampled_from(["low", "normal", "high", "urgent"]), max_size=2).map(tuple),
    line=st.sampled_from([None, "line1", "line2"]),
    late=st.sampled_from([None, True, False]),
    due_before=st.sampled_from([None, NOW + timedelta(days=2)]),
    text=st.sampled_from([None, "drum", "wo-1", "nobody"]),
)


@pytest.fixture
def orders(rows: psycopg.Cursor[Row]) -> list[dict[str, Any]]:
    """Sixty orders of every sort, in a transaction that nobody keeps."""
    chance, made = Random(11), []
    for number in range(60):
        order: dict[str, Any] = {
            "work_order_id": f"WO-{number}",
            "erp_work_order_id": f"E-{number}",
            "product_name": chance.choice(["Drum", "Door"]),
            "status": chance.choice(STATUSES),
            "priority": chance.choice(["low", "normal", "high", "urgent"]),
            "production_line_preference": chance.choice(["line1", "line2", None]),
            "due_date": NOW + timedelta(days=chance.choice([-5, -3, -1, 1, 2, 4]), seconds=1),
        }
        put(rows, "work_orders", **order)
        made.append(order)
    return sorted(made, key=lambda each: (each["due_date"], each["work_order_id"]))


def fits(order: dict[str, Any], wanted: Wanted) -> bool:
    """Whether an order is wanted, said plainly."""
    is_late = order["status"] in OPEN and order["due_date"] < NOW
    words = f"{order['work_order_id']} {order['erp_work_order_id']} {order['product_name']}".lower()
    return (
        (not wanted.statuses or order["status"] in wanted.statuses)
        and (not wanted.priorities or order["priority"] in wanted.priorities)
        and (wanted.line is None or order["production_line_preference"] == wanted.line)
        and (wanted.late is None or is_late == wanted.late)
        and (wanted.due_before is None or order["due_date"] < wanted.due_before)
        and (wanted.text is None or wanted.text in words)
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(WANTED, st.sampled_from([1, 7, 100]))
def test_pages_hold_what_is_wanted_in_order(
    rows: psycopg.Cursor[Row], orders: list[dict[str, Any]], wanted: Wanted, limit: int
) -> None:
    seen, cursor = [], None
    while True:
        found, cursor = work_orders.page(rows, wanted, limit, cursor)
        seen += [each["work_order_id"] for each in found]
        if cursor is None:
            break
    assert seen == [each["work_order_id"] for each in orders if fits(each, wanted)]
