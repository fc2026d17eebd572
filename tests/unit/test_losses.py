"""The six big losses, counted by hand and held to their law: they add up to what planned time did not give."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.losses import KINDS, Rules, Stop, pieces_of, startups
from streams.domain.oee import LOSSES, Made, Sums, added, factors_of, of, sums_of
from streams.domain.stretches import Stretch

SIX = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = Rules(
    {
        "LUNCH": "planned_stop",
        "SETUP": "setup_and_adjustments",
        "FAULT": "breakdowns",
        "STARVED": "idling_and_minor_stops",
    }
)


def at(minutes: float) -> datetime:
    return SIX + minutes * MINUTE


def stretch(status: str, begin: float, end: float, *, has_order: bool = True) -> Stretch:
    return Stretch(status, at(begin), at(end), has_order)


def stop(reason: str, begin: float, end: float) -> Stop:
    return Stop(reason, at(begin), at(end))


def minutes_of(found: Sums) -> dict[str, float]:
    """How long each kind of moment lasted, in minutes; what there was none of is left out."""
    return {kind: time / MINUTE for kind, time in found.times.items() if time}


def minutes_lost(found: Sums) -> dict[str, float | None]:
    return {name: None if time is None else time / MINUTE for name, time in found.losses.items()}


# A shift of 480 minutes with a lunch of 30 and a machine that begins with a setup, stops briefly and breaks down.
SHIFT = [
    stretch("idle", 0, 20),
    stretch("running", 20, 200),
    stretch("stopped", 200, 203),
    stretch("running", 203, 240),
    stretch("idle", 240, 270),
    stretch("running", 270, 300),
    stretch("breakdown", 300, 360),
    stretch("running", 360, 450),
    stretch("gap", 450, 460),
    stretch("idle", 460, 480, has_order=False),
]
LUNCH_BREAK = [(at(0), at(240)), (at(270), at(480))]
MADE = [Made(at(25), 10, 4), Made(at(200), 300, 1), Made(at(240), 50), Made(at(300), 40, 2), Made(at(440), 200, 3)]


def shift(**changes: object) -> Sums:
    told = {"opened": LUNCH_BREAK, "stops": [stop("SETUP", 0, 20)], "rules": RULES}
    return sums_of(SHIFT, MADE, 30, at(0), at(480), **{**told, **changes})  # type: ignore[arg-type]


def test_every_moment_of_a_shift_counts_once() -> None:
    assert minutes_of(shift()) == {
        "closed": 30,
        "unobserved": 10,
        "idle_without_order": 20,
        "running": 337,
        "breakdowns": 60,
        "setup_and_adjustments": 20,
        "idling_and_minor_stops": 3,
    }


def test_a_shift_has_its_six_losses() -> None:
    """600 units at 30 s are 300 of 337 min; 10 of 600 are scrap: 5 min, of which 4 units came as the run began."""
    found = shift()
    assert minutes_lost(found) == {
        "breakdowns": 60,
        "setup_and_adjustments": 20,
        "idling_and_minor_stops": 3,
        "reduced_speed": 37,
        "process_defects": 3,
        "startup_rejects": 2,
    }
    assert found.planned_time == 420 * MINUTE
    assert found.productive_time == 295 * MINUTE
    assert factors_of(found).oee == pytest.approx(295 / 420)


def test_a_stop_without_a_known_reason_is_minor_if_it_is_short() -> None:
    ran = [stretch("running", 0, 10), stretch("breakdown", 10, 14.9), stretch("running", 14.9, 60)]
    assert minutes_of(sums_of(ran, [], 30, at(0), at(60)))["idling_and_minor_stops"] == pytest.approx(4.9)
    ran = [stretch("running", 0, 10), stretch("breakdown", 10, 15), stretch("running", 15, 60)]
    assert minutes_of(sums_of(ran, [], 30, at(0), at(60)))["breakdowns"] == 5


def test_a_stop_is_as_long_as_it_is_whatever_window_is_cut_through_it() -> None:
    stood = [stretch("running", -60, 0), stretch("stopped", 0, 6), stretch("running", 6, 60)]
    assert minutes_of(sums_of(stood, [], 30, at(0), at(2)))["breakdowns"] == 2
    assert minutes_of(sums_of(stood, [], 30, at(2), at(60)))["breakdowns"] == 4


def test_a_known_reason_counts_however_short_and_an_unknown_one_does_not() -> None:
    stood = [stretch("stopped", 0, 2), stretch("running", 2, 4), stretch("stopped", 4, 30)]
    found = sums_of(stood, [], 30, at(0), at(30), stops=[stop("fault", 0, 2), stop("SOMETHING", 4, 30)], rules=RULES)
    assert minutes_of(found) == {"breakdowns": 28, "running": 2}
    starved = sums_of(stood, [], 30, at(0), at(30), stops=[stop("STARVED", 4, 30)], rules=RULES)
    assert minutes_of(starved)["idling_and_minor_stops"] == 28


def test_of_overlapping_stops_the_first_counts_until_it_ends() -> None:
    stood = [stretch("stopped", 0, 60)]
    told = [stop("FAULT", 20, 40), stop("SETUP", 10, 30), stop("LUNCH", 35, 50), stop("SETUP", 12, 25)]
    found = sums_of(stood, [], 30, at(0), at(60), stops=told, rules=RULES)
    assert minutes_of(found) == {"setup_and_adjustments": 20, "breakdowns": 10 + 10 + 10, "planned_stop": 10}
    assert found.planned_time == 50 * MINUTE


def test_a_machine_that_runs_is_not_down_whatever_was_said() -> None:
    found = sums_of([stretch("running", 0, 60)], [], 30, at(0), at(60), stops=[stop("LUNCH", 0, 60)], rules=RULES)
    assert minutes_of(found) == {"running": 60}


def test_unknown_time_is_not_idle_time() -> None:
    found = sums_of([stretch("unknown", 0, 30), stretch("idle", 30, 60)], [], 30, at(0), at(60))
    assert minutes_of(found) == {"unobserved": 30, "idling_and_minor_stops": 30}
    assert found.planned_time == 30 * MINUTE


def test_what_is_made_outside_the_calendar_counts_for_quality_alone() -> None:
    found = sums_of(
        [stretch("running", 0, 60)], [Made(at(30), 30, 3), Made(at(31), 70)], 60, at(0), at(60), [(at(0), at(30))]
    )
    factors = factors_of(found)
    assert (found.unscheduled_units, factors.performance, factors.quality) == (70, 1.0, 0.97)


def test_a_day_off_has_no_oee() -> None:
    found = of([stretch("idle", 0, 60)], [], 30, at(0), at(60), [])
    assert (found.planned_seconds, found.closed_seconds) == (0, 3600)
    assert (found.availability, found.performance, found.quality, found.oee) == (None, None, None, None)


def test_zero_production_is_lost_speed_and_no_quality() -> None:
    found = of([stretch("running", 0, 60)], [], 30, at(0), at(60))
    assert (found.availability, found.performance, found.quality, found.oee) == (1.0, 0.0, None, None)
    assert found.losses["reduced_speed"] == 3600
    assert found.productive_seconds == 0


def test_overproduction_is_negative_speed_loss_and_flagged() -> None:
    found = of([stretch("running", 0, 60)], [Made(at(60), 90)], 60, at(0), at(60))
    assert (found.performance, found.oee, found.is_faster_than_ideal) == (1.5, 1.5, True)
    assert found.losses["reduced_speed"] == -1800
    assert found.productive_seconds == 5400


def test_without_an_ideal_only_lost_time_is_known() -> None:
    found = of([stretch("running", 0, 50), stretch("idle", 50, 60)], [Made(at(40), 9, 1)], None, at(0), at(60))
    assert {name for name, lost in found.losses.items() if lost is None} == {
        "reduced_speed",
        "process_defects",
        "startup_rejects",
    }
    assert (found.losses["idling_and_minor_stops"], found.productive_seconds) == (600, None)


def test_a_machine_starts_up_after_a_stop_that_is_no_minor_one() -> None:
    stood = [
        stretch("running", 0, 10),
        stretch("stopped", 10, 12),
        stretch("running", 12, 40),
        stretch("idle", 40, 43),
        stretch("stopped", 43, 46),
        stretch("running", 46, 60),
    ]
    assert startups(stood, RULES) == [(at(46), at(56))]


def test_nobody_knows_whether_a_machine_starts_up_after_a_gap() -> None:
    assert startups([stretch("gap", 0, 30), stretch("running", 30, 60)], RULES) == []


# -- a line


def test_a_line_is_the_sum_of_its_machines_and_no_mean_of_shares() -> None:
    """Quick: 100 min, 600 units at 10 s; slow: 300 min, 60 units at 300 s, half of them scrap. Both were on time."""
    quick = sums_of([stretch("running", 0, 100)], [Made(at(90), 600)], 10, at(0), at(100))
    slow = sums_of([stretch("running", 0, 300)], [Made(at(200), 60, 30)], 300, at(0), at(300))
    factors = factors_of(added([quick, slow]))
    assert (factors.availability, factors.performance) == (1.0, 1.0)
    assert factors.quality == pytest.approx(250 / 400), "a unit weighs the time that it takes to make"
    assert factors.oee == pytest.approx(250 / 400)


def test_what_one_machine_of_a_line_cannot_say_the_line_cannot_say() -> None:
    known = sums_of([stretch("running", 0, 60)], [Made(at(30), 60)], 60, at(0), at(60))
    unknown = sums_of([stretch("running", 0, 60)], [Made(at(30), 60)], None, at(0), at(60))
    resting = sums_of([stretch("gap", 0, 60)], [], None, at(0), at(60))
    assert factors_of(added([known, unknown])).oee is None
    assert factors_of(added([known, resting])).oee == 1.0


def test_a_line_without_machines_is_refused() -> None:
    with pytest.raises(ValueError, match="no machines"):
        added([])


# -- laws

STATUSES = ["running", "idle", "stopped", "breakdown", "gap", "unknown"]
LENGTHS = st.lists(st.tuples(st.sampled_from(STATUSES), st.integers(1, 600), st.booleans()), min_size=1, max_size=12)
MOMENTS = st.integers(-30, 150)
SPANS = st.lists(st.tuples(MOMENTS, MOMENTS), max_size=4)
STOPS = st.lists(
    st.builds(lambda reason, a, b: stop(reason, a, b), st.sampled_from([*RULES.classes, "OTHER"]), MOMENTS, MOMENTS),
    max_size=5,
)
LOGS = st.lists(
    st.builds(lambda m, u, s: Made(at(m), u, s), MOMENTS, st.integers(0, 500), st.integers(0, 90)), max_size=12
)
IDEALS = st.none() | st.floats(0.001, 4000)


def laid_out(lengths: list[tuple[str, int, bool]]) -> list[Stretch]:
    """Stretches one after the other from 25 minutes before six on, lengths told in some four seconds."""
    begin, found = at(-25), []
    for status, length, has_order in lengths:
        end = begin + length * timedelta(seconds=4, microseconds=70_001)
        found.append(Stretch(status, begin, end, has_order))
        begin = end
    return [*found, Stretch("idle", begin, at(100_000), True)]


@st.composite
def machines(draw: st.DrawFn) -> Sums:
    opened = draw(st.none() | SPANS.map(lambda told: [(at(a), at(b)) for a, b in told]))
    stretches, logs = laid_out(draw(LENGTHS)), draw(LOGS)
    return sums_of(stretches, logs, draw(IDEALS), at(0), at(120), opened, draw(STOPS), RULES)


@given(machines())
def test_losses_add_up_exactly_to_planned_less_productive_time(found: Sums) -> None:
    losses = list(found.losses.values())
    if found.productive_time is None:
        assert losses[3:] == [None, None, None]
        assert found.planned_time - sum(filter(None, losses), timedelta()) == found.times["running"]
    else:
        assert sum(filter(None, losses), timedelta()) == found.planned_time - found.productive_time


@given(machines())
def test_every_moment_of_the_window_has_one_kind(found: Sums) -> None:
    assert sum(found.times.values(), timedelta()) == 120 * MINUTE
    assert all(time >= timedelta() for time in found.times.values())


@given(machines())
def test_oee_is_productive_of_planned_time(found: Sums) -> None:
    oee = factors_of(found).oee
    if oee is not None:
        assert found.productive_time is not None
        assert oee == pytest.approx(found.productive_time / found.planned_time, rel=1e-6, abs=1e-9)


@given(st.lists(machines(), min_size=2, max_size=4))
def test_a_line_loses_what_its_machines_lose(found: list[Sums]) -> None:
    line = added(found)
    for name in LOSSES:
        lost = [each.losses[name] for each in found]
        assert line.losses[name] == (None if None in lost else sum(filter(None, lost), timedelta()))
    assert line.planned_time == sum((each.planned_time for each in found), timedelta())
    if line.productive_time is not None:
        whole = sum(filter(None, line.losses.values()), timedelta())
        assert whole == line.planned_time - line.productive_time
    oee = factors_of(line).oee
    if oee is not None and line.ideal_time:
        assert line.productive_time is not None
        assert oee == pytest.approx(line.productive_time / line.planned_time, rel=1e-6, abs=1e-9)


@given(LENGTHS, SPANS, STOPS, st.integers(1, 119))
def test_where_a_window_is_cut_changes_no_kind(
    lengths: list[tuple[str, int, bool]], opened: list[tuple[int, int]], stops: list[Stop], middle: int
) -> None:
    """The margin of the rules is enough: who knows no more than that around a window finds the same."""
    stretches, spans = laid_out(lengths), [(at(a), at(b)) for a, b in opened]

    def over(begin: int, end: int) -> Sums:
        low, high = at(begin) - RULES.margin, at(end) + RULES.margin
        near = [
            each._replace(from_at=max(low, each.from_at), to_at=min(high, each.to_at))
            for each in stretches
            if each.from_at < high and each.to_at > low
        ]
        return sums_of(near, [], 30, at(begin), at(end), spans, stops, RULES)

    whole, first, second = over(0, 120), over(0, middle), over(middle, 120)
    assert whole.times == {kind: first.times[kind] + second.times[kind] for kind in KINDS}


@given(LENGTHS, SPANS, STOPS)
def test_pieces_cover_the_stretches_once(
    lengths: list[tuple[str, int, bool]], opened: list[tuple[int, int]], stops: list[Stop]
) -> None:
    stretches = laid_out(lengths)
    found = pieces_of(stretches, [(at(a), at(b)) for a, b in opened], stops, RULES)
    assert [found[0].from_at, found[-1].to_at] == [stretches[0].from_at, stretches[-1].to_at]
    assert [each.to_at for each in found[:-1]] == [each.from_at for each in found[1:]]
