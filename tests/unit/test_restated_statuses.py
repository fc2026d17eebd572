"""A status that is heard late finds its place in a machine's history, and changes nothing else."""

from itertools import permutations
from typing import Any

import pytest

from schemas.envelope import Message
from schemas.messages.machines import DowntimeEnded, DowntimeStarted, MachineState, MachineStatus
from streams.domain.status_log import STATUSES_KEPT
from streams.driver import Batch
from tests.messages import at, count, emitted, message, registered, run


def _status(status: MachineState, seconds: float, **fields: Any) -> Message[Any]:
    return message("mes.machine_status", MachineStatus(machine_id="M-1", status=status, **fields), seconds)


def _restated(batch: Batch) -> list[tuple[str, str, float, float]]:
    """Status, the one before, since when and until when, in seconds after noon."""
    return [
        (
            said.payload.status,
            said.payload.previous_status,
            (said.payload.from_at - at(0)).total_seconds(),
            (said.payload.to_at - at(0)).total_seconds(),
        )
        for said in emitted(batch, "machine.status_restated")
    ]


def _present(batch: Batch) -> str:
    return str(emitted(batch, "machine.status_changed")[-1].payload.status)


def test_a_late_status_gets_its_place_and_the_present_one_stays() -> None:
    batch = run("machines", [registered(), _status("running", 0), _status("idle", 60), _status("stopped", 30)])
    assert _restated(batch) == [("stopped", "running", 30, 60)]
    assert _present(batch) == "idle"


def test_the_same_late_status_twice_changes_nothing_more() -> None:
    said = [registered(), _status("running", 0), _status("idle", 60), _status("stopped", 30), _status("idle", 40)]
    once, twice = run("machines", said), run("machines", [*said, *said[1:]])
    assert [output.value for output in twice.outputs[: len(once.outputs)]] == [each.value for each in once.outputs]
    assert _restated(twice) == _restated(once)
    assert len(emitted(twice, "machine.status_changed")) == len(emitted(once, "machine.status_changed"))


def test_a_late_status_that_was_known_already_is_not_restated() -> None:
    batch = run("machines", [registered(), _status("running", 0), _status("idle", 60), _status("running", 30)])
    assert _restated(batch) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_history_is_the_same_in_whatever_order_late_statuses_come(order: tuple[int, ...]) -> None:
    late: list[tuple[MachineState, float]] = [("idle", 10), ("breakdown", 20), ("stopped", 30)]
    said = [_status(*late[index]) for index in order]
    batch = run("machines", [registered(), _status("running", 0), _status("running", 5), _status("idle", 60), *said])
    assert sorted((since, status) for status, _, since, _ in _restated(batch)) == [
        (10, "idle"),
        (20, "breakdown"),
        (30, "stopped"),
    ]


def test_a_status_that_a_count_overtook_is_restated() -> None:
    """Counts by MQTT moved the machine on while OPC-UA was away; its history comes afterwards."""
    batch = run("machines", [registered(), count(1, 50), _status("breakdown", 20, is_historical=True)])
    assert _restated(batch) == [("breakdown", "unknown", 20, 50)]
    assert emitted(batch, "machine.status_restated")[0].payload.reason == "read back from the server's history"
    assert _present(batch) == "running"


def test_a_late_breakdown_raises_no_alarm_and_interrupts_no_order() -> None:
    said = [registered(), count(1, 1), _status("running", 2), _status("idle", 60), _status("breakdown", 30)]
    batch = run("machines", said)
    assert _restated(batch) == [("breakdown", "running", 30, 60)]
    assert emitted(batch, "alert.raised") == []
    assert emitted(batch, "production.interrupted") == []


def test_a_downtime_ends_where_the_history_says_that_the_machine_ran_again() -> None:
    def down(seconds: float) -> Message[Any]:
        told = DowntimeStarted(machine_id="M-1", downtime_reason_code="X")
        return message("mes.downtime_started", told, seconds)

    ended = message("mes.downtime_ended", DowntimeEnded(machine_id="M-1"), 50)
    batch = run("machines", [registered(), down(10), ended, _status("idle", 55), _status("running", 30)])
    assert [said.payload.duration_seconds for said in emitted(batch, "downtime.ended")] == [40, 20]


def test_what_lies_before_all_that_is_remembered_is_not_placed() -> None:
    said = [_status("running" if number % 2 else "idle", number * 10) for number in range(STATUSES_KEPT * 2)]
    batch = run("machines", [registered(), *said, _status("stopped", 15)])
    assert _restated(batch) == []


def test_a_machine_that_says_its_status_with_a_count_has_it() -> None:
    batch = run("machines", [registered(), count(1, 1), count(2, 2, status="breakdown"), count(3, 3)])
    assert [said.payload.status for said in emitted(batch, "machine.status_changed")] == ["running", "breakdown"]
    assert [said.payload.kind for said in emitted(batch, "alert.raised")] == ["machine.breakdown"]


def test_part_and_quantity_belong_to_the_job_that_they_were_said_of() -> None:
    said = [
        registered(),
        count(1, 1, order="WO-A", product_id="P-1", quantity_ordered=200.0, overall_equipment_effectiveness=81.5),
        count(2, 10, order="WO-A"),
        count(1, 20, order="WO-B"),
    ]
    told = [each.payload for each in emitted(run("machines", said)) if hasattr(each.payload, "current_product_id")][1:]
    assert [(each.current_work_order_id, each.current_product_id) for each in told] == [
        ("WO-A", "P-1"),
        ("WO-A", "P-1"),
        ("WO-B", None),
    ]
    assert [each.current_quantity_ordered for each in told] == [200, 200, None]
    assert told[-1].overall_equipment_effectiveness == 81.5
