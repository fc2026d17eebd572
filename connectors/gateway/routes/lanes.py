"""Lanes: what is expected of each, what that comes from, and how often promises held."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from connectors.gateway import lanes_shown
from connectors.gateway.depends import Cursor, Limit, Parts, Reader, Text
from connectors.gateway.explaining import explanation
from connectors.gateway.routes.erp import PROBLEMS
from schemas.messages.estimates import Figure
from schemas.views.estimates import FigureName
from schemas.views.lanes import CoverageReport, Explanation, LaneRows, LaneShown
from sql.reads import estimates
from sql.reads.estimates import Asked
from streams.domain.estimation.figures import FIGURES

router = APIRouter(prefix="/api/v1", tags=["estimates"], responses=PROBLEMS)
MOST_VERSIONS: Final = 100
MOST_OBSERVATIONS: Final = 100
Named = Annotated[str, Path(min_length=1, max_length=63)]
Of = Annotated[str | None, Query(max_length=63)]


@router.get("/lanes", response_model=LaneRows, summary="What is expected of lanes")
def page(
    parts: Parts,
    reader: Reader,
    lane_id: Of = None,
    provider: Of = None,
    q: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """By lane and provider; `q` finds names that contain it."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, following = estimates.page(rows, Asked(lane_id=lane_id, provider=provider, q=q), limit, cursor)
        priors = parts.priors.of(rows, reader.tenant_id, [(each["lane_id"], each["provider"]) for each in found])
    return {"lanes": [lanes_shown.lane_document(each, priors) for each in found], "next_cursor": following}


@router.get("/estimates/coverage", response_model=CoverageReport, summary="How often promises held")
def coverage(parts: Parts, reader: Reader, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The published hit rate: of all promises, of each figure, and of a page of lanes."""
    with parts.database.tenant(reader.tenant_id) as rows:
        everything = list(estimates.priors(rows).values())
        found, following = estimates.page(rows, Asked(), limit, cursor)
    return {
        "meaning": lanes_shown.MEANING,
        "overall": lanes_shown.overall(everything),
        "figures": {figure: lanes_shown.overall(everything, [figure]) for figure in FIGURES},
        "lanes": [_of_lane(row, figure) for row in found for figure in FIGURES if figure in row["hits"]],
        "next_cursor": following,
    }


def _of_lane(row: dict[str, Any], figure: Figure) -> dict[str, Any]:
    named = {name: row[name] for name in ("lane_id", "provider")}
    return named | {"figure": figure, "coverage": lanes_shown.shown(row, figure)}


@router.get("/lanes/{lane_id}/{provider}", response_model=LaneShown, summary="One prior and how it came about")
def one(parts: Parts, reader: Reader, lane_id: Named, provider: Named) -> Any:
    """Its versions, its latest observations, those that were set aside with the reason, and its curves."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = estimates.priors(rows, [(lane_id, provider)])
        aside = estimates.observations(rows, lane_id, provider, False, MOST_OBSERVATIONS)
        if not found:
            raise lanes_shown.unknown(lane_id, provider, len(aside))
        priors = parts.priors.of(rows, reader.tenant_id, [(lane_id, provider)])
        versions = estimates.versions(rows, lane_id, provider, MOST_VERSIONS)
        counted = estimates.observations(rows, lane_id, provider, True, MOST_OBSERVATIONS)
    return lanes_shown.lane_document(found[lane_id, provider], priors) | {
        "versions": versions,
        "latest_observations": [lanes_shown.observation_document(each) for each in counted],
        "set_aside": [lanes_shown.observation_document(each) for each in aside],
        "distributions": lanes_shown.distributions(priors, lane_id, provider),
    }


@router.get(
    "/lanes/{lane_id}/{provider}/explanation",
    response_model=Explanation,
    summary="Where one estimate comes from",
)
def explain(parts: Parts, reader: Reader, lane_id: Named, provider: Named, figure: FigureName = "tokens") -> Any:
    """Factory default, relatives, observations and the formula with its numbers; computed again and compared."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return explanation(
            rows, parts.priors.of(rows, reader.tenant_id, [(lane_id, provider)]), lane_id, provider, figure
        )
