"""The warehouse's change data capture (002 section 6.3): changes become corrections, nonsense becomes dead letters."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from connectors.foreign import outputs
from connectors.systems.inventory_cdc import stock_updated
from connectors.systems.statement import Context
from connectors.transports.kafka import Heard
from schemas.codec import Unreadable, decode
from schemas.messages.materials import StockCorrected
from schemas.settings import DEFAULT_TENANT, Settings

NEIGHBOUR = "00000000-0000-4000-8000-000000000002"
EXAMPLE = b"""{
  "event_type": "material.stock_updated",
  "timestamp": "2025-11-18T14:25:30.123Z",
  "material_id": "MAT-A-1234",
  "field_changed": "on_hand_quantity",
  "old_value": 500,
  "new_value": 450,
  "change_reason": "consumption",
  "transaction_id": "INV-TXN-78956"
}"""
AT = datetime(2025, 11, 18, 14, 25, 30, 123000, tzinfo=UTC)


def _event(**fields: Any) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(EXAMPLE) | fields)


def _heard(value: bytes, *, after: timedelta = timedelta(seconds=1), key: bytes = b"", offset: int = 7) -> Heard:
    return Heard("inventory-cdc", 3, offset, key, value, AT + after)


def _letter(record: Heard) -> Any:
    (output,) = outputs(Settings(), [record])
    assert output.topic == "integration-failures"
    return msgspec.json.decode(output.value)["payload"]


def test_the_documents_change_is_a_correction() -> None:
    told = stock_updated("inventory-cdc/3/7", EXAMPLE, Context(DEFAULT_TENANT))
    assert told.payload == StockCorrected(
        material_id="MAT-A-1234",
        field_changed="on_hand_quantity",
        new_value=Decimal(450),
        old_value=Decimal(500),
        change_reason="consumption",
        transaction_id="INV-TXN-78956",
    )
    assert told.timestamp == AT
    assert told.message_id == "cdc-INV-TXN-78956-MAT-A-1234-on_hand_quantity"


@pytest.mark.parametrize("field", ["on_hand_quantity", "allocated_quantity", "safety_stock"])
def test_each_figure_of_the_stock_may_change(field: str) -> None:
    told = stock_updated("a", _event(field_changed=field), Context(DEFAULT_TENANT))
    assert told.payload.field_changed == field


def test_a_change_without_a_transaction_has_an_id_that_follows_from_what_it_says() -> None:
    bare = _event(transaction_id=None)
    first, again = (stock_updated("a", bare, Context(DEFAULT_TENANT)).message_id for _ in range(2))
    other = stock_updated("a", _event(transaction_id=None, new_value=449), Context(DEFAULT_TENANT)).message_id
    assert first == again != other


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_event(field_changed="unit_price"), "UNKNOWN_FIELD"),
        (_event(event_type="material.renamed"), "VALIDATION_ERROR"),
        (_event(new_value="450"), "VALIDATION_ERROR"),
        (_event(new_value=None), "VALIDATION_ERROR"),
        (_event(new_value=True), "VALIDATION_ERROR"),
        (_event(new_value=-1), "VALIDATION_ERROR"),
        (_event(new_value=10**12), "VALIDATION_ERROR"),
        (_event(new_value=0.1234567), "VALIDATION_ERROR"),
        (EXAMPLE.replace(b"450", b"1e999"), "NUMBER_OUT_OF_RANGE"),
        (EXAMPLE.replace(b"450", b"NaN"), "INVALID_JSON"),
        (_event(material_id=""), "VALIDATION_ERROR"),
        (_event(material_id="M" * 129), "VALIDATION_ERROR"),
        (_event(timestamp="2025-11-18T14:25:30"), "VALIDATION_ERROR"),
        (_event(timestamp="1969-12-31T23:59:59Z"), "VALIDATION_ERROR"),
        (_event(timestamp="yesterday"), "VALIDATION_ERROR"),
        (_event(material_id="MAT-\0"), "NUL_CHARACTER"),
        (EXAMPLE[:-10], "TRUNCATED_JSON"),
        (b"not json", "INVALID_JSON"),
        (b"", "EMPTY_MESSAGE"),
        (b"[" * 100 + b"]" * 100, "NESTED_TOO_DEEP"),
        (EXAMPLE.replace(b"consumption", b"\xff\xfe"), "NOT_UTF8"),
        (_event(change_reason="x" * 300_000), "MESSAGE_TOO_LARGE"),
        (b"[]", "VALIDATION_ERROR"),
        (b"null", "VALIDATION_ERROR"),
    ],
)
def test_what_nobody_can_use_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        stock_updated("a", data, Context(DEFAULT_TENANT))
    assert refusal.value.code == code


def test_a_change_without_tenant_belongs_to_the_plant() -> None:
    settings = Settings(tenant_id=NEIGHBOUR)
    for key in (b"", b"MAT-A-1234", b"\xff\xfe"):
        (output,) = outputs(settings, [_heard(EXAMPLE, key=key)])
        assert (output.topic, output.key) == ("material-inbox", f"{NEIGHBOUR}/MAT-A-1234".encode())


def test_a_change_under_our_key_belongs_to_its_tenant() -> None:
    (output,) = outputs(Settings(), [_heard(EXAMPLE, key=f"{NEIGHBOUR}/MAT-A-1234".encode())])
    assert decode(output.value).tenant_id == NEIGHBOUR


def test_a_record_read_again_says_the_same() -> None:
    good, bad = _heard(EXAMPLE), _heard(b"nonsense", offset=8)
    assert outputs(Settings(), [good, bad]) == outputs(Settings(), [good, bad])


def test_a_dead_letter_names_the_record_and_returns_to_its_topic() -> None:
    letter = _letter(_heard(_event(field_changed="colour")))
    assert letter["source_address"] == "inventory-cdc/3/7"
    assert (letter["inbox"], letter["integration_type"]) == ("inventory-cdc", "inventory_cdc")
    assert letter["error_details"]["error_code"] == "UNKNOWN_FIELD"
    assert letter["original_message"]["field_changed"] == "colour"


def test_the_dead_letter_of_a_huge_record_fits_and_says_where_all_of_it_is() -> None:
    letter = _letter(_heard(b"x" * 1_000_000))
    assert len(letter["original_bytes_base64"]) < 900_000
    assert "all of them in the topic" in letter["error_details"]["error_message"]


@pytest.mark.parametrize(
    ("after", "code"),
    [(timedelta(minutes=-6), "FUTURE_TIMESTAMP"), (timedelta(days=2), "STALE_TIMESTAMP")],
)
def test_a_clock_that_is_wrong_is_a_dead_letter(after: timedelta, code: str) -> None:
    assert _letter(_heard(EXAMPLE, after=after))["error_details"]["error_code"] == code


def test_what_took_long_to_the_topic_is_late_and_good() -> None:
    late = [decode(outputs(Settings(), [_heard(EXAMPLE, after=timedelta(minutes=m))])[0].value).late for m in (1, 30)]
    assert late == [False, True]


ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(some.dictionaries(some.sampled_from(sorted(msgspec.json.decode(EXAMPLE))), ANYTHING))
def test_whatever_stands_in_a_record_there_is_one_message_or_one_dead_letter(fields: dict[str, Any]) -> None:
    data = json.dumps(msgspec.json.decode(EXAMPLE) | fields).encode()
    (output,) = outputs(Settings(), [_heard(data)])
    assert output.topic in ("material-inbox", "integration-failures")
    if output.topic == "material-inbox":
        decode(output.value)


@given(some.binary(max_size=300))
def test_whatever_bytes_come_there_is_one_dead_letter(data: bytes) -> None:
    (output,) = outputs(Settings(), [_heard(data)])
    assert output.topic == "integration-failures"
