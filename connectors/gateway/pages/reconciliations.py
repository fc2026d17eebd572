"""The console's pages of reconciliation: the list of reports, and one report with what a person has to decide."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from connectors.gateway.depends import Cursor, Identity, Parts
from connectors.gateway.pages.rendering import Visitor, render, templates
from connectors.gateway.problems import Problem
from connectors.gateway.resolving import BY_HAND
from sql.reads import reconciliations
from streams.domain.reconciliation_report import facts, shown

router = APIRouter(include_in_schema=False)


def _facts(item: dict[str, Any]) -> list[tuple[str, str]]:
    return facts(item["class"], item["field"], item["erp_value"], item["our_value"], item["reason"])


def _words(told: Any) -> str:
    """A step of a timeline; what the ERP keeps in its own form, name by name."""
    if isinstance(told, dict):
        return ", ".join(f"{name} {value}" for name, value in told.items() if not isinstance(value, dict | list))
    return str(told)


templates.env.filters |= {"facts": _facts, "step_words": _words, "shown": lambda value: shown("", value)}


@router.get("/reconciliations")
def list_page(request: Request, parts: Parts, visitor: Visitor, cursor: Cursor = None) -> Response:
    """The reports, latest first."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        reports, next_cursor = reconciliations.page(rows, 30, cursor)
    told = {"reports": reports, "next_cursor": next_cursor}
    return render(request, parts, visitor, "reconciliations.html", here="integrations", tab="reconciliations", **told)


@router.get("/reconciliations/{report_id}")
def report_page(request: Request, parts: Parts, visitor: Visitor, report_id: Identity) -> Response:
    """One report: first what waits for a person, with both timelines."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        report = reconciliations.one(rows, report_id)
    if report is None:
        raise Problem(404, f"No reconciliation {report_id} is known.")
    told = {"report": report, "by_hand": BY_HAND}
    return render(request, parts, visitor, "reconciliation.html", here="integrations", tab="reconciliations", **told)
