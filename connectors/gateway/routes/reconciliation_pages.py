"""The console's pages of reconciliation: the list of reports, and one report with what a person has to decide."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from connectors.gateway.auth import Principal, identify
from connectors.gateway.depends import Cursor, Identity, Parts
from connectors.gateway.problems import Problem
from connectors.gateway.resolving import BY_HAND
from connectors.gateway.routes.console import templates
from sql.reads import reconciliations
from streams.domain.reconciliation_report import facts, shown

SCOPE = "plant.read"
router = APIRouter(include_in_schema=False)


def _visitor(request: Request) -> Principal:
    """Whoever may read; who is not signed in is sent to the sign-in page. Raises Problem 403."""
    try:
        principal = identify(request)
    except Problem as problem:
        if problem.status != 401:
            raise
        raise HTTPException(303, "Sign in first.", {"Location": "/login"}) from problem
    if SCOPE not in principal.scopes:
        raise Problem(403, f"{principal.name} has no scope {SCOPE}.", needed_scope=SCOPE)
    return principal


_visitor.scope = SCOPE  # type: ignore[attr-defined]
Visitor = Annotated[Principal, Depends(_visitor)]


def _facts(item: dict[str, Any]) -> list[tuple[str, str]]:
    return facts(item["class"], item["field"], item["erp_value"], item["our_value"], item["reason"])


def _moment(told: Any) -> str:
    """A moment of a timeline, to the second, in UTC; what is none, as it was told."""
    try:
        moment = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
    except ValueError:
        return str(told)
    return moment.astimezone(UTC).strftime("%d %b %H:%M:%S")


def _words(told: Any) -> str:
    """A step of a timeline; what the ERP keeps in its own form, name by name."""
    if isinstance(told, dict):
        return ", ".join(f"{name} {value}" for name, value in told.items() if not isinstance(value, dict | list))
    return str(told)


templates.env.filters |= {"facts": _facts, "moment": _moment, "words": _words, "shown": lambda value: shown("", value)}


@router.get("/reconciliations")
def list_page(request: Request, parts: Parts, visitor: Visitor, cursor: Cursor = None) -> Response:
    """The reports, latest first."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        reports, next_cursor = reconciliations.page(rows, 30, cursor)
    told = {"operator": visitor.name, "reports": reports, "next_cursor": next_cursor}
    return templates.TemplateResponse(request, "reconciliations.html", told)


@router.get("/reconciliations/{report_id}")
def report_page(request: Request, parts: Parts, visitor: Visitor, report_id: Identity) -> Response:
    """One report: first what waits for a person, with both timelines."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        report = reconciliations.one(rows, report_id)
    if report is None:
        raise Problem(404, f"No reconciliation {report_id} is known.")
    told = {"operator": visitor.name, "report": report, "by_hand": BY_HAND}
    return templates.TemplateResponse(request, "reconciliation.html", told)
