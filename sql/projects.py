"""Projects, their tasks, and what people judge of lanes: rows that people write."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

Row = dict[str, Any]

CREATE = """
INSERT INTO projects (tenant_id, name, prd_path, budget_usd_max, created_by, updated_by)
VALUES (%(tenant_id)s, %(name)s, %(prd_path)s, %(budget_usd_max)s, %(actor)s, %(actor)s) RETURNING project_id
"""
ADD = """
INSERT INTO task_estimates (tenant_id, project_id, task_id, title, phase, lane_id, provider, complexity, kpi_formula,
  tokens, duration_minutes, cost_usd)
SELECT %(tenant_id)s, %(project_id)s, t.task_id, t.title, t.phase, t.lane_id, t.provider, t.complexity, t.kpi_formula,
  t.tokens, t.duration_minutes, t.cost_usd
FROM jsonb_to_recordset(%(tasks)s) AS t (task_id text, title text, phase text, lane_id text, provider text,
  complexity text, kpi_formula jsonb, tokens double precision, duration_minutes double precision,
  cost_usd double precision)
ON CONFLICT DO NOTHING RETURNING task_id
"""
OVERRIDE = """
INSERT INTO lane_overrides (tenant_id, override_id, project_id, task_id, lane_id, provider, tokens, duration_minutes,
  cost_usd, estimated, weight, reason, overridden_by, overridden_at)
VALUES (%(tenant_id)s, %(override_id)s, %(project_id)s, %(task_id)s, %(lane_id)s, %(provider)s, %(tokens)s,
  %(duration_minutes)s, %(cost_usd)s, %(estimated)s, %(weight)s, %(reason)s, %(overridden_by)s, %(overridden_at)s)
"""


def create(rows: Cursor[Row], tenant_id: str, fields: Mapping[str, Any], actor: str) -> int:
    """A new project; its number."""
    rows.execute(CREATE, dict(fields) | {"tenant_id": tenant_id, "actor": actor})
    found = rows.fetchone()
    assert found is not None, "an INSERT that returns its row"
    return int(found["project_id"])


def add_tasks(rows: Cursor[Row], tenant_id: str, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Add tasks; the ids of those that were not, because the project has them already or they are named twice."""
    if not tasks:
        return []
    rows.execute(ADD, {"tenant_id": tenant_id, "project_id": project_id, "tasks": Jsonb(list(tasks))})
    added = {row["task_id"] for row in rows.fetchall()}
    if len(added) == len(tasks):
        return []
    names = [str(task["task_id"]) for task in tasks]
    return sorted({name for name in names if name not in added or names.count(name) > 1})


def override(rows: Cursor[Row], tenant_id: str, told: Mapping[str, Any]) -> None:
    """Write down what a person judged."""
    rows.execute(OVERRIDE, dict(told) | {"tenant_id": tenant_id, "estimated": Jsonb(told["estimated"])})
