"""What is offered for an order is what its fold takes, and its past reads as it was."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.gateway.order_commands import COMMANDS, Command, why_not
from connectors.gateway.pages.order_story import steps
from connectors.gateway.pages.orders import STATUSES
from schemas.messages.work_orders import WorkOrderAssign, WorkOrderCommand
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
