"""Writes what a worker found, in the transaction that ends its job; what it means that a worker found nothing."""

from datetime import datetime
from typing import Any

import psycopg
import structlog

from sql import database, mrp, plans, proposals
from sql.database import Rows
from streams.planning.proposing import Proposed
from streams.planning.requirements import Planned
from streams.planning.work import Cancelled, Refused, ScheduleResult
from streams.planning.workers import Outcome

log = structlog.get_logger()


def keep(rows: Rows, outcome: Outcome, at: datetime) -> str:
    """Keep the result of a job, or why there is none; the status that its plan has then.

    A worker that died, or lost Postgres, found nothing: the job stays and is handed out again.
    """
    job, error = outcome.job, outcome.error
    if outcome.is_lost:
        log.warning("a worker died; its plan is computed again", plan=job.plan_id, kind=job.kind)
        return "again"
    if error is not None:
        if isinstance(error, psycopg.Error) and database.is_weather(error):
            log.warning("postgres_is_away", plan=job.plan_id, reason=str(error).strip())
            plans.forgive(rows, job)
            return "again"
        if isinstance(error, Cancelled):
            plans.end(rows, job, "cancelled", "Somebody cancelled it.")
            return "cancelled"
        if not isinstance(error, Refused):
            log.error("a plan failed", plan=job.plan_id, kind=job.kind, exc_info=error)
        plans.end(rows, job, "failed", _sentence(error))
        return "failed"
    return _keep(rows, outcome, outcome.result)


def _keep(rows: Rows, outcome: Outcome, result: Any) -> str:
    if isinstance(result, ScheduleResult):
        plans.keep_schedule(rows, outcome.job, result.columns, result.lines)
    elif isinstance(result, Planned):
        found = {
            "planned_orders": result.orders,
            "planned_order_pegs": result.pegs,
            "mrp_shortages": result.shortages,
            "purchase_requisitions": result.requisitions,
        }
        mrp.keep(rows, outcome.job, result.columns, found)
    elif isinstance(result, Proposed):
        proposals.keep(rows, outcome.job, result.columns, result.lines)
    return "finished"


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, Refused) else f"It could not be computed: {type(error).__name__}: {error}"
