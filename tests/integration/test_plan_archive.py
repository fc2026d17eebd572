"""Old plans are archived in short and deleted; what holds, waits or is young stays."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from connectors.plan_archive import old_plans_due
from schemas.ids import DEFAULT_TENANT
from schemas.settings import Settings
from sql.database import ensure_tenant
from tests import shop_rows
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

Rows = psycopg.Cursor[dict[str, Any]]
SCHEDULE = """
INSERT INTO production_schedules (tenant_id, scenario, status, created_at, created_by, base_schedule_id, figures)
VALUES (%s, %s, %s, %s, 'anna', %s, '{"operations": 3}') RETURNING id::text AS id
"""


def one(rows: Rows) -> str:
    found = rows.fetchone()
    assert found is not None
    return str(found["id"])


def test_old_plans_leave_their_figures_behind(migrated: RunningPlant, rows: Rows) -> None:
    now, old = shop_rows.now(), shop_rows.now() - timedelta(days=91)
    ensure_tenant(rows, DEFAULT_TENANT)
    runs = {}
    for name, status, at in (("old", "finished", old), ("young", "finished", now), ("waiting", "queued", old)):
        rows.execute(
            "INSERT INTO mrp_runs (tenant_id, kind, status, asked_at, asked_by) VALUES (%s, 'full', %s, %s, 'anna') "
            "RETURNING id::text AS id",
            [DEFAULT_TENANT, status, at],
        )
        runs[name] = one(rows)
    rows.execute(
        "INSERT INTO planned_orders (tenant_id, mrp_run_id, item_id, due_date, start_date, quantity, good_quantity, "
        "low_level_code, is_purchased) VALUES (%s, %s, 'A', now(), now(), 1, 1, 0, false)",
        [DEFAULT_TENANT, runs["old"]],
    )
    rows.execute(SCHEDULE, [DEFAULT_TENANT, "first", "superseded", old, None])
    first = one(rows)
    rows.execute(SCHEDULE, [DEFAULT_TENANT, "second", "superseded", old, first])
    second = one(rows)
    rows.execute(SCHEDULE, [DEFAULT_TENANT, "holds", "accepted", old, second])
    holds = one(rows)
    told = old_plans_due(rows, now, Settings())
    assert told.note == "1 MRP runs, 0 proposals, 2 schedules were archived."
    rows.execute("SELECT id::text AS id FROM mrp_runs UNION ALL SELECT id::text FROM production_schedules")
    assert {row["id"] for row in rows.fetchall()} == {runs["young"], runs["waiting"], holds}
    rows.execute("SELECT count(*) AS left FROM planned_orders")
    assert rows.fetchall() == [{"left": 0}]
    rows.execute("SELECT id::text AS id, subject, figures FROM plan_archives WHERE subject = 'schedule' ORDER BY id")
    assert [row["figures"] for row in rows.fetchall()] == [{"operations": 3}] * 2
