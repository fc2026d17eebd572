"""OEE by line and shift: the latest shifts or days of lines and machines, with their losses and what OEE means."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.gateway.depends import Cursor, Parts
from connectors.gateway.oee_shown import Step, definition, waterfall
from connectors.gateway.pages.filters import Said, query_of
from connectors.gateway.pages.rendering import Visitor, render
from schemas.views.oee import Bucket, Level
from sql.reads import machines, oee
from sql.reads.oee import Asked

router = APIRouter(include_in_schema=False)
PAGE_OF_WINDOWS: Final = 60
RANGES: Final = {"1d": "a day", "7d": "7 days", "31d": "31 days"}
DAYS: Final = {"1d": 1, "7d": 7, "31d": 31}
Range = Annotated[Literal["1d", "7d", "31d"], Query(alias="range")]
Name = Annotated[str | None, Query(max_length=128), Said]


@router.get("/oee")
def page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    level: Level = "line",
    bucket: Bucket = "shift",
    back: Range = "7d",
    line: Name = None,
    shift: Name = None,
    cursor: Cursor = None,
) -> Response:
    """Latest first."""
    now = datetime.now(UTC)
    from_at = now - timedelta(days=DAYS[back])
    asked = Asked(level=level, bucket=bucket, from_at=from_at, to_at=now, line=line, shift=shift)
    with parts.database.tenant(visitor.tenant_id) as rows:
        found, next_cursor = oee.page(rows, asked, PAGE_OF_WINDOWS, cursor)
        lines = sorted({each["line"] for each in machines.floor(rows)})
        shifts = oee.shifts(rows)
    told = {"level": level, "bucket": bucket, "range": back, "line": line, "shift": shift}
    return render(
        request,
        parts,
        visitor,
        "oee.html",
        here="machines",
        found=[each | {"steps": _steps(each)} for each in found],
        lines=lines,
        shifts=shifts,
        ranges=RANGES,
        definition=definition(),
        asked=told,
        query=query_of(told),
        next_cursor=next_cursor,
    )


def _steps(row: dict[str, Any]) -> list[Step]:
    inputs = row["inputs"]
    return waterfall(inputs["planned_seconds"], inputs["losses"], inputs["productive_seconds"])
