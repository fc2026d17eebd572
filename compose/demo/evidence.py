"""Reads from Postgres what became of everything that was said: rows, dead letters, refusals, units, seconds."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg

from compose.demo.accounts import Found
from compose.demo.outbound import Told
from connectors.systems.statement import milliseconds

# Every name is that of the ledger entry that the row stands for. A lot that was used up stands in what used it.
ROWS = """
SELECT log_id, recorded_at >= %(since)s FROM production_logs
UNION ALL SELECT 'inspection-' || inspection_id, recorded_at >= %(since)s FROM quality_inspections
UNION ALL SELECT erp_work_order_id, created_at >= %(since)s FROM work_orders WHERE erp_work_order_id LIKE 'WO-ERP-%%'
UNION ALL SELECT 'updated-' || erp_work_order_id, false FROM work_orders WHERE special_instructions LIKE 'Revision 2%%'
UNION ALL SELECT 'cancelled-' || erp_work_order_id, false FROM work_orders WHERE status = 'cancelled'
UNION ALL SELECT 'material-' || material_id, false FROM materials
UNION ALL SELECT 'stock-' || material_id || '-' || batch_number, false FROM (
  SELECT material_id, batch_number FROM material_batches
  UNION SELECT material_id, batch ->> 'batch_number'
  FROM material_transactions, jsonb_array_elements(batches) AS batch
) AS lots
"""
ARRIVALS = "SELECT employee_id, shift_date, actual_clock_in FROM operator_shifts WHERE actual_clock_in IS NOT NULL"
DOWNTIMES = "SELECT machine_id, started_at, ended_at IS NOT NULL, recorded_at >= %(since)s FROM downtime_events"
DEAD_LETTERS = """
SELECT failure_key, original_message_id, original_message #>> '{payload,log_id}',
  original_message #>> '{work_order,erp_work_order_id}', error_code
FROM integration_failures WHERE recorded_at >= %(since)s
"""
# The order of a body that could not be read is looked for in its text.
REFUSALS = """
SELECT coalesce(request_payload #>> '{work_order,erp_work_order_id}',
                substring(request_payload ->> 'unreadable' FROM 'WO-ERP-[0-9]+')), http_status_code
FROM integration_audit_log
WHERE timestamp >= %(since)s AND direction = 'inbound' AND http_status_code BETWEEN 400 AND 499
  AND http_status_code NOT IN (401, 409, 429)
"""
PRODUCED = "SELECT work_order_id, quantity_produced::bigint FROM work_orders"
COMPLETED = """
SELECT erp_work_order_id, actual_end_at >= %(since)s FROM work_orders
WHERE status = 'completed' AND erp_work_order_id LIKE 'WO-ERP-%%'
"""
# What is due at some later hour is not waited for.
DELIVERIES = """
SELECT delivery_id,
  status = 'pending' AND waits_for IS DISTINCT FROM 'time' AND external_system IN ('ERP', 'MES', 'HR', 'WMS')
FROM deliveries
"""
LOGGED = "SELECT work_order_id, sum(units)::bigint FROM production_logs GROUP BY work_order_id"
SECONDS = """
SELECT log_id, extract(epoch FROM recorded_at - produced_at)::float8
FROM production_logs WHERE recorded_at >= %(since)s AND NOT is_late
"""


def look(database_url: str, tenant_id: str, since: datetime) -> Found:
    """What the plant says now; `since` is when the demo began. Raises psycopg.OperationalError."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [tenant_id])
        ask = _Asker(connection, since)
        rows = [*ask(ROWS), *_downtimes(ask), *_arrivals(ask)]
        return Found(
            rows=Counter(str(name) for name, _ in rows),
            recent=frozenset(str(name) for name, is_recent in rows if is_recent),
            dead=[
                (frozenset(str(name) for name in names if name is not None), str(code))
                for *names, code in ask(DEAD_LETTERS)
            ],
            refused={str(name): int(status) for name, status in ask(REFUSALS) if name is not None},
            produced={str(order): int(units) for order, units in ask(PRODUCED)},
            logged={str(order): int(units) for order, units in ask(LOGGED)},
            seconds={str(name): float(seconds) for name, seconds in ask(SECONDS)},
        )


def look_at_calls(database_url: str, tenant_id: str, since: datetime) -> Told:
    """What the plant says of its calls to other systems. Raises psycopg.OperationalError."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [tenant_id])
        ask = _Asker(connection, since)
        deliveries = list(ask(DELIVERIES))
        return Told(
            completed={str(order): bool(is_new) for order, is_new in ask(COMPLETED)},
            deliveries=frozenset(str(delivery) for delivery, _ in deliveries),
            waiting=sum(bool(is_waiting) for _, is_waiting in deliveries),
        )


class _Asker:
    """Queries in one transaction, so that all answers are of the same moment."""

    def __init__(self, connection: psycopg.Connection[Any], since: datetime) -> None:
        self._connection, self._since = connection, since

    def __call__(self, query: str) -> Iterator[tuple[Any, ...]]:
        return iter(self._connection.execute(query, {"since": self._since}).fetchall())


def _downtimes(ask: _Asker) -> Iterator[tuple[str, bool]]:
    """A downtime stands for its start, and once it has ended for its end too."""
    for machine, started_at, has_ended, is_recent in ask(DOWNTIMES):
        moment = milliseconds(started_at)
        yield f"downtime-{machine}-started-{moment}", is_recent
        if has_ended:
            yield f"downtime-{machine}-closed-{moment}", is_recent


def _arrivals(ask: _Asker) -> Iterator[tuple[str, bool]]:
    """Somebody's first coming to a shift; the shift itself was planned before."""
    for employee, day, came_at in ask(ARRIVALS):
        yield f"clk_in-{employee}-{day:%Y%m%d}-{milliseconds(came_at)}", False
