"""The gate and the codec: what is no message is refused with a code, a sentence and the field."""

import msgspec
import pytest

from schemas.codec import MAX_BYTES, Unreadable, decode, encode, parse
from tests.messages import count

GOOD = encode(count(1, 0))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EMPTY_MESSAGE"),
        (b"   ", "EMPTY_MESSAGE"),
        (b"nonsense", "INVALID_JSON"),
        (GOOD[:-20], "TRUNCATED_JSON"),
        (GOOD + b"x", "INVALID_JSON"),
        (b'{"type":"mes.production_count","pad":"' + b"x" * MAX_BYTES + b'"}', "MESSAGE_TOO_LARGE"),
        (b'{"type":' + b"[" * 33 + b"]" * 33 + b"}", "NESTED_TOO_DEEP"),
        (b'{"type":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "NESTED_TOO_DEEP"),
        (GOOD.replace(b"M-1", b"M-\xff", 1), "NOT_UTF8"),
        (GOOD.replace(b"M-1", b"M-\\u0000", 1), "NUL_CHARACTER"),
        (GOOD.replace(b"M-1", b"M-\\ud800", 1), "INVALID_JSON"),
        (GOOD.replace(b'"cumulative_units":1', b'"cumulative_units":NaN'), "INVALID_JSON"),
        (GOOD.replace(b'"cumulative_units":1', b'"cumulative_units":1e999'), "NUMBER_OUT_OF_RANGE"),
        (GOOD.replace(b'"cumulative_units":1', b'"cumulative_units":-1'), "VALIDATION_ERROR"),
        (GOOD.replace(b'"cumulative_units":1', b'"cumulative_units":"1"'), "VALIDATION_ERROR"),
        (GOOD.replace(b'"cumulative_units":1', b'"cumulative_units":true'), "VALIDATION_ERROR"),
        (GOOD.replace(b'"cumulative_units":1', b'"cumulative_units":99999999999999999999999'), "VALIDATION_ERROR"),
        (GOOD.replace(b"mes.production_count", b"mes.unheard_of"), "UNKNOWN_TYPE"),
        (b"[1]", "VALIDATION_ERROR"),
        (b"null", "VALIDATION_ERROR"),
    ],
)
def test_what_is_no_message_is_refused_with_its_code(data: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        decode(data)
    assert refused.value.code == code
    assert refused.value.reason


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(Unreadable) as refused:
        decode(GOOD.replace(b'"units_produced":1', b'"units_produced":"one"'))
    assert refused.value.path == "payload.units_produced"


def test_a_message_survives_the_journey() -> None:
    assert encode(decode(GOOD)) == GOOD


def test_an_escaped_backslash_before_u0000_is_ordinary_text() -> None:
    assert decode(GOOD.replace(b'"M-1"', b'"M-\\\\u0000"', 1)).payload.machine_id == "M-\\u0000"


def test_brackets_inside_text_are_not_nesting() -> None:
    assert parse(b'{"text":"' + b"[" * 1000 + b'"}') == {"text": "[" * 1000}


@pytest.mark.parametrize("data", [b'{"a":9223372036854775808}', b"[1,[2,{}]]".replace(b"2", b"-99999999999999999999")])
def test_integers_beyond_64_bits_are_refused_in_any_document(data: bytes) -> None:
    with pytest.raises(Unreadable, match="64 bits"):
        parse(data)


def test_a_message_that_says_two_types_is_refused() -> None:
    data = encode(count(1, 1))
    two = data[:-1] + b',"type":"machine.register"}'
    with pytest.raises(Unreadable) as refusal:
        decode(two)
    assert refusal.value.path == "type"


def test_a_message_is_read_whatever_the_order_of_its_fields() -> None:
    said = count(1, 1)
    fields = msgspec.json.decode(encode(said))
    assert decode(msgspec.json.encode(dict(reversed(fields.items())))) == said
