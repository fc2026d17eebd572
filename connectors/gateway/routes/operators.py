"""Operators: the list, one with their shifts, and the shifts of a day."""

from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query

from connectors.gateway.depends import Cursor, Identity, Limit, Parts, Reader, Text
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.messages.operators import Presence
from schemas.settings import Settings
from schemas.views.operators import OperatorDetail, OperatorPage, ShiftPage
from sql.reads import operators
from sql.reads.operators import Wanted

router = APIRouter(prefix="/api/v1", tags=["operators"], responses=PROBLEMS)


def wanted(
    q: Text = None,
    active: bool | None = None,
    skill: Annotated[str | None, Query(max_length=128, description="code of a skill whose certificate holds")] = None,
    status: Presence | None = None,
) -> Wanted:
    """The filters of the list."""
    return Wanted(q, active, skill, status)


WantedOperators = Annotated[Wanted, Depends(wanted)]


@router.get("/operators", response_model=OperatorPage, summary="Operators with what they are certified to do")
def page(parts: Parts, reader: Reader, wanted: WantedOperators, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """By id. `skill` finds those whose certificate holds today."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = operators.page(rows, wanted, today_of(parts.settings), limit, cursor)
    return {"operators": found, "next_cursor": next_cursor}


@router.get("/operators/{operator_id}", response_model=OperatorDetail, summary="One operator with their latest shifts")
def one(parts: Parts, reader: Reader, operator_id: Identity) -> Any:
    """By our id or by the HR system's."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = operators.one(rows, operator_id, today_of(parts.settings))
    if found is None:
        raise Problem(404, f"No operator {operator_id} is known.")
    return found


@router.get("/shifts", response_model=ShiftPage, summary="The shifts of a day: who is planned, who came")
def shifts(
    parts: Parts,
    reader: Reader,
    day: Annotated[date | None, Query(alias="date", description="the plant's day; today, if absent")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """By operator."""
    asked = day or today_of(parts.settings)
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = operators.shifts(rows, asked, limit, cursor)
    return {"date": asked, "shifts": found, "next_cursor": next_cursor}


def today_of(settings: Settings) -> date:
    """The plant's day."""
    return datetime.now(ZoneInfo(settings.plant_timezone)).date()
