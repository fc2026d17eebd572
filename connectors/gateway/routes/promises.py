"""When orders will be finished, with what uncertainty, and how likely they are late."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from connectors.gateway import promising
from connectors.gateway.depends import Parts, Reader
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.promises import ProductionOrderPromise, SchedulePromises
from sql.reads import production

router = APIRouter(prefix="/api/v1", tags=["schedules"], responses=PROBLEMS)
Samples = Annotated[int, Query(ge=100, le=2000, description="ways it may turn out that are tried")]
Seed = Annotated[int, Query(ge=0, le=2**31 - 1)]


@router.get(
    "/schedules/{schedule_id}/promises", response_model=SchedulePromises, summary="How likely its orders are late"
)
def schedule(
    parts: Parts, reader: Reader, schedule_id: UUID, samples: Samples = promising.SAMPLES, seed: Seed = 1
) -> Any:
    """Operations as uncertain as their lanes are, carried through routings, work centres and open time.

    409 for a schedule that is not computed, or that is of a shop which is not so.
    """
    with parts.database.tenant(reader.tenant_id) as rows:
        return promising.of_schedule(rows, str(schedule_id), samples, seed)


@router.get(
    "/production-orders/{id}/promise", response_model=ProductionOrderPromise, summary="When an order will be finished"
)
def production_order(
    parts: Parts,
    reader: Reader,
    id: UUID,  # noqa: A002 -- the path's name
    samples: Samples = promising.SAMPLES,
    seed: Seed = 1,
) -> Any:
    """Of the schedule that holds, as the shop stands now. 409 where it has nothing of the order left to do."""
    with parts.database.tenant(reader.tenant_id) as rows:
        if production.one(rows, str(id)) is None:
            raise Problem(404, f"No production order {id} is known.")
        return promising.of_order(rows, str(id), samples, seed)
