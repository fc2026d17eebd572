"""Does to dead letters what people ask for, and waits a moment for what becomes of it."""

import threading
from collections.abc import Iterable
from concurrent import futures
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from fastapi import Response

from connectors.gateway.auth import Principal
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Once, Reply
from connectors.gateway.state import State
from connectors.repairs.acting import NOT_YET, Acted, Conflict, Edit, Refused, act, check, data_of, tried
from connectors.repairs.origin import Letter
from schemas.codec import decode
from schemas.envelope import Message
from schemas.messages.repairs import RepairSettled
from schemas.views.rehearsals import Rehearsal, RehearsedMessage
from sql import repairs
from sql.database import Rows
from sql.reads import failures
from sql.repairs import SENDING, Asked, Settled
from streams.driver import Output, Repair, repair_settled

MOST_WAITING: Final = 12
MOST_REHEARSED: Final = 1_000
MOST_TOLD: Final = 500
"""As many rows as a console shows at most."""
_waiting = threading.BoundedSemaphore(MOST_WAITING)

STATUS: Final = {
    "waiting": "retried",
    "published": "retried",
    "applied": "resolved",
    "refused": "pending_manual_review",
    "failed": "pending_manual_review",
}


class Wanted(NamedTuple):
    """One action on one letter."""

    failure_id: str
    asked: Asked
    edit: Edit | None = None
    expected_version: int | None = None


def refused(error: Refused) -> Problem:
    """The problem of a message that would not be understood."""
    return Problem(400, error.reason, reason=error.code, path=error.path)


def key_of(rows: Rows, failure_id: str) -> str:
    """The key of a letter. Raises Problem 404."""
    found = failures.keys_of(rows, [failure_id]).get(failure_id)
    if found is None:
        raise Problem(404, f"No dead letter {failure_id} is known.")
    return found


def do(parts: State, principal: Principal, once: Once, wanted: Wanted) -> Response:
    """Do it, and answer with what became of it, or 202 where that is not known in time.

    Raises Problem 404, 409 where somebody was quicker, 400 for an edit that would not be understood.
    """
    future: Future[Message[Any]] | None = None
    try:
        with parts.database.tenant(principal.tenant_id) as rows:
            if (earlier := once.earlier(rows)) is not None:
                return earlier
            acted = _acted(rows, parts, wanted)
            if wanted.asked.action in SENDING:
                future = parts.outcomes.expect(principal.tenant_id, acted.repair.message_id)
            reply = _reply(acted, wanted.asked, {"outcome": "done" if future is None else "waiting"})
            once.keep(rows, principal.tenant_id, reply.response())
        if future is None:
            tell_closed(parts, principal.tenant_id, [acted.repair.failure_key])
            return reply.response()
        _await(future, parts.settings.command_wait_seconds)
    finally:
        if future is not None:
            parts.outcomes.forget(principal.tenant_id, acted.repair.message_id)
    with parts.database.tenant(principal.tenant_id) as rows:
        if future.done():
            repairs.settle(rows, [_settled(future.result().payload)])
        outcome = failures.outcome(rows, acted.repair.action_id)
        response = _reply(acted, wanted.asked, outcome or {"outcome": "waiting"}).response()
        once.replace(rows, response)
    return response


def tell_closed(parts: State, tenant_id: str, failure_keys: Iterable[str]) -> None:
    """Tell the open consoles that people closed these letters.

    Where nothing is sent, nothing comes of it in the log, by which consoles hear of all else. Those of other gateways
    see it within half a minute, when they look again by themselves. No action of theirs has the number told here.
    """
    moment = datetime.now(UTC)
    for key in islice(failure_keys, MOST_TOLD):
        parts.hub.see(decode(repair_settled(Repair(key, NOT_YET - 1), tenant_id, moment).value))


def _await(future: "Future[Message[Any]]", seconds: float) -> None:
    """Return when it is known what became of it, or when there is no time left, or too many wait already."""
    if _waiting.acquire(blocking=False):
        try:
            futures.wait([future], seconds)
        finally:
            _waiting.release()


def _settled(told: RepairSettled) -> Settled:
    """What was said of a repair. The projector writes the same a moment later; whoever asked need not wait for it."""
    return Settled(told.failure_key, told.action_id, told.outcome, told.error_code, told.error_message, told.path)


def _acted(rows: Rows, parts: State, wanted: Wanted) -> Acted:
    key = key_of(rows, wanted.failure_id)
    try:
        acted = act(rows, parts.settings, key, wanted.asked, wanted.edit, wanted.expected_version)
    except Conflict as conflict:
        raise Problem(409, str(conflict)) from conflict
    except Refused as error:
        raise refused(error) from error
    assert acted is not None
    return acted


def _reply(acted: Acted, asked: Asked, outcome: dict[str, Any]) -> Reply:
    told = outcome["outcome"]
    closed = "discarded" if asked.action == "discard" else "resolved"
    document = {
        "failure_id": acted.failure_id,
        "failure_key": acted.repair.failure_key,
        "status": STATUS.get(told, closed),
        "action_id": acted.repair.action_id,
        "outcome_code": None,
        "outcome_reason": None,
        "outcome_path": None,
    }
    return Reply(202 if told in ("waiting", "published") else 200, document | outcome)


def rehearsed(parts: State, principal: Principal, wanted: Wanted) -> Rehearsal:
    """What it would do. Raises Problem as `do`."""
    with parts.database.tenant(principal.tenant_id) as rows:
        (letter,) = repairs.read(rows, [key_of(rows, wanted.failure_id)])
        try:
            check(letter, wanted.asked.action, wanted.expected_version)
            data = data_of(rows, parts.settings, letter, wanted.edit)
        except Conflict as conflict:
            raise Problem(409, str(conflict)) from conflict
        except Refused as error:
            raise refused(error) from error
        return _rehearse(rows, parts, principal, [(letter, data)])


def all_rehearsed(parts: State, principal: Principal, asked: Asked, keys: list[str], edit: Edit | None) -> Rehearsal:
    """What it would do to the first thousand letters, in order; those that it cannot be done to are refused."""
    with parts.database.tenant(principal.tenant_id) as rows:
        found: list[tuple[Letter, bytes | Refused | None]] = []
        for letter in repairs.read(rows, keys[:MOST_REHEARSED]):
            try:
                check(letter, asked.action, None)
                found.append((letter, data_of(rows, parts.settings, letter, edit)))
            except Conflict as conflict:
                found.append((letter, Refused("CONFLICT", str(conflict), None)))
            except Refused as error:
                found.append((letter, error))
        return _rehearse(rows, parts, principal, found)


def _rehearse(
    rows: Rows, parts: State, principal: Principal, wanted: "list[tuple[Letter, bytes | Refused | None]]"
) -> Rehearsal:
    said: list[list[Output]] = []
    messages: list[RehearsedMessage | None] = []
    for number, (letter, data) in enumerate(wanted):
        try:
            if isinstance(data, Refused):
                raise data
            original = bytes(letter["original_bytes"])
            said.append(
                tried(rows, parts.settings, letter, original if data is None else data, NOT_YET - len(wanted) + number)
            )
            messages.append(None)
        except Refused as error:
            messages.append(RehearsedMessage(outcome="refused", code=error.code, reason=error.reason, path=error.path))
    rehearsal = parts.rehearser.rehearse(rows, principal.tenant_id, said)
    told = iter(rehearsal.messages)
    shown = [
        (message or next(told)).model_copy(update={"failure_id": letter["failure_id"]})
        for message, (letter, _) in zip(messages, wanted, strict=True)
    ]
    return rehearsal.model_copy(update={"messages": shown})
