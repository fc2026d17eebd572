"""Materials: what is there, what is promised, and what misses; one with its lots, holders and use."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.gateway.depends import Cursor, Identity, Parts
from connectors.gateway.pages.filters import PAGE_OF_ROWS, Rows, Words, query_of
from connectors.gateway.pages.rendering import Visitor, render
from connectors.gateway.problems import Problem
from sql.reads import materials

router = APIRouter(include_in_schema=False)
TRANSACTIONS_SHOWN: Final = 100
RESERVED: Final = {
    "reserved": "good",
    "partial": "warn",
    "refused": "bad",
    "released": "idle",
    "consumed": "idle",
}


@router.get("/materials")
def list_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    q: Words = None,
    short: Annotated[bool, Query()] = False,
    cursor: Cursor = None,
    rows: Rows = PAGE_OF_ROWS,
) -> Response:
    """By id; `short`: only those below their safety stock, or of which an order misses some."""
    filters = {"q": q, "short": "true" if short else None}
    with parts.database.tenant(visitor.tenant_id) as read:
        found, following = materials.page(read, q, rows, cursor, is_short=short)
        figures = materials.figures(read)
    told = {
        "materials": found,
        "figures": figures,
        "filters": filters,
        "query": query_of(filters),
        "more": following and f"/materials?{query_of(filters | {'cursor': following})}",
    }
    return render(request, parts, visitor, "materials.html", here="materials", **told)


@router.get("/materials/{material_id}")
def one_page(request: Request, parts: Parts, visitor: Visitor, material_id: Identity) -> Response:
    """One material as it stands, with its past."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        found = materials.one(rows, material_id)
        used = materials.transactions(rows, material_id, TRANSACTIONS_SHOWN) if found else []
    if found is None:
        raise Problem(404, f"No material {material_id} is known.")
    told = {"material": found, "used": used, "tones": RESERVED}
    return render(request, parts, visitor, "material.html", here="materials", **told)
