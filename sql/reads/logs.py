"""What machines and inspectors reported, row by row and however much it is: for those who take it out whole."""

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]
PLACE = "event_topic, event_partition, event_offset"
READINGS = f"""
SELECT log_id, work_order_id, machine_id, produced_at, received_at, is_late, units, scrapped_units, units_reported,
  cumulative_units, counter_epoch, quality_status, cycle_time_seconds, order_version, {PLACE}
FROM production_logs WHERE {{where}} ORDER BY produced_at, log_id
"""
DOWNTIMES = f"""
SELECT downtime_id, machine_id, downtime_reason_code, downtime_reason_description, severity, started_at, ended_at,
  duration_seconds, estimated_repair_time_minutes, work_order_affected, {PLACE}
FROM downtime_events WHERE {{where}} ORDER BY started_at, downtime_id
"""
INSPECTIONS = f"""
SELECT inspection_id, work_order_id, machine_id, inspected_at, inspection_type, result, defect_detected, defect_type,
  inspector, {PLACE}
FROM quality_inspections WHERE {{where}} ORDER BY inspected_at, inspection_id
"""
AT = {READINGS: "produced_at", DOWNTIMES: "started_at", INSPECTIONS: "inspected_at"}
ORDER = {READINGS: "work_order_id", DOWNTIMES: "work_order_affected", INSPECTIONS: "work_order_id"}


def stream(cursor: Cursor[Row], query: str, wanted: Mapping[str, Any], size: int) -> Iterator[list[Row]]:
    """All rows that are wanted, so many at a time, by their moment; Postgres holds the rest.

    `wanted`: `work_order`, `machine`, `since`, `until`; what is None or absent does not matter.
    """
    possible = {
        "work_order": f"{ORDER[query]} = %(work_order)s",
        "machine": "machine_id = %(machine)s",
        "since": f"{AT[query]} >= %(since)s",
        "until": f"{AT[query]} < %(until)s",
    }
    where = " AND ".join(possible[name] for name, value in wanted.items() if value is not None) or "true"
    with cursor.connection.cursor("taken_out") as held:
        held.execute(query.format(where=where).encode(), wanted)
        while rows := held.fetchmany(size):
            yield rows
