"""What our processes say: to the letter, for ids and origins are what repeats are known by."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.said import alert, message_of, said
from schemas.codec import decode_event
from schemas.messages.work_orders import WorkOrderCommand
from schemas.settings import DEFAULT_TENANT
from schemas.topics import MESSAGES
from streams.driver import output_of

AT = datetime(2025, 11, 18, 6, 0, tzinfo=UTC)
COMMAND = WorkOrderCommand(work_order_id="WO-4600", actor="anna")
HEAD = {
    "version": "1.0",
    "message_id": "archive-WO-4600",
    "type": "work_order.archive",
    "tenant_id": DEFAULT_TENANT,
    "timestamp": "2025-11-18T06:00:00Z",
    "source_system": "MRAOS",
    "destination_system": "MRAOS",
    "correlation_id": "archive-WO-4600",
    "source": "jobs",
    "position": 0,
    "received_at": "2025-11-18T06:00:00Z",
    "late": False,
}


def head(value: bytes) -> dict[str, Any]:
    """An envelope without what is in it."""
    return {name: told for name, told in msgspec.json.decode(value).items() if name != "payload"}


def test_a_message_that_names_only_its_id_and_moment_comes_from_the_jobs_and_follows_from_itself() -> None:
    told = said("work_order.archive", DEFAULT_TENANT, COMMAND, message_id="archive-WO-4600", timestamp=AT)
    assert head(told.value) == HEAD
    assert (told.topic, told.key) == (MESSAGES["work_order.archive"].topic, f"{DEFAULT_TENANT}/WO-4600".encode())


def test_what_a_message_says_of_its_origin_is_kept() -> None:
    origin: Any = {
        "received_at": AT + timedelta(seconds=1),
        "correlation_id": "",
        "source_system": "ERP",
        "source": "gateway",
        "late": True,
    }
    told = said("work_order.archive", DEFAULT_TENANT, COMMAND, message_id="m", timestamp=AT, **origin)
    assert head(told.value) == HEAD | origin | {"message_id": "m", "received_at": "2025-11-18T06:00:01Z"}
    assert told == output_of(
        message_of("work_order.archive", DEFAULT_TENANT, COMMAND, message_id="m", timestamp=AT, **origin)
    )


@pytest.mark.parametrize(
    ("ids", "message_id", "alert_id"),
    [
        ({}, "key", "key"),
        ({"alert_id": "alert-1"}, "alert-1", "alert-1"),
        ({"message_id": "message-1"}, "message-1", "key"),
    ],
)
def test_an_alert_has_the_ids_it_is_given_and_else_its_key(ids: Any, message_id: str, alert_id: str) -> None:
    told = alert(DEFAULT_TENANT, "job.failed", "warning", ("job", "archive"), "It failed.", AT, key="key", **ids)
    message = decode_event(told.topic, told.value)
    assert (message.message_id, message.correlation_id) == (message_id, message_id)
    assert (message.payload.alert_id, message.payload.alert_key) == (alert_id, "key")
    assert (message.payload.entity_type, message.payload.entity_id) == ("job", "archive")
    assert (message.timestamp, message.received_at, message.payload.raised_at) == (AT, AT, AT)


def test_an_alert_may_be_about_an_earlier_moment_than_its_message_and_is_never_too_long() -> None:
    later = AT + timedelta(minutes=1)
    told = alert(DEFAULT_TENANT, "k", "info", ("hr", "x"), "so " * 2000, AT, key="k", timestamp=later)
    message = decode_event(told.topic, told.value)
    assert (message.timestamp, message.received_at, message.payload.raised_at) == (later, later, AT)
    assert len(message.payload.message) == 4000
