"""The demo's account against a real Postgres: what stands in the tables is found under the names of the ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from compose.demo.accounts import Account, settle
from compose.demo.evidence import look, look_at_calls
from compose.demo.outbound import Told
from compose.simulators.ledger import Entry
from connectors.systems.statement import milliseconds
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services]

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
ORDER = "WO-DEMO"
FILLED = (
    "work_orders",
    "production_logs",
    "quality_inspections",
    "downtime_events",
    "materials",
    "material_batches",
    "material_transactions",
    "operator_shifts",
    "deliveries",
    "integration_failures",
    "integration_audit_log",
)
PLACE: dict[str, Any] = {
    "event_topic": "t",
    "event_partition": 0,
    "event_offset": 0,
    "caused_by": "c",
    "recorded_at": NOW,
}

SAID = [
    Entry(id="WO-ERP-1", channel="erp", fate="applied", work_order_id=ORDER),
    Entry(id="updated-WO-ERP-1", channel="erp", fate="applied"),
    Entry(id="WO-ERP-2", channel="erp", fate="refused:400"),
    Entry(id="WO-ERP-3", channel="erp", fate="refused:400"),
    Entry(id="material-MAT-1", channel="erp", fate="applied"),
    Entry(id="stock-MAT-1-LOT-1", channel="wms", fate="applied"),
    Entry(id="count-1", channel="mqtt", fate="applied", work_order_id=ORDER, machine_id="M-1", units=1),
    Entry(id="count-2", channel="mqtt", fate="dead_letter:UNKNOWN_WORK_ORDER", work_order_id="WO-NOBODY", units=1),
    Entry(id="key-3", channel="mqtt", fate="dead_letter:INVALID_JSON"),
    Entry(id="inspection-INS-1", channel="mqtt", fate="applied", machine_id="M-1"),
    Entry(id=f"clk_in-EMP-1-20261121-{milliseconds(NOW)}", channel="hr", fate="applied"),
    Entry(id=f"downtime-M-1-started-{milliseconds(NOW)}", channel="mqtt", fate="applied", machine_id="M-1"),
    Entry(id=f"downtime-M-1-ended-{milliseconds(NOW) + 5000}", channel="mqtt", fate="applied", machine_id="M-1"),
]


class Tables:
    """Tables of a tenant, filled by hand."""

    def __init__(self, url: str, tenant_id: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.url, self.tenant_id = url, tenant_id
        self.connection.execute("SELECT set_config('app.current_tenant_id', %s, false)", [tenant_id])

    def add(self, table: str, **columns: Any) -> None:
        named = {"tenant_id": self.tenant_id, **columns}
        marks = ", ".join(["%s"] * len(named))
        self.connection.execute(f"INSERT INTO {table} ({', '.join(named)}) VALUES ({marks})", list(named.values()))

    def change(self, statement: str) -> None:
        assert self.connection.execute(statement).rowcount == 1

    def account(self) -> Account:
        return settle(SAID, look(self.url, self.tenant_id, SINCE))


@pytest.fixture
def tables(migrated: RunningPlant) -> Iterator[Tables]:
    """A plant that did everything right."""
    filled = Tables(migrated.app_url, migrated.endpoints["TENANT_ID"])
    _fill(filled)
    yield filled
    for table in FILLED:
        filled.connection.execute(f"DELETE FROM {table}")
    filled.connection.close()


def _fill(tables: Tables) -> None:
    tables.add(
        "work_orders",
        work_order_id=ORDER,
        erp_work_order_id="WO-ERP-1",
        product_id="P",
        quantity_ordered=10,
        quantity_produced=1,
        quantity_scrapped=0,
        progress_percentage=10,
        unit_of_measure="EA",
        status="in_progress",
        priority="urgent",
        special_instructions="Revision 2: needed sooner",
        due_date=NOW,
        version=3,
        created_at=NOW,
        updated_at=NOW,
    )
    _add_log(tables, "count-1")
    tables.add(
        "quality_inspections",
        inspection_id="INS-1",
        work_order_id=ORDER,
        machine_id="M-1",
        inspected_at=NOW,
        inspection_type="inline",
        result="pass",
        defect_detected=False,
        **PLACE,
    )
    tables.add(
        "downtime_events",
        downtime_id="DT-M-1",
        machine_id="M-1",
        downtime_reason_code="R",
        downtime_reason_description="",
        severity="low",
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=5),
        **PLACE,
    )
    _add_material(tables)
    _add_shift(tables)
    _add_letter(tables, "key-of-2", "UNKNOWN_WORK_ORDER", {"payload": {"log_id": "count-2"}})
    _add_letter(tables, "key-3", "INVALID_JSON", None)
    _add_refusal(tables, {"work_order": {"erp_work_order_id": "WO-ERP-2"}})
    _add_refusal(tables, {"unreadable": '{"work_order": {"erp_work_order_id": "WO-ERP-3", "prod'})


def _add_log(tables: Tables, name: str) -> None:
    tables.add(
        "production_logs",
        log_id=name,
        work_order_id=ORDER,
        machine_id="M-1",
        produced_at=NOW - timedelta(seconds=0.25),
        received_at=NOW,
        is_late=False,
        units=1,
        scrapped_units=0,
        units_reported=1,
        cumulative_units=1,
        counter_epoch=0,
        quality_status="pass",
        order_version=2,
        **PLACE,
    )


def _add_material(tables: Tables) -> None:
    tables.add(
        "materials",
        material_id="MAT-1",
        part_number="1",
        part_name="Hinge",
        unit_of_measure="EA",
        is_active=True,
        on_hand_quantity=5,
        allocated_quantity=0,
        available_quantity=5,
        safety_stock=0,
        version=2,
        updated_at=NOW,
    )
    tables.add("material_batches", material_id="MAT-1", batch_number="LOT-1", quantity=5, version=2)


def _add_shift(tables: Tables) -> None:
    tables.add(
        "operator_shifts",
        operator_id="O-1",
        shift_date=NOW.date(),
        shift_name="Shift A",
        shift_id="SH-20261121-A",
        employee_id="EMP-1",
        status="working",
        is_scheduled=True,
        is_overtime=False,
        actual_clock_in=NOW,
        away_seconds=0,
        version=1,
        updated_at=NOW,
        **PLACE,
    )


def _add_use(tables: Tables, batch_number: str) -> None:
    tables.add(
        "material_transactions",
        transaction_id="TXN-1",
        material_id="MAT-1",
        part_number="1",
        work_order_id=ORDER,
        transaction_type="consumption",
        quantity=5,
        batches=Jsonb([{"batch_number": batch_number, "quantity": 5}]),
        unit_of_measure="EA",
        occurred_at=NOW,
        version=3,
        **PLACE,
    )


def _add_delivery(tables: Tables, name: str, **columns: Any) -> None:
    tables.add(
        "deliveries",
        **{
            "delivery_id": name,
            "kind": "erp.work_order_completion",
            "external_system": "ERP",
            "integration_type": "erp_work_order_completion_outbound",
            "subject": ORDER,
            "cause": name,
            "correlation_id": name,
            "told": Jsonb({}),
            "due_at": NOW,
            "status": "pending",
            **columns,
        },
    )


def _add_letter(tables: Tables, key: str, code: str, original: dict[str, Any] | None) -> None:
    tables.add(
        "integration_failures",
        failure_id=f"FAIL-{key}",
        failure_key=key,
        integration_type="mes_production_count",
        error_code=code,
        error_message="A sentence.",
        trace_id=key,
        inbox="machine-inbox",
        source_address="mes/x",
        original_message=Jsonb(original) if original else None,
        original_bytes=b"x",
        correlation_id=key,
        status="pending_manual_review",
        retry_count=0,
        failed_at=NOW,
        **PLACE,
    )


def _add_refusal(tables: Tables, request: dict[str, Any]) -> None:
    tables.add(
        "integration_audit_log",
        timestamp=NOW,
        integration_type="erp_work_order",
        direction="inbound",
        external_system="ERP",
        request_payload=Jsonb(request),
        http_status_code=400,
        success=False,
    )


def test_tables_that_tell_the_truth_are_settled_with_the_seconds_they_took(tables: Tables) -> None:
    account = tables.account()
    assert account.is_settled, [account.lost, account.doubled, account.invented, account.astray]
    assert account.sent.total() == 11
    assert account.refused.total() == 2
    assert account.percentile(0.5) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("DELETE FROM quality_inspections", "inspection-INS-1"),
        ("DELETE FROM integration_failures WHERE error_code = 'INVALID_JSON'", "key-3"),
        ("DELETE FROM integration_failures WHERE error_code = 'UNKNOWN_WORK_ORDER'", "count-2"),
        ("DELETE FROM material_batches", "stock-MAT-1-LOT-1"),
        ("UPDATE work_orders SET special_instructions = NULL", "updated-WO-ERP-1"),
        ("UPDATE operator_shifts SET actual_clock_in = NULL", f"clk_in-EMP-1-20261121-{milliseconds(NOW)}"),
        ("UPDATE downtime_events SET ended_at = NULL", f"downtime-M-1-ended-{milliseconds(NOW) + 5000}"),
        ("DELETE FROM integration_audit_log WHERE request_payload ? 'unreadable'", "WO-ERP-3"),
    ],
)
def test_what_is_missing_in_a_table_is_lost(tables: Tables, statement: str, missing: str) -> None:
    tables.change(statement)
    (lost,) = tables.account().lost
    assert f" {missing} " in lost


def test_a_unit_counted_twice_in_the_head_is_doubled(tables: Tables) -> None:
    tables.change("UPDATE work_orders SET quantity_produced = 2")
    assert len(tables.account().doubled) == 1


def test_a_log_that_nobody_said_is_invented_and_its_unit_is_one_too_many(tables: Tables) -> None:
    _add_log(tables, "count-77")
    account = tables.account()
    assert account.invented == ["row count-77"]
    assert len(account.doubled) == 1


def test_a_dead_letter_for_a_message_that_was_counted_is_found(tables: Tables) -> None:
    _add_letter(tables, "key-of-1", "INVALID_JSON", {"payload": {"log_id": "count-1"}})
    assert "count-1 stands in a row and in the dead letters" in tables.account().doubled


def test_what_stood_there_before_the_demo_is_nobodys_invention(tables: Tables) -> None:
    _add_letter(tables, "old", "INVALID_JSON", None)
    tables.change("UPDATE integration_failures SET recorded_at = '2026-10-01Z' WHERE failure_key = 'old'")
    assert tables.account().is_settled


def test_a_lot_that_was_used_up_is_not_lost(tables: Tables) -> None:
    tables.change("DELETE FROM material_batches")
    _add_use(tables, "LOT-1")
    assert tables.account().is_settled


def test_orders_completed_since_the_demo_began_and_deliveries_that_wait_are_told(tables: Tables) -> None:
    tables.change("UPDATE work_orders SET status = 'completed', actual_end_at = '2026-11-21Z'")
    _add_delivery(tables, "d-1", status="succeeded")
    _add_delivery(tables, "d-2", waits_for="retry")
    _add_delivery(tables, "d-3", waits_for="time")
    _add_delivery(tables, "d-4", external_system="MAIL")
    told = look_at_calls(tables.url, tables.tenant_id, SINCE)
    assert told == Told({"WO-ERP-1": True}, frozenset({"d-1", "d-2", "d-3", "d-4"}), 1)
    assert look_at_calls(tables.url, tables.tenant_id, NOW + timedelta(days=1)).completed == {"WO-ERP-1": False}
