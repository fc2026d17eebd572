"""The plant watches itself: an alert once for each condition that lasts, a score and a sentence for each machine."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import data_quality, watch
from connectors.deliveries.kind import Rows
from connectors.exporter import FigureCollector, measured
from connectors.reactions import Reacted
from schemas.codec import decode_event
from schemas.messages.failures import AlertRaised
from sql.reads import data_quality as scores
from tests.grounds import Ground
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

MINUTE = timedelta(minutes=1)
CALL = """
INSERT INTO integration_audit_log (tenant_id, timestamp, integration_type, direction, external_system,
  http_status_code, processing_time_ms, success)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
MACHINE = """
INSERT INTO machines (tenant_id, machine_id, machine_name, line, status, status_since, last_seen_at, version,
  updated_at)
VALUES (%(tenant)s, %(machine)s, %(machine)s, 'line1', 'running', %(at)s, %(at)s, 1, %(at)s)
ON CONFLICT (tenant_id, machine_id) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at
"""
READING = """
INSERT INTO production_logs (tenant_id, log_id, work_order_id, machine_id, produced_at, received_at, is_late, units,
  scrapped_units, units_reported, cumulative_units, counter_epoch, quality_status, cycle_time_seconds, order_version,
  event_topic, event_partition, event_offset, caused_by)
VALUES (%(tenant)s, %(machine)s || %(at)s, 'WO-1', %(machine)s, %(at)s, %(at)s, false, 1, 0, 1, 1, 0, 'pass', %(cycle)s,
  1, 'work-orders', 0, 0, 'test')
"""
LETTER = """
INSERT INTO integration_failures (tenant_id, failure_id, failure_key, integration_type, error_code, error_message,
  trace_id, inbox, source_address, original_bytes, correlation_id, status, retry_count, failed_at, event_topic,
  event_partition, event_offset, caused_by)
SELECT %s, 'F-' || n, 'F-' || n, 'mes_inspection', 'X', 'x', 'x', 'machine-inbox', 'x', '', 'x',
  'pending_manual_review', 0, now(), 'integration-failures', 0, n, 'test' FROM generate_series(1, %s) n
"""


@pytest.fixture
def plant(ground: Ground, infra: RunningPlant) -> RunningPlant:
    """Empty tables."""
    ground.add_tables(infra)
    return infra


def told(reacted: Reacted) -> list[AlertRaised]:
    return [decode_event(output.topic, output.value).payload for output in reacted.outputs]


def call(rows: Rows, plant: RunningPlant, at: datetime, status: int | None, **changes: Any) -> None:
    said = {"type": "erp_completion_outbound", "direction": "outbound", "system": "ERP", "ms": 20} | changes
    rows.execute(
        CALL,
        [
            plant.settings().tenant_id,
            at,
            said["type"],
            said["direction"],
            said["system"],
            status,
            said["ms"],
            status is not None and status < 400,
        ],
    )


def look(plant: RunningPlant, at: datetime, **settings: Any) -> list[AlertRaised]:
    with plant.rows() as rows:
        return told(watch.look(rows, at, plant.settings(**settings)))


def test_an_erp_that_is_down_for_five_minutes_is_told_once_and_again_when_it_is_down_again(plant: RunningPlant) -> None:
    began = datetime.now(UTC) - timedelta(minutes=30)
    with plant.rows() as rows:
        call(rows, plant, began - MINUTE, 200)
        call(rows, plant, began, None)
        call(rows, plant, began + 2 * MINUTE, 503)
    assert look(plant, began + 4 * MINUTE) == []
    (alert,) = look(plant, began + 6 * MINUTE)
    assert (alert.kind, alert.severity, alert.entity_id) == ("integration.down", "critical", "ERP")
    assert alert.message == "The ERP has not been reached for 6 min: deliveries to it wait."
    assert look(plant, began + 7 * MINUTE) == []
    with plant.rows() as rows:
        call(rows, plant, began + 8 * MINUTE, 400)
    assert look(plant, began + 9 * MINUTE) == [], "a refusal is an answer"
    with plant.rows() as rows:
        call(rows, plant, began + 10 * MINUTE, 504)
    (again,) = look(plant, began + 16 * MINUTE)
    assert again.alert_id != alert.alert_id


def test_more_than_a_hundred_dead_letters_are_told_once(plant: RunningPlant) -> None:
    now = datetime.now(UTC)
    with plant.rows() as rows:
        rows.execute(LETTER, [plant.settings().tenant_id, 100])
    assert look(plant, now) == []
    with plant.rows() as rows:
        rows.execute(LETTER.replace("'F-'", "'G-'"), [plant.settings().tenant_id, 1])
    (alert,) = look(plant, now + MINUTE)
    assert alert.message == "101 dead letters wait for somebody to deal with them."
    with plant.rows() as rows:
        rows.execute("UPDATE integration_failures SET status = 'resolved' WHERE failure_key IN ('F-1', 'F-2')")
    assert look(plant, now + 2 * MINUTE) == []
    with plant.rows() as rows:
        rows.execute("UPDATE integration_failures SET status = 'pending_manual_review'")
    assert look(plant, now + 3 * MINUTE) == [], "one that hovers around the limit is one episode"


def test_a_silent_mes_and_late_stock_levels_are_told(plant: RunningPlant) -> None:
    now, tenant = datetime.now(UTC), plant.settings().tenant_id
    with plant.rows() as rows:
        rows.execute(MACHINE, {"tenant": tenant, "machine": "M-1", "at": now - 11 * MINUTE})
        call(rows, plant, now - 16 * MINUTE, 200, type="inventory_stock_levels_inbound", system="WMS")
    kinds = {alert.kind: alert for alert in look(plant, now, wms_url="http://127.0.0.1:1")}
    assert set(kinds) == {"integration.lag", "stock_sync.delayed"}
    assert kinds["integration.lag"].severity == "critical"
    assert kinds["stock_sync.delayed"].message == "Stock levels last came 16 min ago."
    with plant.rows() as rows:
        rows.execute("UPDATE machines SET status = 'idle'")
    assert look(plant, now + MINUTE) == [], "who is not said to run owes no word"
    with plant.rows() as rows:
        rows.execute("SELECT count(*) AS episodes FROM ops.watch_episodes")
        assert (rows.fetchone() or {})["episodes"] == 0, "nobody asks for stock levels any more, and nothing runs"


def test_slow_and_failing_calls_are_told(plant: RunningPlant) -> None:
    now = datetime.now(UTC)
    with plant.rows() as rows:
        for number in range(100):
            status = 500 if number < 6 else 409 if number < 20 else 200
            call(rows, plant, now - MINUTE, status, direction="inbound", ms=3000 if number >= 90 else 10)
    found = {alert.message for alert in look(plant, now)}
    assert found == {
        "Of the calls of the last five minutes, one in twenty took longer than 3.0 s.",
        "6.0 % of the calls of the last 30 minutes failed.",
        "6.0 % of the calls of the last 15 minutes failed.",
    }


def test_a_machine_that_becomes_slow_is_scored_and_told_once(plant: RunningPlant) -> None:
    settings, begin = plant.settings(), datetime.now(UTC) - timedelta(hours=3)
    alerts: list[AlertRaised] = []
    for number in range(90):
        at, is_slow = begin + number * MINUTE, number >= 75
        with plant.rows() as rows:
            for machine in ("M-1", "M-2"):
                cycle = 90.0 if is_slow and machine == "M-1" else 45.0
                known = {"tenant": settings.tenant_id, "machine": machine, "at": at, "cycle": cycle}
                rows.execute(MACHINE, known)
                rows.execute(READING, known)
            alerts += told(data_quality.look(rows, at, settings))
            assert told(data_quality.look(rows, at, settings)) == [], "the same minute again says nothing"
    (alert,) = alerts
    assert (alert.kind, alert.severity, alert.entity_id) == ("data_quality.anomaly", "warning", "M-1")
    assert alert.message.startswith("M-1's cycle time is 90.0 s; it is usually 45.0 s ± 1.35 s (median of ")
    with plant.rows() as rows:
        first, *others = scores.listed(rows, False, None, 200)
    assert (first["machine_id"], first["signal"], first["is_anomaly"]) == ("M-1", "cycle_time", True)
    assert first["since"] is not None
    assert len(others) == 9
    assert not any(each["is_anomaly"] for each in others)


def test_a_machine_that_falls_silent_while_its_neighbour_runs_is_told(plant: RunningPlant) -> None:
    settings, begin = plant.settings(), datetime.now(UTC) - timedelta(hours=3)
    alerts: list[AlertRaised] = []
    for number in range(60):
        at = begin + number * MINUTE
        with plant.rows() as rows:
            for machine in ("M-1", "M-2") if number < 20 else ("M-2",):
                known = {"tenant": settings.tenant_id, "machine": machine, "at": at, "cycle": 45.0}
                rows.execute(MACHINE, known)
                rows.execute(READING, known)
            alerts += told(data_quality.look(rows, at, settings))
    (alert,) = alerts
    assert alert.entity_id == "M-1"
    assert "has not been heard of for" in alert.message


def test_the_figures_are_told_to_prometheus_and_while_postgres_is_away_that_it_is(plant: RunningPlant) -> None:
    now = datetime.now(UTC)
    with plant.rows() as rows:
        call(rows, plant, now - 7 * MINUTE, 503)
        rows.execute(LETTER, [plant.settings().tenant_id, 3])
    families = {family.name: family for family in FigureCollector(lambda: measured(plant.settings())).collect()}
    figures = {
        (name, sample.labels.get("system") or sample.labels.get("integration")): sample.value
        for name, family in families.items()
        for sample in family.samples
    }
    assert figures["integration_figures_up", None] == 1
    assert figures["integration_health", "ERP"] == 2
    assert figures["integration_down_seconds", "ERP"] == pytest.approx(420, abs=60)
    assert figures["dead_letters_pending", "mes_inspection"] == 3
    away = plant.settings(database_url="postgresql://plant_app@127.0.0.1:1/plant")
    (up,) = FigureCollector(lambda: measured(away)).collect()
    assert [sample.value for sample in up.samples] == [0]
