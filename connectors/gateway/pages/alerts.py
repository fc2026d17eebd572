"""Alerts: what a person should look at, taken on one by one or many at once."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.gateway.depends import Cursor, Parts
from connectors.gateway.pages.filters import PAGE_OF_ROWS, Rows, Said, Words, query_of
from connectors.gateway.pages.rendering import Visitor, render, templates
from sql.reads import alerts

router = APIRouter(include_in_schema=False)
Shown = Annotated[Literal["open", "taken", "all"], Query()]
Severity = Annotated[Literal["critical", "warning", "info"] | None, Query(), Said]
TONES: Final = {"critical": "bad", "warning": "warn", "info": "idle"}
IS_OPEN: Final = {"open": True, "taken": False, "all": None}
PAGES: Final = {
    "machine": "/machines/{}",
    "material": "/materials/{}",
    "work_order": "/orders/{}",
    "delivery": "/deliveries/{}",
    "reconciliation": "/reconciliations/{}",
    "system": "/integrations#system-{}",
    "integration": "/integrations#system-{}",
    "job": "/integrations#job-{}",
    "line": "/integrations#lines",
    "failure": "/failures/{}",
    "hr": "/integrations#system-HR",
}
"""Where a thing that an alert is about is shown. An operator has no page."""


def page_of(alert: dict[str, Any]) -> str | None:
    """The page of what an alert is about, or None."""
    address = PAGES.get(alert["entity_type"])
    return address.format(quote(alert["entity_id"], safe="")) if address else None


templates.env.filters |= {"alert_page": page_of}


def tally(counts: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Open alerts by severity."""
    return {each: sum(row["open"] for row in counts if row["severity"] == each) for each in TONES}


def matching(counts: Sequence[dict[str, Any]], severity: str | None, kind: str | None) -> int:
    """How many open alerts are of this severity and kind."""
    return sum(row["open"] for row in counts if severity in (None, row["severity"]) and kind in (None, row["kind"]))


@router.get("/alerts")
def list_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    show: Shown = "open",
    severity: Severity = None,
    kind: Words = None,
    q: Words = None,
    cursor: Cursor = None,
    rows: Rows = PAGE_OF_ROWS,
) -> Response:
    """Latest first; the open ones, unless the address asks for others."""
    filters = {"show": None if show == "open" else show, "severity": severity, "kind": kind, "q": q}
    wanted = {"is_open": IS_OPEN[show], "severity": severity, "kind": kind, "text": q}
    with parts.database.tenant(visitor.tenant_id) as read:
        found, following = alerts.page(read, wanted, rows, cursor)
        counts = alerts.counts(read)
    told = {
        "alerts": found,
        "filters": filters | {"show": show},
        "query": query_of(filters),
        "exported": query_of({"open": str(show == "open").lower(), "severity": severity, "kind": kind, "q": q}),
        "more": following and f"/alerts?{query_of(filters | {'cursor': following})}",
        "kinds": sorted({row["kind"] for row in counts}),
        "open": tally(counts),
        "matching": matching(counts, severity, kind) if show != "taken" and q is None else None,
        "tones": TONES,
    }
    return render(request, parts, visitor, "alerts.html", here="alerts", **told)
