"""Operations of the plant as lanes: what runs and routings make, where, and what was learned of it."""

from collections.abc import Collection
from typing import Any, NamedTuple

from psycopg import Cursor

Row = dict[str, Any]

# What a routing is for names the lane; an order without one is its own product's.
RUNS = """
SELECT r.id::text AS run_id, p.operation_code,
  coalesce(t.product_id, t.product_category, t.routing_code, o.product_id) AS made,
  coalesce(nullif(coalesce(s.run_time_per_unit_seconds, p.run_time_per_unit_seconds) / 60, 0),
    r.run_minutes / nullif(r.quantity, 0), 0)::float AS minutes_per_unit,
  r.setup_minutes::float AS setup_minutes, r.work_center_id::text AS work_center_id
FROM production_runs r
JOIN production_orders o ON o.tenant_id = r.tenant_id AND o.id = r.production_order_id
JOIN operations p ON p.id = r.operation_id
LEFT JOIN routing_templates t ON t.tenant_id = o.tenant_id AND t.id = o.routing_id
LEFT JOIN routing_operations s ON s.tenant_id = r.tenant_id AND s.id = r.routing_operation_id
WHERE r.id = ANY(%s::uuid[])
"""
LEARNED = """
SELECT lane_id, provider, version, observations, is_converged, duration_mean AS mean, duration_std AS std,
  learned -> 'duration_minutes' AS learned, hits -> 'duration_minutes' AS hits, changed_at
FROM estimate_versions WHERE is_latest AND lane_id = ANY(%s) ORDER BY lane_id, provider
"""

# What changed a prior last was mostly a run; where it was a person's judgement, the latest run that was observed.
LATEST_RUNS = """
SELECT lane_id, provider, run_id FROM (
  SELECT v.lane_id, v.provider, coalesce(v.run_id, (
    SELECT o.run_id FROM estimate_observations o
    WHERE o.lane_id = v.lane_id AND o.provider = v.provider AND o.source = 'operation'
    ORDER BY o.completed_at DESC, o.observation_id DESC LIMIT 1)) AS run_id
  FROM estimate_versions v
  WHERE v.is_latest AND (v.lane_id, v.provider) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
) found WHERE run_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
"""


class RunLane(NamedTuple):
    """What a run makes by which operation and where, and what its routing plans for it."""

    run_id: str
    made: str
    operation_code: str
    minutes_per_unit: float
    setup_minutes: float
    work_center_id: str


def of_runs(rows: Cursor[Row], runs: Collection[str]) -> dict[str, RunLane]:
    """The lanes of production runs, by run."""
    rows.execute(RUNS.encode(), [list(runs)])
    return {row["run_id"]: RunLane(**row) for row in rows.fetchall()}


def latest_runs(rows: Cursor[Row], pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], RunLane]:
    """By lane and work centre the run that was observed there last, with what its routing plans now."""
    rows.execute(LATEST_RUNS.encode(), [[lane for lane, _ in pairs], [provider for _, provider in pairs]])
    run_ids = {(row["lane_id"], row["provider"]): row["run_id"] for row in rows.fetchall()}
    runs = of_runs(rows, run_ids.values())
    return {pair: runs[run_id] for pair, run_id in run_ids.items() if run_id in runs}


def learned(rows: Cursor[Row], lanes: Collection[str]) -> list[Row]:
    """The latest version of what was learned of the durations of lanes, one row a work centre that does it."""
    rows.execute(LEARNED.encode(), [sorted(set(lanes))])
    return rows.fetchall()
