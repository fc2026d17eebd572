"""Machines: all of them with what they did in the last hour, and one with its work over a shift, a day or a week."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.database import Rows
from connectors.gateway.depends import Identity, Parts
from connectors.gateway.machine_work import bucket_seconds
from connectors.gateway.oee_shown import definition, waterfall
from connectors.gateway.pages.filters import Said
from connectors.gateway.pages.rendering import Visitor, render, templates
from connectors.gateway.problems import Problem
from connectors.machine_oee import QUIET_AFTER, Plans, Worked, worked
from schemas.settings import Settings
from sql.reads import data_quality, machine_work, machines, work_orders
from streams.domain.bands import Bar, bars
from streams.domain.oee import Oee

router = APIRouter(include_in_schema=False)
RANGES: Final = {
    "1h": ("1 hour", timedelta(hours=1)),
    "8h": ("8 h shift", timedelta(hours=8)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
}
COLUMNS: Final = 480
MARKS: Final = 5
MOST_BANDS: Final = 60
TONES: Final = {"running": "good", "idle": "idle", "stopped": "warn", "breakdown": "bad"}
ORDER: Final = ("running", "idle", "stopped", "breakdown", "unknown", "gap")
SpanName = Annotated[str | None, Query(alias="range", max_length=10), Said]
templates.env.filters["machine_tone"] = lambda told: TONES.get(str(told), "")


@router.get("/machines")
def list_page(request: Request, parts: Parts, visitor: Visitor) -> Response:
    """Every machine by line, with its last hour and the OEE of its last eight."""
    now = datetime.now(UTC)
    with parts.database.tenant(visitor.tenant_id) as rows:
        found = machines.floor(rows)
        shown = found if len(found) <= MOST_BANDS else []
        plans = Plans(rows, parts.settings)
        bands = {each["machine_id"]: _band(rows, plans, each, now) for each in shown}
    told = {"machines": found, "bands": bands, "columns": COLUMNS, "quiet_after": QUIET_AFTER}
    return render(request, parts, visitor, "machines.html", here="machines", **told)


def _band(rows: Rows, plans: Plans, machine: dict[str, Any], now: datetime) -> tuple[list[Bar], Oee]:
    """The bars of a machine's last hour, and the OEE of its last shift."""
    span = RANGES["8h"][1]
    whole = worked(rows, machine, plans.of(machine["machine_id"]), now - span, now)
    begin = now - RANGES["1h"][1]
    return bars([each for each in whole.stretches if each.to_at > begin], begin, now, COLUMNS), whole.oee


@router.get("/machines/{machine_id}")
def machine_page(
    request: Request, parts: Parts, visitor: Visitor, machine_id: Identity, span: SpanName = None
) -> Response:
    """One machine; its head is asked for again with each sign of life, its work now and then."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        machine = _machine(rows, machine_id)
        told = _head(rows, machine) | _work(rows, parts.settings, machine, span)
    return render(request, parts, visitor, "machine.html", here="machines", **told)


@router.get("/machines/{machine_id}/head")
def machine_head(request: Request, parts: Parts, visitor: Visitor, machine_id: Identity) -> Response:
    """How it stands now."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        told = _head(rows, _machine(rows, machine_id))
    return render(request, parts, visitor, "machine_head.html", **told)


@router.get("/machines/{machine_id}/work")
def machine_work_part(
    request: Request, parts: Parts, visitor: Visitor, machine_id: Identity, span: SpanName = None
) -> Response:
    """What it did."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        told = _work(rows, parts.settings, _machine(rows, machine_id), span)
    return render(request, parts, visitor, "machine_work.html", **told)


def _machine(rows: Rows, machine_id: str) -> dict[str, Any]:
    found = machines.one(rows, machine_id)
    if found is None:
        raise Problem(404, f"No machine {machine_id} is known.")
    return found


def _head(rows: Rows, machine: dict[str, Any]) -> dict[str, Any]:
    order_id = machine["current_work_order_id"]
    return {
        "machine": machine,
        "job": work_orders.head(rows, order_id) if order_id else None,
        "is_quiet": datetime.now(UTC) - machine["last_seen_at"] > QUIET_AFTER,
    }


def _work(rows: Rows, settings: Settings, machine: dict[str, Any], asked: str | None) -> dict[str, Any]:
    name = asked if asked in RANGES else "8h"
    to_at = datetime.now(UTC)
    from_at = to_at - RANGES[name][1]
    machine_id = machine["machine_id"]
    found = worked(rows, machine, Plans(rows, settings).of(machine_id), from_at, to_at)
    reads = machine_work.Work(rows, machine_id, from_at, to_at)
    return {
        "machine": machine,
        "range": name,
        "ranges": RANGES,
        "from_at": from_at,
        "to_at": to_at,
        "oee": found.oee,
        "steps": waterfall(found.oee.planned_seconds, found.oee.losses, found.oee.productive_seconds),
        "definition": definition(),
        "bars": bars(found.stretches, from_at, to_at, COLUMNS),
        "columns": COLUMNS,
        "marks": [from_at + (to_at - from_at) * step / (MARKS - 1) for step in (0, 1, 2, 3, 4)],
        "lasted": _lasted(found),
        "gaps": found.gaps,
        "orders": found.orders,
        "reasons": reads.reasons(),
        "cycles": reads.cycles(bucket_seconds(from_at, to_at)),
        "bucket_seconds": bucket_seconds(from_at, to_at),
        "quality": data_quality.listed(rows, False, machine_id, 10),
        "alerts": machine_work.alerts(rows, machine_id, 10),
    }


def _lasted(found: Worked) -> list[tuple[str, float, float]]:
    """Each status with its seconds and its share of the time, in a fixed order."""
    told = found.oee.seconds_by_status
    whole = sum(told.values()) or 1.0
    return [(status, told[status], 100 * told[status] / whole) for status in ORDER if status in told]
