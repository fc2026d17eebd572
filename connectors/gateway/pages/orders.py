"""Work orders: the list with its filters, and one order with all that belongs to it and what people do with it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.database import Rows
from connectors.gateway import order_promises
from connectors.gateway.depends import Cursor, Identity, Parts
from connectors.gateway.order_commands import COMMANDS, OPEN, why_not
from connectors.gateway.pages.filters import Words, moment_of
from connectors.gateway.pages.order_story import steps
from connectors.gateway.pages.rendering import Visitor, render, templates
from connectors.gateway.problems import Problem
from connectors.gateway.routes.operators import today_of
from schemas.settings import Settings
from sql import work_order_people as people
from sql.reads import deliveries, machines, operators, work_orders
from streams.domain import finish
from streams.domain.oee import Made

router = APIRouter(include_in_schema=False)
PAGE: Final = 60
STATUSES: Final = (*OPEN, "completed", "cancelled")
PRIORITIES: Final = ("urgent", "high", "normal", "low")
TONES: Final = {
    "in_progress": "good",
    "completed": "good",
    "assigned": "idle",
    "released": "idle",
    "on_hold": "warn",
    "cancelled": "bad",
    "urgent": "bad",
    "high": "warn",
    "reserved": "good",
    "consumed": "good",
    "partial": "warn",
    "refused": "bad",
    "pending": "idle",
    "failed": "bad",
    "critical": "bad",
    "warning": "warn",
    "pass": "good",
    "fail": "bad",
    "succeeded": "good",
}
templates.env.filters["tone"] = lambda told: TONES.get(str(told), "")
Several = Annotated[list[str] | None, Query()]


@router.get("/orders")
def list_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    status: Several = None,
    priority: Several = None,
    machine: Words = None,
    work_center: Words = None,
    late: Words = None,
    due_before: Words = None,
    q: Words = None,
    cursor: Cursor = None,
) -> Response:
    """By due date; without a status those that are open. A page further down comes as rows only."""
    wanted = work_orders.Wanted(
        statuses=tuple(each for each in status or () if each in STATUSES) or OPEN,
        priorities=tuple(each for each in priority or () if each in PRIORITIES),
        machine=machine,
        line=work_center,
        late={"true": True, "false": False}.get(late or ""),
        due_before=_end_of(due_before, parts.settings.plant_timezone),
        text=q,
    )
    with parts.database.tenant(visitor.tenant_id) as rows:
        found, following = work_orders.page(rows, wanted, PAGE, cursor)
        told: dict[str, Any] = {} if cursor else {"counts": work_orders.counts(rows), "machines": machines.floor(rows)}
    told |= {"orders": found, "more": _more(request, following), "wanted": wanted, "late": late, "q": q}
    told |= {"due_before": due_before, "chosen": status or (), "statuses": STATUSES, "priorities": PRIORITIES}
    template = "orders_rows.html" if cursor else "orders.html"
    return render(request, parts, visitor, template, here="orders", query=request.url.query, **told)


def _end_of(told: str | None, zone: str) -> datetime | None:
    """A day means its end, on the plant's clock."""
    at = moment_of(told, zone)
    if at is None or told is None or len(told) > len("2026-11-21"):
        return at
    here = at.astimezone(ZoneInfo(zone))
    return None if here.year >= 9999 else here + timedelta(days=1)


def _more(request: Request, following: str | None) -> str | None:
    """The address of the next page, with the same filters."""
    return following and str(request.url.include_query_params(cursor=following).replace(scheme="", netloc=""))


@router.get("/orders/{work_order_id}")
def order_page(request: Request, parts: Parts, visitor: Visitor, work_order_id: Identity) -> Response:
    """One order; its head and its lists are asked for again, each at its own address, when it changes."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        order = _order(work_orders.detail(rows, work_order_id), work_order_id)
        told = _head(rows, order) | _lists(rows, order)
        told |= {"machines": machines.floor(rows), "operators": _operators(rows, parts.settings)}
    return render(request, parts, visitor, "order.html", here="orders", **told)


@router.get("/orders/{work_order_id}/head")
def order_head(request: Request, parts: Parts, visitor: Visitor, work_order_id: Identity) -> Response:
    """What changes with every unit: state, progress, predicted finish, and what can be said to it."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        told = _head(rows, _order(work_orders.head(rows, work_order_id), work_order_id))
    return render(request, parts, visitor, "order_head.html", **told)


@router.get("/orders/{work_order_id}/lists")
def order_lists(request: Request, parts: Parts, visitor: Visitor, work_order_id: Identity) -> Response:
    """All that belongs to it."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        told = _lists(rows, _order(work_orders.detail(rows, work_order_id), work_order_id))
    return render(request, parts, visitor, "order_lists.html", **told)


def _order(found: dict[str, Any] | None, work_order_id: str) -> dict[str, Any]:
    if found is None:
        raise Problem(404, f"No work order {work_order_id} is known.")
    return found


def _head(rows: Rows, order: dict[str, Any]) -> dict[str, Any]:
    commands = [(each, why_not(each, order["status"])) for each in COMMANDS]
    now = datetime.now(UTC)
    predicted = {"finish": _finish(rows, order, now), "promise": order_promises.promised(rows, order, now)}
    return {"order": order, "commands": commands} | predicted


def _finish(rows: Rows, order: dict[str, Any], now: datetime) -> finish.Finish | finish.NotKnown:
    """When it will be finished; an order that nobody works on has no finish to predict."""
    if order["status"] in ("completed", "cancelled"):
        return finish.NotKnown(f"It is {order['status']}.")
    if order["status"] == "on_hold" or order["is_interrupted"]:
        return finish.NotKnown("It is on hold." if order["status"] == "on_hold" else "Its machine is down.")
    found = work_orders.readings_since(rows, order["work_order_id"], now - finish.HOUR)
    made = [Made(each["at"], each["units"]) for each in found]
    return finish.of(made, float(order["quantity_ordered"] - order["quantity_produced"]), now)


def _lists(rows: Rows, order: dict[str, Any]) -> dict[str, Any]:
    about, _ = deliveries.page(rows, {"subject": order["work_order_id"]}, 30, None)
    history = steps(people.history(rows, order["work_order_id"], 200))
    return {"order": order, "deliveries": about, "history": history}


def _operators(rows: Rows, settings: Settings) -> list[dict[str, Any]]:
    return operators.page(rows, operators.Wanted(is_active=True), today_of(settings), 200, None)[0]
