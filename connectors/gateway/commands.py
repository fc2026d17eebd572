"""Says something to a work order and waits for what becomes of it (DESIGN section 5.8)."""

import threading
from concurrent.futures import TimeoutError as Late
from typing import Any

from connectors.database import Rows
from connectors.gateway.problems import Problem
from connectors.gateway.publishing import said
from connectors.gateway.state import State
from schemas.envelope import Message
from sql.reads import work_orders
from streams.driver import Output

MOST_WAITING = 12
_waiting = threading.BoundedSemaphore(MOST_WAITING)

UNKNOWN = ("UNKNOWN_WORK_ORDER",)


def ask(parts: State, tenant_id: str, output: Output, message_id: str) -> Message[Any] | None:
    """Publish, and the first event that answers, or None where none came in time.

    Raises Problem 404 or 409 with the fold's reason, 503 where Kafka is away or too many wait already.
    """
    if not _waiting.acquire(blocking=False):
        raise Problem(503, "Too many commands wait for their outcome. Try again.", {"Retry-After": "1"})
    future = parts.outcomes.expect(tenant_id, message_id)
    try:
        parts.publisher.publish([output])
        answer = future.result(parts.settings.command_wait_seconds)
    except Late:
        return None
    finally:
        parts.outcomes.forget(tenant_id, message_id)
        _waiting.release()
    if answer.type == "integration.failed":
        details = answer.payload.error_details
        status = 404 if details.error_code in UNKNOWN else 409
        raise Problem(status, details.error_message, reason=details.error_code, failure_id=answer.payload.failure_id)
    return answer


def refuse_unknown(rows: Rows, work_order_id: str) -> None:
    """Raises Problem 404 for an order that is neither there nor accepted."""
    if not work_orders.is_known(rows, work_order_id):
        raise Problem(404, f"No work order {work_order_id} is known.")


def tell_order(
    parts: State, tenant_id: str, type_name: str, payload: Any, message_id: str, **said_with: Any
) -> Message[Any] | None:
    """`ask` with a message to a work order."""
    output = said(type_name, tenant_id, payload, message_id=message_id, **said_with)
    return ask(parts, tenant_id, output, message_id)
