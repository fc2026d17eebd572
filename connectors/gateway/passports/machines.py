"""The passport of a machine's OEE between two moments: its statuses, its gaps, its orders, its readings."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.gateway.machine_work import oee_document
from connectors.gateway.passports.evidence import (
    MOST_MESSAGES,
    Claim,
    Made,
    Messages,
    contradictions,
    event_of,
    place_of,
    read,
)
from connectors.gateway.problems import Problem
from connectors.gateway.records import Place
from connectors.gateway.state import State
from connectors.machine_oee import Known, Plan, Plans, known_around, worked
from schemas.messages.machines import DowntimeRecorded, GapMarked, MachineChanged, StatusRestated, Stretch
from schemas.messages.work_orders import ProductionCounted, WorkOrderChanged
from sql.reads import machines
from sql.reads.evidence import Evidence
from streams.domain import oee
from streams.domain.losses import Stop
from streams.domain.oee import Made as Counted
from streams.domain.oee import Oee
from streams.domain.passports import MACHINE
from streams.domain.stretches import Change, stretches_of

MAIN: Final = "oee_percentage"
TIMES: Final = {"run_seconds": None, "planned_seconds": None, "unobserved_units": None, "unscheduled_units": None}
"""What a status, a gap, an order and a sign of life count for; how much follows only from all of them together."""


def make(parts: State, tenant_id: str, machine_id: str, from_at: datetime, to_at: datetime) -> Made:
    """The OEE of a machine, computed again from its messages. Raises Problem 404 and 503."""
    now = datetime.now(UTC)
    with parts.database.tenant(tenant_id) as rows:
        machine = machines.one(rows, machine_id)
        if machine is None:
            raise Problem(404, f"No machine {machine_id} is known.")
        plan = Plans(rows, parts.settings).of(machine_id)
        shown = worked(rows, machine, plan, from_at, to_at, now)
        reads = Evidence(rows, machine_id)
        seen, readings = reads.last_seen(), reads.counted_by(from_at, to_at, MOST_MESSAGES + 1)
        orders = [each["work_order_id"] for each in shown.orders]
        states = [*shown.changes, *shown.gaps, *reads.in_work(orders), *([seen] if seen else [])]
        states += [each for each in shown.stops if each["event_topic"] is not None]
    claims = [Claim(place, TIMES) for place in dict.fromkeys(map(event_of, states))]
    claims += [
        Claim(place_of(row["caused_by"]), {name: row[name] for name in ("units", "scrapped_units")})
        for row in readings[:MOST_MESSAGES]
    ]
    messages = read(parts.records, tenant_id, (claim.place for claim in claims))
    differences = contradictions(claims, messages)
    is_all = len(readings) <= MOST_MESSAGES
    if not is_all:
        differences.append(f"More than {MOST_MESSAGES} readings lie between these moments; choose a shorter time.")
    again = _again(machine_id, messages, plan, shown.stops, from_at, to_at, now) if is_all else None
    return Made(
        "machine",
        machine_id,
        MACHINE,
        "%",
        _values(machine_id, shown.oee),
        _values(machine_id, again) if again else None,
        claims,
        messages,
        differences,
        from_at,
        to_at,
    )


def _values(machine_id: str, found: Oee) -> dict[str, Any]:
    """The figures as the API tells them, and what goes into them."""
    return oee_document(machine_id, found)


def _again(
    machine_id: str,
    messages: Messages,
    plan: Plan,
    stops: Sequence[Mapping[str, Any]],
    from_at: datetime,
    to_at: datetime,
    now: datetime,
) -> Oee:
    """The OEE, from nothing but messages, the plan (ideal cycle time, calendar) and where stops ended."""
    told = messages.told
    seen = [each.payload.last_seen_at for each in told.values() if isinstance(each.payload, MachineChanged)]
    known = known_around(max(seen), plan.rules, from_at, to_at, now) if seen else Known(from_at, to_at, None)
    changes = [change for message in told.values() for change in _changes(message.payload, known.to_at)]
    gaps = [(each.from_at, each.to_at) for message in told.values() for each in _gaps(message.payload)]
    stretches = stretches_of(changes, gaps, _orders(told, from_at, to_at), *known)
    made = [
        Counted(each.timestamp, each.payload.units, each.payload.scrapped_units)
        for each in told.values()
        if isinstance(each.payload, ProductionCounted) and each.payload.machine_id == machine_id
    ]
    opened = plan.opened(known.from_at, known.to_at)
    ideal = plan.ideal_cycle_time_seconds
    return oee.of(stretches, made, ideal, from_at, to_at, opened, list(_stops(told, stops)), plan.rules)


def _stops(told: Mapping[Place, Any], stops: Sequence[Mapping[str, Any]]) -> Iterator[Stop]:
    """Stops as their own messages begin them; what people noted has none, and is taken as it is kept."""
    for row in stops:
        message = told.get(event_of(row)) if row["event_topic"] is not None else None
        if message is None:
            yield Stop(row["reason"], row["from_at"], row["to_at"])
        elif isinstance(message.payload, DowntimeRecorded):
            yield Stop(message.payload.downtime_reason_code, message.payload.started_at, row["to_at"])


def _changes(told: Any, to_at: datetime) -> list[Change]:
    """The status that an event tells, if it began before the end. A sign of life tells the one that held."""
    if isinstance(told, MachineChanged):
        since = told.status_since
    elif isinstance(told, StatusRestated):
        since = told.from_at
    else:
        return []
    return [Change(told.status, since, told.version)] if since <= to_at else []


def _gaps(told: Any) -> tuple[Stretch, ...]:
    if not isinstance(told, GapMarked):
        return ()
    return (Stretch(from_at=told.from_at, to_at=told.to_at),) if told.unrecovered is None else told.unrecovered


def _orders(told: dict[Place, Any], from_at: datetime, to_at: datetime) -> list[tuple[datetime, datetime]]:
    """When orders were in work, as the events of their start and end say."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for message in told.values():
        order = message.payload
        if isinstance(order, WorkOrderChanged) and order.actual_start_at is not None:
            began, ended = max(order.actual_start_at, from_at), min(order.actual_end_at or to_at, to_at)
            known = spans.get(order.work_order_id)
            spans[order.work_order_id] = (began, min(ended, known[1]) if known else ended)
    return list(spans.values())
