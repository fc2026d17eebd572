"""OEE from real rows: what machines said is folded and projected, read back, and counted by hand."""

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from connectors.gateway.machine_work import bucket_seconds
from connectors.machine_oee import Plan, worked
from schemas.messages.machines import (
    ConnectionGap,
    DowntimeEnded,
    DowntimeStarted,
    MachineRegistered,
    MachineStatus,
    ProductionCount,
)
from schemas.settings import DEFAULT_TENANT
from sql.reads import machine_work, machines
from tests.messages import NOON
from tests.plants import RunningPlant
from tests.yards import Yard

pytestmark = pytest.mark.services
MACHINE = "M-OEE"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
def shift(alone: Yard) -> Yard:
    """An hour of one machine: 20 min running, 10 down, 10 running, 10 that nobody saw, 10 idle without an order."""
    alone.order("WO-1", {}, quantity=40)
    say(alone, -5, "machine.register", MachineRegistered(machine_id=MACHINE, machine_name="Press", line="line1"))
    status(alone, 0, "running")
    for minute in range(1, 21):
        count(alone, minute, minute)
    down = DowntimeStarted(machine_id=MACHINE, downtime_reason_code="JAM", downtime_reason_description="Stuck")
    say(alone, 20.5, "mes.downtime_started", down)
    say(alone, 30.5, "mes.downtime_ended", DowntimeEnded(machine_id=MACHINE))
    status(alone, 30.5, "running")
    for minute in range(31, 40):
        count(alone, minute, minute - 10, scrap=minute == 35)
    gap = ConnectionGap(machine_id=MACHINE, from_at=at(40), to_at=at(50), reason="line lost")
    say(alone, 50, "mes.connection_gap", gap)
    count(alone, 50, 40, units=11)
    status(alone, 50, "idle")
    status(alone, 60, "idle")
    return alone


def say(yard: Yard, minutes: float, type_name: str, payload: Any) -> None:
    yard.now = at(minutes) - timedelta(seconds=1)
    yard.tell(type_name, payload, message_id=f"{type_name}-{minutes}-{len(yard.said)}")


def status(yard: Yard, minutes: float, told: Any) -> None:
    say(yard, minutes, "mes.machine_status", MachineStatus(machine_id=MACHINE, status=told))


def count(yard: Yard, minutes: float, total: int, *, units: int = 1, scrap: bool = False) -> None:
    told = ProductionCount(
        machine_id=MACHINE,
        work_order_id="WO-1",
        units_produced=units,
        cumulative_units=total,
        quality_status="fail" if scrap else "pass",
        cycle_time_seconds=50.0,
    )
    say(yard, minutes, "mes.production_count", told)


def found_in(yard: Yard, begin: float, end: float) -> Any:
    machine = machines.one(yard.rows, MACHINE)
    assert machine is not None
    return worked(yard.rows, machine, Plan(45.0), at(begin), at(end))


def test_an_hour_counted_by_hand(shift: Yard) -> None:
    """Planned 20.5 + 10 + 9.5 = 40 min, run 30 min; 29 units at 45 s are 21.75 min; 11 units were read in the gap."""
    oee = found_in(shift, 0, 60).oee
    assert (oee.planned_seconds, oee.run_seconds, oee.unobserved_seconds) == (2400, 1800, 600)
    assert oee.idle_without_order_seconds == 600
    assert (oee.units, oee.unobserved_units, oee.scrapped_units) == (40, 11, 1)
    assert oee.availability == 0.75
    assert oee.performance == pytest.approx(45 * 29 / 1800)
    assert oee.quality == 39 / 40


def test_two_half_hours_add_up_to_the_hour(shift: Yard) -> None:
    whole, first, second = (found_in(shift, *span).oee for span in ((0, 60), (0, 30.5), (30.5, 60)))
    for name in ("run_seconds", "planned_seconds", "unobserved_seconds", "units", "unobserved_units", "scrapped_units"):
        assert getattr(whole, name) == getattr(first, name) + getattr(second, name), name


def test_the_timeline_says_what_was_when(shift: Yard) -> None:
    found = found_in(shift, 0, 60).stretches
    told = {status: next(stretches).from_at for status, stretches in groupby(found[2:], key=lambda each: each.status)}
    assert [each.status for each in found[:2]] == ["running", "running"], "before and after the order's first unit"
    assert told == {"breakdown": at(20.5), "running": at(30.5), "gap": at(40), "idle": at(50)}


def test_downtime_is_summed_by_its_reason_within_the_time(shift: Yard) -> None:
    (reason,) = machine_work.Work(shift.rows, MACHINE, at(25), at(60)).reasons()
    assert (reason["downtime_reason_code"], reason["seconds"], reason["downtimes"]) == ("JAM", 330.0, 1)


def test_cycle_times_come_in_buckets_without_empty_ones(shift: Yard) -> None:
    cycles = machine_work.Work(shift.rows, MACHINE, at(0), at(60)).cycles(600)
    assert [each["at"] for each in cycles] == [at(0), at(10), at(20), at(30), at(50)]
    assert {each["median_seconds"] for each in cycles} == {50.0}
    assert sum(each["units"] for each in cycles) == 40


def test_a_window_is_cut_into_some_hundred_round_pieces() -> None:
    assert [bucket_seconds(at(0), at(60 * hours)) for hours in (1, 8, 24, 168, 744)] == [60, 300, 900, 7200, 21_600]


def test_a_neighbours_machine_is_not_known(migrated: RunningPlant, shift: Yard) -> None:
    from sql import database

    database.tenant(shift.rows, "00000000-0000-4000-8000-000000000002")
    assert machines.one(shift.rows, MACHINE) is None
    assert machine_work.Work(shift.rows, MACHINE, at(0), at(60)).changes() == []
    database.tenant(shift.rows, DEFAULT_TENANT)
