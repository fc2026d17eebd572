"""Rows of a shop as a problem, and of stock as the inputs of a plan; workers that die."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from os import _exit, getpid
from typing import Any

import pytest

from schemas.codec import encode
from schemas.messages.plans import PlanKind
from schemas.views.plans import ScheduleBody
from sql.plans import Job
from sql.reads.work_centers import WorkCenter
from sql.snapshots import ChangeoverRule, Downtime, KnownItem, Line, Material, Need, Order, Planning, Run, Shop, Stock
from streams.domain import mrp
from streams.domain.calendars import floor, moment
from streams.domain.scheduling.checker import check
from streams.domain.scheduling.critical import critical_operations
from streams.domain.scheduling.engine import dispatch
from streams.domain.scheduling.seats import seated, seats_of
from streams.planning.lines import learned_of, lines, read, schedule_of
from streams.planning.problems import Learned, posed
from streams.planning.requirements import inputs, kept, plant_days
from streams.planning.work import Refused, refuse_unworkable
from streams.planning.workers import Outcome, Worker
from tests.plants import eventually

AT = datetime(2026, 11, 23, 6, tzinfo=UTC)
WANTED = ScheduleBody(horizon_days=30)


def center(name: str, machine: str | None = None) -> WorkCenter:
    return WorkCenter(name, name, f"Work centre {name}", None, None, machine, None, True, 1, None, None, None)


def order(number: str, due_hours: int = 48, **fields: Any) -> Order:
    told = Order(
        number, number, "A", None, Decimal(100), Decimal(0), "normal", AT + timedelta(hours=due_hours), "expanded", None
    )
    return told._replace(**fields)


def run(order_id: str, sequence: int, where: str, minutes: int = 60, **fields: Any) -> Run:
    told = Run(
        f"{order_id}/{sequence}", order_id, sequence, "Pressing", (), Decimal(100), Decimal(0), 10, minutes, None, None,
        where, (), "planned", None, None, None, False, None, None,
    )  # fmt: skip
    return told._replace(**fields)


def shop(orders: list[Order], runs: list[Run], **fields: Any) -> Shop:
    return Shop(AT, [center("P1", "M-1"), center("P2"), center("L1")], [], [], orders, runs, [], {}, None)._replace(
        **fields
    )


def test_a_run_that_has_begun_goes_on_with_what_is_left_and_its_follower_waits() -> None:
    begun = run("PO-1", 10, "P1", 100, status="in_progress", quantity_good=Decimal(75), alternatives=("P2",))
    after = run("PO-1", 20, "L1", predecessors=(10,))
    told = posed(shop([order("PO-1")], [begun, after]), WANTED)
    first, second = told.problem.operations
    assert (dict(first.run_minutes), first.setup_minutes) == ({"P1": 25}, 0)
    assert first.pin is not None
    assert first.pin.start == floor(AT)
    found = dispatch(told.problem).schedule.by_operation
    assert found[second.operation_id].start >= found[first.operation_id].end == floor(AT) + 25


def test_what_is_done_is_not_planned_and_not_waited_for() -> None:
    done = run("PO-1", 10, "P1", status="completed")
    told = posed(shop([order("PO-1")], [done, run("PO-1", 20, "L1", predecessors=(10,))]), WANTED)
    (left,) = told.problem.operations
    assert (left.sequence, left.predecessors) == (20, ())


def test_what_begins_in_the_frozen_zone_stays_where_it_is() -> None:
    booked: dict[str, Any] = {
        "status": "scheduled",
        "scheduled_start": AT + timedelta(hours=2),
        "scheduled_end": AT + timedelta(hours=3),
    }
    runs = [run("PO-1", 10, "P1", **booked), run("PO-2", 10, "P2", **booked)]
    wanted = ScheduleBody(horizon_days=30, frozen_until=AT + timedelta(hours=3))
    told = posed(shop([order("PO-1"), order("PO-2")], runs), wanted)
    assert [each.pin and each.pin.start for each in told.problem.operations] == [floor(AT) + 120] * 2
    assert [each.pin for each in posed(shop([order("PO-1")], runs[:1]), WANTED).problem.operations] == [None]


def test_of_two_that_have_begun_at_a_work_centre_one_goes_on_after_the_other_and_the_next_gives_way() -> None:
    begun: dict[str, Any] = {"status": "in_progress"}
    soon: dict[str, Any] = {"status": "scheduled", "scheduled_start": AT + timedelta(minutes=30)}
    runs = [run("PO-1", 10, "P1", 40, **begun), run("PO-2", 10, "P1", 50, **begun), run("PO-3", 10, "P1", 60, **soon)]
    wanted = ScheduleBody(horizon_days=30, frozen_until=AT + timedelta(hours=3))
    told = posed(shop([order(f"PO-{number}") for number in (1, 2, 3)], runs), wanted)
    assert [each.pin and each.pin.start - floor(AT) for each in told.problem.operations] == [0, 40, None]
    found = dispatch(told.problem).schedule
    assert check(told.problem, found) == []
    assert found.by_operation["PO-3/10"].start >= floor(AT) + 90


def test_what_is_frozen_and_cannot_be_worked_is_told() -> None:
    booked: dict[str, Any] = {"status": "scheduled", "scheduled_start": AT + timedelta(minutes=30), "is_frozen": True}
    down = Downtime("DT", "M-1", AT, 120, "jam")
    told = posed(shop([order("PO-1")], [run("PO-1", 10, "P1", **booked)], downtimes=[down]), WANTED)
    with pytest.raises(Refused, match=r"What is frozen cannot be worked as it stands\. Operation 10 of PO-1 starts at"):
        refuse_unworkable(told.problem, dispatch(told.problem).schedule)


def test_a_machine_that_is_down_closes_its_work_centre_until_it_is_expected_back() -> None:
    down = Downtime("DT", "M-1", AT - timedelta(minutes=10), 70, "jam")
    found = dispatch(posed(shop([order("PO-1")], [run("PO-1", 10, "P1")], downtimes=[down]), WANTED).problem)
    assert moment(found.schedule.slots[0].setup_start) == AT + timedelta(minutes=60)
    overdue = down._replace(started_at=AT - timedelta(days=1))
    found = dispatch(posed(shop([order("PO-1")], [run("PO-1", 10, "P1")], downtimes=[overdue]), WANTED).problem)
    assert moment(found.schedule.slots[0].setup_start) == AT + timedelta(minutes=15)


def test_a_what_if_closes_opens_and_raises_priorities() -> None:
    what_if = {
        "work_centers": [{"work_center_id": "P1", "closed": [{"from_at": AT, "to_at": AT + timedelta(hours=5)}]}],
        "priorities": {"PO-1": "urgent"},
    }
    wanted = ScheduleBody.model_validate({"horizon_days": 30, "what_if": what_if})
    told = posed(shop([order("PO-1")], [run("PO-1", 10, "P1")]), wanted)
    assert told.problem.orders[0].weight == 10
    assert moment(dispatch(told.problem).schedule.slots[0].setup_start) == AT + timedelta(hours=5)


@pytest.mark.parametrize(
    ("rules", "minutes"),
    [
        ([ChangeoverRule(None, "F1", "F2", 40, 0), ChangeoverRule(None, None, None, 5, 0)], 40),
        ([ChangeoverRule(None, None, "F2", 30, 0), ChangeoverRule(None, None, None, 5, 0)], 30),
        ([ChangeoverRule("P2", "F1", "F2", 40, 0), ChangeoverRule(None, None, None, 5, 0)], 5),
        ([], 10),
    ],
)
def test_the_most_particular_changeover_holds(rules: list[ChangeoverRule], minutes: int) -> None:
    told = posed(
        shop([order("PO-1")], [run("PO-1", 10, "P1", family="F2")], changeovers=rules, families={"P1": "F1"}), WANTED
    )
    assert dispatch(told.problem).schedule.slots[0].setup_minutes == minutes


def test_lines_say_a_schedule_that_can_be_taken_up_again() -> None:
    runs = [
        run("PO-1", 10, "P1", alternatives=("P2",)),
        run("PO-1", 20, "L1", predecessors=(10,)),
        run("PO-2", 10, "P1"),
    ]
    told = posed(shop([order("PO-1", 1), order("PO-2")], runs), WANTED)
    made = dispatch(told.problem).schedule
    found = lines(told, made)
    assert schedule_of(found, told.problem) == made
    late = next(line for line in found if line.order_number == "PO-1")
    assert late.late_minutes > 0
    assert late.reason is not None
    assert late.reason.startswith("PO-1 is ")
    last = max(found, key=lambda line: line.end_at)
    assert last.is_critical
    assert critical_operations(told.problem, made) == {line.run_id for line in found if line.is_critical}


def test_what_should_have_begun_comes_first_when_a_schedule_is_taken_up_later() -> None:
    runs = [run("PO-1", 10, "P1"), run("PO-2", 10, "P1")]
    told = posed(shop([order("PO-1"), order("PO-2")], runs), WANTED)
    made = lines(told, dispatch(told.problem).schedule)
    later = posed(shop([order("PO-1"), order("PO-2")], runs, at=AT + timedelta(hours=9)), WANTED)
    taken_up = schedule_of(made, later.problem)
    assert [each.operation_id for each in taken_up.slots] == [line.run_id for line in made]
    assert min(each.start for each in taken_up.slots) > floor(AT + timedelta(hours=9))
    assert check(told.problem, dispatch(told.problem).schedule) == []


PLANNING = Planning(
    item_id="B",
    lot_policy="fixed",
    lot_size=Decimal(500),
    minimum=Decimal(0),
    multiple=Decimal(1),
    period_days=1,
    smallest=Decimal(1),
    lead_time_days=2,
    safety_stock=None,
    scrap_percentage=Decimal(0),
    is_purchased=None,
    supplier="ACME",
)


def stock(**fields: Any) -> Stock:
    lines_ = [
        Line("A", "1", date(2026, 1, 1), None, Decimal(1), "EA", "B", Decimal(2), "EA", "1", Decimal(0)),
        Line("A", "1", date(2026, 1, 1), None, Decimal(1), "EA", "C", Decimal(3), "EA", "2", Decimal(0)),
    ]
    return Stock(
        at=AT,
        items=[KnownItem(name, "EA", False) for name in "ABC"],
        planning=[PLANNING],
        lines=lines_,
        conversions=[],
        materials=[Material("C", Decimal(50), Decimal(20), Decimal(10))],
        orders=[order("PO-1", 24 * 14, quantity_completed=Decimal(40))],
        needs=[Need("WO-1", "C", Decimal(5), AT + timedelta(days=1))],
        coming=[],
        centers=[],
    )._replace(**fields)  # fmt: skip


def planned(told: Stock) -> tuple[mrp.Plan, mrp.Inputs]:
    found = inputs(told, "UTC")
    return mrp.plan(found, plant_days(told, found.today).offset), found


def test_stock_bills_and_orders_become_planned_orders_with_the_demands_behind_them() -> None:
    """60 A are left to make: 120 B, in a lot of 500; 180 C and 5 for an order in work, less 30 free, and 10 to keep."""
    plan, found = planned(stock())
    orders = {(each.item_id, each.quantity) for each in plan.orders()}
    assert {each for each in orders if each[0] != "C"} == {("A", Decimal(60)), ("B", Decimal(500))}
    assert sum(quantity for item, quantity in orders if item == "C") == 180 + 5 + 10 - 30
    rows = kept(plan, found, lambda _: None)
    pegs = [row[3:] for row in rows.pegs if row[0] == "B"]
    assert pegs == [("PO-1", Decimal(120)), (None, Decimal(380))]
    assert {row[0] for row in rows.requisitions} == {"B", "C"}
    assert rows.columns["figures"]["planned_orders"] == len(rows.orders)


def test_an_item_with_a_bill_is_made_unless_somebody_says_that_it_is_bought() -> None:
    plan, _ = planned(stock(planning=[PLANNING._replace(item_id="A", is_purchased=True)]))
    assert {each.item_id for each in plan.requisitions()} >= {"A"}
    assert "B" not in {each.item_id for each in plan.orders()}


def test_without_work_centres_work_goes_from_monday_to_friday() -> None:
    days = plant_days(stock(), AT.date())
    assert days.offset(date(2026, 11, 30), 1) == date(2026, 11, 27)


def answer(job: Job, at: datetime) -> str:
    """What a worker does here: answers, refuses or dies."""
    if job.kind == "mrp":
        raise ValueError("There is no such thing.")
    if job.kind == "proposal":
        _exit(9)
    return f"{at:%H:%M} by {getpid()}"


def job(kind: PlanKind) -> Job:
    return Job("1", "2", kind, 0)


def outcome(worker: Worker) -> Outcome:
    """What comes of the worker's job."""
    found = eventually(worker.outcome, 30, "no answer")
    assert found is not None
    return found


def test_a_worker_answers_refuses_and_is_replaced_when_it_dies() -> None:
    worker = Worker(partial(answer))
    try:
        worker.submit(job("schedule"), AT)
        assert not worker.is_idle
        assert outcome(worker)[1:] == (f"06:00 by {worker.pid}", None)
        worker.submit(job("mrp"), AT)
        assert str(outcome(worker).error) == "There is no such thing."
        first = worker.pid
        worker.submit(job("proposal"), AT)
        assert outcome(worker).is_lost
        assert (worker.is_idle, worker.pid != first) == (True, True)
        worker.submit(job("schedule"), AT)
        assert outcome(worker).result is not None
    finally:
        worker.close()


def test_runs_take_what_was_learned_of_their_work_centre_and_as_planned_elsewhere() -> None:
    first = run("PO-1", 10, "P1", 100, alternatives=("P2",))
    begun = run("PO-2", 10, "L1", 100, status="in_progress", quantity_good=Decimal(75))
    learned = Learned({first.id: {"P2": 33}, begun.id: {"L1": 40}}, {first.id: {"P2": 7}, begun.id: {"L1": 9}})
    told = posed(shop([order("PO-1"), order("PO-2")], [first, begun]), WANTED, learned=learned)
    assert [dict(each.run_minutes) for each in told.problem.operations] == [{"P1": 100, "P2": 33}, {"L1": 10}]
    waiting, going_on = told.problem.operations
    assert [waiting.own_setup(each) for each in ("P1", "P2")] == [first.setup_minutes, 7]
    assert going_on.own_setup("L1") == 0, "it is set up"


def test_the_changeover_matrix_says_setups_whatever_was_learned() -> None:
    runs = [run("PO-1", 10, "P1", 100, family="A"), run("PO-2", 10, "P1", 100, family="B")]
    rule = ChangeoverRule("P1", "A", "B", 45, 0)
    known = shop([order("PO-1"), order("PO-2", 48)], runs)._replace(changeovers=[rule])
    learned = Learned({}, {each.id: {"P1": 7} for each in runs})
    told = posed(known, WANTED, learned=learned)
    made = dispatch(told.problem, ("EDD",)).schedule
    assert [each.setup_minutes for each in made.slots] == [7, 45]
    assert [each.setup_minutes for each in seated(told.problem, seats_of(made)).slots] == [7, 45]


def test_a_schedule_keeps_the_minutes_it_was_made_with() -> None:
    """What is learned since does not move what is planned."""
    runs = [run("PO-1", 10, "P1", 100), run("PO-1", 20, "L1", predecessors=(10,))]
    learned = Learned({runs[0].id: {"P1": 30}}, {runs[1].id: {"L1": 12}})
    told = posed(shop([order("PO-1")], runs), WANTED, learned=learned)
    made = dispatch(told.problem).schedule
    found = lines(told, made)
    assert learned_of(read(encode(found))) == learned
    assert [each.changeover_minutes for each in found] == [runs[0].setup_minutes, 12]
    again = posed(shop([order("PO-1")], runs), WANTED, learned=learned_of(found))
    assert schedule_of(found, again.problem) == made
