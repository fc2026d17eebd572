"""What a machine did between two moments: its statuses, gaps, orders, units, cycle times and reasons of downtime."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

# The status that held when it began, and what changed until its end.
CHANGES = """
(SELECT status, from_at, version, reason, event_topic, event_partition, event_offset FROM machine_status_history
 WHERE machine_id = %(machine_id)s AND status <> 'gap' AND from_at <= %(from_at)s
 ORDER BY from_at DESC, version DESC LIMIT 1)
UNION ALL
(SELECT status, from_at, version, reason, event_topic, event_partition, event_offset FROM machine_status_history
 WHERE machine_id = %(machine_id)s AND status <> 'gap' AND from_at > %(from_at)s AND from_at <= %(to_at)s
 ORDER BY from_at, version)
"""
GAPS = """
SELECT from_at, to_at, reason, recovery, event_topic, event_partition, event_offset FROM machine_status_history
WHERE machine_id = %(machine_id)s AND status = 'gap' AND from_at < %(to_at)s AND to_at > %(from_at)s ORDER BY from_at
"""
# An order was in work here if it counted here meanwhile, or stands here now.
ORDERS = """
SELECT o.work_order_id, o.product_name, greatest(o.actual_start_at, %(from_at)s) AS from_at,
  least(coalesce(o.actual_end_at, %(to_at)s), %(to_at)s) AS to_at
FROM work_orders o
WHERE o.actual_start_at < %(to_at)s AND (o.actual_end_at IS NULL OR o.actual_end_at > %(from_at)s)
  AND (o.current_machine_id = %(machine_id)s OR o.assigned_machine_id = %(machine_id)s OR EXISTS (
    SELECT FROM production_logs l WHERE l.tenant_id = o.tenant_id AND l.work_order_id = o.work_order_id
    AND l.machine_id = %(machine_id)s AND l.produced_at > %(from_at)s AND l.produced_at <= %(to_at)s))
ORDER BY o.actual_start_at
"""
# A reading at the end of a stretch belongs to it: moments count in microseconds.
MADE = """
SELECT max(produced_at) AS at, sum(units)::bigint AS units, sum(scrapped_units)::bigint AS scrapped_units,
  count(*) AS readings
FROM production_logs
WHERE machine_id = %(machine_id)s AND produced_at > %(from_at)s AND produced_at <= %(to_at)s
GROUP BY width_bucket(produced_at - interval '1 microsecond', %(bounds)s::timestamptz[])
"""
CYCLES = """
SELECT date_bin(make_interval(secs => %(bucket_seconds)s), produced_at, %(from_at)s) AS at, count(*) AS readings,
  sum(units)::bigint AS units, sum(scrapped_units)::bigint AS scrapped_units,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY cycle_time_seconds) AS median_seconds,
  min(cycle_time_seconds) AS least_seconds, max(cycle_time_seconds) AS most_seconds
FROM production_logs
WHERE machine_id = %(machine_id)s AND produced_at > %(from_at)s AND produced_at <= %(to_at)s
GROUP BY 1 ORDER BY 1
"""
REASONS = """
SELECT downtime_reason_code, max(downtime_reason_description) AS downtime_reason_description, count(*) AS downtimes,
  sum(extract(epoch FROM least(coalesce(ended_at, %(to_at)s), %(to_at)s) - greatest(started_at, %(from_at)s)))::float
    AS seconds
FROM downtime_events
WHERE machine_id = %(machine_id)s AND started_at < %(to_at)s AND (ended_at IS NULL OR ended_at > %(from_at)s)
GROUP BY downtime_reason_code ORDER BY seconds DESC, downtime_reason_code
"""
# What was said about stops: by the machine, by who noted it, and what was maintained.
STOPS = """
SELECT d.downtime_reason_code AS reason, d.started_at AS from_at, coalesce(d.ended_at, %(to_at)s) AS to_at,
  d.event_topic, d.event_partition, d.event_offset
FROM downtime_events d
WHERE d.machine_id = %(machine_id)s AND d.started_at < %(to_at)s AND (d.ended_at IS NULL OR d.ended_at > %(from_at)s)
UNION ALL
SELECT n.reason_code, n.started_at, coalesce(n.ended_at, %(to_at)s), NULL, NULL, NULL
FROM equipment_status_log n JOIN work_centers w ON w.tenant_id = n.tenant_id AND w.id = n.work_center_id
WHERE w.machine_id = %(machine_id)s AND n.deleted_at IS NULL AND n.reason_code IS NOT NULL
  AND n.started_at < %(to_at)s AND (n.ended_at IS NULL OR n.ended_at > %(from_at)s)
UNION ALL
SELECT m.maintenance_type, m.begins_at, m.ends_at, NULL, NULL, NULL
FROM maintenance_records m JOIN work_centers w ON w.tenant_id = m.tenant_id AND w.id = m.work_center_id
WHERE w.machine_id = %(machine_id)s AND m.deleted_at IS NULL AND m.status <> 'cancelled'
  AND m.begins_at < %(to_at)s AND m.ends_at > %(from_at)s
ORDER BY from_at, to_at, reason
"""
ALERTS = """
SELECT alert_id, kind, severity, message, raised_at, acknowledged_at, acknowledged_by FROM alerts
WHERE entity_type = 'machine' AND entity_id = %(machine_id)s ORDER BY raised_at DESC, alert_id LIMIT %(limit)s
"""


class Work:
    """The reads of one machine between two moments, on one connection."""

    def __init__(self, rows: Cursor[Row], machine_id: str, from_at: datetime, to_at: datetime) -> None:
        self._rows = rows
        self._told = {"machine_id": machine_id, "from_at": from_at, "to_at": to_at}

    def changes(self) -> list[Row]:
        """Changes of status, from the one that held at the beginning on."""
        return self._all(CHANGES)

    def gaps(self) -> list[Row]:
        """Stretches in which nobody saw it."""
        return self._all(GAPS)

    def orders(self) -> list[Row]:
        """Orders that were in work here, from when to when within the two moments."""
        return self._all(ORDERS)

    def made(self, bounds: Sequence[datetime]) -> list[Row]:
        """Units and scrap, summed between each two bounds (which are in order)."""
        return self._all(MADE, bounds=list(bounds))

    def cycles(self, bucket_seconds: float) -> list[Row]:
        """Cycle times and units in buckets of time; a bucket without a reading is absent."""
        return self._all(CYCLES, bucket_seconds=bucket_seconds)

    def reasons(self) -> list[Row]:
        """Downtime by its reason, the longest first."""
        return self._all(REASONS)

    def stops(self) -> list[Row]:
        """Stops with the code of their reason: told by the machine, noted by people, and maintenance."""
        return self._all(STOPS)

    def _all(self, query: str, **told: Any) -> list[Row]:
        self._rows.execute(query.encode(), self._told | told)
        return self._rows.fetchall()


def alerts(rows: Cursor[Row], machine_id: str, limit: int) -> list[Row]:
    """The machine's latest alerts."""
    rows.execute(ALERTS, {"machine_id": machine_id, "limit": limit})
    return rows.fetchall()
