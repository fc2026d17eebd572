"""Bills of materials (003): create, read, update, revise, delete; explosion, where-used, cost, audit."""

from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from connectors.database import Rows
from connectors.gateway import bills, structures
from connectors.gateway.depends import Body, Cursor, Limit, Parts, Planner, Reader, Text, json_body
from connectors.gateway.editing import ASKED_VERSION, once, tagged, told, version_if_seen, version_seen
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from connectors.gateway.structures import Built
from schemas.messages.boms import BomStatus
from schemas.views.boms import (
    BomAudit,
    BomBody,
    BomChange,
    BomPage,
    BomReplacement,
    BomView,
    CostView,
    ExplosionView,
    RevisionBody,
    WhereUsed,
)
from schemas.views.values import ProblemDocument
from sql.reads import boms
from streams.domain.bom import Cost, cost_roll_up, explode, totals, where_used

NAME_THE_VERSION: dict[int | str, dict[str, Any]] = {
    428: {"model": ProblemDocument, "description": "Name the version."}
}
router = APIRouter(prefix="/api/v1/boms", tags=["bills of materials"], responses=PROBLEMS)

MOST_LINES = 20_000
Row = dict[str, Any]
Amount = Annotated[Decimal, Query(gt=0, lt=10**12, max_digits=18, decimal_places=6, description="of the product")]
Day = Annotated[date | None, Query(description="day whose bills hold; absent: today")]
Levels = Annotated[int | None, Query(ge=1, le=100, description="how far; absent: all the way")]


def wanted(
    product: Annotated[str | None, Query(max_length=128, description="code of a product, or its id")] = None,
    status: Annotated[list[BomStatus] | None, Query()] = None,
    effective_on: Annotated[date | None, Query(description="day on which it holds")] = None,
    q: Text = None,
) -> boms.Wanted:
    """The filters of the list."""
    return boms.Wanted(product, tuple(status or ()), effective_on, q)


@router.get("", response_model=BomPage, summary="Bills of materials, latest first")
def page(
    parts: Parts,
    reader: Reader,
    wanted: Annotated[boms.Wanted, Depends(wanted)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Filters narrow together; several values of one filter widen it."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = boms.page(rows, wanted, limit, cursor)
    return {"boms": found, "next_cursor": next_cursor}


@router.post(
    "",
    response_model=BomView,
    status_code=201,
    openapi_extra=json_body(BomBody),
    summary="Make a bill of materials",
)
def create(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """409 where the product has this revision, where another one holds on the same day, or where a product would
    contain itself; the answer names the circle. A revision that held until further notice ends where this one begins.
    """
    asked = told(parts, body, BomBody)
    return once(request, parts, planner, body, lambda edit: Reply(201, bills.create(edit, asked, _today(parts))))


@router.get("/where-used", response_model=WhereUsed, summary="What an item goes into, over all levels")
def usage_of_item(
    parts: Parts,
    reader: Reader,
    item_code: Annotated[str, Query(min_length=1, max_length=128)],
    effective_on: Day = None,
    levels: Levels = None,
) -> Any:
    """Every product that contains it, by every path."""
    with parts.database.tenant(reader.tenant_id) as rows:
        item = boms.items(rows, [item_code]).get(item_code)
        if item is None:
            raise Problem(404, f"No item {item_code} is known.")
        return _usages(rows, item_code, item["item_id"], effective_on or _today(parts), levels)


@router.get("/{bom_id}", response_model=BomView, summary="One bill of materials")
def one(parts: Parts, reader: Reader, bom_id: UUID) -> Response:
    """With its components; `ETag` is its version."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = _bill(rows, bom_id)
    return tagged(Reply(200, found).response(), found)


@router.put(
    "/{bom_id}",
    response_model=BomView,
    responses=NAME_THE_VERSION,
    openapi_extra=json_body(BomReplacement) | ASKED_VERSION,
    summary="Put a whole bill in the place of what it was",
)
def replace(request: Request, parts: Parts, planner: Planner, bom_id: UUID, body: Body) -> Response:
    """Product and revision stay. 409 where somebody changed it since you looked."""
    asked = told(parts, body, BomReplacement)
    seen = version_seen(request, asked.version)
    return once(request, parts, planner, body, lambda edit: Reply(200, bills.replace(edit, str(bom_id), asked, seen)))


@router.patch(
    "/{bom_id}",
    response_model=BomView,
    responses=NAME_THE_VERSION,
    openapi_extra=json_body(BomChange) | ASKED_VERSION,
    summary="Change a bill of materials",
)
def change(request: Request, parts: Parts, planner: Planner, bom_id: UUID, body: Body) -> Response:
    """What is not named stays; components are replaced as a whole. 409 where somebody changed it since you looked."""
    asked = told(parts, body, BomChange)
    seen = version_seen(request, asked.version)
    return once(request, parts, planner, body, lambda edit: Reply(200, bills.change(edit, str(bom_id), asked, seen)))


@router.delete("/{bom_id}", status_code=204, openapi_extra=ASKED_VERSION, summary="Delete a bill of materials")
def remove(
    request: Request,
    parts: Parts,
    planner: Planner,
    bom_id: UUID,
    reason: Annotated[str | None, Query(max_length=4000)] = None,
) -> Response:
    """It is not shown any more, and stays for the orders that were made by it; its audit can still be read."""
    seen = version_if_seen(request, None)
    with parts.database.editing(planner.tenant_id, planner.name) as edit:
        bills.remove(edit, str(bom_id), seen, reason)
    return Response(status_code=204)


@router.post(
    "/{bom_id}/revisions",
    response_model=BomView,
    status_code=201,
    openapi_extra=json_body(RevisionBody) | ASKED_VERSION,
    summary="Make a new revision of a bill",
)
def revise(request: Request, parts: Parts, planner: Planner, bom_id: UUID, body: Body) -> Response:
    """What is not named is as in the old one. It is a draft, and holds from today, unless it says otherwise."""
    asked = told(parts, body, RevisionBody)
    seen = version_if_seen(request, asked.version)
    return once(
        request,
        parts,
        planner,
        body,
        lambda edit: Reply(201, bills.revise(edit, str(bom_id), asked, seen, _today(parts))),
    )


@router.get("/{bom_id}/audit", response_model=BomAudit, summary="What became of a bill")
def audit(parts: Parts, reader: Reader, bom_id: UUID, limit: Limit = 100) -> Any:
    """Latest first, also of a bill that was deleted."""
    with parts.database.tenant(reader.tenant_id) as rows:
        if boms.one(rows, str(bom_id), or_deleted=True) is None:
            raise Problem(404, f"No bill of materials {bom_id} is known.")
        return {"audit": boms.audit(rows, str(bom_id), limit)}


@router.get("/{bom_id}/explode", response_model=ExplosionView, summary="What a quantity of a product takes")
def explosion(
    parts: Parts,
    reader: Reader,
    bom_id: UUID,
    quantity: Amount = Decimal(1),
    effective_on: Day = None,
    levels: Levels = None,
) -> Response:
    """Over all levels, units converted, scrap included: each line by its path, and the totals by item.

    This bill, over the bills of what it contains that hold on the day.
    """
    day = effective_on or _today(parts)
    with parts.database.tenant(reader.tenant_id) as rows:
        top = _bill(rows, bom_id)
        built = structures.below(rows, top, day)
    return Reply(200, _exploded(top, built, quantity, levels)).response()


@router.get("/{bom_id}/where-used", response_model=WhereUsed, summary="What the product of a bill goes into")
def usage_of_product(
    parts: Parts, reader: Reader, bom_id: UUID, effective_on: Day = None, levels: Levels = None
) -> Any:
    """Every product that contains it, by every path."""
    with parts.database.tenant(reader.tenant_id) as rows:
        top = _bill(rows, bom_id)
        return _usages(rows, top["item_code"], top["item_id"], effective_on or _today(parts), levels)


@router.get("/{bom_id}/cost", response_model=CostView, summary="What one unit of a product costs")
def cost(parts: Parts, reader: Reader, bom_id: UUID, effective_on: Day = None) -> Any:
    """Rolled up over all levels from the standard costs of what is bought; what has none is named."""
    day = effective_on or _today(parts)
    with parts.database.tenant(reader.tenant_id) as rows:
        top = _bill(rows, bom_id)
        built = structures.below(rows, top, day)
    prices = {code: row["standard_cost"] for code, row in built.items.items() if row["standard_cost"] is not None}
    rolled = cost_roll_up(built.structure, prices)
    own = _costed(rolled[top["item_code"]])
    lines = [_costed(each) for code, each in rolled.items() if code != top["item_code"]]
    return own | {"bom_id": top["id"], "revision": top["revision"], "effective_on": day, "items": lines}


def _bill(rows: Rows, bom_id: UUID) -> Row:
    found = boms.one(rows, str(bom_id))
    if found is None:
        raise Problem(404, f"No bill of materials {bom_id} is known.")
    return found


def _today(parts: State) -> date:
    """By the plant's clock."""
    return datetime.now(ZoneInfo(parts.settings.plant_timezone)).date()


def _exploded(top: Row, built: Built, quantity: Decimal, levels: int | None) -> Row:
    lines = list(islice(explode(built.structure, top["item_code"], quantity, levels), MOST_LINES + 1))
    if len(lines) > MOST_LINES:
        raise Problem(422, f"The explosion has more than {MOST_LINES} lines; name fewer levels.")
    return {
        "bom_id": top["id"],
        "item_code": top["item_code"],
        "revision": top["revision"],
        "quantity": quantity,
        "unit": built.structure.units[top["item_code"]],
        "effective_on": built.day,
        "lines": [
            {
                "level": line.level,
                "item_code": line.item_id,
                "name": built.name(line.item_id),
                "quantity": line.quantity,
                "unit": line.unit,
                "position": line.position,
                "path": list(line.path),
            }
            for line in lines
        ],
        "totals": [
            {
                "item_code": each.item_id,
                "name": built.name(each.item_id),
                "quantity": each.quantity,
                "unit": each.unit,
                "low_level_code": each.low_level_code,
                "is_bought": each.item_id not in built.structure.parts,
                "available_quantity": built.items[each.item_id]["available_quantity"],
            }
            for each in totals(built.structure, {top["item_code"]: quantity})
        ],
    }


def _usages(rows: Rows, item_code: str, item_id: int, day: date, levels: int | None) -> Row:
    built = structures.above(rows, item_id, day)
    found = list(islice(where_used(built.structure, item_code, levels), MOST_LINES + 1))
    if len(found) > MOST_LINES:
        raise Problem(422, f"It goes into products by more than {MOST_LINES} paths; name fewer levels.")
    usages = [
        {
            "level": each.level,
            "item_code": each.product_id,
            "name": built.name(each.product_id),
            "quantity": each.quantity,
            "unit": each.unit,
            "path": list(each.path),
        }
        for each in found
    ]
    return {"item_code": item_code, "effective_on": day, "usages": usages}


def _costed(each: Cost) -> Row:
    return {
        "item_code": each.item_id,
        "unit": each.unit,
        "material_cost": each.material,
        "value_added": each.value_added,
        "total_cost": each.total,
        "missing": list(each.missing),
    }
