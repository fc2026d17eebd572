"""The reference model: what must have become of what was said, and what may have."""

import itertools
from typing import Any

import pytest

from tests.rehearse.checks import compare
from tests.rehearse.expected import Expected, Range
from tests.rehearse.ledger import Answer, Book, Intent, Result, Said, Saying, read, together
from tests.rehearse.model import fold
from tests.rehearse.outside import Head, Letter, Outside, Row, Stock

NOW = 1_795_000_000.0
_numbers = itertools.count()


def said(kind: str, name: str, channel: str = "c", result: Result = "ok", status: int = 200, **about: Any) -> Said:
    """Something that was said now, and answered a moment later."""
    key = str(about.pop("key", name))
    intent = Intent(n=next(_numbers), id=name, channel=channel, kind=kind, key=key, digest="", sent_at=NOW, about=about)
    return Said(intent, result, NOW + 0.1, status)


def order(name: str = "E-1", result: Result = "ok", quantity: int = 100) -> Said:
    """A work order."""
    return said("order", name, "orders", result, order=f"WO-{name}", quantity=quantity, priority="normal")


def count(cumulative: int, seconds: float = 0, result: Result = "ok", **about: Any) -> Said:
    """A reading of M-201 for WO-E-1, so many seconds from now."""
    at = round((NOW + seconds) * 1000)
    values: dict[str, Any] = {"machine": "M-201", "order": "WO-E-1", "units": 1, "quality": "pass"} | about
    name = f"count-{values['machine']}-{values['order']}-{at}-{cumulative}"
    return said("count", name, "counts", result, at=at, cumulative=cumulative, **values)


def ends(expected: Expected, each: Said) -> set[str]:
    """Where a statement may end."""
    return set(expected.statements[each.intent.id].ends)


def test_a_counter_counts_to_its_highest_reading_whatever_the_order_of_its_messages() -> None:
    readings = [count(1, 1), count(2, 2), count(3, 3), count(3, 3)]
    for told in itertools.permutations(readings):
        expected = fold([order(), *told])
        assert expected.produced["WO-E-1"] == Range(3, 3)
        assert expected.repeats["counts"] == 1


def test_a_counter_that_was_reset_begins_again() -> None:
    expected = fold([order(), count(1, 1), count(2, 2), count(1, 3), count(2, 4), count(3, 5, quality="fail")])
    assert expected.produced["WO-E-1"] == Range(5, 5)
    assert expected.scrapped["WO-E-1"] == Range(1, 1)


def test_what_nobody_acknowledged_may_have_been_counted_or_not() -> None:
    doubtful = count(3, 3, "unknown")
    expected = fold([order(), count(1, 1), count(2, 2), doubtful])
    assert expected.produced["WO-E-1"] == Range(2, 3)
    assert ends(expected, doubtful) == {"row", "nowhere"}
    assert expected.unanswered == 1


def test_a_doubtful_message_that_is_said_again_and_acknowledged_is_due() -> None:
    doubtful = count(1, 1, "unknown")
    expected = fold([order(), doubtful, count(1, 1)])
    assert ends(expected, doubtful) == {"row"}


@pytest.mark.parametrize(
    ("told", "expected_ends"),
    [
        (count(1, 0), {"row"}),
        (count(1, -200), {"row"}),
        (count(1, -1200), {"row", "letter:STALE_TIMESTAMP"}),
        (count(1, -800_000_000), {"letter:STALE_TIMESTAMP"}),
        (count(1, 1200), {"letter:FUTURE_TIMESTAMP"}),
        (count(1, 0, machine="M-404"), {"letter:UNKNOWN_MACHINE"}),
        (count(1, 0, order="WO-NOBODY"), {"letter:UNKNOWN_WORK_ORDER"}),
    ],
)
def test_a_reading_ends_by_its_age_its_machine_and_its_order(told: Said, expected_ends: set[str]) -> None:
    assert ends(fold([order(), told]), told) == expected_ends


def test_an_order_may_have_been_taken_by_a_request_that_nobody_answered() -> None:
    assert ends(fold([doubtful := order(result="unknown")]), doubtful) == {"row", "nowhere"}
    assert "E-1" not in fold([order(result="failed")]).statements


def test_an_order_said_with_another_body_must_not_be_taken() -> None:
    expected = fold([order(), said("order_other_body", "E-1", "orders", "ok", key="E-1")])
    assert compare(expected, Outside()).invented[0].startswith("orders E-1: order_other_body was taken")


def test_a_cancelled_order_is_cancelled_and_a_doubtful_cancellation_leaves_both() -> None:
    sure = fold([order(), said("order_cancelled", "cancelled-E-1", key="E-1")])
    assert sure.heads["E-1"].statuses == {"cancelled"}
    doubtful = fold([order(), said("order_cancelled", "cancelled-E-1", result="unknown", key="E-1")])
    assert {"cancelled", "received"} <= doubtful.heads["E-1"].statuses


def test_an_order_is_completed_when_its_units_are_made() -> None:
    expected = fold([order(quantity=2), count(1, 1), count(2, 2)])
    assert expected.heads["E-1"].statuses == {"completed"}


def _stock(on_hand: int, seconds: float, result: Result = "ok") -> Said:
    name = f"stock-M-{seconds}"
    return said("stock", name, "stock", result, key="MAT-1", on_hand=on_hand, at=NOW + seconds)


def _assign(number: int, result: Result = "ok") -> Said:
    name = f"assign-{number}"
    return said("assign", name, "reservations", result, order=f"WO-{number}", material="MAT-1", quantity=30)


def test_three_times_the_stock_is_promised_once() -> None:
    expected = fold([_stock(500, -3600), _stock(60, 0), *map(_assign, range(6))])
    assert expected.shelves["MAT-1"].promised == Range(60, 60)
    seen = Outside(stocks={"MAT-1": Stock(60, 60, {"WO-0": 30, "WO-1": 30})})
    assert compare(expected, seen).is_clean
    seen = Outside(stocks={"MAT-1": Stock(60, 90, {"WO-0": 30, "WO-1": 30, "WO-2": 30})})
    assert compare(expected, seen).oversold == ["MAT-1: 90 held, 90 allocated of 60"]
    seen = Outside(stocks={"MAT-1": Stock(60, 30, {"WO-0": 30})})
    assert "orders hold 30" in compare(expected, seen).lost[0]


def test_a_doubtful_assignment_may_hold_its_share_or_not() -> None:
    expected = fold([_stock(60, 0), _assign(1), _assign(2, "unknown")])
    assert expected.shelves["MAT-1"].promised == Range(30, 60)


def _unknown_order() -> tuple[Said, Letter]:
    told = count(1, 0, order="WO-NOBODY")
    name = told.intent.id
    return told, Letter(frozenset({name, "f" * 32}), "UNKNOWN_WORK_ORDER", "f" * 32, "resolved")


def _click(reading: Said, result: Result) -> Said:
    about = {"order": "WO-E-1", "reading": reading.intent.id, "units": 1}
    return said("edit_retry", "edit-retry-f", "operators", result, 200, key="f" * 32, **about)


def test_a_letter_that_two_people_repair_at_once_takes_effect_once() -> None:
    told, letter = _unknown_order()
    expected = fold([order(), told, _click(told, "ok"), _click(told, "failed")])
    assert expected.produced["WO-E-1"] == Range(1, 1)
    row = Row("WO-E-1", "M-201", 1, 1, 0, False)
    head = Head("WO-E-1", 100, "in_progress", "normal", 1, 0)
    seen = Outside(letters=[letter], heads={"E-1": [head]})
    seen.readings[told.intent.id] = row
    seen.rows.update([told.intent.id, "E-1"])
    assert compare(expected, seen).is_clean
    seen.heads["E-1"] = [head._replace(produced=2)]
    assert compare(expected, seen).doubled == ["WO-E-1: 1 units made, its head says 2"]
    twice = fold([order(), told, _click(told, "ok"), _click(told, "ok")])
    assert "2 people were told" in compare(twice, seen).doubled[-1]


def test_a_repaired_reading_that_stands_in_no_row_is_lost() -> None:
    told, letter = _unknown_order()
    expected = fold([order(), told, _click(told, "ok")])
    head = Head("WO-E-1", 100, "in_progress", "normal", 0, 0)
    seen = Outside(letters=[letter], heads={"E-1": [head]})
    seen.rows.update(["E-1"])
    assert any("stands in no row" in each for each in compare(expected, seen).lost)


def test_the_best_answer_of_several_counts_and_a_refusal_undoes_no_doubt() -> None:
    intent = order().intent

    def result(*answers: Result) -> Result:
        told = [Answer(n=(intent.n,), result=each, at=NOW) for each in answers]
        return together([intent, *told])[0].result

    assert result() == "unknown"
    assert result("failed") == "failed"
    assert result("unknown", "failed") == "unknown"
    assert result("failed", "unknown", "ok") == "ok"


def test_the_ledger_is_on_disk_before_anything_is_said_and_goes_on_after_an_end(tmp_path: Any) -> None:
    book = Book(tmp_path)
    (number,) = book.say([Saying("a", "c", "order", "a", b"{}", {"order": "WO-1"})])
    assert [each.intent.id for each in read(tmp_path)] == ["a"]
    assert read(tmp_path)[0].result == "unknown"
    book.answer([number], "ok", 200)
    book.close()
    again = Book(tmp_path)
    assert again.say([Saying("b", "c", "order", "b", b"{}", {})]) == [1]
    assert [(each.intent.id, each.result) for each in read(tmp_path)] == [("a", "ok"), ("b", "unknown")]
    again.close()
