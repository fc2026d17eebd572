"""What the planner takes over from a message: a request whose row waits, a sales order, a machine that is down."""

from typing import Any, Final

import psycopg

from schemas.codec import Unreadable, decode_event
from schemas.envelope import Message
from schemas.messages.machines import DowntimeRecorded, MachineChanged
from schemas.messages.plans import PlanKind
from schemas.messages.production import SalesOrderConfirmed
from schemas.topics import MESSAGES, key_of
from sql import database, plans, proposals
from sql.database import Rows
from sql.edited import sales
from sql.edited.base import Conflict
from streams.driver import REPAIRS, Output, Record, Rejected, dead_letter, repair_of, repair_settled
from streams.projection import Line

INBOX: Final = "plan-inbox"
KIND_OF: Final[dict[str, PlanKind]] = {
    "plan.mrp_requested": "mrp",
    "plan.schedule_requested": "schedule",
    "plan.proposal_requested": "proposal",
}
NAMES: Final = {"mrp": "MRP run", "schedule": "schedule", "proposal": "proposal"}
RUNS_AGAIN: Final = frozenset({"running", "idle"})


def take(rows: Rows, line: Line) -> Output | None:
    """Take over what a record says; its dead letter if that cannot be. Raises psycopg.Error for weather.

    Of a repaired message it is said what became of it, as the folds do; its letter is there already.
    """
    message: Message[Any] | None = None
    try:
        message = decode_event(line.topic, line.value)
        if line.topic == INBOX or _matters(message.payload):
            with rows.connection.transaction():
                database.tenant(rows, message.tenant_id)
                _take(rows, line, message)
    except (Unreadable, Rejected) as refused:
        refusal: Unreadable | Rejected = refused
    except psycopg.Error as error:
        if not database.is_data(error):
            raise
        refusal = Rejected("REFUSED_BY_POSTGRES", str(error).strip())
    else:
        return _settled(message) if message.source == REPAIRS else None
    if line.topic != INBOX:
        return None  # the projector has made a dead letter of it
    if message is not None and message.source == REPAIRS:
        return _settled(message, refusal)
    record = Record(line.offset, line.key, line.value, line.timestamp_ms)
    return dead_letter(INBOX, line.partition, record, message, refusal)


def _matters(told: Any) -> bool:
    """Whether plans depend on what a machine says. They seldom do, and Postgres is not asked where they don't."""
    if isinstance(told, MachineChanged):
        return _runs_again(told) or _broke_down(told)
    return isinstance(told, DowntimeRecorded)


def _runs_again(told: MachineChanged) -> bool:
    return told.status in RUNS_AGAIN and told.previous_status == "breakdown"


def _broke_down(told: MachineChanged) -> bool:
    return told.status == "breakdown" and told.previous_status != "breakdown"


def _settled(message: Message[Any], refusal: Unreadable | Rejected | None = None) -> Output:
    return repair_settled(repair_of(message), message.tenant_id, message.received_at, refusal=refusal)


def _take(rows: Rows, line: Line, message: Message[Any]) -> None:
    if line.topic == INBOX:
        _check_address(line, message)
        if isinstance(message.payload, SalesOrderConfirmed):
            _sales_order(rows, message)
        else:
            _request(rows, message)
    elif isinstance(message.payload, DowntimeRecorded):
        _downtime(rows, message.tenant_id, message.payload)
    elif isinstance(message.payload, MachineChanged):
        _status(rows, message.tenant_id, message.payload)


def _check_address(line: Line, message: Message[Any]) -> None:
    if MESSAGES[message.type].topic != INBOX:
        raise Rejected("WRONG_TOPIC", f"{message.type} belongs to {MESSAGES[message.type].topic}.", "type")
    if key_of(message.type, message.tenant_id, message.payload) != line.key:
        raise Rejected("WRONG_KEY", "The record's key is not the tenant and plan that the message names.", "key")


def _request(rows: Rows, message: Message[Any]) -> None:
    """Accept a request. That somebody wants it to stop stands in its row already."""
    kind = KIND_OF.get(message.type) or message.payload.kind
    if plans.accept_job(rows, message.tenant_id, kind, message.payload.plan_id) is None:
        raise Rejected("UNKNOWN_PLAN", f"No {NAMES[kind]} {message.payload.plan_id} was asked for.", "plan_id")


def _sales_order(rows: Rows, message: Message[SalesOrderConfirmed]) -> None:
    """Make production orders of its lines. What production has begun for is not changed: a person decides."""
    try:
        sales.take(rows, message.tenant_id, message.payload, message.received_at)
    except Conflict as conflict:
        raise Rejected("PRODUCTION_ORDER_STARTED", str(conflict), "lines") from conflict


def _downtime(rows: Rows, tenant_id: str, told: DowntimeRecorded) -> None:
    if told.ended_at is not None:
        proposals.outdate_breakdown(rows, told.machine_id, told.started_at, told.ended_at)
        return
    proposals.propose_breakdown(
        rows,
        tenant_id,
        {
            "machine_id": told.machine_id,
            "since": told.started_at.isoformat(),
            "repair_minutes": told.estimated_repair_time_minutes,
            "reason": told.downtime_reason_description,
        },
    )


def _status(rows: Rows, tenant_id: str, told: MachineChanged) -> None:
    if _runs_again(told):
        proposals.outdate_breakdown(rows, told.machine_id, told.status_since, told.status_since)
    elif _broke_down(told):
        since = told.status_since.isoformat()
        proposals.propose_breakdown(
            rows, tenant_id, {"machine_id": told.machine_id, "since": since, "reason": told.reason or "breakdown"}
        )
