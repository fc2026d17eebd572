"""What people do about dead letters: send again, send again edited, mark as resolved, discard; one, or many at once."""

import uuid
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from connectors.gateway import repairing
from connectors.gateway.auth import Principal
from connectors.gateway.depends import Body, Identity, LargeBody, Parts, Reader, Repairer, json_body
from connectors.gateway.problems import Problem
from connectors.gateway.repairing import Wanted
from connectors.gateway.requests import Once, Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from connectors.repairs.asking import Bulk, Close, EditRetry, Filters, Retry
from connectors.repairs.bulk import NotDone, act_on_all
from schemas.views.failures import BulkAccepted, BulkProgress, FailureActed, FailureRehearsed
from sql import repairs
from sql.reads import failures
from sql.repairs import Action, Asked

router = APIRouter(prefix="/api/v1/failures", tags=["dead letters and alerts"], responses=PROBLEMS)
Told = TypeVar("Told", bound=BaseModel)

MOST_SELECTED = 100_000
MOST_REFUSALS_NAMED = 100
ACTED: dict[int | str, dict[str, Any]] = {202: {"model": FailureActed}}
REHEARSED: dict[int | str, dict[str, Any]] = {200: {"model": FailureRehearsed}}


def _read(model: type[Told], body: bytes) -> Told:
    """What is asked for; nothing at all is an empty object. Raises RequestValidationError."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error


def _send_again(request: Request, parts: State, client: Principal, failure_id: str, body: bytes, told: Retry) -> Any:
    is_edited = isinstance(told, EditRetry)
    asked = Asked(
        "edit_retry" if is_edited else "retry",
        client.name,
        told.reason,
        edits=told.edits if isinstance(told, EditRetry) else None,
    )
    edit = told.edit() if isinstance(told, EditRetry) else None
    wanted = Wanted(failure_id, asked, edit, told.expected_version)
    if told.dry_run:
        rehearsal = FailureRehearsed(rehearsal=repairing.rehearsed(parts, client, wanted))
        return Response(rehearsal.model_dump_json(), media_type="application/json")
    return repairing.do(parts, client, Once.of(request, client, body), wanted)


@router.post(
    "/{failure_id}/retry",
    response_model=FailureActed | FailureRehearsed,
    responses=ACTED,
    openapi_extra=json_body(Retry, required=False),
    summary="Send a dead letter again as it came",
)
def retry(request: Request, parts: Parts, client: Repairer, failure_id: Identity, body: Body) -> Any:
    """Once, however often it is asked for: whoever comes second gets 409 with the name of the first."""
    return _send_again(request, parts, client, failure_id, body, _read(Retry, body))


@router.post(
    "/{failure_id}/edit-retry",
    response_model=FailureActed | FailureRehearsed,
    responses=ACTED,
    openapi_extra=json_body(EditRetry),
    summary="Send a dead letter again, edited",
)
def edit_retry(request: Request, parts: Parts, client: Repairer, failure_id: Identity, body: LargeBody) -> Any:
    """The edited message is checked before it is taken: 400 names the field. Of all edits one takes effect at most."""
    return _send_again(request, parts, client, failure_id, body, _read(EditRetry, body))


def _close(request: Request, parts: State, client: Principal, failure_id: str, body: bytes, action: Action) -> Any:
    told = _read(Close, body)
    wanted = Wanted(failure_id, Asked(action, client.name, told.reason), None, told.expected_version)
    return repairing.do(parts, client, Once.of(request, client, body), wanted)


@router.post(
    "/{failure_id}/resolve",
    response_model=FailureActed,
    openapi_extra=json_body(Close),
    summary="Mark a dead letter as resolved by other means",
)
def resolve(request: Request, parts: Parts, client: Repairer, failure_id: Identity, body: Body) -> Any:
    """Nothing is sent. 409 with the reason where it has taken effect already, or may still."""
    return _close(request, parts, client, failure_id, body, "resolve")


@router.post(
    "/{failure_id}/discard",
    response_model=FailureActed,
    openapi_extra=json_body(Close),
    summary="Discard a dead letter",
)
def discard(request: Request, parts: Parts, client: Repairer, failure_id: Identity, body: Body) -> Any:
    """Nothing is sent. 409 with the reason where it has taken effect already, or may still."""
    return _close(request, parts, client, failure_id, body, "discard")


@router.post(
    "/bulk",
    status_code=202,
    response_model=BulkAccepted,
    responses=REHEARSED,
    openapi_extra=json_body(Bulk),
    summary="Do the same to many dead letters",
)
def bulk(request: Request, parts: Parts, client: Repairer, body: LargeBody) -> Any:
    """Oldest first. What it cannot be done to is named with the reason. `dry_run` rehearses the first 1,000."""
    told = _read(Bulk, body)
    once = Once.of(request, client, body)
    asked = Asked(told.action, client.name, told.reason, told.edits, f"bulk-{uuid.uuid4().hex}")
    with parts.database.tenant(client.tenant_id) as rows:
        if not told.dry_run and (earlier := once.earlier(rows)) is not None:
            return earlier
        keys, unknown = _selected(rows, told)
        if not told.dry_run:
            repairs.add_bulk(rows, client.tenant_id, asked, len(keys) + len(unknown))
            once.keep(rows, client.tenant_id, _answer(asked, len(keys) + len(unknown), 0, unknown))
    if told.dry_run:
        rehearsal = repairing.all_rehearsed(parts, client, asked, keys, told.edit())
        return Response(FailureRehearsed(rehearsal=rehearsal).model_dump_json(), media_type="application/json")
    not_done = list(unknown)
    accepted = act_on_all(parts.database, parts.settings, client.tenant_id, asked, keys, told.edit(), not_done.append)
    answer = _answer(asked, len(keys) + len(unknown), accepted, not_done)
    if told.action not in repairs.SENDING:
        repairing.tell_closed(parts, client.tenant_id, keys)
    with parts.database.tenant(client.tenant_id) as rows:
        once.replace(rows, answer)
    return answer


def _answer(asked: Asked, selected: int, accepted: int, not_done: list[NotDone]) -> Response:
    document = {
        "bulk_id": asked.bulk_id,
        "selected": selected,
        "accepted": accepted,
        "refused_count": len(not_done),
        "refused": [each._asdict() for each in not_done[:MOST_REFUSALS_NAMED]],
    }
    return Reply(202, document).response()


def _selected(rows: Any, told: Bulk) -> tuple[list[str], list[NotDone]]:
    """The letters that are meant, oldest first; and those named that nobody knows. Raises Problem 422."""
    if told.failure_ids is not None:
        known = failures.keys_of(rows, told.failure_ids)
        unknown = [NotDone(each, f"No dead letter {each} is known.") for each in told.failure_ids if each not in known]
        return list(dict.fromkeys(known.values())), unknown
    filters = told.filters or Filters()
    wanted = failures.filters(
        filters.status or "pending_manual_review",
        filters.integration,
        filters.code,
        filters.q,
        cause=told.cause_key,
        since=filters.since,
        until=filters.until,
    )
    keys = failures.keys(rows, wanted, MOST_SELECTED + 1)
    if len(keys) > MOST_SELECTED:
        raise Problem(422, f"More than {MOST_SELECTED} dead letters match; narrow the filters.")
    return keys, []


@router.get("/bulk/{bulk_id}", response_model=BulkProgress, summary="How far an action on many dead letters is")
def progress(parts: Parts, reader: Reader, bulk_id: Identity) -> Any:
    """Counted from the actions themselves."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = failures.bulk(rows, bulk_id)
    if found is None:
        raise Problem(404, f"No action on many dead letters is called {bulk_id}.")
    return found
