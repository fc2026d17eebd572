"""Edits of a message: JSON Patch and two operations of ours, on the bytes that came."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.repairs.edits import MOST_EDITS, BadEdit, difference, edited

COUNT = b'{"machine_id":"M-203","units_produced":"12 pcs","cycle":1.10,"lines":[{"n":1},{"n":2}]}'


def test_a_text_that_begins_with_a_number_becomes_that_number() -> None:
    told = edited(COUNT, [{"op": "to_number", "path": "/units_produced"}])
    assert json.loads(told)["units_produced"] == 12


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" 12.50 kg", 12.5), ("-3", -3), ("1e3", 1000), (".5m", 0.5), ("+7pcs", 7), (12, 12), (1.5, 1.5)],
)
def test_numbers_people_write(text: object, number: float) -> None:
    assert json.loads(edited(json.dumps({"q": text}).encode(), [{"op": "to_number", "path": "/q"}])) == {"q": number}


@pytest.mark.parametrize("text", ["pcs 12", "", "1,234", "12,5", None, True, [], "1.2.3", "--1", "NaN"])
def test_what_may_mean_two_numbers_or_none_is_not_guessed(text: object) -> None:
    with pytest.raises(BadEdit, match="does not begin with a number") as refused:
        edited(json.dumps({"q": text}).encode(), [{"op": "to_number", "path": "/q"}])
    assert refused.value.path == "/q"


def test_numbers_that_nobody_edits_stay_exact() -> None:
    told = edited(b'{"a":0.1,"b":123456789012345678.25,"c":1.10}', [{"op": "add", "path": "/d", "value": 1}])
    assert told == b'{"a":0.1,"b":123456789012345678.25,"c":1.10,"d":1}'


def test_a_substitution_works_in_a_field_and_in_a_message_that_is_no_json() -> None:
    in_field = [{"op": "substitute", "path": "/machine_id", "pattern": r"^M-(\d+)$", "with": "X-$1"}]
    assert json.loads(edited(COUNT, in_field))["machine_id"] == "X-203"
    closing: list[dict[str, Any]] = [
        {"op": "substitute", "path": None, "pattern": r",\s*$", "with": "}"},
        {"op": "replace", "path": "/a", "value": 2},
    ]
    assert edited(b'{"a":1, ', closing) == b'{"a":2}'


def test_bytes_that_are_no_text_survive_a_substitution() -> None:
    told = edited(b'{"a":"\xff\xfe"', [{"op": "substitute", "path": None, "pattern": "$", "with": "}"}])
    assert told == b'{"a":"\xff\xfe"}'


def test_a_pattern_that_would_take_for_ever_elsewhere_does_not() -> None:
    text = b'{"a":"' + b"a" * 50_000 + b'!"}'
    assert edited(text, [{"op": "substitute", "path": "/a", "pattern": "(a+)+$", "with": "b"}]) == text


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"op": "guess", "path": "/machine_id"},
        {"op": "replace", "path": "/nothing", "value": 1},
        {"op": "replace", "path": "machine_id", "value": 1},
        {"op": "replace", "path": "/machine_id"},
        {"op": "remove", "path": "/lines/7"},
        {"op": "add", "path": "/lines/x", "value": 1},
        {"op": "add", "path": "/machine_id/x", "value": 1},
        {"op": "move", "path": "/a"},
        {"op": "move", "from": 7, "path": "/a"},
        {"op": "copy", "from": "/nothing", "path": "/a"},
        {"op": "test", "path": "/cycle", "value": 2},
        {"op": "replace", "path": 7, "value": 1},
        {"op": "substitute", "path": "/cycle", "pattern": "1", "with": "2"},
        {"op": "substitute", "path": "/machine_id", "pattern": "(", "with": ""},
        {"op": "substitute", "path": "/machine_id", "pattern": "M"},
        {"op": "substitute", "path": None},
        {"op": "to_number", "path": "/lines"},
        {"op": "to_number"},
    ],
)
def test_an_edit_that_cannot_be_made_says_why(edit: dict[str, object]) -> None:
    with pytest.raises(BadEdit) as refused:
        edited(COUNT, [edit])
    assert refused.value.reason


def test_too_many_edits_are_refused() -> None:
    with pytest.raises(BadEdit, match=str(MOST_EDITS)):
        edited(COUNT, [{"op": "remove", "path": "/cycle"}] * (MOST_EDITS + 1))


@given(
    st.binary(max_size=60),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "op": st.sampled_from(
                    ["add", "remove", "replace", "move", "copy", "test", "to_number", "substitute", "?"]
                ),
                "path": st.sampled_from(["", "/", "/a", "/0", "/a/b", "~", "/~2", None, 3]),
                "from": st.sampled_from(["/a", "", None, 0]),
                "value": st.sampled_from([None, 1, "x", [], {}]),
                "pattern": st.sampled_from(["a", "", "(", ".*", "\\"]),
                "with": st.sampled_from(["", "b", "$1", "${"]),
            },
        ),
        max_size=3,
    ),
)
def test_whatever_is_edited_however_gives_bytes_or_a_reason(data: bytes, edits: list[dict[str, object]]) -> None:
    for original in (data, b'{"a":{"b":"1"},"0":[1]}', b"[1,2]", b'"a"'):
        with contextlib.suppress(BadEdit):
            assert isinstance(edited(original, edits), bytes)


def test_a_difference_tells_each_field_before_and_after() -> None:
    after = edited(COUNT, [{"op": "to_number", "path": "/units_produced"}, {"op": "remove", "path": "/lines/0"}])
    changes = {(each["op"], each["path"]): (each["before"], each["after"]) for each in difference(COUNT, after) or []}
    assert changes["replace", "/units_produced"] == ("12 pcs", 12)
    assert changes["remove", "/lines/0"] == ({"n": 1}, None)
    assert len(changes) == 2
    assert difference(b"{", after) is None


def test_half_a_character_is_no_reason_to_fail() -> None:
    half = b'{"a":"\\ud800","b":1}'
    with pytest.raises(BadEdit, match="cannot be written"):
        edited(half, [{"op": "remove", "path": "/b"}])
    with pytest.raises(BadEdit, match="does not fit"):
        edited(half, [{"op": "substitute", "path": "/a", "pattern": "x", "with": "y"}])
    assert difference(half, b'{"a":"\\ud800","b":2}') is None
