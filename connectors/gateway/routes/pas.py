"""What the PAS sends (document 001): a run is over."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, BackgroundTasks, Depends, Response

from connectors import run_completions
from connectors.gateway.auth import Principal
from connectors.gateway.depends import Body, Parts
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply, audited
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.signatures import pas_system
from connectors.gateway.state import State
from connectors.systems import pas
from connectors.systems.statement import Context
from schemas.codec import Unreadable
from schemas.ids import short
from schemas.views.projects import CompletionTaken
from streams.driver import Output, Rejected, failure_output

router = APIRouter(tags=["PAS"], responses=PROBLEMS)
SYSTEM = "PAS"
INTEGRATION = "pas_completion_inbound"
PATH = "/webhooks/pas/completion"
PasSystem = Annotated[Principal, Depends(pas_system)]


@router.post(
    PATH,
    response_model=CompletionTaken,
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}},
    summary="A run of a project is over",
)
def completion(tasks: BackgroundTasks, parts: Parts, client: PasSystem, body: Body) -> Response:
    """Accepted means durable: 200 comes when the run, its tasks and one observation for each are committed.

    Said again it changes nothing and is answered with the same words. An unknown run is 404 and kept as a dead
    letter; of tasks that the run does not have a dead letter is kept as well, and the others count.
    """
    parts.rates.check_tenant(client.tenant_id, parts.settings.tenant_quota_per_minute)
    return audited(parts.database, tasks, client, INTEGRATION, SYSTEM, body, lambda: _handle(parts, client, body))


def _handle(parts: State, client: Principal, body: bytes) -> Response:
    told = pas.completion(body, Context(client.tenant_id, parts.settings.max_message_bytes))
    try:
        with parts.database.tenant(client.tenant_id) as rows:
            taken = run_completions.take(rows, client.tenant_id, told, datetime.now(UTC))
            if taken.unknown:
                parts.publisher.publish([_part(client, told, body, taken.unknown)])
    except Rejected as refusal:
        parts.publisher.publish([_dead_letter(client, told, body, refusal, body)])
        raise Problem(404, refusal.reason, reason=refusal.code, path=refusal.path) from refusal
    parts.hub.project_changed(client.tenant_id)
    return Reply(200, taken.answer).response()


def _part(client: Principal, told: pas.Completion, body: bytes, unknown: list[str]) -> Output:
    """The part of a completion that nobody can use: the run, and the tasks that it does not have."""
    names = frozenset(unknown)
    part = msgspec.structs.replace(told, tasks=tuple(task for task in told.tasks if task.task_id in names))
    refusal = run_completions.unknown_tasks(told, unknown)
    return _dead_letter(client, told, msgspec.json.encode(part), refusal, body)


def _dead_letter(
    client: Principal, told: pas.Completion, data: bytes, refusal: Rejected | Unreadable, body: bytes
) -> Output:
    """Said again it is the same one."""
    body_hash = hashlib.sha256(body).hexdigest()
    return failure_output(
        tenant_id=client.tenant_id,
        failure_key=hashlib.sha256(f"{client.tenant_id}/{PATH}/{body_hash}".encode()).hexdigest()[:32],
        moment=datetime.now(UTC),
        integration_type=INTEGRATION,
        data=data,
        refusal=refusal,
        inbox="prior-inbox",
        address=f"POST {PATH}",
        message_id=short(f"completion-{told.run_id}-{body_hash[:32]}"),
        correlation_id=short(told.run_id),
    )
