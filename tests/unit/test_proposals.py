"""From an event to a plan, by example: what moves, who gets late, what it would cost to do nothing, and why."""

from random import Random

import pytest

from streams.domain.calendars import of_spans
from streams.domain.scheduling.checker import check
from streams.domain.scheduling.disturbances import Closure, Disturbance, LateMaterial, RushOrder
from streams.domain.scheduling.problem import Link, Operation, Order, Problem, Schedule, WorkCenter
from streams.domain.scheduling.proposals import Move, Proposal, propose
from streams.domain.scheduling.seats import Seat, seated

OPEN = of_spans([(0, 5000)], 0, 5000)
CENTERS = (
    WorkCenter("press", OPEN, name="Press 1"),
    WorkCenter("old", OPEN, name="Press 2"),
    WorkCenter("saw", OPEN, name="Saw"),
)
NOW = 60


Place = tuple[Operation, str, int]


def at(name: str, center: str, start: int, **minutes: int) -> Place:
    """An operation and its place. A name is its order's with a step: `12-2` is operation 20 of PO-12; 60 minutes."""
    number, step = name.split("-")
    links = (Link(f"{number}-{int(step) - 1}"),) if step != "1" else ()
    return Operation(name, f"PO-{number}", 10 * int(step), {center: 60} | minutes, links), center, start


def proposed(places: list[Place], event: Disturbance, now: int = NOW, /, **due: int) -> tuple[Schedule, Proposal]:
    orders = tuple(Order(f"PO-{each[3:]}", minute, 2) for each, minute in due.items())
    told = Problem(CENTERS, tuple(operation for operation, _, _ in places), orders)
    before = seated(told, {operation.operation_id: Seat(center, start) for operation, center, start in places})
    assert check(told, before) == []
    made = propose(told, before, event, now, Random(1))
    assert check(made.problem, made.schedule) == []
    assert made.violations == ()
    return before, made


def reasons(made: Proposal) -> list[str]:
    return [each.reason for each in made.orders if each.reason]


def test_without_an_alternative_a_breakdown_is_waited_for() -> None:
    places = [at("12-1", "saw", 40), at("12-2", "press", 100), at("13-1", "saw", 100)]
    _, made = proposed(places, Closure("press", NOW, 300), po_12=200, po_13=200)
    assert made.moves == (Move("12-2", "press", 100, "press", 300),)
    assert (made.cost_before, made.cost_of_doing_nothing, made.cost) == (0, 320, 320)
    assert [(each.order_id, each.late_minutes_after) for each in made.orders] == [("PO-12", 160)]
    told = "Order PO-12 is 3 h 20 min later: operation 20 waits for Press 1, which is down until 05:00."
    assert reasons(made) == [told]


def test_another_work_centre_takes_over_what_it_can() -> None:
    places = [at("12-1", "press", 100, old=90), at("13-1", "press", 400)]
    _, made = proposed(places, Closure("press", NOW, 300), po_12=200, po_13=460)
    assert made.moves == (Move("12-1", "press", 100, "old", 100),)
    assert (made.cost_of_doing_nothing, made.cost) == (320, 0)


def test_what_runs_is_interrupted_and_what_follows_it_waits() -> None:
    _, made = proposed([at("12-1", "press", 30), at("12-2", "saw", 90)], Closure("press", NOW, 120), po_12=100)
    slots = made.schedule.by_operation
    assert (slots["12-1"].start, slots["12-1"].end, slots["12-2"].start) == (30, 150, 150)
    told = "Order PO-12 is 1 h later: operation 10 is interrupted at Press 1, which is down until 02:00."
    assert reasons(made) == [told]


def set_up(place: Place, minutes: int) -> Place:
    """The same with a setup before it."""
    return place[0]._replace(setup_minutes=minutes), place[1], place[2]


def handed(place: Place, percent: int) -> Place:
    """The same, which begins when a part of what it follows is done."""
    (link,) = place[0].predecessors
    return place[0]._replace(predecessors=(link._replace(transfer_percent=percent),)), place[1], place[2]


@pytest.mark.parametrize(
    ("places", "closure", "start"),
    [
        ([at("12-1", "press", 30), at("12-2", "saw", 90)], (60, 120), 150),
        ([at("12-1", "press", 20), at("12-2", "saw", 80)], (10, 30), 160),
        ([at("11-1", "press", 0), at("12-1", "press", 60)], (30, 50), 100),
        ([set_up(at("12-1", "press", 90), 30)], (70, 80), 100),
        ([at("12-1", "press", 30), handed(at("12-2", "saw", 60), 50)], (50, 120), 130),
        ([at("12-1", "press", 0), handed(at("12-2", "saw", 30), 50)], (40, 200), 190),
    ],
    ids=[
        "what it follows was interrupted",
        "what it follows has not begun",
        "its work centre is not free",
        "its setup was interrupted",
        "the first lot is not there",
        "it would run dry",
    ],
)
def test_what_could_not_begin_before_now_begins_when_it_can(
    places: list[Place], closure: tuple[int, int], start: int
) -> None:
    *_, (later, center, was) = places
    _, made = proposed(places, Closure("press", *closure), 100, po_11=500, po_12=500)
    assert made.schedule.by_operation[later.operation_id].start == start
    assert Move(later.operation_id, center, was, center, start) in made.moves


def test_what_could_begin_before_now_stays_whatever_is_down_since() -> None:
    places = [at("11-1", "press", 0), set_up(at("12-1", "press", 80), 20), handed(at("12-2", "saw", 95), 25)]
    before, made = proposed(places, Closure("saw", 97, 200), 100, po_11=500, po_12=500)
    assert made.moves == ()
    assert {each.operation_id for each in made.problem.operations if each.pin} == set(before.by_operation)


def test_who_waits_behind_another_order_is_told_so() -> None:
    places = [at("12-1", "press", 100), at("13-1", "press", 160)]
    _, made = proposed(places, Closure("press", NOW, 300), po_12=120, po_13=400)
    assert reasons(made)[1] == (
        "Order PO-13 is 3 h 20 min later: operation 10 waits for Press 1, "
        "which does operation 10 of PO-12 until 06:00, since Press 1 is down until 05:00."
    )


def test_late_material_moves_only_what_needs_it() -> None:
    places = [at("12-1", "press", 100), at("13-1", "press", 160), at("14-1", "press", 500)]
    _, made = proposed(places, LateMaterial({"12-1": 250}), po_12=400, po_13=230, po_14=600)
    assert made.moves == (Move("12-1", "press", 100, "press", 250),)
    assert (made.cost_of_doing_nothing, made.cost) == (2 * 140, 0)
    assert reasons(made) == ["Order PO-12 is 2 h 30 min later: operation 10 waits for its material until 04:10."]


def test_a_rush_order_pushes_aside_what_can_wait() -> None:
    """Nothing is free before 280. The rush order is due at 160, each of the others an hour after it ends."""
    places = [at("12-1", "press", 100), at("13-1", "press", 160), at("14-1", "press", 220)]
    rush = RushOrder(Order("PO-99", 160, 9), (at("99-1", "press", 0)[0],))
    _, made = proposed(places, rush, po_12=220, po_13=280, po_14=340)
    assert made.cost_of_doing_nothing == 9 * (340 - 160)
    assert made.cost == 0
    assert made.schedule.by_operation["99-1"].end <= 160
    assert "since PO-99 goes first" in reasons(made)[-1]


def test_a_rush_order_takes_a_gap_if_that_is_enough() -> None:
    rush = RushOrder(Order("PO-99", 400, 9), (at("99-1", "press", 0)[0],))
    _, made = proposed([at("12-1", "press", 100), at("13-1", "press", 300)], rush, po_12=160, po_13=360)
    assert made.moves == (Move("99-1", None, None, "press", 160),)


def test_what_has_begun_and_what_is_not_affected_stays() -> None:
    places = [at("12-1", "press", 0), at("13-1", "press", 100), at("14-1", "old", 150)]
    before, made = proposed(places, Closure("press", 90, 200), po_12=60, po_13=600, po_14=600)
    slots, old = made.schedule.by_operation, before.by_operation
    assert (slots["12-1"], slots["14-1"]) == (old["12-1"], old["14-1"])
    assert slots["13-1"].start == 200


def test_what_could_be_better_but_is_not_affected_stays_too() -> None:
    """At Press 2 the late one stands behind the one with time; the breakdown of Press 1 does not touch them."""
    places = [at("12-1", "press", 100), at("14-1", "old", 100, saw=60), at("15-1", "old", 160, saw=60)]
    before, made = proposed(places, Closure("press", 90, 200), po_12=100, po_14=900, po_15=100)
    assert [each.operation_id for each in made.moves] == ["12-1"]
    assert made.schedule.by_operation["15-1"] == before.by_operation["15-1"]


def test_wrong_disturbances_are_refused_in_sentences() -> None:
    for event, sentence in (
        (Closure("press", 90, 90), "The closure of press does not end after it begins."),
        (Closure("lathe", 90, 100), "lathe, which is closed, is an unknown work centre."),
        (LateMaterial({"x": 90}), "Operation x, which waits for material, is not in the problem."),
    ):
        with pytest.raises(ValueError, match=sentence):
            proposed([at("12-1", "press", 100)], event, po_12=60)
