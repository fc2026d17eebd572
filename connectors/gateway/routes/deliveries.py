"""Deliveries to other systems, and the log of every call between us and them."""

from datetime import UTC
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from connectors import audit
from connectors.gateway.depends import Cursor, Identity, Limit, Parts, Reader, Repairer, Text
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.deliveries import AuditPage, DeliveryDetail, DeliveryPage, DeliveryStatus, ExternalSystem
from sql import deliveries
from sql.reads import deliveries as reads

router = APIRouter(prefix="/api/v1", tags=["deliveries"], responses=PROBLEMS)
Name = Annotated[str | None, Query(max_length=200)]


def wanted(
    system: ExternalSystem | None = None,
    kind: Name = None,
    status: DeliveryStatus | None = None,
    subject: Name = None,
    q: Text = None,
) -> reads.Row:
    """The filters of the list."""
    return {"system": system, "kind": kind, "status": status, "subject": subject, "text": q}


WantedDeliveries = Annotated[reads.Row, Depends(wanted)]


@router.get("/deliveries", response_model=DeliveryPage, summary="Deliveries to other systems, newest first")
def page(parts: Parts, reader: Reader, wanted: WantedDeliveries, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """What is pending says what it waits for, and when the next attempt is due."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = reads.page(rows, wanted, limit, cursor)
    return {"deliveries": found, "next_cursor": next_cursor}


@router.get("/deliveries/{delivery_id}", response_model=DeliveryDetail, summary="One delivery with its attempts")
def one(parts: Parts, reader: Reader, delivery_id: Identity) -> Any:
    """Its request as it is sent each time, its last answer, and every call that was made."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return shown(_known(rows, delivery_id))


@router.post(
    "/deliveries/{delivery_id}/retry", response_model=DeliveryDetail, summary="Try a delivery again, now, with its key"
)
def retry(parts: Parts, repairer: Repairer, delivery_id: Identity) -> Any:
    """For one that failed, was cancelled or waits. 409 if it has succeeded."""
    with parts.database.tenant(repairer.tenant_id) as rows:
        known = _known(rows, delivery_id)
        if not deliveries.retry(rows, delivery_id, repairer.name):
            raise Problem(409, f"{delivery_id} has succeeded at {known['finished_at']:%Y-%m-%d %H:%M:%S} UTC.")
        return shown(_known(rows, delivery_id))


def _known(rows: Any, delivery_id: str) -> dict[str, Any]:
    found = reads.one(rows, delivery_id)
    if found is None:
        raise Problem(404, f"No delivery {delivery_id} is known.")
    return found


def shown(delivery: dict[str, Any]) -> dict[str, Any]:
    """Without what only the other system may see."""
    is_personal = delivery["external_system"] == "HR"
    shown = {name: audit.redacted(delivery[name], is_personal=is_personal) for name in ("told", "request")}
    return delivery | shown


def wanted_calls(
    system: Name = None,
    direction: Literal["inbound", "outbound"] | None = None,
    integration: Name = None,
    correlation_id: Name = None,
    success: bool | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    q: Text = None,
) -> reads.Row:
    """The filters of the log."""
    return {
        "system": system,
        "direction": direction,
        "integration": integration,
        "correlation_id": correlation_id,
        "success": success,
        "since": since.astimezone(UTC) if since else None,
        "until": until.astimezone(UTC) if until else None,
        "text": q or None,
    }


WantedCalls = Annotated[reads.Row, Depends(wanted_calls)]


@router.get("/audit", response_model=AuditPage, summary="Calls between us and other systems, newest first")
def audit_log(parts: Parts, reader: Reader, wanted: WantedCalls, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """Kept for AUDIT_RETENTION_DAYS; secrets and employees' addresses are not in it.

    `q` is looked for in ids, reasons and payloads: narrow it by time or system where the log is long.
    """
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = reads.audit_page(rows, wanted, limit, cursor)
    return {"lines": found, "next_cursor": next_cursor}
