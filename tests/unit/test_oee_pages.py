"""The page of lines and shifts, made of rows."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from connectors.gateway.oee_shown import definition, waterfall
from connectors.gateway.pages.oee import RANGES
from connectors.gateway.pages.rendering import templates
from connectors.oee_inputs import inputs_of, sums_of
from schemas.definitions import OEE
from streams.domain import oee
from streams.domain.oee import Made, Sums
from streams.domain.stretches import Stretch

SIX = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def shift(ideal: float | None, units: int = 700) -> Sums:
    """Seven hours of running and one of a breakdown."""
    stretches = [Stretch("running", SIX, SIX + 7 * HOUR), Stretch("breakdown", SIX + 7 * HOUR, SIX + 8 * HOUR)]
    return oee.sums_of(stretches, [Made(SIX + 6 * HOUR, units, 10)], ideal, SIX, SIX + 8 * HOUR)


def row(found: Sums, **changes: Any) -> dict[str, Any]:
    inputs = inputs_of(found)
    told = {
        "level": "line",
        "subject_id": "line1",
        "line": "line1",
        "bucket": "shift",
        "shift_name": "Early",
        "day": date(2026, 11, 21),
        "from_at": SIX,
        "to_at": SIX + 8 * HOUR,
        "computed_until": SIX + 8 * HOUR,
        "is_settled": True,
        "restated_at": None,
        "inputs": inputs,
        "steps": waterfall(inputs["planned_seconds"], inputs["losses"], inputs["productive_seconds"]),
    }
    return told | oee.factors_of(found)._asdict() | changes


def page_of(*rows: dict[str, Any], **changes: Any) -> str:
    told = {
        "found": rows,
        "lines": ["line1"],
        "shifts": ["Early"],
        "ranges": RANGES,
        "definition": definition(),
        "asked": {"level": "line", "bucket": "shift", "range": "7d", "line": None, "shift": None},
        "query": "level=line",
        "next_cursor": None,
        "zone": "UTC",
        "here": "machines",
        "visitor": SimpleNamespace(name="Robin"),
        "role": "viewer",
        "may": lambda _: False,
        "now": SIX,
    }
    return templates.get_template("oee.html").render(told | changes)


def test_inputs_come_back_from_a_row_as_they_were() -> None:
    for found in (shift(30.000001), shift(None)):
        assert sums_of(inputs_of(found)) == found


def test_a_row_says_its_figures_its_greatest_loss_and_how_it_stands() -> None:
    page = page_of(row(shift(30)))
    assert "71.9 %" in page, "690 good units at 30 s are 5.75 of 8 hours"
    assert "reduced speed 70 min" in page
    assert "690 of 700" in page
    assert "settled" in page
    assert OEE[:60] in page


def test_what_is_not_known_is_said_in_words() -> None:
    page = page_of(row(shift(None)))
    assert page.count("not known") == 2, "OEE and performance"
    assert "breakdowns 60 min" in page


def test_what_is_faster_than_its_ideal_and_what_was_restated_are_marked() -> None:
    page = page_of(row(shift(45, 700), restated_at=SIX), row(shift(30), is_settled=False, computed_until=SIX + HOUR))
    assert "computed 125 %" in page
    assert "86.2 %" in page, "OEE is shown with performance at most 100 %"
    assert "restated" in page
    assert "under way" in page
    assert "just over" in page_of(row(shift(30), is_settled=False))


def test_without_rows_it_says_where_they_come_from() -> None:
    assert "Rows come every minute from the process jobs" in page_of()
