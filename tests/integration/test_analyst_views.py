"""The views of analysts say what one counts by hand."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from schemas.settings import DEFAULT_TENANT
from sql.database import tenant
from tests.facts import put
from tests.integration.events import NEIGHBOUR
from tests.messages import NOON, at

pytestmark = [pytest.mark.services]

Rows = psycopg.Cursor[dict[str, Any]]
HOUR = 3600


@pytest.fixture(autouse=True)
def _utc(rows: Rows) -> None:
    rows.execute("SET LOCAL TIME ZONE 'UTC'")


def seen(rows: Rows, view: str, *columns: str, order: str = "1") -> list[tuple[Any, ...]]:
    """These columns of all rows of a view."""
    rows.execute(f"SELECT {', '.join(columns)} FROM {view} ORDER BY {order}".encode())
    return [tuple(row.values()) for row in rows.fetchall()]


def put_status(rows: Rows, day: datetime, hours: float, status: str, to: float | None, **fields: Any) -> None:
    """The machine M-1 took a status so many hours into a day, and, where that is known, had it until then."""
    put(
        rows,
        "machine_status_history",
        machine_id="M-1",
        status=status,
        from_at=day + timedelta(hours=hours),
        to_at=None if to is None else day + timedelta(hours=to),
        **fields,
    )


def test_production_is_counted_by_hour_machine_and_product(rows: Rows) -> None:
    put(rows, "work_orders", work_order_id="WO-1", product_id="PROD-1")
    for seconds, units, scrap, cycle in ((0, 10, 1, 4.0), (3599, 30, 3, None), (3600, 5, 0, 6.0)):
        put(
            rows,
            "production_logs",
            work_order_id="WO-1",
            machine_id="M-1",
            produced_at=at(seconds),
            units=units,
            scrapped_units=scrap,
            cycle_time_seconds=cycle,
        )
    put(rows, "production_logs", work_order_id="WO-404", machine_id="M-2", produced_at=at(0), units=0)
    told = ("hour_at", "machine_id", "product_id", "units", "scrapped_units", "good_units", "scrap_percentage")
    assert seen(
        rows, "production_by_hour", *told, "readings", "mean_cycle_time_seconds", order="hour_at, machine_id"
    ) == [
        (NOON, "M-1", "PROD-1", 40, 4, 36, Decimal("10.00"), 2, 4.0),
        (NOON, "M-2", None, 0, 0, 0, None, 1, None),
        (at(HOUR), "M-1", "PROD-1", 5, 0, 5, Decimal("0.00"), 1, 6.0),
    ]


def test_an_order_is_late_by_the_time_between_its_due_date_and_its_end(rows: Rows) -> None:
    past, future = NOON - timedelta(days=400), NOON + timedelta(days=40_000)
    for order, status, due, end in (
        ("A", "completed", NOON, at(-HOUR)),
        ("B", "completed", NOON, at(HOUR)),
        ("C", "in_progress", past, None),
        ("D", "released", future, None),
        ("E", "cancelled", past, at(0)),
    ):
        put(
            rows,
            "work_orders",
            work_order_id=order,
            status=status,
            due_date=due,
            actual_end_at=end,
            actual_start_at=at(-2 * HOUR),
            created_at=at(-5 * HOUR),
        )
    told = seen(
        rows,
        "order_lateness",
        "work_order_id",
        "outcome",
        "lateness_seconds",
        "lead_time_seconds",
        "processing_seconds",
    )
    assert [(order, outcome) for order, outcome, *_ in told] == [
        ("A", "on_time"),
        ("B", "late"),
        ("C", "overdue"),
        ("D", "open"),
        ("E", "cancelled"),
    ]
    assert told[0][2:] == (-HOUR, 4 * HOUR, HOUR)
    assert told[1][2:] == (HOUR, 6 * HOUR, 3 * HOUR)
    assert told[2][2] > 0
    assert told[3][2] < 0
    assert told[4][2:] == (None, None, None)


def test_downtime_by_reason_is_a_pareto(rows: Rows) -> None:
    for code, seconds in (("JAM", 600), ("JAM", 1200), ("TOOL", 900), ("POWER", 300)):
        put(
            rows,
            "downtime_events",
            downtime_reason_code=code,
            downtime_reason_description=f"{code} {seconds}",
            started_at=at(seconds),
            ended_at=at(2 * seconds),
            duration_seconds=seconds,
        )
    told = ("downtime_reason_code", "downtime_reason_description", "downtimes", "lasting", "downtime_seconds")
    share = ("mean_seconds", "longest_seconds", "share_percentage", "cumulative_percentage")
    assert seen(rows, "downtime_by_reason", *told, *share, order="downtime_seconds DESC") == [
        ("JAM", "JAM 1200", 2, 0, 1800, 900, 1200, Decimal("60.00"), Decimal("60.00")),
        ("TOOL", "TOOL 900", 1, 0, 900, 900, 900, Decimal("30.00"), Decimal("90.00")),
        ("POWER", "POWER 300", 1, 0, 300, 300, 300, Decimal("10.00"), Decimal("100.00")),
    ]


def test_a_downtime_that_lasts_counts_until_now(rows: Rows) -> None:
    put(rows, "downtime_events", downtime_reason_code="JAM", started_at=NOON - timedelta(days=1))
    ((lasting, seconds, share),) = seen(rows, "downtime_by_reason", "lasting", "downtime_seconds", "share_percentage")
    assert (lasting, share) == (1, 100)
    assert seconds > 0


def test_utilisation_leaves_out_what_nobody_saw_and_parts_days_at_midnight(rows: Rows) -> None:
    """Running 22:00 to 02:00, of which 23:30 to 00:30 was a gap; then idle for an hour, and a breakdown at 03:00."""
    evening = NOON.replace(hour=22) - timedelta(days=3)

    for hours, status, to in ((0, "running", None), (1.5, "gap", 2.5), (4, "idle", None), (5, "breakdown", None)):
        put_status(rows, evening, hours, status, to)
    told = ("day", "running_seconds", "idle_seconds", "breakdown_seconds", "unseen_seconds", "utilization_percentage")
    first, second, *_ = seen(rows, "machine_utilization_by_day", *told, order="day")
    day = evening.date()
    assert first == (day, 1.5 * HOUR, 0, 0, 0.5 * HOUR, 100)
    assert second == (day + timedelta(days=1), 1.5 * HOUR, HOUR, 21 * HOUR, 0.5 * HOUR, Decimal("6.38"))


def test_what_became_known_later_has_its_place_in_the_utilisation(rows: Rows) -> None:
    morning = NOON.replace(hour=6) - timedelta(days=3)
    for hours, status, to in ((0, "running", None), (2, "idle", None), (1, "stopped", 2)):
        put_status(rows, morning, hours, status, to, is_restated=to is not None)
    (first, *_) = seen(
        rows, "machine_utilization_by_day", "running_seconds", "stopped_seconds", "idle_seconds", order="day"
    )
    assert first == (HOUR, HOUR, 16 * HOUR)


def test_scrap_is_told_by_product_and_unit(rows: Rows) -> None:
    made: dict[str, Any] = {"product_id": "PROD-1", "unit_of_measure": "EA", "quantity_ordered": 100}
    put(rows, "work_orders", **made, status="completed", quantity_produced=100, quantity_scrapped=7, defect_count=2)
    put(rows, "work_orders", **made, quantity_produced=100, quantity_scrapped=3, inspection_count=5)
    put(rows, "work_orders", **(made | {"unit_of_measure": "KG"}))
    told = (
        "unit_of_measure",
        "orders",
        "completed_orders",
        "quantity_good",
        "scrap_percentage",
        "inspections",
        "defects",
    )
    assert seen(rows, "scrap_by_product", *told) == [
        ("EA", 2, 1, 190, Decimal("5.00"), 5, 2),
        ("KG", 1, 0, 0, None, 0, 0),
    ]


def test_dead_letters_fall_together_by_integration_code_and_field(rows: Rows) -> None:
    for seconds, path, status in ((0, "a", "resolved"), (1, "a", "pending_manual_review"), (2, None, "discarded")):
        put(
            rows,
            "integration_failures",
            integration_type="mes",
            error_code="BAD",
            error_path=path,
            error_message=f"at {seconds}",
            status=status,
            retry_count=seconds,
            failed_at=at(seconds),
        )
    told = ("error_path", "failures", "pending", "retried", "resolved", "discarded", "retries", "first_at", "example")
    assert seen(rows, "dead_letters_by_cause", *told) == [
        ("a", 2, 1, 0, 1, 0, 1, at(0), "at 1"),
        (None, 1, 0, 0, 0, 1, 2, at(2), "at 2"),
    ]


def test_success_of_deliveries_counts_those_that_ended(rows: Rows) -> None:
    for status, attempts, seconds in (
        ("succeeded", 1, 10),
        ("succeeded", 3, 30),
        ("failed", 4, 60),
        ("pending", 2, None),
    ):
        put(
            rows,
            "deliveries",
            kind="erp.completion",
            status=status,
            attempts=attempts,
            created_at=NOON,
            finished_at=None if seconds is None else at(seconds),
        )
    told = ("deliveries", "succeeded", "failed", "pending", "success_percentage", "attempts", "mean_attempts")
    more = ("mean_seconds_to_success", "oldest_pending_at")
    assert seen(rows, "delivery_success_by_system", *told, *more) == [
        (4, 2, 1, 1, Decimal("66.67"), 10, Decimal("2.00"), 20.0, NOON)
    ]


def test_stock_below_safety_names_what_is_missing_and_who_waits(rows: Rows) -> None:
    low: dict[str, Any] = {"is_active": True, "safety_stock": 50}
    put(
        rows, "materials", material_id="LOW", available_quantity=20, standard_cost=Decimal("1.5"), currency="EUR", **low
    )
    put(rows, "materials", material_id="ENOUGH", available_quantity=50, **low)
    put(rows, "materials", material_id="GONE", available_quantity=0, **(low | {"is_active": False}))
    for status, shortage in (("partial", 4), ("refused", 6), ("reserved", 0)):
        put(rows, "reservations", material_id="LOW", status=status, shortage=shortage)
    told = ("material_id", "missing_quantity", "waiting_orders", "shortage_quantity", "missing_cost", "currency")
    assert seen(rows, "stock_below_safety", *told) == [("LOW", 30, 2, 10, 45, "EUR")]


def test_hours_are_those_the_hr_system_is_told(rows: Rows) -> None:
    plan: dict[str, Any] = {
        "is_scheduled": True,
        "scheduled_start": at(0),
        "scheduled_end": at(8 * HOUR),
        "break_start": at(4 * HOUR),
        "break_end": at(4.5 * HOUR),
        "away_seconds": 0.0,
    }
    shifts: dict[str, dict[str, Any]] = {
        "1 planned break": {"actual_clock_in": at(0), "actual_clock_out": at(9 * HOUR)},
        "2 clocked break": {"actual_clock_in": at(0), "actual_clock_out": at(8 * HOUR), "away_seconds": 3600.0},
        "3 left early": {"actual_clock_in": at(0), "actual_clock_out": at(3 * HOUR)},
        "4 not gone yet": {"actual_clock_in": at(0)},
        "5 did not come": {"scheduled_start": NOON - timedelta(days=9), "scheduled_end": NOON - timedelta(days=8.5)},
        "6 not planned": {"is_scheduled": False, "actual_clock_in": at(0), "actual_clock_out": at(HOUR)}
        | dict.fromkeys(("scheduled_start", "scheduled_end", "break_start", "break_end")),
    }
    for name, told in shifts.items():
        put(rows, "operator_shifts", operator_id="O-1", shift_name=name, shift_date=date(2026, 11, 21), **(plan | told))
    columns = ("planned_hours", "present_hours", "break_hours", "worked_hours", "is_absent")
    found = seen(rows, "operator_hours", *columns, order="shift_name")
    assert [[None if each is None else float(each) for each in row] for row in found] == [
        [7.5, 9, 0.5, 8.5, False],
        [7.5, 8, 1, 7, False],
        [7.5, 3, 0, 3, False],
        [7.5, None, None, None, False],
        [11.5, None, None, None, True],
        [None, 1, 0, 1, False],
    ]


def test_consumption_is_told_by_day_and_material(rows: Rows) -> None:
    for seconds, order, quantity, told in ((0, "WO-1", 5, NOON), (10, "WO-2", 7, None), (13 * HOUR, "WO-2", 1, None)):
        put(
            rows,
            "material_transactions",
            material_id="MAT-1",
            part_number="P-1",
            unit_of_measure="EA",
            work_order_id=order,
            quantity=quantity,
            occurred_at=at(seconds),
            synchronized_at=told,
        )
    told_columns = ("day", "material_id", "quantity", "orders", "transactions", "unsynchronized")
    assert seen(rows, "material_consumption_by_day", *told_columns) == [
        (NOON.date(), "MAT-1", 12, 2, 2, 1),
        (NOON.date() + timedelta(days=1), "MAT-1", 1, 1, 1, 1),
    ]


def test_views_show_each_tenant_its_own_rows(rows: Rows) -> None:
    put(rows, "work_orders", product_id="PROD-1")
    tenant(rows, NEIGHBOUR)
    assert seen(rows, "scrap_by_product", "product_id") == []
    put(rows, "work_orders", tenant_id=NEIGHBOUR, product_id="PROD-2")
    assert seen(rows, "scrap_by_product", "product_id") == [("PROD-2",)]
    tenant(rows, DEFAULT_TENANT)
    assert seen(rows, "scrap_by_product", "product_id") == [("PROD-1",)]
