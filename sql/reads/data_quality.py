"""What the data-quality watch looks at, what it remembers, and its scores as they are asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

MACHINES = """
SELECT m.machine_id, m.line, m.status, m.last_seen_at, w.state::text AS state
FROM machines m LEFT JOIN ops.machine_watches w ON w.tenant_id = m.tenant_id AND w.machine_id = m.machine_id
ORDER BY m.machine_id
"""
# A bounded walk back along the index for each machine, however much it has said.
READINGS = """
SELECT m.machine_id, l.produced_at, l.units, l.cycle_time_seconds, coalesce(o.product_id, '') AS product_id
FROM machines m
CROSS JOIN LATERAL (
  SELECT produced_at, units, cycle_time_seconds, work_order_id FROM production_logs
  WHERE tenant_id = m.tenant_id AND machine_id = m.machine_id
    AND produced_at > %(from_at)s AND produced_at <= %(at)s
  ORDER BY produced_at DESC LIMIT %(limit)s
) l
LEFT JOIN work_orders o ON o.tenant_id = m.tenant_id AND o.work_order_id = l.work_order_id
ORDER BY m.machine_id, l.produced_at
"""
REMEMBER = """
INSERT INTO ops.machine_watches (tenant_id, machine_id, state, updated_at)
VALUES (%(tenant_id)s, %(machine_id)s, %(state)s, %(at)s)
ON CONFLICT (tenant_id, machine_id) DO UPDATE SET state = EXCLUDED.state, updated_at = EXCLUDED.updated_at
"""
SCORE = """
INSERT INTO data_quality_scores (tenant_id, machine_id, signal, value, median, spread, score, readings, is_anomaly,
  since, sentence, updated_at)
VALUES (%(tenant_id)s, %(machine_id)s, %(signal)s, %(value)s, %(median)s, %(spread)s, %(score)s, %(readings)s,
  %(is_anomaly)s, %(since)s, %(sentence)s, %(at)s)
ON CONFLICT (tenant_id, machine_id, signal) DO UPDATE SET value = EXCLUDED.value, median = EXCLUDED.median,
  spread = EXCLUDED.spread, score = EXCLUDED.score, readings = EXCLUDED.readings, is_anomaly = EXCLUDED.is_anomaly,
  since = EXCLUDED.since, sentence = EXCLUDED.sentence, updated_at = EXCLUDED.updated_at
"""
LISTED = """
SELECT machine_id, signal, value, median, spread, score, readings, is_anomaly, since, sentence, updated_at
FROM data_quality_scores
WHERE (%(anomalies_only)s = false OR is_anomaly) AND (%(machine_id)s::text IS NULL OR machine_id = %(machine_id)s)
ORDER BY is_anomaly DESC, score DESC NULLS LAST, machine_id, signal LIMIT %(limit)s
"""


def machines(rows: Cursor[Row]) -> list[Row]:
    """Every machine as it stands, with what is remembered of it."""
    rows.execute(MACHINES)
    return rows.fetchall()


def readings(rows: Cursor[Row], from_at: datetime, at: datetime, limit: int) -> list[Row]:
    """The latest counter readings of every machine, at most so many each, oldest first."""
    rows.execute(READINGS, {"from_at": from_at, "at": at, "limit": limit})
    return rows.fetchall()


def remember(rows: Cursor[Row], watches: Sequence[Row], scores: Sequence[Row]) -> None:
    """Keep what is remembered and what is thought."""
    if watches:
        rows.executemany(REMEMBER, watches)
    if scores:
        rows.executemany(SCORE, scores)


def listed(rows: Cursor[Row], anomalies_only: bool, machine_id: str | None, limit: int) -> list[Row]:
    """Scores, anomalies first, then the most unusual."""
    rows.execute(LISTED, {"anomalies_only": anomalies_only, "machine_id": machine_id, "limit": limit})
    return rows.fetchall()


def anomalies(rows: Cursor[Row]) -> list[Row]:
    """How many machines have an anomaly now, by signal."""
    rows.execute("SELECT signal, count(*) AS machines FROM data_quality_scores WHERE is_anomaly GROUP BY signal")
    return rows.fetchall()
