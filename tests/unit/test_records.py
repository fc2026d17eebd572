"""Where a message came from is in its id, and records that lie close together are read at once."""

from collections.abc import Iterable
from typing import cast

import pytest

from connectors.gateway.pages.message import dump
from connectors.gateway.passports.evidence import place_of, read
from connectors.gateway.records import JUMP, Place, Read, Records, _runs, cause_of
from schemas.settings import DEFAULT_TENANT


@pytest.mark.parametrize(
    ("message_id", "place"),
    [
        ("machines-5-998-0", Place("machine-inbox", 5, 998)),
        ("work_orders-0-12-16383", Place("work-order-inbox", 0, 12)),
        ("materials-7-1-3", Place("material-inbox", 7, 1)),
        ("count-M-1-WO-1-10-3", None),
        ("machines-x-998-0", None),
        ("machines-5-998", None),
        ("nobody-5-998-0", None),
        ("", None),
        ("repair-abc-12", None),
    ],
)
def test_the_id_of_a_message_of_ours_names_what_led_to_it(message_id: str, place: Place | None) -> None:
    assert cause_of(message_id) == place


def test_records_far_apart_are_jumped_to() -> None:
    assert list(_runs([1, 2, JUMP, 2 * JUMP, 9 * JUMP])) == [[1, 2, JUMP, 2 * JUMP], [9 * JUMP]]
    assert list(_runs([])) == []


def test_bytes_are_shown_as_they_are() -> None:
    assert dump(b'{"a":"\xc3\xa4"}' + bytes(8)) == [
        ("000000", "7b 22 61 22 3a 22 c3 a4 22 7d 00 00 00 00 00 00", '{"a":"··"}······'),
        ("000010", "00 00", "··"),
    ]


def test_a_row_that_names_no_message_is_told_and_never_looked_for() -> None:
    asked: list[Place] = []

    class Log:
        def read(self, places: Iterable[Place]) -> Read:
            asked.extend(places)
            return Read({}, {place: f"{place} is not in the log." for place in asked})

    known, nowhere = place_of("machines-5-998-0"), place_of("plain")
    found = read(cast(Records, Log()), DEFAULT_TENANT, [known, nowhere])
    assert asked == [known]
    assert found.unread == ["A row names 'plain' as what led to it.", "machine-inbox/5/998 is not in the log."]
