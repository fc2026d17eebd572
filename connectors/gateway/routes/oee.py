"""OEE of machines and lines by shift and day, as the process `jobs` keeps it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from connectors.gateway.depends import Cursor, Limit, Parts, Reader
from connectors.gateway.machine_work import window
from connectors.gateway.oee_shown import definition, row_document
from connectors.gateway.routes.erp import PROBLEMS
from schemas.definitions import OEE
from schemas.views.oee import Bucket, Level, OeeRows
from sql.reads import oee
from sql.reads.oee import Asked

router = APIRouter(prefix="/api/v1/oee", tags=["machines"], responses=PROBLEMS)
From = Annotated[AwareDatetime | None, Query(description="of windows that end later; 8 h before `to_at` if absent")]
To = Annotated[AwareDatetime | None, Query(description="of windows that begin earlier; now if absent")]
Name = Annotated[str | None, Query(max_length=128)]


@router.get("", response_model=OeeRows, summary="OEE of machines or lines by shift or day", description=OEE)
def page(
    parts: Parts,
    reader: Reader,
    level: Level = "machine",
    bucket: Bucket = "shift",
    from_at: From = None,
    to_at: To = None,
    line: Name = None,
    subject_id: Name = None,
    shift: Name = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Latest first; at most 31 days."""
    begin, end = window(from_at, to_at)
    asked = Asked(level=level, bucket=bucket, from_at=begin, to_at=end, line=line, subject_id=subject_id, shift=shift)
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = oee.page(rows, asked, limit, cursor)
    return {"definition": definition(), "rows": [row_document(each) for each in found], "next_cursor": next_cursor}
