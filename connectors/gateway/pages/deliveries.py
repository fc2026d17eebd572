"""Deliveries to other systems: the list with its filters, and one with its request and every attempt."""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.deliveries.registry import KINDS
from connectors.gateway.depends import Cursor, Identity, Parts
from connectors.gateway.pages.filters import PAGE_OF_ROWS, Rows, Said, Words, query_of
from connectors.gateway.pages.rendering import Visitor, render, templates
from connectors.gateway.problems import Problem
from connectors.gateway.routes.deliveries import shown
from schemas.views.deliveries import DeliveryStatus, ExternalSystem
from sql.deliveries import SYSTEMS
from sql.reads import deliveries

router = APIRouter(include_in_schema=False)
System = Annotated[ExternalSystem | None, Query(), Said]
Status = Annotated[DeliveryStatus | None, Query(), Said]
TONES: Final = {"pending": "warn", "succeeded": "good", "failed": "bad", "cancelled": "idle"}
WAITS: Final = {
    "time": "its time, which has not come yet",
    "data": "what it is made of, which is not there yet",
    "retry": "the next attempt: the last one did not work",
    "circuit": "the circuit breaker, which is open: the system is not called",
}


def kind_words(name: str) -> str:
    """What a kind of delivery does, in a sentence; its name, where nobody knows it any more."""
    return KINDS[name].description if name in KINDS else name


def address_of_subject(delivery: dict[str, Any]) -> str | None:
    """The page of what a delivery is about, where it has one."""
    subject = str(delivery["subject"])
    return f"/orders/{subject}" if subject.startswith("WO-") else None


def sentence(told: str | None) -> str:
    """Why a call failed: the sentence of a problem document, and anything else as it is."""
    try:
        found = json.loads(told) if told and told.startswith("{") else None
    except ValueError:
        found = None
    return str(found["detail"]) if isinstance(found, dict) and found.get("detail") else told or ""


templates.env.filters |= {
    "kind_words": kind_words,
    "subject_page": address_of_subject,
    "sentence": sentence,
}


@router.get("/deliveries")
def list_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    system: System = None,
    status: Status = None,
    kind: Words = None,
    subject: Words = None,
    q: Words = None,
    cursor: Cursor = None,
    rows: Rows = PAGE_OF_ROWS,
) -> Response:
    """Newest first; what is pending says what it waits for and when the next attempt is due."""
    filters = {"system": system, "status": status, "kind": kind, "subject": subject, "q": q}
    wanted = {"system": system, "status": status, "kind": kind, "subject": subject, "text": q}
    with parts.database.tenant(visitor.tenant_id) as read:
        found, following = deliveries.page(read, wanted, rows, cursor)
        counts = deliveries.pending(read)
    told = {
        "deliveries": found,
        "filters": filters,
        "query": query_of(filters),
        "more": following and f"/deliveries?{query_of(filters | {'cursor': following})}",
        "counts": counts,
        "systems": SYSTEMS,
        "kinds": sorted(KINDS),
        "tones": TONES,
    }
    return render(request, parts, visitor, "deliveries.html", here="integrations", tab="deliveries", **told)


@router.get("/deliveries/{delivery_id}")
def one_page(request: Request, parts: Parts, visitor: Visitor, delivery_id: Identity) -> Response:
    """Its request as it is sent each time, and every call that was made; without what only the other system may see."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        found = deliveries.one(rows, delivery_id)
    if found is None:
        raise Problem(404, f"No delivery {delivery_id} is known.")
    told = {"delivery": shown(found), "tones": TONES, "waits": WAITS, "limit": parts.settings.breaker_failures}
    return render(request, parts, visitor, "delivery.html", here="integrations", tab="deliveries", **told)
