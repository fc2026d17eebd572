"""Reads from Postgres what became of everything that was said: rows, dead letters, refusals, units, seconds."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg

from compose.demo.accounts import Found
from connectors.systems.statement import milliseconds

# Every name is that of the ledger entry that the row stands for.
ROWS = """
SELECT log_id, recorded_at >= %(since)s FROM production_logs
UNION ALL SELECT 'inspection-' || inspection_id, recorded_at >= %(since)s FROM quality_inspections
UNION ALL SELECT erp_work_order_id, created_at >= %(since)s FROM work_orders WHERE erp_work_order_id LIKE 'WO-ERP-%%'
UNION ALL SELECT 'updated-' || erp_work_order_id, false FROM work_orders WHERE special_instructions LIKE 'Revision 2%%'
UNION ALL SELECT 'cancelled-' || erp_work_order_id, false FROM work_orders WHERE status = 'cancelled'
UNION ALL SELECT 'material-' || material_id, false FROM materials
UNION ALL SELECT 'stock-' || material_id || '-' || batch_number, false FROM material_batches
"""
DOWNTIMES = "SELECT machine_id, started_at, ended_at IS NOT NULL, recorded_at >= %(since)s FROM downtime_events"
DEAD_LETTERS = """
SELECT failure_key, original_message_id, original_message #>> '{payload,log_id}', error_code
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
        rows = [*ask(ROWS), *_downtimes(ask)]
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
