"""What the planner proposes when something happens to a shop, from rows to rows."""

from datetime import timedelta

import msgspec
import pytest

from schemas.views.plans import ProposalBody
from sql.snapshots import Shop
from streams.domain.scheduling.budget import Watch
from streams.domain.scheduling.engine import dispatch
from streams.planning.lines import Line, lines, read
from streams.planning.problems import posed
from streams.planning.proposing import Proposed, proposed
from tests.unit.test_planning_work import AT, WANTED, order, run, shop

ACCEPTED = "00000000-0000-4000-8000-00000000000a"


def floor_of_three() -> Shop:
    """Three orders; the press P1 or P2 first, then the line L1."""
    orders = [order(f"PO-{number}", 6) for number in range(3)]
    runs = [
        each
        for its in orders
        for each in (
            run(its.id, 10, "P1", 60, alternatives=("P2",), status="planned"),
            run(its.id, 20, "L1", 30, predecessors=(10,)),
        )
    ]
    return shop(orders, runs, accepted_schedule_id=ACCEPTED)


def held(told: Shop) -> tuple[Line, ...]:
    """The schedule that holds."""
    found = posed(told, WANTED)
    return lines(found, dispatch(found.problem).schedule)


def made(told: Shop, kept: tuple[Line, ...], **happened: object) -> Proposed:
    body = ProposalBody.model_validate(happened)
    return proposed(told, kept, body.cause, body, Watch())


def test_a_breakdown_moves_what_would_wait_to_another_machine() -> None:
    told = floor_of_three()
    kept = held(told)
    busy = {line.work_center_id for line in kept if line.sequence_number == 10}
    assert busy == {"P1", "P2"}
    down = {"cause": "breakdown", "machine_id": "M-1", "since": AT.isoformat(), "repair_minutes": 600, "reason": "jam"}
    found = made(told, kept, **down)
    sentence = "P1 (M-1) is down since 2026-11-23 06:00 UTC: jam; it is expected to run again at 2026-11-23 16:00 UTC."
    assert found.columns["cause_text"] == sentence
    after = read(found.lines)
    assert {line.run_id for line in after} == {line.run_id for line in kept}
    assert {line.work_center_id for line in after if line.sequence_number == 10} == {"P2"}
    places = {line.run_id: (line.work_center_id, line.start_at.isoformat()) for line in after}
    for move in found.columns["moves"]:
        assert places[move["run_id"]] == (move["to_work_center_id"], move["to_start_at"])
    figures = found.columns["figures"]
    assert figures["cost"] < figures["cost_of_doing_nothing"]


def test_what_is_not_affected_stays() -> None:
    told = floor_of_three()
    kept = held(told)
    found = made(told, kept, cause="breakdown", work_center_id="P2", until=(AT + timedelta(minutes=16)).isoformat())
    moved = {move["run_id"] for move in found.columns["moves"]}
    was = {line.run_id: line for line in kept}
    for line in read(found.lines):
        if line.run_id not in moved:
            assert (line.work_center_id, line.start_at) == (was[line.run_id].work_center_id, was[line.run_id].start_at)


def test_a_rush_order_gets_a_place_in_the_schedule_that_did_not_have_it() -> None:
    told = floor_of_three()
    kept = held(told)
    rush = order("PO-R", 3, priority="urgent")
    now = told._replace(orders=[*told.orders, rush], runs=[*told.runs, run("PO-R", 10, "P1", 60)])
    found = made(now, kept, cause="rush", production_order_id="PO-R")
    (move,) = [each for each in found.columns["moves"] if each["order_number"] == "PO-R"]
    assert (move["from_work_center_id"], move["from_start_at"]) == (None, None)
    assert found.columns["cause_text"] == "PO-R, 100 of A due 2026-11-23 09:00 UTC, is in a rush."
    assert len(read(found.lines)) == len(kept) + 1


def test_an_order_whose_material_is_late_waits_for_it() -> None:
    told = floor_of_three()
    at = AT + timedelta(hours=12)
    body = {
        "cause": "late_material",
        "production_order_id": "PO-1",
        "available_at": at.isoformat(),
        "material_id": "M7",
    }
    found = made(told, held(told), **body)
    assert found.columns["cause_text"] == "M7 for PO-1 is there only at 2026-11-23 18:00 UTC."
    assert min(line.start_at for line in read(found.lines) if line.order_number == "PO-1") >= at
    (effect,) = [each for each in found.columns["orders"] if each["order_number"] == "PO-1"]
    assert effect["late_minutes_after"] > 0
    assert "PO-1" in effect["reason"]


def test_hours_later_what_has_begun_stays_and_what_should_have_begun_comes_first() -> None:
    told = floor_of_three()
    kept = held(told)
    first = min((line for line in kept if line.sequence_number == 10), key=lambda line: line.start_at)
    runs = [
        each._replace(status="in_progress", work_center_id=first.work_center_id) if each.id == first.run_id else each
        for each in told.runs
    ]
    later = told._replace(at=AT + timedelta(minutes=30), runs=runs)
    found = made(later, kept, cause="breakdown", work_center_id="L1", repair_minutes=120)
    begun = next(line for line in read(found.lines) if line.run_id == first.run_id)
    assert (begun.work_center_id, begun.start_at) == (first.work_center_id, later.at)
    assert all(line.start_at >= later.at for line in read(found.lines))


@pytest.mark.parametrize(
    ("happened", "sentence"),
    [
        ({"cause": "breakdown", "machine_id": "M-9"}, "No work centre is M-9."),
        (
            {"cause": "breakdown", "work_center_id": "P1", "until": "2026-11-23T05:00:00Z"},
            "P1 runs again since 2026-11-23 05:00 UTC.",
        ),
        ({"cause": "rush", "production_order_id": "PO-9"}, "No production order PO-9 is open."),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(happened: dict[str, str], sentence: str) -> None:
    told = floor_of_three()
    with pytest.raises(ValueError, match="^" + sentence.replace(".", r"\.")):
        made(told, held(told), **happened)


def test_an_order_without_runs_has_to_be_expanded_first() -> None:
    told = floor_of_three()
    now = told._replace(orders=[*told.orders, order("PO-R", 3)])
    with pytest.raises(ValueError, match="expand it first"):
        made(now, held(told), cause="rush", production_order_id="PO-R")


def test_the_lines_of_a_proposal_are_read_as_they_were_written() -> None:
    told = floor_of_three()
    found = made(told, held(told), cause="breakdown", machine_id="M-1", repair_minutes=60)
    assert msgspec.json.encode(read(found.lines)) == found.lines.encode()
