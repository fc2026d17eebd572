"""The fold of work orders: assignment, and the materials of an order."""

from decimal import Decimal
from typing import Any

from schemas.messages.work_orders import (
    BomLine,
    ReservationDecided,
    WorkOrderAssign,
    WorkOrderCommand,
    WorkOrderUpdated,
)
from tests.messages import created, emitted, message, refusals, run, units_counted


def bill(*lines: tuple[str, float]) -> tuple[BomLine, ...]:
    return tuple(BomLine(material_id=name, quantity_required=Decimal(str(quantity))) for name, quantity in lines)


def ordered(*lines: tuple[str, float], quantity: int = 10):
    return created("WO-1", quantity, bill_of_materials=bill(*lines))


def assign(seconds: float = 1, **fields: Any):
    return message("work_order.assign", WorkOrderAssign(work_order_id="WO-1", actor="eva", **fields), seconds)


def command(verb: str, seconds: float = 50):
    told = WorkOrderCommand(work_order_id="WO-1", actor="eva", reason="so it is")
    return message(f"work_order.{verb}", told, seconds)


def decided(material: str, asked: float, reserved: float, seconds: float = 5):
    told = ReservationDecided(
        work_order_id="WO-1",
        material_id=material,
        reservation_id=f"RES-1-{material}",
        quantity_requested=Decimal(str(asked)),
        quantity_reserved=Decimal(str(reserved)),
        status="reserved" if reserved >= asked else "partial" if reserved else "refused",
    )
    return message("reservation.decided", told, seconds)


def counted(units: int, seconds: float):
    return message("production.counted", units_counted("WO-1", units, f"count-{seconds}"), seconds)


def _asked(batch: Any, verb: str = "reserve") -> list[tuple[str, Any]]:
    return [(each.payload.material_id, each.payload.quantity) for each in emitted(batch, f"material.{verb}")]


def _heads(batch: Any) -> list[Any]:
    types = ("work_order.received", "work_order.changed", "work_order.completed")
    return [each.payload for each in emitted(batch) if each.type in types]


def test_assigning_names_machine_and_operator_and_asks_once_for_each_material() -> None:
    batch = run("work_orders", [ordered(("A", 4), ("B", 2.5), ("A", 6)), assign(machine_id="M-7", operator_id="O-156")])
    head = _heads(batch)[-1]
    assert (head.status, head.assigned_machine_id, head.assigned_operator_id) == ("assigned", "M-7", "O-156")
    assert head.materials_status == "pending"
    assert _asked(batch) == [("A", 10), ("B", Decimal("2.5"))]
    assert [each.payload.reservation_id for each in emitted(batch, "material.reserve")] == ["RES-1-A", "RES-1-B"]


def test_assigning_again_changes_what_is_named_and_asks_only_for_what_is_missing() -> None:
    said = [
        ordered(("A", 4), ("B", 2), ("C", 3)),
        assign(machine_id="M-7", operator_id="O-1"),
        decided("A", 4, 4),
        decided("B", 2, 1),
    ]
    again = run("work_orders", [assign(9, machine_id="M-8")], run("work_orders", said).changed, 4)
    assert (_heads(again)[-1].assigned_machine_id, _heads(again)[-1].assigned_operator_id) == ("M-8", "O-1")
    assert _asked(again) == [("B", 2)], "A is reserved, and the answer about C is on its way"


def test_an_order_knows_when_all_is_answered_and_whether_all_is_there() -> None:
    said = [ordered(("A", 4), ("B", 2)), assign(), decided("A", 4, 4), decided("B", 2, 1), decided("B", 2, 2, 6)]
    assert [head.materials_status for head in _heads(run("work_orders", said))] == [
        "pending",
        "pending",
        "partial",
        "reserved",
    ]


def test_stock_that_is_taken_back_makes_an_order_partial_again() -> None:
    batch = run("work_orders", [ordered(("A", 4)), assign(), decided("A", 4, 4), decided("A", 4, 0, 9)])
    assert [head.materials_status for head in _heads(batch)][-2:] == ["reserved", "partial"]


def test_an_order_without_materials_needs_none() -> None:
    batch = run("work_orders", [created("WO-1", 10), assign(), counted(10, 5)])
    assert {head.materials_status for head in _heads(batch)} == {"none"}
    assert not [each for each in emitted(batch) if each.type.startswith("material.")]


def test_starting_keeps_the_assignment() -> None:
    batch = run("work_orders", [ordered(), assign(machine_id="M-7"), command("start")])
    assert (_heads(batch)[-1].status, _heads(batch)[-1].assigned_machine_id) == ("in_progress", "M-7")


def test_an_order_that_has_begun_moves_to_another_machine_and_stays_begun() -> None:
    batch = run("work_orders", [ordered(("A", 4)), command("start", 2), assign(3, machine_id="M-8")])
    assert (_heads(batch)[-1].status, _heads(batch)[-1].assigned_machine_id) == ("in_progress", "M-8")
    assert emitted(batch, "material.reserve")


def test_a_closed_order_is_not_assigned() -> None:
    assert refusals(run("work_orders", [ordered(), command("cancel", 2), assign(3)])) == ["WORK_ORDER_CANCELLED"]
    assert run("work_orders", [ordered(), command("release", 2), assign(3)]).dead_letters == 0


def test_cancelling_gives_back_what_is_reserved_or_may_be() -> None:
    said = [ordered(("A", 4), ("B", 2), ("C", 3)), assign(), decided("A", 4, 4), decided("C", 3, 0), command("cancel")]
    batch = run("work_orders", said)
    assert [each.payload.material_id for each in emitted(batch, "material.release")] == ["A", "B"]
    assert _heads(batch)[-1].materials_status == "none"


def test_an_answer_to_an_order_that_is_closed_or_gone_changes_nothing() -> None:
    closed = run("work_orders", [ordered(("A", 4)), assign(), command("cancel"), decided("A", 4, 4, 60)])
    assert _heads(closed)[-1].status == "cancelled"
    assert len(_heads(closed)) == 3
    gone = run("work_orders", [command("archive", 70), decided("A", 4, 4, 80)], closed.changed, 4)
    assert [each.type for each in emitted(gone)] == ["work_order.archived"]


def test_completion_consumes_every_material_for_what_was_made() -> None:
    said = [ordered(("A", 4), ("B", 1), quantity=3), assign(), decided("A", 4, 4), counted(3, 20)]
    batch = run("work_orders", said)
    assert _asked(batch, "consume") == [("A", 4), ("B", 1)]
    assert _heads(batch)[-1].materials_status == "consumed"


def test_what_is_consumed_is_exact_to_six_places_and_parts_add_up_to_the_whole() -> None:
    said = [ordered(("A", 1), quantity=3), command("start", 2), counted(2, 3), command("complete", 4), counted(1, 5)]
    batch = run("work_orders", said)
    assert _asked(batch, "consume") == [("A", Decimal("0.666667")), ("A", Decimal("0.333333"))]
    ids = [each.payload.transaction_id for each in emitted(batch, "material.consume")]
    assert len(set(ids)) == 2
    assert [each.payload.reservation_id for each in emitted(batch, "material.consume")] == [None, None]


def test_an_order_that_made_nothing_gives_back_what_it_reserved() -> None:
    said = [ordered(("A", 4)), assign(), decided("A", 4, 4), command("start", 20), command("complete", 21)]
    batch = run("work_orders", said)
    assert _asked(batch, "consume") == []
    assert len(emitted(batch, "material.release")) == 1


def test_a_new_bill_releases_what_is_gone_and_asks_for_what_changed() -> None:
    said = [ordered(("A", 4), ("B", 2), ("C", 1)), assign(), decided("A", 4, 4), decided("B", 2, 2), decided("C", 1, 1)]
    update = WorkOrderUpdated(work_order_id="WO-1", bill_of_materials=bill(("A", 8), ("C", 1), ("D", 5)))
    batch = run("work_orders", [message("erp.work_order_updated", update, 30)], run("work_orders", said).changed, 5)
    assert _asked(batch) == [("A", 8), ("D", 5)]
    assert [each.payload.material_id for each in emitted(batch, "material.release")] == ["B"]
    assert _heads(batch)[-1].materials_status == "pending"


def test_a_new_bill_of_an_order_that_is_not_assigned_asks_for_nothing() -> None:
    update = WorkOrderUpdated(work_order_id="WO-1", bill_of_materials=bill(("D", 5)))
    batch = run("work_orders", [ordered(("A", 4)), message("erp.work_order_updated", update, 30)])
    assert _asked(batch) == []


def test_a_bill_of_two_thousand_lines_is_asked_for_and_consumed() -> None:
    lines = tuple((f"MAT-{line}", 1.0) for line in range(2_000))
    batch = run("work_orders", [ordered(*lines), assign(), counted(10, 20)])
    asked = emitted(batch, "material.reserve")
    assert len(asked) == len(emitted(batch, "material.consume")) == 2_000
    assert len({each.position for each in emitted(batch)}) == len(emitted(batch))


def test_a_quantity_beyond_what_tables_can_keep_is_asked_for_as_far_as_they_can() -> None:
    batch = run("work_orders", [ordered(("A", 999_999_999_999), ("A", 999_999_999_999)), assign(), counted(50, 9)])
    assert _asked(batch) == [("A", Decimal("999999999999.999999"))]
    assert _asked(batch, "consume") == [("A", Decimal("999999999999.999999"))]
