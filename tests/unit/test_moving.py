"""An operation that a person drags, and what a schedule that is accepted must still fit."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.gateway.accepting import contradiction
from connectors.gateway.moving import dragged, late_orders, moves_of
from connectors.gateway.problems import Problem
from schemas.codec import encode
from schemas.views.schedules import MoveBody
from sql.snapshots import Shop
from streams.planning.lines import Line
from tests.unit.test_planning_work import AT
from tests.unit.test_proposing import floor_of_three, held


def row(kept: tuple[Line, ...], **inputs: Any) -> dict[str, Any]:
    """A schedule as Postgres gives it."""
    return {
        "status": "accepted",
        "figures": {"operations": len(kept)},
        "inputs": inputs,
        "lines": encode(kept).decode(),
    }


def body(line: Line, center: str, at: datetime) -> MoveBody:
    return MoveBody(run_id=line.run_id, work_center_id=center, start_at=at)


@pytest.fixture
def shop() -> Shop:
    return floor_of_three()


@pytest.fixture
def kept(shop: Shop) -> tuple[Line, ...]:
    return held(shop)


def of(kept: tuple[Line, ...], sequence: int) -> list[Line]:
    return sorted((line for line in kept if line.sequence_number == sequence), key=lambda line: line.start_at)


def test_what_has_to_wait_for_a_move_waits(shop: Shop, kept: tuple[Line, ...]) -> None:
    first = of(kept, 10)[0]
    found = dragged(shop, row(kept), body(first, first.work_center_id, first.start_at + timedelta(hours=8)))
    assert found.violations == ()
    moves = moves_of(found, first.run_id)
    assert moves[0]["run_id"] == first.run_id
    after = found.after.by_operation
    for line in kept:
        slot = after[line.run_id]
        for before in line.predecessors:
            assert slot.start >= after[before].end
    (late,) = [each for each in late_orders(found) if each["order_number"] == first.order_number]
    assert late["late_minutes_after"] > 0
    assert late["reason"]


def test_a_move_before_its_predecessor_is_refused_with_the_reason(shop: Shop, kept: tuple[Line, ...]) -> None:
    second = of(kept, 20)[0]
    found = dragged(shop, row(kept), body(second, "L1", AT + timedelta(minutes=10)))
    assert found.violations
    assert any("operation 10 of" in each for each in found.violations)


def test_a_move_to_where_it_cannot_be_done_or_of_what_is_not_there_is_refused(
    shop: Shop, kept: tuple[Line, ...]
) -> None:
    second = of(kept, 20)[0]
    with pytest.raises(Problem, match="cannot do operation 20"):
        dragged(shop, row(kept), body(second, "P1", second.start_at))
    with pytest.raises(Problem, match="has no operation nothing"):
        dragged(shop, row(kept), MoveBody(run_id="nothing", work_center_id="P1", start_at=AT))
    with pytest.raises(Problem, match="shop that is not so"):
        dragged(shop, row(kept, is_what_if=True), body(second, "L1", second.start_at))


def standing(line: Line, **changed: Any) -> dict[str, Any]:
    """The run of a line as it was seen, but for some columns."""
    assert line.seen is not None
    columns = ("status", "work_center_id", "scheduled_start", "scheduled_end", "is_frozen")
    return {name: getattr(line.seen, name) for name in columns} | changed


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"status": "released"}, None),
        ({"status": "completed"}, None),
        ({"status": "cancelled"}, "is gone"),
        ({"scheduled_start": AT}, "was changed"),
        ({"is_frozen": True}, "was changed"),
        ({"status": "in_progress", "work_center_id": "P9"}, "has begun at another work centre"),
    ],
)
def test_work_that_goes_on_is_no_contradiction(
    kept: tuple[Line, ...], changed: dict[str, Any], why: str | None
) -> None:
    assert contradiction(kept[0], standing(kept[0], **changed)) == why
    assert contradiction(kept[0], None) == "is gone"
