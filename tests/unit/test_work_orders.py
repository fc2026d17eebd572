"""The fold of work orders."""

from decimal import Decimal

import pytest

from schemas.messages.work_orders import ProductionInterrupted, WorkOrderCommand, WorkOrderUpdated
from streams.domain.work_orders import progress
from tests.messages import at, created, emitted, message, refusals, run, units_counted


def _counted(units: int, seconds: float, scrapped: int = 0):
    told = units_counted("WO-1", units, f"count-{seconds}", scrapped_units=scrapped)
    return message("production.counted", told, seconds)


def _command(name: str, seconds: float = 5):
    return message(name, WorkOrderCommand(work_order_id="WO-1", actor="eva", reason="test"), seconds)


def _last(batch):
    return emitted(batch)[-1].payload


def test_units_move_an_order_forward() -> None:
    batch = run("work_orders", [created(quantity=200), _counted(85, 1), _counted(1, 2, scrapped=1)])
    last = _last(batch)
    assert (last.quantity_produced, last.quantity_scrapped, last.progress_percentage) == (86, 1, 43.0)
    assert last.status == "in_progress"


def test_an_order_completes_at_100_per_cent_once() -> None:
    batch = run("work_orders", [created(quantity=2), _counted(1, 1), _counted(2, 2), _counted(1, 3)])
    assert len(emitted(batch, "work_order.completed")) == 1
    assert _last(batch).quantity_produced == 4
    assert _last(batch).progress_percentage == 100


def test_an_order_begins_with_its_earliest_unit_even_if_another_machine_is_heard_first() -> None:
    batch = run("work_orders", [created(quantity=2), _counted(1, 6), _counted(1, 1)])
    (done,) = emitted(batch, "work_order.completed")
    assert done.payload.actual_start_at == done.payload.actual_end_at == at(1)


def test_versions_grow_by_one() -> None:
    batch = run("work_orders", [created(quantity=3), _counted(1, 1), _counted(1, 2), _counted(1, 3)])
    assert [said.payload.version for said in emitted(batch)] == [1, 2, 3, 4, 5, 6]


def test_units_for_an_unknown_order_are_refused() -> None:
    assert refusals(run("work_orders", [_counted(1, 1)])) == ["UNKNOWN_WORK_ORDER"]


def test_units_for_a_cancelled_order_are_refused() -> None:
    assert refusals(run("work_orders", [created(), _command("work_order.cancel"), _counted(1, 9)])) == [
        "WORK_ORDER_CANCELLED"
    ]


@pytest.mark.parametrize(
    ("commands", "refused"),
    [
        (["work_order.release", "work_order.start", "work_order.hold", "work_order.start", "work_order.complete"], []),
        (["work_order.complete"], ["INVALID_TRANSITION"]),
        (["work_order.hold"], ["INVALID_TRANSITION"]),
        (["work_order.start", "work_order.start"], ["INVALID_TRANSITION"]),
        (["work_order.start", "work_order.complete", "work_order.cancel"], ["WORK_ORDER_COMPLETED"]),
        (["work_order.cancel", "work_order.cancel"], []),
        (["work_order.archive"], ["INVALID_TRANSITION"]),
    ],
)
def test_transitions_are_enforced(commands: list[str], refused: list[str]) -> None:
    batch = run("work_orders", [created(), *(_command(name, second) for second, name in enumerate(commands))])
    assert refusals(batch) == refused


def test_a_quantity_below_what_is_produced_is_refused() -> None:
    told = message("erp.work_order_updated", WorkOrderUpdated(work_order_id="WO-1", quantity_ordered=Decimal(3)), 5)
    assert refusals(run("work_orders", [created(), _counted(4, 1), told])) == ["QUANTITY_BELOW_PRODUCED"]


def test_an_update_changes_only_what_it_names() -> None:
    told = message("erp.work_order_updated", WorkOrderUpdated(work_order_id="WO-1", priority="urgent"), 5)
    batch = run("work_orders", [created(quantity=7), told])
    assert (_last(batch).priority, _last(batch).quantity_ordered) == ("urgent", 7)


def test_lowering_the_quantity_to_what_is_produced_completes() -> None:
    told = message("erp.work_order_updated", WorkOrderUpdated(work_order_id="WO-1", quantity_ordered=Decimal(4)), 5)
    assert emitted(run("work_orders", [created(), _counted(4, 1), told]), "work_order.completed")


def test_the_same_order_created_again_changes_nothing_and_another_is_refused() -> None:
    assert len(run("work_orders", [created(), created()]).outputs) == 1
    assert refusals(run("work_orders", [created(), created(quantity=7)])) == ["DUPLICATE_WORK_ORDER"]


def test_an_archived_order_leaves_no_state() -> None:
    batch = run("work_orders", [created(), _command("work_order.cancel"), _command("work_order.archive", 9)])
    assert [value[-5:] for value in batch.changed.values()] == [b"null]"]
    assert refusals(run("work_orders", [_counted(1, 20)], batch.changed, 3)) == ["UNKNOWN_WORK_ORDER"]


def test_an_interruption_is_shown_and_ends() -> None:
    told = ProductionInterrupted(work_order_id="WO-1", machine_id="M-1", is_interrupted=True, reason="down")
    batch = run(
        "work_orders",
        [created(), message("production.interrupted", told, 1), message("production.interrupted", told, 2)],
    )
    assert [said.payload.is_interrupted for said in emitted(batch, "work_order.changed")] == [True]


def test_progress_is_produced_over_ordered_and_never_above_100() -> None:
    assert progress(1, Decimal(3)) == 33.33
    assert progress(5, Decimal(3)) == 100.0


def test_an_order_keeps_where_it_came_from_and_the_bill_it_was_made_with() -> None:
    made = created(origin="plant", bom_id="b-1", bom_revision="A")
    changed = message("erp.work_order_updated", WorkOrderUpdated(work_order_id="WO-1", priority="urgent"), 1)
    said = [each.payload for each in emitted(run("work_orders", [made, changed, _command("work_order.cancel")]))]
    assert [(each.status, each.origin, each.bom_id, each.bom_revision) for each in said] == [
        ("received", "plant", "b-1", "A"),
        ("received", "plant", "b-1", "A"),
        ("cancelled", "plant", "b-1", "A"),
    ]
    assert _last(run("work_orders", [created()])).origin == "erp"
