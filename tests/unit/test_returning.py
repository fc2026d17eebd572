"""Whatever lies in a dead letter, sending it again is a message or a reason; never another error."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.repairs.acting import Edit, Refused, data_of, why_not
from connectors.repairs.returning import NOWHERE, ORIGINS, carry_out, origin_of, outputs_of, schema_of
from schemas.codec import Unreadable, decode, encode
from schemas.ids import DEFAULT_TENANT
from schemas.settings import Settings
from schemas.topics import MESSAGES, TOPICS
from streams.driver import Record, Rejected
from streams.rounds import _crash_loop
from streams.topology import processor
from tests.contracts.examples import example_bytes
from tests.messages import NOON, created, message

SETTINGS = Settings()
NO_ROWS: Any = None
INBOXED = [name for name, told in MESSAGES.items() if TOPICS[told.topic].kind == "inbox"]


def letter(data: bytes, inbox: str, address: str, kind: str = "x", **fields: Any) -> dict[str, Any]:
    """A row of integration_failures."""
    row = {
        "tenant_id": DEFAULT_TENANT,
        "failure_id": "FAIL-1",
        "failure_key": "k" * 32,
        "integration_type": kind,
        "inbox": inbox,
        "source_address": address,
        "original_bytes": data,
        "correlation_id": "corr",
        "status": "pending_manual_review",
        "failed_at": NOON,
        "requested_at": NOON,
    }
    return row | fields


PLACES = [
    ("machine-inbox", "machine-inbox/0/1", "mes_production_count"),
    ("machine-inbox", "mes/production/l/machine/M-1/count", "mes_production_count"),
    ("machine-inbox", "mes/quality/l/machine/M-1/inspection", "mes_inspection"),
    ("machine-inbox", "mes/downtime/l/machine/M-1/event", "mes_downtime"),
    ("machine-inbox", "opc.tcp:/x", "mes_machine_status"),
    ("inventory-cdc", "inventory-cdc/0/1", "inventory_cdc"),
    ("deliveries", "deliveries/DLV-1", "erp"),
    ("operator-inbox", "hr.employees/DLV-1/x", "hr"),
    ("material-inbox", "erp.materials/DLV-1/x", "erp"),
]


@pytest.mark.parametrize(("inbox", "address", "kind"), PLACES)
@settings(max_examples=60, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=50),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
            max_leaves=8,
        ).map(lambda value: encode(value)),
        st.sampled_from(INBOXED).map(example_bytes),
        st.builds(
            lambda name, at, byte: example_bytes(name)[:at] + bytes([byte]) + example_bytes(name)[at + 1 :],
            st.sampled_from(INBOXED),
            st.integers(0, 600),
            st.integers(0, 255),
        ),
        st.builds(lambda name, at: example_bytes(name)[:at], st.sampled_from(INBOXED), st.integers(0, 600)),
    )
)
def test_a_message_broken_in_any_way_is_a_message_or_a_reason(inbox: str, address: str, kind: str, data: bytes) -> None:
    row = letter(data, inbox, address, kind)
    assert origin_of(row) in ORIGINS
    with contextlib.suppress(Unreadable, Rejected):
        for output in outputs_of(NO_ROWS, SETTINGS, row, data, 7):
            told = decode(output.value)
            assert (told.source, told.position, told.message_id) == ("repairs", 7, f"repair-{'k' * 32}-7")


@pytest.mark.parametrize("name", INBOXED)
def test_every_message_of_an_inbox_returns_as_it_was(name: str) -> None:
    data, topic = example_bytes(name), MESSAGES[name].topic
    row = letter(data, topic, f"{topic}/0/1")
    (output,) = outputs_of(NO_ROWS, SETTINGS, row, data, 3)
    was, told = decode(data), decode(output.value)
    assert (told.type, told.payload, told.timestamp) == (was.type, was.payload, was.timestamp)
    assert (told.correlation_id, told.source_system) == (was.correlation_id, was.source_system)
    assert told.late, "it happened long before anybody asked for it"
    assert output.topic == topic
    assert schema_of(row) is not None
    assert why_not(row, "retry") is None


def count_of(at: datetime, **fields: Any) -> bytes:
    told = {"machine_id": "M-1", "work_order_id": "WO-1", "timestamp": at.isoformat()}
    return encode(told | {"units_produced": 1, "cumulative_units": 1} | fields)


def test_age_is_no_obstacle_but_the_future_is() -> None:
    inbox, address, kind = PLACES[1]
    for age, is_late in ((timedelta(days=30), True), (timedelta(seconds=10), False)):
        data = count_of(NOON - age)
        (output,) = outputs_of(NO_ROWS, SETTINGS, letter(data, inbox, address, kind), data, 1)
        assert decode(output.value).late is is_late
    data = count_of(NOON + timedelta(hours=1))
    with pytest.raises(Unreadable, match="in the future") as refused:
        outputs_of(NO_ROWS, SETTINGS, letter(data, inbox, address, kind), data, 1)
    assert (refused.value.code, refused.value.path) == ("FUTURE_TIMESTAMP", "timestamp")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "work_order.cancel"}, "WRONG_TYPE"),
        ({"type": "alert.raised"}, "WRONG_TYPE"),
        ({"type": "nothing"}, "UNKNOWN_TYPE"),
        ({"tenant_id": DEFAULT_TENANT[:-1] + "9"}, "WRONG_TENANT"),
    ],
)
def test_an_edit_makes_no_other_message_of_it(change: dict[str, str], code: str) -> None:
    data = example_bytes("work_order.start")
    row = letter(data, "work-order-inbox", "work-order-inbox/0/1")
    edits = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in change.items()]
    with pytest.raises(Refused) as refused:
        data_of(NO_ROWS, SETTINGS, row, Edit(edits=edits))
    assert refused.value.code == code


def test_a_type_that_nobody_knew_becomes_one_of_the_same_inbox() -> None:
    data = example_bytes("work_order.start").replace(b"work_order.start", b"work_order.strat")
    row = letter(data, "work-order-inbox", "work-order-inbox/0/1")
    for name, is_taken in (("work_order.start", True), ("mes.inspection", False)):
        edited = example_bytes(name)
        if is_taken:
            assert outputs_of(NO_ROWS, SETTINGS, row, edited, 1)
        else:
            with pytest.raises(Rejected, match="does not belong to work-order-inbox"):
                outputs_of(NO_ROWS, SETTINGS, row, edited, 1)


def test_where_a_request_goes_is_not_for_an_edit_to_say() -> None:
    request = {"type": "call", "method": "POST", "path": "/a", "body": {"n": 1}, "query": {}}
    row = letter(encode(request), "deliveries", "deliveries/DLV-1")
    for change, path in (
        ({"path": "https://elsewhere/"}, "path"),
        ({"method": "DELETE"}, "method"),
        ({"type": "mail"}, "type"),
        ({"headers": {}}, "headers"),
    ):
        with pytest.raises(Refused) as refused:
            data_of(NO_ROWS, SETTINGS, row, Edit(message=request | change))
        assert refused.value.path == path
    assert data_of(NO_ROWS, SETTINGS, row, Edit(message=request | {"body": {"n": 2}})) is not None
    assert "none to edit" in str(why_not(letter(b'{"order":1}', "deliveries", "deliveries/DLV-1"), "edit_retry"))


def test_a_letter_that_leads_nowhere_says_so() -> None:
    for row in (
        letter(b"{}", "machine-inbox", "foo/bar", "mes_unknown_address"),
        letter(b"{}", "machine-inbox", "machine-inbox/0/1", failure_key="k" * 120),
    ):
        assert origin_of(row) is NOWHERE
        assert why_not(row, "retry")
        assert why_not(row, "edit_retry")
        assert why_not(row, "discard") is None
        assert carry_out(NO_ROWS, SETTINGS, row, b"", 1).outputs == ()


def test_a_message_that_kills_the_process_settles_its_letter() -> None:
    said = message("erp.work_order_created", created().payload, message_id="repair-abc-def-12", source="repairs")
    told = encode(said).replace(b'"position":0', b'"position":12')
    batch = _crash_loop(processor("work_orders"), 0, Record(5, f"{DEFAULT_TENANT}/WO-1".encode(), told, 1000))
    (settled,) = [decode(output.value) for output in batch.outputs]
    assert (settled.payload.failure_key, settled.payload.action_id) == ("abc-def", 12)
    assert (settled.payload.outcome, settled.payload.error_code) == ("refused", "CRASH_LOOP")
    assert settled.tenant_id == DEFAULT_TENANT


@pytest.mark.parametrize("text", ["repairs", '"source":"repairs","position":12,'])
def test_one_that_only_speaks_of_repairs_is_a_letter_of_its_own(text: str) -> None:
    said = message("erp.work_order_created", created().payload, message_id="repair-abc-12", correlation_id=text)
    batch = _crash_loop(processor("work_orders"), 0, Record(5, b"k", encode(said), 1000))
    assert [output.topic for output in batch.outputs] == ["integration-failures"]


def test_what_was_done_says_who_did_it() -> None:
    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    who: dict[str, Any] = {"latest_actor": "ada", "latest_at": at, "latest_action": "retry"}
    assert why_not(letter(b"", "x", "y", status="retried", **who)) == (
        "It was sent again by ada at 2026-11-21 12:00:00 UTC, and what becomes of it is not known yet."
    )
    assert why_not(letter(b"", "x", "y", status="resolved", **who)) == (
        "It has taken effect: it was sent again by ada at 2026-11-21 12:00:00 UTC."
    )
    closed = who | {"latest_action": "resolve"}
    assert "marked as resolved by ada" in str(why_not(letter(b"", "x", "y", status="resolved", **closed)))
    assert "discarded by ada" in str(why_not(letter(b"", "x", "y", status="discarded", **closed)))
    assert why_not(letter(b"", "x", "y", status="resolved")) == "It has taken effect."
