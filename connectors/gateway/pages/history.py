"""The console's time machine, passports of figures, and the pages of single messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from jinja2 import pass_context
from jinja2.runtime import Context
from pydantic import AwareDatetime
from starlette.requests import Request

from connectors.gateway.asof import FIELDS, as_of
from connectors.gateway.depends import Cursor, Identity, Parts
from connectors.gateway.machine_work import window
from connectors.gateway.pages import message
from connectors.gateway.pages.rendering import NOTHING, Visitor, figure, moment, render, templates
from connectors.gateway.passports import machines, materials, orders
from connectors.gateway.passports.evidence import Made, document
from connectors.gateway.problems import Problem
from connectors.gateway.records import Place
from connectors.gateway.routes.history import From, MachineFigure, MaterialFigure, OrderFigure, To
from connectors.gateway.state import State
from schemas.topics import TOPICS
from sql.reads.history import Kind

router = APIRouter(include_in_schema=False)
KINDS: Final[dict[str, Kind]] = {
    "work_order": "order",
    "order": "order",
    "machine": "machine",
    "material": "material",
}
PAGES: Final[dict[Kind, tuple[str, str]]] = {
    "order": ("orders", "Orders"),
    "machine": ("machines", "Machines"),
    "material": ("materials", "Materials"),
}
EVIDENCE_SHOWN: Final = 100
Topic = Annotated[str, Path(min_length=1, max_length=64)]
Number = Annotated[int, Path(ge=0, le=2**62)]
Asked = Annotated[str | None, Query(max_length=128)]


class Line(NamedTuple):
    """A field then and now."""

    name: str
    then: Any
    now: Any

    @property
    def differs(self) -> bool:
        return bool(self.then != self.now)


@router.get("/time-machine")
def time_machine(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    kind: Asked = None,
    identity: Annotated[str | None, Query(alias="id", max_length=128)] = None,
    at: Asked = None,
) -> Response:
    """What something was at a moment, beside what it is now."""
    told: dict[str, Any] = {"kind": kind or "work_order", "identity": (identity or "").strip(), "at": None}
    status = 200
    try:
        told["at"] = _moment(at, parts.settings.plant_timezone)
        if told["identity"]:
            told |= _then_and_now(parts, visitor.tenant_id, _kind(told["kind"]), told["identity"], told["at"])
    except Problem as problem:
        told |= {"complaint": problem.detail, "first_known_at": problem.members.get("first_known_at")}
        status = problem.status
    response = render(request, parts, visitor, "time_machine.html", here="history", **told)
    response.status_code = status
    return response


def _kind(told: str) -> Kind:
    if told not in KINDS:
        raise Problem(400, f"There is no kind {told!r}; choose work order, machine or material.")
    return KINDS[told]


def _moment(told: str | None, zone: str) -> datetime:
    """The moment that was asked for, in the plant's zone where it names none; now, to the millisecond, if none was."""
    if not told:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(told)
        at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Problem(400, f"{told!r} is no moment; write it as 2026-11-21T14:02:11.") from error


def _then_and_now(parts: State, tenant_id: str, kind: Kind, identity: str, at: datetime) -> dict[str, Any]:
    then = as_of(parts, tenant_id, kind, identity, at)
    now = as_of(parts, tenant_id, kind, identity, datetime.now(UTC))
    state, state_now = then[FIELDS[kind]], now[FIELDS[kind]]
    lists = ("bill_of_materials", "reservations", "batches", "notes")
    lines = [Line(name, value, state_now[name]) for name, value in state.items()]
    return {
        "then": then,
        "lines": sorted(lines, key=lambda line: not line.differs),
        "lists": {name: (then[name], now[name]) for name in lists if name in then},
        "address": PAGES[kind][0],
        "is_now": at >= now["known_at"],
    }


def _passport(request: Request, parts: State, visitor: Any, made: Made, asked: Mapping[str, Any]) -> Response:
    """The page of one figure."""
    told = document(made, asked["figure"], EVIDENCE_SHOWN, asked["cursor"])
    address, title = PAGES[made.entity]
    kept = {name: value.isoformat() for name, value in (("from", made.from_at), ("to", made.to_at)) if value}
    return render(
        request,
        parts,
        visitor,
        "passport.html",
        here=address,
        passport=told,
        titles={name: each.title for name, each in made.figures.items()},
        address=address,
        section=title,
        kept=urlencode(kept),
        more=told["next_cursor"] and urlencode(kept | {"figure": asked["figure"], "cursor": told["next_cursor"]}),
        is_first=asked["cursor"] is None,
    )


@router.get("/orders/{work_order_id}/passport")
def order_passport(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    work_order_id: Identity,
    figure: OrderFigure = orders.MAIN,
    cursor: Cursor = None,
) -> Response:
    """How a figure of an order came about."""
    made = orders.make(parts, visitor.tenant_id, work_order_id)
    return _passport(request, parts, visitor, made, {"figure": figure, "cursor": cursor})


@router.get("/machines/{machine_id}/passport")
def machine_passport(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    machine_id: Identity,
    figure: MachineFigure = machines.MAIN,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
) -> Response:
    """How a machine's OEE came about."""
    made = machines.make(parts, visitor.tenant_id, machine_id, *window(from_, to))
    return _passport(request, parts, visitor, made, {"figure": figure, "cursor": cursor})


@router.get("/materials/{material_id}/passport")
def material_passport(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    material_id: Identity,
    figure: MaterialFigure = materials.MAIN,
    cursor: Cursor = None,
) -> Response:
    """How a figure of a material came about."""
    made = materials.make(parts, visitor.tenant_id, material_id)
    return _passport(request, parts, visitor, made, {"figure": figure, "cursor": cursor})


@router.get("/messages/{topic}/{partition}/{offset}")
def message_page(
    request: Request, parts: Parts, visitor: Visitor, topic: Topic, partition: Number, offset: Number
) -> Response:
    """One record of the log: readable, and as the bytes that it is."""
    if topic not in TOPICS:
        raise Problem(404, f"No topic {topic!r} is open here.")
    told = message.opened(parts, visitor.tenant_id, Place(topic, partition, offset))
    return render(request, parts, visitor, "message.html", here="history", topic=TOPICS[topic], **told)


@pass_context
def exactly(context: Context, told: datetime | str | None) -> str:
    """A moment to the millisecond, in the plant's time zone."""
    if told is None:
        return NOTHING
    at = told if isinstance(told, datetime) else datetime.fromisoformat(told)
    return moment(context, at, f"%d %b %Y %H:%M:%S.{at.microsecond // 1000:03d}")


@pass_context
def field(context: Context, told: Any) -> str:
    """A value of any field, as people read it."""
    if told is None or told == "":
        return NOTHING
    if isinstance(told, bool):
        return "yes" if told else "no"
    if isinstance(told, datetime):
        return moment(context, told, "%d %b %Y %H:%M:%S")
    return str(told) if isinstance(told, str) else figure(told, 6)


@pass_context
def as_input(context: Context, told: AwareDatetime | None) -> str:
    """A moment as a field for date and time takes it, in the plant's time zone."""
    if told is None:
        return ""
    here = told.astimezone(ZoneInfo(str(context.get("zone") or "UTC"))).replace(tzinfo=None)
    return here.isoformat(timespec="milliseconds")


templates.env.filters |= {"exactly": exactly, "field": field, "as_input": as_input}
