"""The fold of materials."""

from decimal import Decimal

from schemas.messages.materials import MaterialUpserted, StockReported
from tests.messages import emitted, message, refusals, run


def _material(seconds: float = 0, **fields):
    told = MaterialUpserted(material_id="MAT-1", part_number="A-1", part_name="Door Panel", **fields)
    return message("erp.material_upserted", told, seconds)


def _stock(on_hand: int, seconds: float, allocated: int = 0):
    told = StockReported(material_id="MAT-1", on_hand_quantity=Decimal(on_hand), allocated_quantity=Decimal(allocated))
    return message("inventory.stock_reported", told, seconds)


def test_available_is_on_hand_less_allocated() -> None:
    batch = run("materials", [_material(), _stock(500, 1, 200)])
    assert emitted(batch)[-1].payload.available_quantity == 300


def test_an_older_stock_report_changes_nothing() -> None:
    batch = run("materials", [_material(), _stock(500, 10), _stock(900, 5)])
    assert emitted(batch)[-1].payload.on_hand_quantity == 500


def test_stock_below_the_safety_stock_raises_one_alert() -> None:
    batch = run(
        "materials", [_material(safety_stock=Decimal(0)), _stock(100, 1), _material(2, safety_stock=Decimal(50))]
    )
    assert not emitted(batch, "alert.raised")
    later = run("materials", [_stock(49, 3), _stock(48, 4)], batch.changed, 3)
    assert len(emitted(later, "alert.raised")) == 1


def test_stock_of_an_unknown_material_is_refused() -> None:
    assert refusals(run("materials", [_stock(1, 1)])) == ["UNKNOWN_MATERIAL"]


def test_the_same_master_data_again_says_nothing() -> None:
    assert len(run("materials", [_material(), _material(1)]).outputs) == 1


def test_a_count_that_says_nothing_new_is_silent_and_still_the_latest() -> None:
    said = [_material(), _stock(100, 10), _stock(100, 20), _stock(90, 15), _stock(80, 30)]
    told = emitted(run("materials", said), "material.changed")
    assert [each.payload.on_hand_quantity for each in told] == [0, 100, 80]
