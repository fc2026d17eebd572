"""What work orders tell of themselves, kept with the runs and production orders that they were released from."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from schemas.messages.work_orders import WorkOrderChanged
from sql.database import Rows
from sql.edited import production
from sql.edited.base import Edit, hold
from sql.edited.production import ProductionOrder, ProductionRun
from sql.reads import production as reads

STATUSES: Final[dict[str, str]] = {
    "received": "released",
    "released": "released",
    "assigned": "released",
    "in_progress": "in_progress",
    "on_hold": "in_progress",
    "completed": "completed",
    "cancelled": "cancelled",
}
"""What a run is when its work order is."""
ENDED: Final = frozenset({"completed", "cancelled"})


def is_of_a_run(rows: Rows, work_order_id: str) -> bool:
    """Whether a work order was released from a production run."""
    return reads.by_work_order(rows, work_order_id) is not None


def follow(edit: Edit, told: WorkOrderChanged) -> ProductionRun | None:
    """Keep what became of a run; the run if this completes it. Nothing that is known already changes anything.

    What a work order told is its whole state: totals, never differences.
    """
    found = reads.by_work_order(edit.rows, told.work_order_id)
    if found is None:
        return None
    order = production.held(edit, found["production_order_id"])
    run = hold(edit, ProductionRun, found["run_id"], None, "run")
    if told.version <= run.work_order_version:
        return None
    before = _of(run)
    run.work_order_version = told.version
    if run.status not in ENDED:
        run.status = STATUSES[told.status]
    run.quantity_good = Decimal(told.quantity_produced - told.quantity_scrapped)
    run.quantity_scrapped = Decimal(told.quantity_scrapped)
    run.actual_start, run.actual_end = told.actual_start_at, told.actual_end_at
    if _of(run) == before:
        return None
    edit.touch(run)
    edit.session.flush()
    runs = production.runs_of(edit, order)
    production.change(edit, order, _after(order, runs))
    return run if run.status == "completed" != before[0] else None


def _of(run: ProductionRun) -> tuple[str, Decimal, Decimal, datetime | None, datetime | None]:
    return run.status, run.quantity_good, run.quantity_scrapped, run.actual_start, run.actual_end


def _after(order: ProductionOrder, runs: list[ProductionRun]) -> dict[str, Any]:
    """What a production order is now: done when all its runs are, with what its last operations made good."""
    followed = {before for run in runs for before in run.predecessors}
    last = [run for run in runs if run.sequence_number not in followed]
    changed: dict[str, Any] = {"quantity_completed": min(run.quantity_good for run in last)}
    if order.status == "cancelled":
        return changed
    if all(run.status in ENDED for run in runs):
        is_made = any(run.status == "completed" for run in last)
        return changed | {"status": "completed" if is_made else "cancelled"}
    if any(run.status in ("in_progress", "completed") for run in runs):
        return changed | {"status": "in_progress"}
    return changed
