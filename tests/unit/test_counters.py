"""A cumulative counter counts every unit once, whatever happens to its messages."""

from streams.domain.counters import Counter, Reading, read
from tests.messages import at


def _all(readings: list[tuple[float, int, int]], *, starts_at_zero: bool = True) -> tuple[int, list[Reading]]:
    counter: Counter = ()
    done: list[Reading] = []
    for seconds, cumulative, units in readings:
        reading = read(counter, at(seconds), cumulative, units, starts_at_zero=starts_at_zero)
        counter = reading.counter
        done.append(reading)
    return sum(each.units for each in done), done


def test_each_reading_adds_what_is_new() -> None:
    assert _all([(1, 1, 1), (2, 2, 1), (3, 5, 3)])[0] == 5


def test_a_repeated_reading_changes_nothing() -> None:
    total, done = _all([(1, 1, 1), (2, 2, 1), (2, 2, 1), (1, 1, 1)])
    assert total == 2
    assert [(each.units, each.filled) for each in done[2:]] == [(0, 0), (0, 0)]


def test_a_missing_message_is_covered_by_the_next_total() -> None:
    assert _all([(1, 1, 1), (3, 3, 1)])[0] == 3


def test_a_late_message_fills_the_gap_it_left_once() -> None:
    total, done = _all([(1, 1, 1), (4, 4, 1), (2, 2, 1), (2, 2, 1), (3, 3, 1)])
    assert total == 4
    assert [each.filled for each in done] == [0, 0, 1, 0, 1]


def test_a_drop_with_a_newer_time_is_a_reset() -> None:
    total, done = _all([(1, 50, 50), (2, 1, 1), (3, 2, 1)])
    assert total == 52
    assert [each.epoch for each in done] == [0, 1, 1]


def test_a_drop_with_an_older_time_is_late() -> None:
    assert _all([(5, 50, 50), (2, 20, 1)])[0] == 50


def test_a_reading_from_before_a_reset_belongs_to_the_epoch_before() -> None:
    total, done = _all([(1, 50, 50), (10, 1, 1), (2, 51, 1), (11, 2, 1)])
    assert total == 53
    assert [each.epoch for each in done] == [0, 1, 0, 1]


def test_the_first_reading_of_an_order_counts_in_full() -> None:
    assert _all([(1, 85, 1)])[0] == 85


def test_the_first_reading_of_a_lifetime_counter_counts_only_its_own_units() -> None:
    assert _all([(1, 50_000, 1), (2, 50_001, 1)], starts_at_zero=False)[0] == 2
