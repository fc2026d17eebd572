"""Estimates: projects with runway, risk, drift and runs, and lanes with what each has learned."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.estimates import Priors
from connectors.gateway import drawn, lanes_shown
from connectors.gateway import project_documents as documents
from connectors.gateway.depends import Cursor, Parts
from connectors.gateway.explaining import explanation
from connectors.gateway.pages.filters import PAGE_OF_ROWS, Said, Words, query_of
from connectors.gateway.pages.rendering import Visitor, figure, render, templates
from connectors.gateway.project_shown import work_of
from connectors.gateway.routes.estimates import ProjectId
from connectors.gateway.routes.lanes import Named
from schemas.views.estimates import FigureName
from sql.reads import estimates, kpi_results, project_work
from sql.reads.estimates import Asked
from streams.domain.estimation.figures import FIGURES

router = APIRouter(include_in_schema=False)
TITLES: Final = {"tokens": "Tokens", "duration_minutes": "Minutes", "cost_usd": "Cost"}
TONES: Final = {"ok": "good", "warning": "warn", "critical": "bad"}
ROWS: Final = 40
Row = dict[str, Any]
Run = Annotated[UUID | None, Query(), Said]
After = Annotated[int | None, Query(ge=1, le=2**63 - 1), Said]


def amount(told: float | None, of: str) -> str:
    """A figure in its own unit: `3 000 tokens`, `5.2 min`, `$0.18`."""
    if told is None:
        return figure(None)
    if of == "cost_usd":
        cents = 0 if told == 0 else (2 if abs(told) >= 1 else 3)
        return f"${told:,.{cents}f}".replace(",", "\u202f").replace("$-", "-$")
    return f"{figure(told, 0)} tokens" if of == "tokens" else f"{figure(told, 1 if told < 100 else 0)} min"


def times(told: float | None) -> str:
    """A relative error as a person says it: `12 % more`, `30 % less`."""
    if told is None:
        return figure(None)
    return f"{figure(abs(100 * told), 0)} % {'more' if told >= 0 else 'less'}"


templates.env.filters |= {"amount": amount, "times": times}


@router.get("/projects")
def projects_page(request: Request, parts: Parts, visitor: Visitor, after: After = None) -> Response:
    """Projects with what they have spent, the latest first."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        found = project_work.projects(rows, PAGE_OF_ROWS + 1, after)
    shown = found[:PAGE_OF_ROWS]
    following = shown[-1]["project_id"] if len(found) > PAGE_OF_ROWS else None
    return render(request, parts, visitor, "projects.html", here="projects", found=shown, following=following)


@router.get("/projects/{project_id}")
def project_page(
    request: Request, parts: Parts, visitor: Visitor, project_id: ProjectId, a: Run = None, b: Run = None
) -> Response:
    """Runway, risk, drift, runs, and two of them side by side."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        work = work_of(rows, parts.priors.of(rows, visitor.tenant_id), project_id)
        told = _standing(documents.runway_document(work)) | {
            "risk": documents.heatmap(work, "cost_usd"),
            "drift": _drift(documents.drift(rows, work)),
            "metrics": documents.metrics(work, with_ci=True),
        }
        chosen = [str(a), str(b)] if a and b and a != b else None
        compared = documents.comparison(rows, project_id, chosen) if chosen else None
        judged = kpi_results.latest(rows, project_id, ROWS + 1)
    told |= {"judged": judged[:ROWS], "is_judged_more": len(judged) > ROWS}
    told |= {"project": work.project, "compared": compared, "a": a, "b": b, "titles": TITLES}
    return render(request, parts, visitor, "project.html", here="projects", **told)


@router.get("/projects/{project_id}/runway")
def runway_part(request: Request, parts: Parts, visitor: Visitor, project_id: ProjectId) -> Response:
    """How the budget stands now."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        work = work_of(rows, parts.priors.of(rows, visitor.tenant_id), project_id)
    told = _standing(documents.runway_document(work))
    return render(request, parts, visitor, "project_runway.html", **told)


def _standing(found: Row) -> Row:
    return {
        "standing": found,
        "tone": TONES[found["status"]],
        "bar": drawn.bar(found["budget"], found["runway"]),
    }


def _drift(found: Row) -> list[tuple[str, str, Row]]:
    """Lane and provider with each figure's series and its shape."""
    pairs = dict.fromkeys((each["lane_id"], each["provider"]) for each in found["lanes"])
    of_pair = {(each["lane_id"], each["provider"], each["figure"]): each for each in found["lanes"]}
    shapes = {key: each | {"spark": drawn.spark(each["points"])} for key, each in of_pair.items()}
    return [(*pair, {name: shapes[*pair, name] for name in FIGURES}) for pair in pairs]


@router.get("/lanes")
def lanes_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    figure: FigureName = "duration_minutes",
    q: Words = None,
    cursor: Cursor = None,
) -> Response:
    """Priors as small distributions, and how often promises held."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        everything = list(estimates.priors(rows).values())
        found, following = estimates.page(rows, Asked(q=q), ROWS, cursor)
        priors = parts.priors.of(rows, visitor.tenant_id, [(each["lane_id"], each["provider"]) for each in found])
    shown = [_lane(lanes_shown.lane_document(each, priors), priors, figure) for each in found]
    told = {
        "found": shown,
        "figure": figure,
        "titles": TITLES,
        "q": q,
        "overall": lanes_shown.overall(everything),
        "of_figures": {name: lanes_shown.overall(everything, [name]) for name in FIGURES},
        "meaning": lanes_shown.MEANING,
        "more": following and query_of({"figure": figure, "q": q, "cursor": following}),
    }
    return render(request, parts, visitor, "lanes.html", here="projects", **told)


def _lane(lane: Row, priors: Priors, figure: FigureName) -> Row:
    """A lane with the curve of one figure."""
    told = lane["figures"][figure]
    points = lanes_shown.distribution(priors, lane["lane_id"], lane["provider"], figure)
    return lane | {"curve": drawn.curve(points, told["p25"], told["p50"], told["p75"])}


@router.get("/lanes/{lane_id}/{provider}")
def lane_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    lane_id: Named,
    provider: Named,
    figure: FigureName = "duration_minutes",
) -> Response:
    """One estimate explained: its sources, its formula with the numbers put in, and what was observed."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        priors = parts.priors.of(rows, visitor.tenant_id, [(lane_id, provider)])
        found = explanation(rows, priors, lane_id, provider, figure)
        row = estimates.priors(rows, [(lane_id, provider)])[lane_id, provider]
        versions = estimates.versions(rows, lane_id, provider, ROWS)
        aside = estimates.observations(rows, lane_id, provider, False, ROWS)
        judged = kpi_results.of_lane(rows, lane_id, provider, ROWS)
    told = {
        "lane": _lane(lanes_shown.lane_document(row, priors), priors, figure),
        "found": found,
        "figure": figure,
        "titles": TITLES,
        "versions": versions,
        "set_aside": aside,
        "judged": judged,
        "drift": row["drift"].get(figure),
    }
    return render(request, parts, visitor, "lane.html", here="projects", **told)
