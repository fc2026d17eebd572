"""Moves old plans into `plan_archives`, in short."""

from datetime import datetime
from typing import Final

from sql.database import Rows

ARCHIVE: Final = {
    "MRP runs": """
WITH gone AS (
  DELETE FROM mrp_runs WHERE asked_at < %(before)s AND status NOT IN ('queued', 'running') RETURNING *
)
INSERT INTO plan_archives (tenant_id, id, subject, status, asked_at, asked_by, finished_at, inputs, figures)
SELECT tenant_id, id, 'mrp_run', status, asked_at, asked_by, finished_at, inputs, figures FROM gone
""",
    "proposals": """
WITH gone AS (
  DELETE FROM plan_proposals WHERE asked_at < %(before)s AND status NOT IN ('queued', 'running', 'open') RETURNING *
)
INSERT INTO plan_archives (tenant_id, id, subject, status, asked_at, asked_by, finished_at, inputs, figures)
SELECT tenant_id, id, 'proposal', status, asked_at, asked_by, finished_at, inputs, figures FROM gone
""",
    # One that a later version or a proposal stands on stays until they go.
    "schedules": """
WITH gone AS (
  DELETE FROM production_schedules AS old
  WHERE old.created_at < %(before)s AND old.status NOT IN ('queued', 'running', 'accepted') AND NOT EXISTS (
    SELECT FROM production_schedules later WHERE later.tenant_id = old.tenant_id AND later.base_schedule_id = old.id
  ) AND NOT EXISTS (
    SELECT FROM plan_proposals p WHERE p.tenant_id = old.tenant_id AND p.schedule_id = old.id
  ) RETURNING *
)
INSERT INTO plan_archives (tenant_id, id, subject, status, asked_at, asked_by, finished_at, inputs, figures)
SELECT tenant_id, id, 'schedule', status, created_at, created_by, finished_at, inputs, figures FROM gone
""",
}
# Old versions let go of what they were made from, so that the oldest can go first.
CHAIN: Final = """
UPDATE production_schedules SET base_schedule_id = NULL
WHERE base_schedule_id IS NOT NULL AND created_at < %(before)s AND status NOT IN ('queued', 'running')
"""


def archive(rows: Rows, before: datetime) -> dict[str, int]:
    """Archive what was asked for before a moment and is done with; how many of each."""
    rows.execute(CHAIN, {"before": before})
    found: dict[str, int] = {}
    for name, query in ARCHIVE.items():
        rows.execute(query, {"before": before})
        found[name] = rows.rowcount
    return found
