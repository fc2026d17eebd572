"""What the HR system sends (002 section 5): attendance, signed with an API key; and those keys."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.gateway import api_keys
from connectors.gateway.api_keys import hr_system
from connectors.gateway.auth import Principal
from connectors.gateway.depends import Body, Identity, Limit, Parts, Reader, Repairer, json_body
from connectors.gateway.problems import Problem
from connectors.gateway.publishing import said
from connectors.gateway.requests import Once, Reply, audited
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from connectors.systems import hr
from connectors.systems.statement import Statement
from schemas.codec import Unreadable, parse
from schemas.ids import operator_id
from schemas.messages.operators import Clocked
from schemas.views.operators import ApiKeyList, ApiKeyMade, ApiKeyView, AttendanceAnswer, SyncList
from sql.reads import operators

router = APIRouter(tags=["HR"], responses=PROBLEMS)
SYSTEM = "HR"
INTEGRATION = "hr_attendance_inbound"
HrSystem = Annotated[Principal, Depends(hr_system)]
SENTENCES = {
    "clock_in": "Clock-in recorded",
    "clock_out": "Clock-out recorded",
    "break_start": "Start of break recorded",
    "break_end": "End of break recorded",
}


class KeyAsked(BaseModel):
    """What a new key is for."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = Field(None, max_length=200)


@router.post(
    "/api/v1/integrations/hr/attendance",
    response_model=AttendanceAnswer,
    openapi_extra=json_body(hr.HrAttendance),
    summary="An employee came, went, or took a break",
)
def attendance(request: Request, tasks: BackgroundTasks, parts: Parts, client: HrSystem, body: Body) -> Response:
    """Accepted means durable: 200 comes after Kafka has the event; nobody waits for what becomes of it.

    The same event again, with or without an Idempotency-Key, counts once. An employee whom no sync ever named is 404;
    one who was synced a moment ago is known before their row is there.
    """
    parts.rates.check_tenant(client.tenant_id, parts.settings.tenant_quota_per_minute)
    parts.rates.check("attendance", client.identity, parts.settings.attendance_limit_per_minute)
    once = Once.of(request, client, body)
    return audited(parts.database, tasks, client, INTEGRATION, SYSTEM, body, lambda: _handle(parts, client, once, body))


def _handle(parts: State, client: Principal, once: Once, body: bytes) -> Response:
    zone = ZoneInfo(parts.settings.plant_timezone)
    told = hr.attendance(parse(body, parts.settings.max_message_bytes), zone)
    _refuse_future(told, parts.settings.future_seconds)
    event: Clocked = told.payload
    with parts.database.tenant(client.tenant_id) as rows:

        def publish() -> Reply:
            if operators.unknown(rows, [event.employee_id]):
                sentence = f"No employee {event.employee_id} is known (requires master data sync)."
                raise Problem(404, sentence, path="employee_id")
            output = said(
                told.type,
                client.tenant_id,
                event,
                message_id=told.message_id,
                timestamp=told.timestamp,
                source_system=SYSTEM,
            )
            parts.publisher.publish([output])
            return Reply(200, _answer(told, event))

        return once.answered(rows, client.tenant_id, publish)


def _refuse_future(told: Statement, future_seconds: float) -> None:
    """Raises Unreadable for an event that a clock ahead of ours made; late ones are welcome, however late."""
    if told.timestamp - datetime.now(UTC) > timedelta(seconds=future_seconds):
        sentence = f"{told.timestamp.isoformat()} is more than {future_seconds:g} s in the future."
        raise Unreadable("FUTURE_TIMESTAMP", sentence, "timestamp")


def _answer(told: Statement, event: Clocked) -> dict[str, Any]:
    return {
        "status": "success",
        "message": SENTENCES[event.event_type],
        "employee_id": event.employee_id,
        "operator_id": operator_id(event.employee_id),
        "event_type": event.event_type,
        "timestamp": told.timestamp,
    }


@router.get("/api/v1/integrations/syncs", response_model=SyncList, summary="What syncs with other systems came to")
def syncs(
    parts: Parts,
    reader: Reader,
    integration_type: Annotated[str | None, Query(max_length=128)] = None,
    limit: Limit = 100,
) -> Any:
    """Latest first: so many added, updated, deactivated, rejected."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"syncs": operators.syncs(rows, integration_type, limit)}


@router.post("/api/v1/api-keys", response_model=ApiKeyMade, status_code=201, summary="A new key for the HR system")
def make_key(parts: Parts, repairer: Repairer, asked: KeyAsked | None = None) -> Any:
    """The key is shown this once. Two keys may be in use: put the new one into the HR system, then revoke the old."""
    return api_keys.make(parts, repairer.tenant_id, asked.description if asked else None, repairer.name)


@router.get("/api/v1/api-keys", response_model=ApiKeyList, summary="Keys of the HR system, their age and last use")
def keys(parts: Parts, repairer: Repairer) -> Any:
    """Those in use first; revoked ones stay in the list."""
    return {"keys": api_keys.listed(parts, repairer.tenant_id)}


@router.delete("/api/v1/api-keys/{key_id}", response_model=ApiKeyView, summary="Revoke a key of the HR system")
def revoke_key(parts: Parts, repairer: Repairer, key_id: Identity) -> Any:
    """From the next request on it is refused."""
    return api_keys.revoke(parts, repairer.tenant_id, key_id, repairer.name)
