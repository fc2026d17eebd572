"""A machine's stretches as columns to draw."""

from datetime import UTC, datetime, timedelta

from streams.domain.bands import bars
from streams.domain.stretches import Stretch

SIX = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return SIX + timedelta(minutes=minutes)


def stretches(*told: tuple[str, float, float]) -> list[Stretch]:
    return [Stretch(status, at(begin), at(end)) for status, begin, end in told]


def drawn(told: list[Stretch], minutes: float, columns: int) -> list[tuple[str, int]]:
    return [(each.status, each.width) for each in bars(told, at(0), at(minutes), columns)]


def test_columns_of_one_status_are_one_bar() -> None:
    told = stretches(("running", 0, 6), ("idle", 6, 10))
    assert drawn(told, 10, 10) == [("running", 6), ("idle", 4)]


def test_a_column_shows_what_lasted_longest_in_it() -> None:
    told = stretches(("running", 0, 1.7), ("idle", 1.7, 2), ("running", 2, 4))
    assert drawn(told, 4, 2) == [("running", 2)]


def test_a_short_gap_and_a_short_breakdown_do_not_vanish() -> None:
    told = stretches(
        ("running", 0, 10), ("gap", 10, 10.1), ("running", 10.1, 50), ("breakdown", 50, 50.1), ("idle", 50.1, 100)
    )
    assert drawn(told, 100, 10) == [("running", 1), ("gap", 1), ("running", 3), ("breakdown", 1), ("idle", 4)]


def test_the_bars_cover_every_column_once() -> None:
    told = stretches(*(("running" if minute % 3 else "idle", minute, minute + 1) for minute in range(97)))
    found = bars(told, at(0), at(97), 40)
    assert sum(each.width for each in found) == 40
    assert [each.column for each in found] == [sum(each.width for each in found[:place]) for place in range(len(found))]
