"""The fold of machines."""

from itertools import permutations

import pytest

from schemas.messages.machines import ConnectionGap, DowntimeEnded, DowntimeStarted, Inspection, MachineStatus
from streams.driver import Batch
from tests.messages import at, count, emitted, message, refusals, registered, run


def _status(status, seconds, **fields):
    return message("mes.machine_status", MachineStatus(machine_id="M-1", status=status, **fields), seconds)


def _down(seconds, **fields):
    told = DowntimeStarted(machine_id="M-1", downtime_reason_code="MECH_FAULT", **fields)
    return message("mes.downtime_started", told, seconds)


def test_a_count_tells_the_order_how_many_units_are_new() -> None:
    batch = run("machines", [registered(), count(1, 1), count(3, 2, units=2)])
    assert [said.payload.units for said in emitted(batch, "production.counted")] == [1, 2]


def test_a_repeated_counter_changes_nothing() -> None:
    batch = run("machines", [registered(), count(1, 1), count(1, 1), count(1, 1)])
    assert len(emitted(batch, "production.counted")) == 1


def test_failed_units_are_scrap_even_when_they_come_late() -> None:
    batch = run(
        "machines",
        [
            registered(),
            count(1, 1, quality_status="pass"),
            count(3, 3, quality_status="pass"),
            count(2, 2, quality_status="fail"),
        ],
    )
    assert [(s.payload.units, s.payload.scrapped_units) for s in emitted(batch, "production.counted")] == [
        (1, 0),
        (2, 0),
        (0, 1),
    ]


def test_two_orders_interleaved_on_one_machine_keep_their_own_counters() -> None:
    said = [
        count(5, 1, units=5, order="WO-A"),
        count(1, 2, order="WO-B"),
        count(6, 3, order="WO-A"),
        count(2, 4, order="WO-B"),
    ]
    units: dict[str, int] = {}
    for each in emitted(run("machines", [registered(), *said]), "production.counted"):
        units[each.payload.work_order_id] = units.get(each.payload.work_order_id, 0) + each.payload.units
    assert units == {"WO-A": 6, "WO-B": 2}


def test_a_lifetime_counter_goes_on_across_orders() -> None:
    said = [registered(counter_scope="machine"), count(1000, 1, order="WO-A"), count(1001, 2, order="WO-B")]
    assert [s.payload.units for s in emitted(run("machines", said), "production.counted")] == [1, 1]


def test_an_unknown_machine_is_refused_with_its_name() -> None:
    batch = run("machines", [count(1, 1, machine="M-404")])
    assert refusals(batch) == ["UNKNOWN_MACHINE"]
    assert "M-404" in emitted(batch)[0].payload.error_details.error_message


def test_a_machine_that_counts_is_running_unless_it_was_told_otherwise() -> None:
    changed = emitted(run("machines", [registered(), count(1, 1)]), "machine.status_changed")
    assert [said.payload.status for said in changed] == ["running"]
    told = emitted(run("machines", [registered(), _status("idle", 1), count(1, 2)]), "machine.status_changed")
    assert [said.payload.status for said in told] == ["idle"]


def test_a_breakdown_raises_one_alert() -> None:
    batch = run("machines", [registered(), _status("running", 1), _status("breakdown", 2), _status("breakdown", 3)])
    assert [said.payload.severity for said in emitted(batch, "alert.raised")] == ["critical"]


def test_an_older_status_does_not_overwrite_a_newer_one() -> None:
    batch = run("machines", [registered(), _status("running", 10), _status("idle", 5)])
    assert [said.payload.status for said in emitted(batch, "machine.status_changed")] == ["running"]


def test_a_downtime_breaks_the_machine_and_tells_its_order() -> None:
    batch = run("machines", [registered(), _down(1, severity="high", work_order_affected="WO-1")])
    assert [said.payload.status for said in emitted(batch, "machine.status_changed")] == ["breakdown"]
    assert [said.payload.is_interrupted for said in emitted(batch, "production.interrupted")] == [True]
    assert len(emitted(batch, "alert.raised")) == 1
    assert len(emitted(batch, "downtime.started")) == 1


def test_a_downtime_ends_with_its_duration() -> None:
    ended = message("mes.downtime_ended", DowntimeEnded(machine_id="M-1"), 61)
    batch = run("machines", [registered(), _down(1, work_order_affected="WO-1"), ended])
    assert [said.payload.duration_seconds for said in emitted(batch, "downtime.ended")] == [60]
    assert [said.payload.is_interrupted for said in emitted(batch, "production.interrupted")] == [True, False]
    assert emitted(batch, "machine.status_changed")[-1].payload.status == "idle"


def test_a_machine_that_runs_again_is_no_longer_down() -> None:
    batch = run("machines", [registered(), _down(1), _status("running", 31)])
    assert [said.payload.duration_seconds for said in emitted(batch, "downtime.ended")] == [30]


def test_the_end_of_one_downtime_is_told_before_the_next_begins() -> None:
    batch = run("machines", [registered(), _down(1), _down(31)])
    told = [(each.type, each.payload.started_at) for each in emitted(batch) if each.type.startswith("downtime.")]
    assert told == [("downtime.started", at(1)), ("downtime.ended", at(1)), ("downtime.started", at(31))]


def test_a_downtime_that_is_told_late_begins_before_it_ends() -> None:
    batch = run("machines", [registered(), _status("running", 60), _down(31)])
    told = [each.type for each in emitted(batch) if each.type.startswith("downtime.")]
    assert told == ["downtime.started", "downtime.ended"]


def test_a_repeated_downtime_changes_nothing() -> None:
    once, twice = run("machines", [registered(), _down(1)]), run("machines", [registered(), _down(1), _down(1)])
    assert len(once.outputs) == len(twice.outputs)


@pytest.mark.parametrize(("detected", "alerts"), [(True, 1), (False, 0)])
def test_a_defect_is_told_to_the_supervisor_once(detected: bool, alerts: int) -> None:
    told = Inspection(
        machine_id="M-1",
        work_order_id="WO-1",
        inspection_id="INS-1",
        inspection_type="inline",
        result="fail" if detected else "pass",
        defect_detected=detected,
    )
    said = message("mes.inspection", told, 1)
    batch = run("machines", [registered(), said, said])
    assert len(emitted(batch, "production.inspected")) == 1
    assert len(emitted(batch, "alert.raised")) == alerts


def test_signs_of_life_are_told_every_few_seconds_only() -> None:
    batch = run("machines", [registered(), *(_status("running", second) for second in range(1, 21))])
    assert len(emitted(batch, "machine.seen")) == 3


def test_a_gap_is_marked() -> None:
    gap = ConnectionGap(machine_id="M-1", from_at=at(0), to_at=at(60), reason="The server was away.")
    batch = run("machines", [registered(), message("mes.connection_gap", gap, 60)])
    assert len(emitted(batch, "machine.gap_marked")) == 1


def test_registering_again_unchanged_says_nothing() -> None:
    assert len(run("machines", [registered(), registered()]).outputs) == 1


def test_what_is_remembered_does_not_grow_with_history() -> None:
    said = [registered(), *(count(1, second, order=f"WO-{second}") for second in range(1, 500))]
    (state,) = run("machines", said).changed.values()
    (early,) = run("machines", said[:101]).changed.values()
    assert len(state) < len(early) * 1.1


def _ends_told(batch: Batch) -> dict[str, float]:
    """The end each downtime has in the read model: of all that were told, the first."""
    ends: dict[str, float] = {}
    for said in emitted(batch, "downtime.ended"):
        seconds = said.payload.duration_seconds
        ends[said.payload.downtime_id] = min(seconds, ends.get(said.payload.downtime_id, seconds))
    return ends


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_two_downtimes_are_the_same_two_in_whatever_order_their_messages_come(order: tuple[int, ...]) -> None:
    said = [
        _down(10),
        message("mes.downtime_ended", DowntimeEnded(machine_id="M-1"), 25),
        _down(40),
        message("mes.downtime_ended", DowntimeEnded(machine_id="M-1"), 47),
    ]
    batch = run("machines", [registered(), *(said[index] for index in order)])
    assert len(emitted(batch, "downtime.started")) == 2
    assert sorted(_ends_told(batch).values()) == [7, 15]


def test_a_downtime_told_after_its_end_does_not_break_the_machine() -> None:
    ended = message("mes.downtime_ended", DowntimeEnded(machine_id="M-1"), 25)
    batch = run("machines", [registered(), ended, _down(10, work_order_affected="WO-1")])
    assert _ends_told(batch) == {emitted(batch, "downtime.started")[0].payload.downtime_id: 15}
    assert emitted(batch, "machine.status_changed") == []
    assert emitted(batch, "production.interrupted") == []
