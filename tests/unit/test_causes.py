"""A cause is a reason without what names one message only."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.causes import cause_of, normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("No open work order WO-4600 is known.", "No open work order WO-YKTQ7E6PGM is known."),
        (
            "The message is 12 min old; at most 5 min are accepted.",
            "The message is 7 min old; at most 5 min are accepted.",
        ),
        ("'Foo' is no machine status.", "'a \\' b' is no machine status."),
        (
            "The topic names machine M-203, the payload machine M-1.",
            "The topic names machine M-2, the payload machine X-9.",
        ),
        ("No such material: MAT-1.", "No such material: MAT-7."),
        ("No such material: MAT-1, MAT-2, MAT-3.", "No such material: A-1, B-2."),
        ("2026-01-01T00:00:00+00:00 is before 1970: no.", "1969-12-31 23:59:59.5Z is before 1970: no."),
        ("bom.3.quantity: not a number.", "bom.17.quantity: not a number."),
        ("trace 70e15e238cb8e86fe244fdc421e04c6b", "trace 1f15e238cb8e86fe244fdc421e04c6b0"),
        ("tenant 00000000-0000-4000-8000-000000000001", "tenant 10000000-0000-4000-8000-000000000002"),
        ("all of them in /var/spool/plant/ab12.bin.", "all of them in /tmp/plant-7/cd34.bin."),
        ("it took 1 day, 0:03:04.1 to come", "it took 0:00:04 to come"),
        ("-5 is less than 0", "-17.25 is less than 0"),
    ],
)
def test_reasons_that_differ_in_one_message_only_are_one_cause(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("work_order_id: expected str, got int.", "machine_id: expected str, got int."),
        ("WO-1 is already completed.", "WO-1 is already cancelled."),
        ("The message is empty.", "The message is nested deeper than 32 levels."),
    ],
)
def test_reasons_of_other_kinds_stay_apart(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_the_key_tells_integration_code_and_field_apart_but_not_the_line_of_a_list() -> None:
    def key(kind: str = "erp", code: str = "X", path: str | None = "lines.1.quantity") -> str:
        return cause_of(kind, code, "No.", path).key

    assert key() == key(path="lines.7.quantity")
    assert len({key(), key("mes"), key(code="Y"), key(path="lines.1.unit"), key(path=None)}) == 5


@given(st.text(max_size=700))
def test_a_cause_of_a_cause_is_itself(reason: str) -> None:
    once = normalised(reason)
    assert normalised(once) == once or len(once) >= 490


@pytest.mark.parametrize("piece", ["a-", "1.", "'", "/a", "a", "1:", "0x", "W-", "`", '"', ", <id>", "9" * 3 + "-"])
def test_no_reason_takes_long(piece: str) -> None:
    began = time.monotonic()
    normalised(piece * 4000)
    assert time.monotonic() - began < 1
