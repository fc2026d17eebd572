"""A machine breaks down: which orders could be made elsewhere, and by whom. A machine is back: nobody has to move."""

from datetime import datetime
from typing import Any, Final

from connectors.deliveries.kind import Reacted, Rows
from connectors.said import alert
from schemas.envelope import Message
from schemas.ids import milliseconds, short
from schemas.messages.machines import DowntimeRecorded, MachineChanged
from schemas.settings import MachineLayout, Settings
from sql.reads import reallocations
from streams.domain.reallocation import Candidate, FreeOperator, Stranded, Suggestion, suggest
from streams.driver import Output

ALERT: Final = "resource.reallocation"
LOOKED_AT: Final = 50


def downtime_started(rows: Rows, message: Message[DowntimeRecorded], settings: Settings) -> Reacted:
    """A downtime began; one that is over already strands nobody."""
    told = message.payload
    if reallocations.has_ended(rows, told.downtime_id):
        return Reacted()
    return _suggest(rows, message, settings, told.downtime_id, told.started_at, told.work_order_affected)


def status_changed(rows: Rows, message: Message[MachineChanged], settings: Settings) -> Reacted:
    """A machine reports a fault, or something else again."""
    told = message.payload
    if told.status != "breakdown":
        return machine_back(rows, message, settings)
    downtime_id = f"DT-{told.machine_id}-{milliseconds(told.status_since)}"
    return _suggest(rows, message, settings, downtime_id, told.status_since, told.current_work_order_id)


def machine_back(rows: Rows, message: Message[Any], _settings: Settings) -> Reacted:
    """What was suggested for a machine that is not down any more is of no use now."""
    machine_id = message.payload.machine_id
    if reallocations.down_machine(rows, machine_id) is None:
        reallocations.expire(rows, machine_id, message.timestamp)
    return Reacted()


def _suggest(
    rows: Rows, message: Message[Any], settings: Settings, downtime_id: str, at: datetime, affected: str | None
) -> Reacted:
    down = reallocations.down_machine(rows, message.payload.machine_id)
    if down is None:
        return Reacted()
    known = reallocations.open_orders(rows, down["machine_id"])
    found = _look(rows, settings, down, affected or down["current_work_order_id"], at)
    kept = [
        each
        for each in found
        if each.order.work_order_id not in known
        and reallocations.keep(rows, message.tenant_id, _row(each, down["machine_id"], downtime_id, at))
    ]
    return Reacted(outputs=[_alert(message, down, downtime_id, kept, at)] if kept else [])


def _look(rows: Rows, settings: Settings, down: Any, affected: str | None, at: datetime) -> list[Suggestion]:
    layout = {each.machine_id: each for each in settings.layout.machines}
    products = layout[down["machine_id"]].products if down["machine_id"] in layout else []
    waiting = reallocations.stranded(rows, down["machine_id"], down["line"], affected, products, LOOKED_AT)
    freed = [each["assigned_operator_id"] for each in waiting if each["is_affected"] and each["assigned_operator_id"]]
    machines = [
        _candidate(each, layout.get(each["machine_id"])) for each in reallocations.others(rows, down["machine_id"])
    ]
    operators = [
        FreeOperator(each["operator_id"], each["name"], frozenset(each["skills"]), each["is_freed"])
        for each in reallocations.free_operators(rows, freed, at.date())
    ]
    return suggest([_stranded(each) for each in waiting], machines, operators)


def _candidate(row: Any, layout: MachineLayout | None) -> Candidate:
    return Candidate(
        row["machine_id"],
        row["machine_name"],
        row["line"],
        row["status"],
        products=frozenset(layout.products if layout else ()),
        made=frozenset(row["made"]),
        required_skills=frozenset(layout.required_skills if layout else ()),
        waiting=row["waiting"],
    )


def _stranded(row: Any) -> Stranded:
    return Stranded(
        row["work_order_id"],
        row["product_id"],
        row["product_name"],
        row["production_line_preference"],
        row["units_left"],
        row["priority"],
        row["due_date"],
        row["is_affected"],
    )


def _row(suggestion: Suggestion, machine_id: str, downtime_id: str, at: datetime) -> dict[str, Any]:
    best = suggestion.best
    return {
        "suggestion_id": short(f"{downtime_id}-{suggestion.order.work_order_id}"),
        "downtime_id": downtime_id,
        "machine_id": machine_id,
        "work_order_id": suggestion.order.work_order_id,
        "suggested_machine_id": best.machine_id,
        "suggested_operator_id": best.operators[0].operator_id if best.operators else None,
        "operators": [
            {"operator_id": each.operator_id, "name": each.name, "skills": sorted(each.skills)}
            for each in best.operators
        ],
        "alternatives": [
            {"machine_id": each.machine_id, "score": each.score, "sentence": each.sentence}
            for each in suggestion.choices
        ],
        "reason": suggestion.sentence,
        "score": best.score,
        "created_at": at,
    }


def _alert(message: Message[Any], down: Any, downtime_id: str, suggestions: list[Suggestion], at: datetime) -> Output:
    """One alert a downtime: the most urgent order in words, the others counted."""
    more = f" {len(suggestions) - 1} more could move, too." if len(suggestions) > 1 else ""
    first = suggestions[0]
    key = short(f"reallocation-{downtime_id}-{first.order.work_order_id}")
    sentence = f"{down['machine_name']} ({down['machine_id']}) is down. {first.sentence}{more}"
    return alert(
        message.tenant_id,
        ALERT,
        "warning",
        ("machine", down["machine_id"]),
        sentence,
        at,
        key=key,
        timestamp=message.timestamp,
        received_at=message.received_at,
        correlation_id=message.correlation_id,
    )
