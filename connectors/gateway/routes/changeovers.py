"""The changeover matrix: its rules, and the one that holds between two families."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from connectors.gateway.depends import Parts, Reader
from connectors.gateway.open_time import FromAt, ToAt, refuse_long
from connectors.gateway.planned import Planned, router_of
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views import resources as views
from sql import snapshots
from sql.edited.subjects import CHANGEOVER
from sql.reads import resources
from sql.reads.changeovers import changeover_rules, following
from sql.reads.work_centers import work_centers
from streams.domain.changeover_rules import ChangeoverRule, effective
from streams.domain.changeover_savings import Following, savings
from streams.planning.problems import changeovers as changeover_matrix

Row = dict[str, Any]
Family = Annotated[str, Query(min_length=1, max_length=128)]


def _wanted(
    work_center_id: UUID | None = None,
    family: Annotated[str | None, Query(max_length=128, description="family before or after")] = None,
) -> Row:
    return {"work_center_id": work_center_id, "family": family}


CHANGEOVERS = Planned(
    "/api/v1/changeovers",
    "changeovers",
    CHANGEOVER,
    views.ChangeoverBody,
    views.ChangeoverView,
    views.ChangeoverPage,
    _wanted,
)
router = APIRouter(tags=["planning"], responses=PROBLEMS)


@router.get(
    "/api/v1/changeovers/effective",
    response_model=views.EffectiveChangeover,
    summary="The rule that holds between two families at a work centre",
)
def holding(
    parts: Parts,
    reader: Reader,
    work_center_id: UUID,
    before: Annotated[Family, Query(alias="from", description="family before")],
    after: Annotated[Family, Query(alias="to", description="family after")],
) -> Any:
    """An exact pair before a rule with one family, that before a default; of this work centre before of all."""
    center = str(work_center_id)
    with parts.database.tenant(reader.tenant_id) as rows:
        if resources.one(rows, "work_center", center) is None:
            raise Problem(404, f"No work centre {center} is known.")
        found = effective((ChangeoverRule(*each) for each in changeover_rules(rows)), center, before, after)
        rule = None if found.rule is None else resources.one(rows, "changeover", found.rule.id)
    return found._asdict() | {"work_center_id": center, "from_family": before, "to_family": after, "rule": rule}


@router.get(
    "/api/v1/changeovers/savings",
    response_model=views.SavingsReport,
    summary="What changeovers cost, and what of it could be saved (SMED)",
)
def report(parts: Parts, reader: Reader, from_at: FromAt, to_at: ToAt) -> Any:
    """Of the runs that begin in a stretch of time, as they began or are scheduled."""
    refuse_long(from_at, to_at)
    with parts.database.tenant(reader.tenant_id) as rows:
        found = [Following(**each) for each in following(rows, from_at, to_at)]
        rules = changeover_rules(rows)
        codes = {each.id: each.code for each in work_centers(rows)}
    families = {family for each in found for family in (each.from_family, each.to_family)}
    told = savings(changeover_matrix([snapshots.ChangeoverRule(*each[1:]) for each in rules], families), found)
    setup, external = sum(each.setup_minutes for each in told), sum(each.external_minutes for each in told)
    return {
        "from_at": from_at,
        "to_at": to_at,
        "changeovers": sum(each.times for each in told),
        "setup_minutes": setup,
        "external_minutes": external,
        "saving_percent": round(100 * external / setup, 1) if setup else 0.0,
        "pairs": [
            each._asdict() | {"work_center_code": codes.get(each.work_center_id, each.work_center_id)} for each in told
        ],
    }


router.include_router(router_of(CHANGEOVERS))
