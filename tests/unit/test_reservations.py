"""The fold of materials: who may have what is on the shelf."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.inventory import (
    TODAY,
    TOMORROW,
    YESTERDAY,
    acknowledged,
    confirmed,
    consume,
    corrected,
    in_lots,
    known,
    release,
    reported,
    reserve,
)
from tests.messages import emitted, refusals, run


def _answers(batch: Any) -> list[tuple[str, str, int, str]]:
    told = [each.payload for each in emitted(batch, "reservation.decided")]
    return [(each.work_order_id, each.status, int(each.quantity_reserved), each.reason or "") for each in told]


def _rows(batch: Any) -> dict[str, Any]:
    """The latest row of each order's reservation."""
    return {each.payload.work_order_id: each.payload for each in emitted(batch, "reservation.changed")}


def _lots(batch: Any, order: str) -> list[tuple[str, int]]:
    return [(lot.batch_number, int(lot.quantity)) for lot in _rows(batch)[order].batches]


def _stock(batch: Any) -> tuple[int, int, int, int]:
    """On hand, reserved, allocated, available."""
    now = emitted(batch, "material.changed")[-1].payload
    figures = (now.on_hand_quantity, now.reserved_quantity, now.allocated_quantity, now.available_quantity)
    return tuple(int(each) for each in figures)  # type: ignore[return-value]


def _alerts(batch: Any, kind: str) -> list[str]:
    return [each.payload.message for each in emitted(batch, "alert.raised") if each.payload.kind == kind]


def test_a_reservation_takes_what_expires_first() -> None:
    stock = in_lots(("LATE", 50, date(2028, 1, 1)), ("NEVER", 50, None), ("SOON", 50, TOMORROW))
    batch = run("materials", [known(), stock, reserve("WO-1", 120)])
    assert _lots(batch, "WO-1") == [("SOON", 50), ("LATE", 50), ("NEVER", 20)]
    assert _stock(batch) == (150, 120, 120, 30)


def test_a_lot_is_good_on_its_last_day_and_not_after() -> None:
    batch = run("materials", [known(), in_lots(("OLD", 50, YESTERDAY), ("LAST", 50, TODAY)), reserve("WO-1", 80)])
    assert _lots(batch, "WO-1") == [("LAST", 50)]
    assert _answers(batch) == [("WO-1", "partial", 50, "Only 50 of 80 EA of Door Panel (MAT-1) are available.")]


def test_the_second_order_gets_what_the_first_left() -> None:
    batch = run("materials", [known(), reported(100), reserve("WO-1", 70), reserve("WO-2", 70), reserve("WO-3", 70)])
    assert [answer[:3] for answer in _answers(batch)] == [
        ("WO-1", "reserved", 70),
        ("WO-2", "partial", 30),
        ("WO-3", "refused", 0),
    ]
    assert [_rows(batch)[order].shortage for order in ("WO-1", "WO-2", "WO-3")] == [0, 40, 70]
    assert _stock(batch) == (100, 100, 100, 0)


def test_all_or_nothing_gets_nothing_where_it_cannot_get_all() -> None:
    batch = run("materials", [known(), reported(100), reserve("WO-1", 101, allow_partial=False)])
    assert [answer[:3] for answer in _answers(batch)] == [("WO-1", "refused", 0)]


def test_what_others_hold_is_not_given_away() -> None:
    batch = run("materials", [known(), reported(100, allocated=80), reserve("WO-1", 50)])
    assert _answers(batch)[0][1:3] == ("partial", 20)
    assert _stock(batch) == (100, 20, 100, 0)


def test_an_inactive_material_is_refused_and_says_so() -> None:
    batch = run(
        "materials", [known(), reported(100), reserve("WO-1", 10), known(5, is_active=False), reserve("WO-2", 1)]
    )
    assert _answers(batch)[1] == (
        "WO-2",
        "refused",
        0,
        "Door Panel (MAT-1) is inactive; nothing more of it is reserved.",
    )
    assert _stock(batch)[1] == 10, "what was reserved before stays"


def test_an_unknown_material_is_answered_and_leaves_no_state() -> None:
    batch = run("materials", [reserve("WO-1", 10), release("WO-1")])
    assert _answers(batch) == [("WO-1", "refused", 0, "No material MAT-1 is known.")]
    assert _rows(batch)["WO-1"].status == "refused"
    assert [value[-5:] for value in batch.changed.values()] == [b"null]"]


def test_asking_again_for_what_is_reserved_changes_nothing_and_is_answered() -> None:
    batch = run("materials", [known(), reported(100), reserve("WO-1", 70), reserve("WO-1", 70, 11)])
    assert [answer[:3] for answer in _answers(batch)] == [("WO-1", "reserved", 70)] * 2
    assert len(emitted(batch, "material.changed")) == 3


def test_asking_again_after_a_shortage_gets_what_is_there_by_then() -> None:
    said = [known(), reported(100), reserve("WO-1", 150), reported(400, 11), reserve("WO-1", 150, 12)]
    batch = run("materials", said)
    assert [answer[1:3] for answer in _answers(batch)] == [("partial", 100), ("reserved", 150)]


def test_asking_for_more_tops_up_and_for_less_gives_back_what_expires_last() -> None:
    stock = in_lots(("A", 50, TOMORROW), ("B", 50, None))
    more = run("materials", [known(), stock, reserve("WO-1", 40), reserve("WO-1", 70, 11)])
    assert _lots(more, "WO-1") == [("A", 50), ("B", 20)]
    less = run("materials", [reserve("WO-1", 20, 12)], more.changed, 4)
    assert (_lots(less, "WO-1"), _stock(less)[1]) == ([("A", 20)], 20)


def test_a_released_reservation_is_free_for_others_and_released_once() -> None:
    said = [known(), reported(100), reserve("WO-1", 100), release("WO-1"), release("WO-1", 21), reserve("WO-2", 60, 22)]
    batch = run("materials", said)
    assert [each.payload.status for each in emitted(batch, "reservation.changed")] == [
        "reserved",
        "released",
        "reserved",
    ]
    assert _rows(batch)["WO-1"].quantity_reserved == 0
    assert _stock(batch) == (100, 60, 60, 40)


def test_consumption_takes_the_reserved_lots_first_and_frees_the_rest() -> None:
    stock = in_lots(("A", 30, TOMORROW), ("B", 50, date(2027, 1, 1)), ("C", 50, None))
    said = [known(), stock, reserve("WO-0", 30), reserve("WO-1", 60), consume("WO-1", 40)]
    batch = run("materials", said)
    (used,) = emitted(batch, "material.consumed")
    assert [(lot.batch_number, int(lot.quantity)) for lot in used.payload.batches] == [("B", 40)]
    assert _rows(batch)["WO-1"].status == "consumed"
    assert _stock(batch) == (90, 30, 30, 60)
    assert [
        (lot.batch_number, int(lot.quantity)) for lot in emitted(batch, "material.changed")[-1].payload.batches
    ] == [
        ("A", 30),
        ("B", 10),
        ("C", 50),
    ]


def test_consumption_beyond_its_reservation_spares_what_others_hold() -> None:
    stock = in_lots(("A", 50, TOMORROW), ("B", 50, None))
    batch = run("materials", [known(), stock, reserve("WO-0", 50), consume("WO-1", 30)])
    assert [lot.batch_number for lot in emitted(batch, "material.consumed")[0].payload.batches] == ["B"]


def test_consumption_of_more_than_is_there_counts_and_raises_an_alert() -> None:
    batch = run("materials", [known(), reported(100), reserve("WO-1", 50), consume("WO-2", 130)])
    assert _alerts(batch, "material.overconsumed") == [
        "WO-2 consumed 130 EA of Door Panel (MAT-1), 30 more than were on hand."
    ]
    assert _stock(batch) == (0, 0, 0, 0)
    assert _answers(batch)[-1][:3] == ("WO-1", "refused", 0)
    assert emitted(batch, "material.consumed")[0].payload.quantity == 130


def test_the_same_transaction_again_is_silent_and_another_counts() -> None:
    said = [known(), reported(100), consume("WO-1", 10), consume("WO-1", 10, 31), consume("WO-1", 5, 32, number=2)]
    batch = run("materials", said)
    assert len(emitted(batch, "material.consumed")) == 2
    assert _stock(batch)[0] == 85


def test_consumption_of_an_unknown_material_waits_as_a_dead_letter() -> None:
    assert refusals(run("materials", [consume("WO-1", 10)])) == ["UNKNOWN_MATERIAL"]


def test_a_report_below_what_is_reserved_takes_from_the_latest_first() -> None:
    said = [known(), reported(100), reserve("WO-1", 40), reserve("WO-2", 40), reserve("WO-3", 20), reported(55, 20)]
    batch = run("materials", said)
    assert [answer[:3] for answer in _answers(batch)[3:]] == [("WO-2", "partial", 15), ("WO-3", "refused", 0)]
    assert _alerts(batch, "material.shortage") == [
        "Door Panel (MAT-1) has 55 EA on hand, less than was reserved: WO-3 loses 20 of 20 EA, WO-2 loses 25 of 40 EA."
    ]
    assert _stock(batch) == (55, 55, 55, 0)


def test_a_lot_that_shrank_is_replaced_by_another_before_anybody_loses() -> None:
    said = [
        known(),
        in_lots(("A", 50, TOMORROW), ("B", 50, None)),
        reserve("WO-1", 50),
        in_lots(("A", 20, TOMORROW), ("B", 80, None), seconds=20),
    ]
    batch = run("materials", said)
    assert _lots(batch, "WO-1") == [("A", 20), ("B", 30)]
    assert not _alerts(batch, "material.shortage")
    assert len(_answers(batch)) == 1


def test_a_report_that_cannot_know_a_consumption_is_less_by_it_until_one_does() -> None:
    said = [known(), reported(100), consume("WO-1", 30, 10)]
    unknowing = run("materials", [*said, reported(100, 20)])
    assert _stock(unknowing)[0] == 70
    same_moment = run("materials", [acknowledged("WO-1", 40), reported(99, 40)], unknowing.changed, 4)
    assert _stock(same_moment)[0] == 69
    knowing = run("materials", [reported(65, 41)], same_moment.changed, 6)
    assert _stock(knowing)[0] == 65


def test_a_confirmation_that_comes_after_the_report_that_knew_puts_it_right() -> None:
    said = [known(), in_lots(("A", 100, None)), consume("WO-1", 30, 10), in_lots(("A", 70, None), seconds=20)]
    early = run("materials", said)
    assert _stock(early)[0] == 40
    late = run("materials", [acknowledged("WO-1", 15, 21), acknowledged("WO-1", 15, 22)], early.changed, 4)
    assert _stock(late)[0] == 70
    assert len(emitted(late, "material.consumption_acknowledged")) == 1
    assert refusals(late) == []


def test_a_consumption_nobody_knows_cannot_be_confirmed() -> None:
    assert refusals(run("materials", [known(), acknowledged("WO-9", 1)])) == ["UNKNOWN_TRANSACTION"]


def test_what_the_warehouse_holds_for_us_is_not_counted_twice() -> None:
    said = [known(), reported(100), reserve("WO-1", 40), confirmed("WO-1", 11)]
    before = run("materials", [*said, reported(100, 11, allocated=60)])
    assert _stock(before)[2:] == (100, 0), "this report was made before the warehouse held ours"
    after = run("materials", [*said, reported(100, 12, allocated=60)])
    assert _stock(after)[2:] == (60, 40), "40 of the 60 are ours"


def test_what_is_used_up_is_not_held_elsewhere_while_the_warehouse_still_holds_it() -> None:
    said = [known(), reported(100), reserve("WO-1", 40), confirmed("WO-1", 11), reported(100, 12, allocated=40)]
    batch = run("materials", [*said, consume("WO-1", 40, 13)])
    assert _stock(batch) == (60, 0, 0, 60)


def test_the_warehouses_lots_replace_ours() -> None:
    stock = in_lots(("A", 50, TOMORROW), ("B", 50, None))
    said = [known(), stock, reserve("WO-1", 50), reserve("WO-2", 50), confirmed("WO-1", 11, ("B", 30), ("A", 20))]
    batch = run("materials", said)
    assert _lots(batch, "WO-1") == [("B", 30), ("A", 20)]
    assert sorted(_lots(batch, "WO-2")) == [("A", 30), ("B", 20)], "the other order moves to what is left"
    row = _rows(batch)["WO-1"]
    assert (row.inventory_reservation_id, row.batches[0].location) == ("INV-WO-1", "Bin 3A")


def test_what_was_added_since_the_warehouse_was_asked_keeps_our_lots() -> None:
    stock = in_lots(("A", 50, TOMORROW), ("B", 50, None))
    said = [known(), stock, reserve("WO-1", 30), reserve("WO-1", 60, 11), confirmed("WO-1", 12, ("B", 30))]
    batch = run("materials", said)
    assert _lots(batch, "WO-1") == [("B", 30), ("A", 30)]
    assert (len(_answers(batch)), _stock(batch)[1]) == (2, 60)


def test_the_same_confirmation_again_is_silent() -> None:
    said = [known(), reported(100), reserve("WO-1", 50), confirmed("WO-1", 11), confirmed("WO-1", 12, moment=11)]
    assert len(emitted(run("materials", said), "reservation.changed")) == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([confirmed("WO-1", 11)], "RESERVATION_NOT_OPEN"),
        ([reserve("WO-1", 50), release("WO-1"), confirmed("WO-1", 21)], "RESERVATION_NOT_OPEN"),
        ([reserve("WO-1", 50), confirmed("WO-1", 11, ("A", 51))], "ALLOCATION_ABOVE_RESERVATION"),
    ],
)
def test_a_confirmation_that_fits_no_reservation_is_refused(said: list[Any], code: str) -> None:
    batch = run("materials", [known(), reported(100), *said])
    assert refusals(batch) == [code]


def test_a_corrected_total_counts_from_its_moment_on() -> None:
    said = [known(), in_lots(("A", 50, TOMORROW), ("B", 50, None)), corrected("on_hand_quantity", 70, 20)]
    batch = run("materials", [*said, corrected("on_hand_quantity", 10, 19), reported(10, 18)])
    assert _stock(batch)[0] == 70
    lots = emitted(batch, "material.changed")[-1].payload.batches
    assert [(lot.batch_number, int(lot.quantity)) for lot in lots] == [("A", 20), ("B", 50)]


def test_a_correction_that_names_our_transaction_knows_it() -> None:
    said = [known(), reported(100), consume("WO-1", 30, 10)]
    batch = run("materials", [*said, corrected("on_hand_quantity", 70, 20, transaction_id="TXN-WO-1-1")])
    assert _stock(batch)[0] == 70


def test_a_corrected_allocation_leaves_the_stock_alone() -> None:
    batch = run("materials", [known(), reported(100), corrected("allocated_quantity", 30, 20)])
    assert _stock(batch) == (100, 0, 30, 70)


def test_a_correction_below_what_is_reserved_raises_a_shortage() -> None:
    batch = run("materials", [known(), reported(100), reserve("WO-1", 80), corrected("on_hand_quantity", 50, 20)])
    assert _answers(batch)[-1][:3] == ("WO-1", "partial", 50)
    assert len(_alerts(batch, "material.shortage")) == 1


def test_a_material_kept_in_lots_gives_only_from_lots() -> None:
    said = [
        known(),
        in_lots(("A", 10, None)),
        corrected("on_hand_quantity", 0, 20),
        corrected("on_hand_quantity", 50, 21),
    ]
    batch = run("materials", [*said, reserve("WO-1", 50, 22)])
    assert _answers(batch)[0][1:3] == ("refused", 0)


def test_a_consumed_reservation_does_not_open_again() -> None:
    said = [known(), reported(100), reserve("WO-1", 40), consume("WO-1", 40), reserve("WO-1", 40, 31)]
    batch = run("materials", said)
    assert _answers(batch)[-1][1:3] == ("consumed", 0)
    assert _stock(batch)[1] == 0


def test_changes_of_master_data_are_told_field_by_field_with_their_message() -> None:
    later = known(5, standard_cost=Decimal("12.50"), is_active=False)
    batch = run("materials", [known(description="old"), later, corrected("safety_stock", 20, 6)])
    told = [each.payload for each in emitted(batch, "material.changed")]
    assert [[(one.field, one.old, one.new) for one in each.changes] for each in told] == [
        [],
        [("description", "old", None), ("standard_cost", None, "12.5"), ("is_active", "true", "false")],
        [("safety_stock", "0", "20")],
    ]
    assert (told[1].changed_by, told[1].change_source) == (later.message_id, "TEST")


def test_consumptions_beyond_the_most_that_are_remembered_stay_off_the_stock() -> None:
    said = [known(), reported(5000), *(consume(f"WO-{number}", 1, 30) for number in range(1_100))]
    assert _stock(run("materials", said))[0] == 3900


def test_a_material_refuses_more_reservations_than_its_state_can_hold() -> None:
    said = [known(), reported(10_000), *(reserve(f"WO-{number:04}", 1) for number in range(4_001))]
    batch = run("materials", said)
    assert _answers(batch)[-1][:2] == ("WO-4000", "refused")
    (state,) = batch.changed.values()
    assert len(state) < 1024 * 1024
