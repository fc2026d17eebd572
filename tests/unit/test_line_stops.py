"""A line stops when most of its latest messages fail with one cause, and for nothing else."""

from collections.abc import Iterable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.driver import Record, Refused
from streams.line_stops import Cause, Trip, Window, cause_of, first_to_stop
from tests.messages import NOON, at

BAD, OTHER = Cause("VALIDATION_ERROR", "units", "it is no number"), Cause("UNKNOWN_TYPE", "type", "nobody knows it")


def fed(window: Window, said: Iterable[Cause | None], came_at: datetime = NOON) -> tuple[int, Trip] | None:
    """After how many messages the window stops the line, and why."""
    for number, cause in enumerate(said, 1):
        if cause is None:
            window.passed()
        elif trip := window.failed(cause, came_at):
            return number, trip
    return None


def test_a_line_stops_over_the_first_failure_that_makes_them_more_than_half() -> None:
    assert fed(Window(2000, 0.5), [BAD] * 3000) == (1001, Trip(BAD, 1001, 1001, NOON))


def test_a_window_with_half_its_messages_failed_does_not_stop_the_line() -> None:
    assert fed(Window(2000, 0.5), [BAD, None] * 20_000) is None


@pytest.mark.parametrize(("failed", "stops"), [(49, False), (51, True)])
def test_49_of_100_never_stop_a_line_and_51_do(failed: int, stops: bool) -> None:
    said = [BAD if failed * number // 100 != failed * (number + 1) // 100 else None for number in range(50_000)]
    assert said[:100].count(BAD) == failed
    assert (fed(Window(2000, 0.5), said) is not None) == stops


def test_mixed_causes_never_stop_a_line_however_many_fail() -> None:
    causes = [Cause("VALIDATION_ERROR", f"field_{number}", "is missing") for number in range(3)]
    assert fed(Window(2000, 0.5), causes * 10_000) is None


def test_failures_long_ago_do_not_count() -> None:
    assert fed(Window(2000, 0.5), [*[BAD] * 1000, *[None] * 1001, *[BAD] * 1000]) is None
    assert fed(Window(2000, 0.5), [*[BAD] * 1000, *[None] * 999, BAD]) is not None


def test_many_messages_that_pass_at_once_push_failures_out_too() -> None:
    window = Window(2000, 0.5)
    fed(window, [BAD] * 1000)
    window.passed(1999)
    assert fed(window, [BAD]) is None


def test_a_window_of_none_never_stops_a_line() -> None:
    assert fed(Window(0, 0.5), [BAD] * 10_000) is None


def test_what_had_come_before_somebody_resumed_the_line_is_let_through_and_what_comes_later_counts_anew() -> None:
    window = Window(20, 0.5)
    assert fed(window, [BAD] * 20) is not None
    window.let_through(BAD, at(60))
    window.resume()
    assert fed(window, [BAD] * 500, at(60)) is None
    assert fed(window, [OTHER] * 20, at(59)) is not None
    window.resume()
    assert fed(window, [BAD] * 20, at(61)) == (11, Trip(BAD, 11, 11, at(61)))


def test_failures_that_differ_in_ids_and_numbers_have_one_cause() -> None:
    told = [cause_of("DUPLICATE_WORK_ORDER", None, f"WO-{number} is known: {number} units.") for number in (17, 4600)]
    assert len(set(told)) == 1
    assert cause_of("OTHER", None, "x") != cause_of("OTHER", "units", "x")


def record(offset: int) -> Record:
    return Record(offset, b"t/M-1", b"{}", int(NOON.timestamp() * 1000))


def refused(offsets: Iterable[int]) -> list[Refused]:
    return [Refused(offset, *BAD) for offset in offsets]


def test_a_batch_is_cut_behind_the_record_over_which_the_line_stops_also_where_offsets_have_gaps() -> None:
    records = [record(offset) for offset in range(100, 400, 3)]
    bad = [each.offset for each in records if each.offset % 2]
    window = Window(40, 0.4)
    assert first_to_stop(window, records, refused(bad)) == (34, Trip(cause_of(*BAD), 17, 34, NOON))
    assert records[33].offset == bad[16]


def reference(said: list[int], size: int, share: float) -> int | None:
    """The rule as it is written: count anew over the latest messages, at each failure."""
    for end, cause in enumerate(said, 1):
        if cause and said[max(0, end - size) : end].count(cause) > size * share:
            return end
    return None


@given(st.lists(st.integers(0, 2), max_size=200), st.integers(1, 30), st.sampled_from([0.25, 0.5, 0.9, 1.0]))
def test_the_window_is_the_rule_however_messages_are_batched(said: list[int], size: int, share: float) -> None:
    window, causes = Window(size, share), [None, BAD, OTHER]
    found = fed(window, [causes[each] for each in said])
    assert (found and found[0]) == reference(said, size, share)
    assert len(window._failures) <= size


@given(st.lists(st.booleans(), min_size=1, max_size=120), st.integers(1, 20), st.integers(1, 30))
def test_batches_of_any_size_stop_the_line_at_the_same_record(bad: list[bool], size: int, batch: int) -> None:
    window, stopped = Window(size, 0.5), None
    for first in range(0, len(bad), batch):
        records = [record(offset) for offset in range(first, min(first + batch, len(bad)))]
        found = first_to_stop(window, records, refused(each.offset for each in records if bad[each.offset]))
        if found:
            stopped = first + found[0]
            break
    assert stopped == reference([int(each) for each in bad], size, 0.5)


def test_a_trip_says_how_many_of_how_many_messages_failed() -> None:
    said = [*[None] * 100, *[BAD] * 20]
    assert fed(Window(20, 0.5), said) == (111, Trip(BAD, 11, 20, NOON))
