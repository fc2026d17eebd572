"""What a server remembers becomes readings, and what it does not remember is named."""

import json
from datetime import UTC, datetime, timedelta

from connectors.age import Outage
from connectors.transports.opcua_history import Remembered, readings, recovered
from schemas.messages.machines import Stretch

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


OUTAGE = Outage(at(0), at(60))
LONG_UP = at(-3600)


def stretch(first: float, last: float) -> Stretch:
    return Stretch(from_at=at(first), to_at=at(last))


def told(**remembered: Remembered) -> list[tuple[str, dict[str, object]]]:
    documents = [json.loads(each) for each in readings("M-1", remembered, at(70))]
    assert all(each["is_historical"] for each in documents)
    return [(each["source_timestamp"], each["variables"]) for each in documents]


def test_what_changed_at_one_moment_is_one_reading_with_all_that_is_known() -> None:
    status = Remembered((at(-9), "Running"), [(at(10), "Idle"), (at(30), "Running")])
    cycle = Remembered((at(-9), 45.0), [(at(10), 0.0), (at(20), 44.0)])
    assert told(CurrentStatus=status, CycleTimeSeconds=cycle) == [
        ("2026-11-21T12:00:10Z", {"CurrentStatus": "Idle", "CycleTimeSeconds": 0.0}),
        ("2026-11-21T12:00:20Z", {"CurrentStatus": "Idle", "CycleTimeSeconds": 44.0}),
        ("2026-11-21T12:00:30Z", {"CurrentStatus": "Running", "CycleTimeSeconds": 44.0}),
    ]


def test_a_value_that_is_recorded_again_unchanged_is_no_reading() -> None:
    assert told(CurrentStatus=Remembered((at(-9), "Idle"), [(at(5), "Idle"), (at(10), "Idle")])) == []


def test_before_the_status_is_known_there_is_no_reading() -> None:
    status = Remembered(None, [(at(30), "Idle")])
    cycle = Remembered(None, [(at(10), 44.0)])
    assert [moment for moment, _ in told(CurrentStatus=status, CycleTimeSeconds=cycle)] == ["2026-11-21T12:00:30Z"]


def test_a_status_of_bad_quality_is_told_as_none() -> None:
    assert told(CurrentStatus=Remembered((at(-9), "Idle"), [(at(10), None)])) == [("2026-11-21T12:00:10Z", {})]


def test_a_history_that_reaches_back_before_the_outage_covers_it() -> None:
    quiet = recovered({"CurrentStatus": Remembered((at(-9), "Idle"))}, OUTAGE, LONG_UP, 0)
    assert (quiet.recovery, quiet.unrecovered) == ("full", ())
    assert quiet.sentence == "Its history told 0 readings."


def test_a_history_that_begins_in_the_outage_covers_the_rest_of_it() -> None:
    late = recovered({"CurrentStatus": Remembered(None, [(at(20), "Idle")])}, OUTAGE, LONG_UP, 1)
    assert (late.recovery, late.unrecovered) == ("partial", (stretch(0, 20),))
    assert late.sentence == ("Its history told 1 reading, but nothing of the status from 12:00:00 to 12:00:20 UTC.")


def test_a_server_that_was_started_in_the_outage_saw_nothing_before() -> None:
    status = Remembered((at(-9), "Running"), [(at(40), "Idle")])
    assert recovered({"CurrentStatus": status}, OUTAGE, at(39), 1).unrecovered == (stretch(0, 40),)
    filled_in = Remembered((at(-9), "Running"), [(at(5), "Idle"), (at(40), "Running")])
    assert recovered({"CurrentStatus": filled_in}, OUTAGE, at(39), 2).recovery == "full"


def test_more_than_is_read_stays_unknown() -> None:
    cut = Remembered((at(-9), "Running"), [(at(10), "Idle"), (at(20), "Running")], is_cut=True)
    assert recovered({"CurrentStatus": cut}, OUTAGE, LONG_UP, 2).unrecovered == (stretch(20, 60),)


def test_a_server_that_remembers_no_status_covers_nothing_and_says_why() -> None:
    status = Remembered(complaint="BadHistoryOperationUnsupported")
    cycle = Remembered((at(-9), 44.0))
    nothing = recovered({"CurrentStatus": status, "CycleTimeSeconds": cycle}, OUTAGE, LONG_UP, 0)
    assert (nothing.recovery, nothing.unrecovered) == ("none", (stretch(0, 60),))
    assert nothing.sentence == "It keeps no history of the status (BadHistoryOperationUnsupported)."


def test_figures_without_a_history_are_named() -> None:
    status = Remembered((at(-9), "Idle"))
    known = recovered({"CurrentStatus": status, "OEE": Remembered()}, OUTAGE, LONG_UP, 0)
    assert (known.recovery, known.unrecovered) == ("partial", ())
    assert known.sentence == "Its history told 0 readings, but nothing of OEE."
