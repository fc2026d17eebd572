"""What work centres have to do beside what they can, by day or week (004, 1.2)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from connectors.gateway.depends import Parts, Reader
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.capacity import CapacityView
from sql import capacity as kept
from sql.database import ensure_tenant
from streams.domain.calendars import ceil, moment
from streams.domain.capacity import Load, WorkCenter, buckets, loads
from streams.open_times import open_times, work_center_calendars

router = APIRouter(prefix="/api/v1/capacity", tags=["schedules"], responses=PROBLEMS)
LONGEST = timedelta(days=366)
FARTHEST = timedelta(days=3660)
USUAL = timedelta(days=14)


@router.get("", response_model=CapacityView, summary="Load and open time of every work centre")
def load(
    parts: Parts,
    reader: Reader,
    from_at: Annotated[AwareDatetime | None, Query(description="absent: now")] = None,
    to_at: Annotated[AwareDatetime | None, Query(description="absent: two weeks later")] = None,
    bucket: Literal["day", "week"] = "day",
) -> Any:
    """Runs count from their scheduled start; what has no time yet, or is overdue, from the beginning."""
    now = datetime.now(UTC)
    if any(each is not None and abs(each - now) > FARTHEST for each in (from_at, to_at)):
        raise Problem(400, "from_at and to_at must lie within ten years from now.")
    begin = moment(ceil(from_at or now))
    end = moment(ceil(to_at)) if to_at else begin + USUAL
    if not begin < end <= begin + LONGEST:
        raise Problem(400, "to_at must be after from_at, at most a year.")
    with parts.database.tenant(reader.tenant_id) as rows:
        opened = open_times(rows, begin, end)
        known = {each: told.work_center for each, told in work_center_calendars(rows, begin).items()}
        centers = [WorkCenter(each, center.name, opened[each]) for each, center in known.items() if center.is_active]
        planned = [Load(*each) for each in kept.planned(rows, begin) if each.start_at < end]
        found = loads(centers, planned, buckets(begin, end, parts.settings.plant_timezone, bucket))
        ensure_tenant(rows, reader.tenant_id)
        kept.keep(rows, reader.tenant_id, found, begin, end)
    shown = [
        {
            **each._asdict(),
            "code": known[each.work_center_id].code,
            "name": known[each.work_center_id].name,
            "utilization_percent": each.utilization_percent,
            "is_bottleneck": each.is_bottleneck,
        }
        for each in found
    ]
    bottlenecks = dict.fromkeys(each["code"] for each in shown if each["is_bottleneck"])
    return {"from_at": begin, "to_at": end, "buckets": shown, "bottlenecks": list(bottlenecks)}
