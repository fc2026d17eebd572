"""What is offered for an order is what its fold takes, and its past reads as it was."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.gateway.order_commands import COMMANDS, Command, why_not
from connectors.gateway.pages.order_story import steps
from connectors.gateway.pages.orders import STATUSES
from connectors.gateway.pages.rendering import templates
from schemas.messages.work_orders import WorkOrderAssign, WorkOrderCommand
from streams.domain.finish import NotKnown
from streams.domain.work_orders import WorkOrder, fold
from streams.driver import Rejected
from tests.messages import NOON, message


def takes(status: Any, verb: str) -> bool:
    """Whether an order that stands there changes by the command."""
    order = WorkOrder(
        work_order_id="WO-1",
        created_by="m",
        erp_work_order_id="E-1",
        product_id="P",
        quantity_ordered=Decimal(10),
        due_date=NOON,
        status=status,
    )
    payload: Any = WorkOrderAssign if verb == "assign" else WorkOrderCommand
    try:
        return bool(fold(order, message(f"work_order.{verb}", payload(work_order_id="WO-1", actor="ada"))).emits)
    except Rejected:
        return False


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.verb)
@pytest.mark.parametrize("status", STATUSES)
def test_a_command_is_offered_where_the_fold_takes_it(status: Any, command: Command) -> None:
    assert (why_not(command, status) is None) == takes(status, command.verb)


def test_a_command_that_is_not_offered_says_where_it_would_be() -> None:
    hold = next(each for each in COMMANDS if each.verb == "hold")
    assert why_not(hold, "on_hold") == "It is on hold; that is possible while it is in progress."


ORDER: dict[str, Any] = {
    "work_order_id": "WO-1",
    "product_id": "P",
    "product_name": None,
    "product_variant": None,
    "status": "in_progress",
    "priority": "normal",
    "is_interrupted": False,
    "is_late": False,
    "archived_at": None,
    "progress_percentage": Decimal(40),
    "quantity_produced": Decimal(40),
    "quantity_ordered": Decimal(100),
    "quantity_good": Decimal(40),
    "quantity_scrapped": Decimal(0),
    "unit_of_measure": "EA",
    "actual_start_at": NOON,
    "actual_end_at": None,
    "due_date": NOON + timedelta(hours=3),
    "inspection_count": 0,
    "defect_count": 0,
    "current_machine_id": "M-1",
    "assigned_machine_id": "M-1",
    "materials_status": "reserved",
}
PROMISE: dict[str, Any] = {
    "lane_id": "op-P.PRESS",
    "provider": "PRESS-1",
    "observations": 20,
    "units_left": 60.0,
    "minutes_per_unit": 1.5,
    "p10": NOON + timedelta(minutes=80),
    "p50": NOON + timedelta(minutes=90),
    "p90": NOON + timedelta(minutes=110),
}


def head(promise: dict[str, Any] | None, **changes: Any) -> str:
    """The head of an order's page, to somebody who only looks."""
    told: dict[str, Any] = {
        "order": ORDER | changes,
        "promise": promise,
        "finish": NotKnown("Nothing was counted."),
        "commands": [],
    }
    return templates.get_template("order_head.html").render(told, zone="UTC", may=lambda _: False)


def tile(page: str, name: str) -> str:
    """The tile of that name, with its tone."""
    (found,) = [each for each in page.split('<div class="tile"') if f"<dt>{name}</dt>" in each]
    return found.split("</div>")[0]


def test_a_promise_is_shown_with_its_interval_and_how_it_came_about() -> None:
    shown = head(PROMISE)
    promised = tile(shown, "finish as learned")
    assert ">21 Nov 13:30<" in promised, "the median"
    assert all(each in promised for each in (">21 Nov 13:20<", ">21 Nov 13:50<", "eight times in ten"))
    assert "data-tone" not in promised
    assert "60 units left × 90 s per unit" in shown
    assert "op-P.PRESS</span> at PRESS-1 after 20 completed runs" in shown


@pytest.mark.parametrize(("minutes", "is_warned"), [(109, True), (110, False)])
def test_a_promise_that_may_be_late_is_a_warning(minutes: int, is_warned: bool) -> None:
    shown = head(PROMISE, due_date=NOON + timedelta(minutes=minutes))
    assert ('data-tone="warn"' in tile(shown, "finish as learned")) == is_warned


def test_without_a_promise_nothing_is_said_of_one() -> None:
    assert "learned" not in head(None)


def change(seconds: int, event: str = "work_order.changed", **told: Any) -> dict[str, Any]:
    changed = ("status", "priority", "due_date", "quantity_ordered", "materials_status", "is_interrupted")
    who = ("assigned_machine_id", "assigned_operator_id", "reason", "verb", "said_by")
    nothing = dict.fromkeys((*changed, *who, "event_topic", "event_partition", "event_offset"))
    return nothing | {"at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), "event": event} | told


def test_a_step_tells_what_became_other_and_who_wanted_it() -> None:
    rows = [
        change(3, status="on_hold", priority="high", verb="hold", said_by="ada", reason="no gauges"),
        change(2, status="in_progress", priority="high", assigned_machine_id="M-201"),
        change(1, "work_order.received", status="received", priority="normal"),
    ]
    found = steps(rows)
    assert [each.words for each in found] == [
        "now on hold",
        "now in progress, given to machine M-201, priority high",
        "received from the ERP",
    ]
    assert (found[0].who, found[0].why) == ("ada", "no gauges")


def test_a_command_without_an_answer_says_so() -> None:
    (found,) = steps([change(1, "work_order.asked", verb="start", said_by="ada")])
    assert found.words == "asked to start; the outcome was not known in time"
