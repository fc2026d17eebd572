"""Keeps what a run of material requirements planning found, and how items are ordered."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg.types.json import Jsonb

from schemas.messages.plans import MrpFinished
from sql import bulk, plans
from sql.database import Rows
from sql.plans import Job

ORDERS: Final = ("item_id", "due_date", "start_date", "quantity", "good_quantity", "low_level_code", "is_purchased")
PEGS: Final = ("item_id", "due_date", "number", "demand_id", "quantity")
SHORTAGES: Final = ("item_id", "due_date", "quantity", "start_date", "possible_on")
REQUISITIONS: Final = ("item_id", "quantity", "order_on", "due_date")
OF_A_RUN: Final = ("tenant_id", "mrp_run_id")
FINISH = """
UPDATE mrp_runs SET status = 'finished', progress_percentage = 100, inputs = %(inputs)s, figures = %(figures)s,
  finished_at = now()
WHERE id = %(id)s AND status = 'running' RETURNING kind
"""
# What nobody has ordered yet is asked for anew by each run; what is ordered is a receipt.
SUPERSEDE = """
UPDATE purchase_requisitions
SET status = 'superseded', version = version + 1, updated_at = now(), updated_by = 'planner'
WHERE status = 'proposed' AND deleted_at IS NULL
"""
SUPPLIERS = """
UPDATE purchase_requisitions AS asked SET supplier = told.supplier FROM item_planning AS told
WHERE asked.mrp_run_id = %s AND told.item_id = asked.item_id AND told.deleted_at IS NULL AND told.supplier IS NOT NULL
"""


def keep(
    rows: Rows,
    job: Job,
    columns: Mapping[str, Any],
    found: Mapping[str, Sequence[Sequence[Any]]],
) -> None:
    """The plan that was computed, with its event; nothing where its request waits no longer."""
    rows.execute(FINISH, {"id": job.plan_id, "inputs": Jsonb(columns["inputs"]), "figures": Jsonb(columns["figures"])})
    row = rows.fetchone()
    if row is not None:
        of_run = (job.owner_id, job.plan_id)
        for table, names in (("planned_orders", ORDERS), ("planned_order_pegs", PEGS), ("mrp_shortages", SHORTAGES)):
            bulk.append(rows, table, (*OF_A_RUN, *names), [(*of_run, *each) for each in found[table]])
        rows.execute(SUPERSEDE)
        asked = [(*of_run, *each, "planner") for each in found["purchase_requisitions"]]
        bulk.append(rows, "purchase_requisitions", (*OF_A_RUN, *REQUISITIONS, "created_by"), asked)
        rows.execute(SUPPLIERS, [job.plan_id])
        payload = MrpFinished(plan_id=job.plan_id, kind=row["kind"], **columns["figures"])
        plans.say(rows, job.owner_id, "plan.mrp_finished", payload)
    plans.done(rows, job)


def kind_of(rows: Rows, run_id: str) -> str | None:
    """Whether a run is full or net-change."""
    rows.execute("SELECT kind FROM mrp_runs WHERE id = %s", [run_id])
    found = rows.fetchone()
    return found["kind"] if found else None


def decide(rows: Rows, requisition_id: str, status: str, actor: str) -> None:
    """Note what became of a requisition."""
    rows.execute(
        "UPDATE purchase_requisitions SET status = %s, version = version + 1, updated_at = now(), updated_by = %s "
        "WHERE id = %s::uuid",
        [status, actor, requisition_id],
    )
