"""Dead letters."""

import base64
from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

from schemas.causes import cause_of
from schemas.messages.failures import IntegrationFailure
from sql import repairs
from sql.bulk import append, as_json
from sql.read_models.events import PLACE, Event

FAILURE = (
    "tenant_id",
    "failure_id",
    "failure_key",
    "integration_type",
    "error_code",
    "error_message",
    "error_path",
    "trace_id",
    "inbox",
    "source_address",
    "original_message",
    "original_bytes",
    "original_message_id",
    "correlation_id",
    "status",
    "retry_count",
    "last_retry_at",
    "failed_at",
    "cause_key",
    "cause",
    *PLACE,
)


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write one tenant's dead letters of the topic integration-failures; rows written.

    A letter that is written again, after its row was lost, stands where the actions on it stand.
    """
    written = append(cursor, "integration_failures", FAILURE, [_row(tenant_id, event) for event in events])
    if written:
        repairs.follow(cursor, [event.message.payload.failure_key for event in events])
    return written


def _row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    told: IntegrationFailure = event.message.payload
    return (
        tenant_id,
        told.failure_id,
        told.failure_key,
        told.integration_type,
        told.error_details.error_code,
        told.error_details.error_message,
        told.error_details.path,
        told.error_details.trace_id,
        told.inbox,
        told.source_address,
        as_json(told.original_message),
        base64.b64decode(told.original_bytes_base64),
        told.original_message_id,
        event.message.correlation_id,
        told.status,
        told.retry_count,
        told.last_retry_at,
        told.timestamp,
        *cause_of(
            told.integration_type,
            told.error_details.error_code,
            told.error_details.error_message,
            told.error_details.path,
        ),
        *event.place,
    )
