"""Load, bottlenecks and feasibility, counted by hand and minute by minute."""

from datetime import UTC, datetime, time, timedelta
from graphlib import CycleError

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.calendars import Calendar, OutsideHorizon, Shift, ceil, floor, of_spans, open_time
from streams.domain.capacity import (
    BucketLoad,
    CapacityFeasibility,
    Load,
    Placement,
    Requirement,
    WorkCenter,
    buckets,
    estimate,
    feasibility,
    lead_time_days,
    loads,
)

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HORIZON = MONDAY + timedelta(days=14)


def at(hours: float, *, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hours)


def center(name: str, begins: int = 6, ends: int = 14, *, machines: int = 1) -> WorkCenter:
    """Open on five days a week."""
    shift = Shift(name="Day", weekdays=frozenset(range(1, 6)), begins=time(begins), ends=time(ends))
    return WorkCenter(name, name.title(), open_time(Calendar(zone="UTC", shifts=(shift,)), MONDAY, HORIZON), machines)


PRESS = center("press")
DAYS = [at(0, day=day) for day in range(8)]


def told(found: list[BucketLoad]) -> list[tuple[int, int]]:
    return [(each.available_minutes, each.required_minutes) for each in found]


# -- load


def test_work_lies_on_open_time_from_its_start_on() -> None:
    """From 10:00 on there are four hours on Monday; six of ten are left for Tuesday."""
    found = loads([PRESS], [Load("press", at(10), 600)], DAYS)
    assert told(found) == [(480, 240), (480, 360), (480, 0), (480, 0), (480, 0), (0, 0), (0, 0)]
    assert [each.utilization_percent for each in found] == [50.0, 75.0, 0.0, 0.0, 0.0, None, None]
    assert (found[1].from_at, found[1].to_at, found[1].work_center_id) == (at(0, day=1), at(0, day=2), "press")


def test_planned_load_may_be_more_than_a_work_centre_has() -> None:
    found = loads([PRESS], [Load("press", at(6), 400), Load("press", at(6), 200)], DAYS[:2])
    assert (found[0].utilization_percent, found[0].is_bottleneck) == (125.0, True)


def test_a_bottleneck_has_more_than_nine_tenths_of_its_time_to_work() -> None:
    for minutes, is_bottleneck in ((432, False), (433, True)):
        found = loads([PRESS], [Load("press", at(6), minutes)], DAYS[:2])
        assert found[0].is_bottleneck is is_bottleneck
    assert loads([center("twin", machines=2)], [Load("twin", at(6), 433)], DAYS[:2])[0].is_bottleneck is False


def test_overdue_work_is_to_be_done_at_the_first_edge() -> None:
    assert told(loads([PRESS], [Load("press", at(-100), 500)], DAYS[:3])) == [(480, 480), (480, 20)]


def test_work_after_the_last_edge_and_of_other_work_centres_is_left_out() -> None:
    planned = [Load("press", at(13), 120), Load("press", at(6, day=3), 60), Load("folder", at(6), 60)]
    assert told(loads([PRESS], planned, DAYS[:2])) == [(480, 60)]


def test_work_that_is_to_begin_while_closed_begins_when_it_opens() -> None:
    assert told(loads([PRESS], [Load("press", at(20, day=4), 60)], [*DAYS, at(0, day=8)]))[4:] == [
        (480, 0),
        (0, 0),
        (0, 0),
        (480, 60),
    ]


def test_what_lies_outside_of_the_horizon_is_not_said_to_be_closed() -> None:
    with pytest.raises(OutsideHorizon):
        loads([PRESS], [], [at(0), HORIZON + timedelta(days=1)])


def test_buckets_are_days_of_the_plant() -> None:
    """The clocks of Germany go forward on 29 March: that day has 23 hours."""
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    edges = buckets(spring, spring + timedelta(days=3), "Europe/Berlin")
    assert [f"{edge:%d %H}" for edge in edges] == ["28 12", "28 23", "29 22", "30 22", "31 12"]


def test_buckets_are_weeks_that_begin_on_monday() -> None:
    edges = buckets(at(10, day=2), at(0, day=14), "UTC", "week")
    assert edges == [at(10, day=2), at(0, day=7), at(0, day=14)]


# -- feasibility


def test_the_example_of_the_document() -> None:
    """The press has 120 hours until Saturday, 8.5 are asked for and 96:08 planned; the folder has 80 and 75 are asked.

    8.5 hours fit before what is planned; the folder, from 06:00 to 22:00, then has 77.5 until Friday evening.
    """
    centers = {
        "press-001": center("press-001", 0, 0)._replace(name="Offset Press #1"),
        "folder-001": center("folder-001", 6, 22)._replace(name="Folder #1"),
    }
    order = [Requirement("10", "press-001", 510), Requirement("20", "folder-001", 4500, ("10",))]
    found = feasibility(order, centers, [Load("press-001", at(8.5), 5768)], at(0), at(0, day=5))
    assert msgspec.json.decode(msgspec.json.encode(found)) == {
        "isFeasible": True,
        "bottlenecks": [
            {
                "workCenterId": "press-001",
                "workCenterName": "Offset Press #1",
                "availableHours": 120.0,
                "requiredHours": 8.5,
                "utilizationPercent": 87.2,
                "isBottleneck": False,
            },
            {
                "workCenterId": "folder-001",
                "workCenterName": "Folder #1",
                "availableHours": 80.0,
                "requiredHours": 75.0,
                "utilizationPercent": 93.8,
                "isBottleneck": True,
            },
        ],
        "estimatedCompletionDate": "2026-11-27T19:30:00Z",
        "warnings": ["Work center folder-001 is at 93.8% utilization (bottleneck)"],
    }
    assert lead_time_days(found, at(0)) == 5


def asked(
    order: list[Requirement], planned: list[Load], due_at: datetime, centers: tuple[WorkCenter, ...] = (PRESS,)
) -> CapacityFeasibility:
    return feasibility(order, {each.work_center_id: each for each in centers}, planned, at(0), due_at)


def test_an_order_that_is_done_after_its_due_date_is_not_feasible() -> None:
    found = asked([Requirement("10", "press", 120)], [Load("press", at(6), 450)], at(14))
    assert (found.is_feasible, found.estimated_completion_date) == (False, at(7.5, day=1))
    assert found.warnings == (
        "Work center press is at 118.8% utilization (bottleneck): 1.5 hours more than it has until the due date",
        "It is estimated to be done 2026-11-24 07:30 UTC, after its due date 2026-11-23 14:00 UTC",
    )


def test_an_order_is_not_feasible_where_a_work_centre_has_more_to_do_than_it_can() -> None:
    """It would be done by seven; but from ten on two orders are planned side by side on one machine."""
    planned = [Load("press", at(10), 300), Load("press", at(10), 300)]
    found = asked([Requirement("10", "press", 60)], planned, at(14))
    assert (found.is_feasible, found.estimated_completion_date) == (False, at(7))
    assert found.bottlenecks[0].utilization_percent == 112.5


def test_all_of_an_order_counts_for_a_work_centre_that_it_needs_twice() -> None:
    order = [Requirement("10", "press", 100), Requirement("20", "folder", 60, ("10",)), Requirement("30", "press", 20)]
    found = asked(order, [], at(14), (PRESS, center("folder")))
    assert [(each.work_center_id, each.required_hours) for each in found.bottlenecks] == [("press", 2), ("folder", 1)]


def test_without_open_time_until_the_due_date_utilization_is_not_known() -> None:
    found = asked([Requirement("10", "press", 60)], [], at(5))
    assert (found.is_feasible, found.bottlenecks[0].utilization_percent) == (False, None)
    assert found.bottlenecks[0].is_bottleneck
    assert found.warnings[0] == "Work center press has no open time until the due date"


def test_an_order_that_is_due_already_is_not_feasible() -> None:
    assert not asked([Requirement("10", "press", 60)], [], at(-3)).is_feasible


def test_an_order_beyond_the_horizon_has_no_estimate() -> None:
    found = asked([Requirement("10", "press", 4801)], [], at(0, day=14))
    assert (found.is_feasible, found.estimated_completion_date) == (False, None)
    assert lead_time_days(found, at(0)) is None
    assert found.warnings[-1] == (
        "Work center press has no gap of 80.02 hours for operation 10 "
        "until 2026-12-07 00:00 UTC, the end of the horizon"
    )


def test_a_moment_outside_of_the_horizon_is_refused() -> None:
    with pytest.raises(OutsideHorizon):
        asked([Requirement("10", "press", 60)], [], HORIZON + timedelta(days=1))
    with pytest.raises(OutsideHorizon):
        estimate([Requirement("10", "press", 60)], {"press": PRESS}, [], at(-1))


def test_an_order_without_operations_is_done() -> None:
    found = asked([], [], at(0))
    assert (found.is_feasible, found.bottlenecks, found.warnings) == (True, (), ())
    assert lead_time_days(found, at(0)) == 0


@pytest.mark.parametrize(("hours", "days"), [(0, 0), (0.1, 1), (24, 1), (24.1, 2)])
def test_a_begun_day_of_lead_time_counts(hours: float, days: int) -> None:
    found = CapacityFeasibility(is_feasible=True, bottlenecks=(), estimated_completion_date=at(hours), warnings=())
    assert lead_time_days(found, at(0)) == days


# -- the estimate


def placed(order: list[Requirement], planned: list[Load], machines: int = 1) -> list[tuple[datetime, datetime]]:
    centers = {"press": PRESS._replace(machines=machines), "folder": center("folder", 8, 16)}
    return [(each.start_at, each.end_at) for each in estimate(order, centers, planned, at(0))]


def test_an_operation_takes_the_first_gap_that_holds_it_whole() -> None:
    planned = [Load("press", at(7), 120), Load("press", at(11), 60)]
    assert placed([Requirement("10", "press", 60)], planned) == [(at(6), at(7))]
    assert placed([Requirement("10", "press", 90)], planned) == [(at(9), at(10.5))]
    assert placed([Requirement("10", "press", 121)], planned)[0][0] == at(12)


def test_nights_interrupt_an_operation() -> None:
    assert placed([Requirement("10", "press", 500)], []) == [(at(6), at(6 + 20 / 60, day=1))]


def test_work_that_is_planned_side_by_side_is_done_one_after_the_other() -> None:
    planned = [Load("press", at(6), 100), Load("press", at(6), 80)]
    assert placed([Requirement("10", "press", 60)], planned) == [(at(9), at(10))]
    assert placed([Requirement("10", "press", 60)], planned, machines=2)[0][0] == at(6) + timedelta(minutes=80)


def test_an_operation_begins_when_its_predecessors_are_done() -> None:
    order = [
        Requirement("30", "folder", 30, ("10", "20")),
        Requirement("10", "press", 60),
        Requirement("20", "press", 300),
    ]
    assert placed(order, []) == [(at(6), at(7)), (at(7), at(12)), (at(12), at(12.5))]


def test_an_operation_without_minutes_passes_at_once() -> None:
    assert placed([Requirement("10", "press", 0)], [Load("press", at(6), 60)]) == [(at(0), at(0))]


def test_overdue_work_comes_first() -> None:
    assert placed([Requirement("10", "press", 60)], [Load("press", at(-50), 60)]) == [(at(7), at(8))]
    found = estimate([Requirement("10", "press", 60)], {"press": PRESS}, [Load("press", at(6), 60)], at(0, day=1))
    assert found[0].start_at == at(7, day=1), "what was not done on Monday is done on Tuesday"


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ([Requirement("10", "lathe", 1)], "Operation 10 needs lathe, an unknown work center."),
        ([Requirement("10", "press", 1, ("5",))], "Operation 10 comes after 5, an unknown operation."),
        ([Requirement("10", "press", 1), Requirement("10", "press", 2)], "An order has an operation twice."),
    ],
)
def test_what_cannot_be_an_order_is_refused(order: list[Requirement], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        placed(order, [])


def test_a_cycle_is_refused() -> None:
    with pytest.raises(CycleError):
        placed([Requirement("10", "press", 1, ("20",)), Requirement("20", "press", 1, ("10",))], [])


# -- laws

SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 90)).map(lambda told: (told[0], sum(told))), max_size=6)
START = floor(MONDAY)
LOADS = st.lists(
    st.builds(
        lambda m, minutes: Load("c", MONDAY + timedelta(minutes=m), minutes), st.integers(-20, 400), st.integers(0, 60)
    ),
    max_size=8,
)


def opened(spans: list[tuple[int, int]], machines: int = 1) -> WorkCenter:
    """Open in such minutes of the Monday, and from 400 on for ever."""
    shifted = [(START + begin, START + end) for begin, end in [*spans, (400, 3_000)]]
    return WorkCenter("c", "C", of_spans(shifted, START, START + 3_000), machines)


def open_minutes(told: WorkCenter) -> list[int]:
    spans = zip(told.open_time.begins, told.open_time.ends, strict=True)
    return [minute for begin, end in spans for minute in range(begin, end)]


@settings(deadline=None)
@given(SPANS, LOADS, st.lists(st.integers(0, 800), min_size=2, max_size=6).map(sorted), st.integers(1, 3))
def test_load_is_that_of_walking_minute_by_minute(
    spans: list[tuple[int, int]], planned: list[Load], cuts: list[int], machines: int
) -> None:
    told, edges = opened(spans, machines), [MONDAY + timedelta(minutes=cut) for cut in cuts]
    known = open_minutes(told)
    worked = [
        minute
        for load in planned
        for minute in [each for each in known if each >= max(floor(edges[0]), ceil(load.start_at))][: load.minutes]
    ]
    for bucket in loads([told], planned, edges):
        begin, end = floor(bucket.from_at), floor(bucket.to_at)
        assert bucket.required_minutes == sum(begin <= minute < end for minute in worked)
        assert bucket.available_minutes == machines * sum(begin <= minute < end for minute in known)


ORDERS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 60), st.sets(st.integers(0, 3))), max_size=5).map(
    lambda told: [
        Requirement(str(number), place, minutes, tuple(str(each) for each in sorted(before) if each < number))
        for number, (place, minutes, before) in enumerate(told)
    ]
)


def walked(
    found: list[Placement], order: list[Requirement], centers: dict[str, WorkCenter], planned: list[Load]
) -> list[tuple[int, int]]:
    """Where operations fit, one possible minute after the other: the same said in another way."""
    known = {each: open_minutes(told) for each, told in centers.items()}
    taken: dict[str, list[set[int]]] = {each: [set() for _ in range(told.machines)] for each, told in centers.items()}
    ends: dict[str, int] = {}

    def put(place: str, ready: int, minutes: int) -> tuple[int, int]:
        first = sum(minute < ready for minute in known[place])
        for position in range(first, len(known[place])):
            for machine in taken[place]:
                if machine.isdisjoint(range(position, position + minutes)):
                    machine |= set(range(position, position + minutes))
                    return known[place][position], known[place][position + minutes - 1] + 1
        raise AssertionError("it fits nowhere")

    for load in sorted(planned, key=lambda load: load.start_at):
        if load.minutes:
            put(load.work_center_id, max(START, ceil(load.start_at)), load.minutes)
    by_id = {each.operation_id: each for each in order}
    spans = []
    for each in found:
        asked = by_id[each.operation_id]
        begin, end = put(
            asked.work_center_id, max((ends[before] for before in asked.predecessors), default=START), asked.minutes
        )
        ends[each.operation_id] = end
        spans.append((begin, end))
    return spans


@settings(deadline=None)
@given(SPANS, SPANS, LOADS, LOADS, ORDERS, st.integers(1, 3))
def test_an_estimate_is_that_of_trying_every_minute(
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
    some: list[Load],
    others: list[Load],
    order: list[Requirement],
    machines: int,
) -> None:
    centers = {"a": opened(first, machines), "b": opened(second)}
    planned = [load._replace(work_center_id=place) for place, each in (("a", some), ("b", others)) for load in each]
    found = estimate(order, centers, planned, MONDAY)
    assert [(floor(each.start_at), floor(each.end_at)) for each in found] == walked(found, order, centers, planned)
    done: set[str] = set()
    for each in found:
        assert set(next(one for one in order if one.operation_id == each.operation_id).predecessors) <= done
        done.add(each.operation_id)
    assert len(done) == len(order)
