"""The log of every call between us and other systems: looked through, and one call with its request and answer."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from connectors.gateway.depends import Cursor, Parts
from connectors.gateway.pages.filters import PAGE_OF_ROWS, Rows, Said, Words, moment_of, query_of
from connectors.gateway.pages.rendering import Visitor, render
from connectors.gateway.problems import Problem
from sql.reads import deliveries, integrations

router = APIRouter(include_in_schema=False)
Direction = Annotated[Literal["inbound", "outbound"] | None, Query(), Said]
Outcome = Annotated[Literal["worked", "failed"] | None, Query(), Said]
LogId = Annotated[int, Path(ge=1)]
# Payloads have no index: their text is looked for in a stretch of time.
TEXT_OVER: Final = timedelta(days=7)


@router.get("/audit")
def list_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    system: Words = None,
    direction: Direction = None,
    integration: Words = None,
    correlation_id: Words = None,
    outcome: Outcome = None,
    since: Words = None,
    until: Words = None,
    q: Words = None,
    cursor: Cursor = None,
    rows: Rows = PAGE_OF_ROWS,
) -> Response:
    """Newest first. Text is looked for in the last seven days, unless the address says since when."""
    filters = {
        "system": system,
        "direction": direction,
        "integration": integration,
        "correlation_id": correlation_id,
        "outcome": outcome,
        "since": since,
        "until": until,
        "q": q,
    }
    zone = parts.settings.plant_timezone
    from_at = moment_of(since, zone) or (datetime.now(UTC) - TEXT_OVER if q else None)
    wanted = {
        "system": system,
        "direction": direction,
        "integration": integration,
        "correlation_id": correlation_id,
        "success": None if outcome is None else outcome == "worked",
        "since": from_at,
        "until": moment_of(until, zone),
        "text": q,
    }
    with parts.database.tenant(visitor.tenant_id) as read:
        found, following = deliveries.audit_page(read, wanted, rows, cursor)
        known = integrations.latest(read)
    told = {
        "lines": found,
        "filters": filters,
        "query": query_of(_as_api(filters, zone)),
        "more": following and f"/audit?{query_of(filters | {'cursor': following})}",
        "systems": sorted({row["external_system"] for row in known}),
        "integrations": sorted({row["integration_type"] for row in known}),
        "is_narrowed": bool(q) and since is None,
    }
    return render(request, parts, visitor, "audit.html", here="integrations", tab="audit", **told)


def _as_api(filters: dict[str, str | None], zone: str) -> dict[str, str | None]:
    """The same filters by the names, and with the moments, that the API has for them."""
    success = None if filters["outcome"] is None else str(filters["outcome"] == "worked").lower()
    moments = {name: _instant(filters[name], zone) for name in ("since", "until")}
    return {name: value for name, value in filters.items() if name != "outcome"} | moments | {"success": success}


def _instant(told: str | None, zone: str) -> str | None:
    at = moment_of(told, zone)
    return at.isoformat() if at else None


@router.get("/audit/{log_id}")
def one_page(request: Request, parts: Parts, visitor: Visitor, log_id: LogId) -> Response:
    """One call: what was asked, and what was answered."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        found = deliveries.audit_line(rows, log_id)
    if found is None:
        raise Problem(404, f"There is no line {log_id} in the audit log; it may have been older than is kept.")
    return render(request, parts, visitor, "audit_line.html", here="integrations", tab="audit", line=found)
