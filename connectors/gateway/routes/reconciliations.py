"""Reconciliation with the ERP: the reports, and what people decide about what differs."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import PlainTextResponse, Response

from connectors.database import Rows
from connectors.gateway.auth import Principal
from connectors.gateway.commands import tell_order
from connectors.gateway.depends import Cursor, Identity, Limit, Parts, Reader, Repairer
from connectors.gateway.problems import Problem
from connectors.gateway.resolving import compensation, refuse_stale
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from schemas.views.reconciliations import (
    ReconciliationAsked,
    ReconciliationDetail,
    ReconciliationPage,
    Resolution,
    Resolved,
)
from sql import clock_runs
from sql.reads import reconciliations, work_orders

router = APIRouter(prefix="/api/v1/reconciliations", tags=["reconciliation"], responses=PROBLEMS)
Number = Annotated[int, Path(ge=1, le=10_000_000)]


@router.get("", response_model=ReconciliationPage, summary="Reconciliations with the ERP, latest first")
def page(parts: Parts, reader: Reader, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Each with its totals; what differed is in the report itself."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = reconciliations.page(rows, limit, cursor)
    return {"reconciliations": found, "next_cursor": next_cursor}


@router.post("", response_model=ReconciliationAsked, status_code=202, summary="Reconcile now")
def ask(parts: Parts, repairer: Repairer) -> Any:
    """Asks the ERP for what it changed in the last 24 h; the report is on top of the list when it has answered."""
    if parts.settings.erp_url is None:
        raise Problem(409, "ERP_URL is not set: there is no ERP to compare with.")
    moment, run_id = datetime.now(UTC), f"reconciliation-{uuid.uuid4().hex}"
    with parts.database.tenant(repairer.tenant_id) as rows:
        clock_runs.ask(rows, repairer.tenant_id, run_id, "reconciliation", moment, repairer.name)
    return {"status": "waiting", "run_id": run_id, "moment": moment, "reports_url": "/api/v1/reconciliations"}


@router.get("/{report_id}.txt", response_class=PlainTextResponse, summary="A report in the form of 002 section 3.4")
def as_text(parts: Parts, reader: Reader, report_id: Identity) -> Response:
    """As it was when it was made."""
    return PlainTextResponse(_report(parts, reader, report_id)["text"])


@router.get(
    "/{report_id}",
    response_model=ReconciliationDetail,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="One report with all that differed",
)
def one(request: Request, parts: Parts, reader: Reader, report_id: Identity) -> Any:
    """As JSON, or as text for whoever accepts `text/plain` rather."""
    report = _report(parts, reader, report_id)
    if _wants_text(request.headers.get("accept", "")):
        return PlainTextResponse(report["text"])
    return report


def _report(parts: State, reader: Principal, report_id: str) -> dict[str, Any]:
    with parts.database.tenant(reader.tenant_id) as rows:
        found = reconciliations.one(rows, report_id)
    if found is None:
        raise Problem(404, f"No reconciliation {report_id} is known.")
    return found


def _wants_text(accept: str) -> bool:
    """Whether text/plain stands before JSON among what is accepted."""
    media = [part.partition(";")[0].strip() for part in accept.lower().split(",")]
    return "text/plain" in media and "application/json" not in media[: media.index("text/plain")]


@router.post(
    "/{report_id}/items/{item}/resolve",
    response_model=Resolved,
    responses={202: {"model": Resolved}},
    summary="Decide about a discrepancy",
)
def resolve(
    parts: Parts, repairer: Repairer, response: Response, report_id: Identity, item: Number, told: Resolution
) -> Any:
    """`accept_erp` tells the order, and answers 409 where it cannot take it; `keep_ours` and `note` change nothing.

    The same decision again is answered as the first time. 202: the order was told, its answer is still to come.
    """
    with parts.database.tenant(repairer.tenant_id) as rows:
        found = reconciliations.held_item(rows, report_id, item)
        if found is None:
            raise Problem(404, f"There is no item {item} in a reconciliation {report_id}.")
        if found["action"] == "resolved" and found["resolution"] == told.choice:
            return {"status": "done", "item": found}
        _refuse_decided(found, told.choice)
        message_id, is_done = None, True
        if told.choice == "accept_erp":
            message_id, is_done = _accept(parts, repairer, rows, report_id, found)
        decided = {"resolution": told.choice, "by": repairer.name, "note": told.note, "message_id": message_id}
        resolved = reconciliations.resolve(rows, report_id, item, decided)
    response.status_code = 200 if is_done else 202
    return {"status": "done" if is_done else "pending", "item": resolved}


def _refuse_decided(item: dict[str, Any], choice: str) -> None:
    """Raises Problem 409 for what needs no decision any more."""
    if item["action"] == "resolved":
        raise Problem(409, f"{item['resolved_by']} has decided {item['resolution']} already.")
    if choice != "note" and item["action"] == "auto_synced":
        raise Problem(409, "It was put right already; only a note can be added.")
    if choice != "note" and item["action"] == "in_transit":
        raise Problem(409, "A message is under way that may settle it; the next reconciliation will tell.")


def _accept(parts: State, repairer: Principal, rows: Rows, report_id: str, item: dict[str, Any]) -> tuple[str, bool]:
    """Tell the order what the ERP has; the message's id, and whether the order has answered."""
    made = compensation(repairer.tenant_id, report_id, item, repairer.name)
    erp_id, now = item["erp_work_order_id"], datetime.now(UTC)
    present = [row for row in reconciliations.ours(rows, [erp_id], now, now) if row["erp_work_order_id"] == erp_id]
    refuse_stale(item, present[0] if present else None)
    if item["class"] == "missing_in_ours":
        needed = {line.material_id for line in made.payload.bill_of_materials}
        if unknown := sorted(reconciliations.unknown_materials(rows, sorted(needed))):
            raise Problem(409, f"No such material: {', '.join(unknown)}.", missing_materials=unknown)
        work_orders.claim(rows, repairer.tenant_id, erp_id, made.payload.work_order_id)
    outcome = tell_order(parts, repairer.tenant_id, made.type, made.payload, made.message_id, source_system="ERP")
    return made.message_id, outcome is not None
