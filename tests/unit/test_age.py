"""A message's age is judged once, at reception: late is what an outage held back, stale is what came too late."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from connectors.age import Age, Line, Outage
from schemas.settings import Settings
from tests.messages import NOON, at

MINUTE = 60.0
HOUR = 3600.0


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def set(self, seconds: float) -> None:
        """Show that many seconds after noon."""
        self.now = at(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(tmp_path: Path, clock: Clock) -> Callable[[], Line]:
    """The line of a process; called again, the line of the process that was started after it."""
    return lambda: Line("mes-mqtt", Settings(spool_dir=tmp_path), clock=clock)


@pytest.fixture
def up(line: Callable[[], Line]) -> Line:
    """A line that came up for the first time at noon."""
    first = line()
    assert first.connected() is None
    return first


def lives(line: Line, clock: Clock, until: float) -> None:
    """Give a sign of life every five seconds, from what the clock shows until so many seconds after noon."""
    first = int((clock.now - NOON).total_seconds())
    for second in range(first, int(until), 5):
        clock.set(second)
        line.alive()
    clock.set(until)
    line.alive()


def judged(line: Line, clock: Clock, seconds: float) -> Age:
    """A message of so many seconds after noon, received now."""
    return line.judge(at(seconds), clock.now)


@pytest.mark.parametrize(("age_seconds", "expected"), [(0, Age.FRESH), (300, Age.FRESH), (301, Age.STALE)])
def test_while_the_line_is_up_five_minutes_are_the_limit(
    up: Line, clock: Clock, age_seconds: float, expected: Age
) -> None:
    lives(up, clock, 20 * MINUTE)
    assert judged(up, clock, 20 * MINUTE - age_seconds) is expected


@pytest.mark.parametrize(("ahead_seconds", "expected"), [(1, Age.FRESH), (300, Age.FRESH), (301, Age.FUTURE)])
def test_more_than_five_minutes_in_the_future_is_refused(
    up: Line, clock: Clock, ahead_seconds: float, expected: Age
) -> None:
    assert judged(up, clock, ahead_seconds) is expected


def test_what_the_broker_held_while_the_line_was_down_is_late(up: Line, clock: Clock) -> None:
    lives(up, clock, MINUTE)
    up.lost()
    clock.set(2 * HOUR)
    assert up.connected() == Outage(at(MINUTE), at(2 * HOUR))
    assert judged(up, clock, 2 * MINUTE) is Age.LATE
    assert judged(up, clock, 2 * HOUR - 1) is Age.LATE


def test_the_future_is_refused_after_an_outage_too(up: Line, clock: Clock) -> None:
    up.lost()
    clock.set(HOUR)
    up.connected()
    assert judged(up, clock, HOUR + 301) is Age.FUTURE


def test_a_message_that_was_underway_when_the_line_broke_is_late(up: Line, clock: Clock) -> None:
    lives(up, clock, HOUR)
    up.lost()
    clock.set(2 * HOUR)
    up.connected()
    assert judged(up, clock, HOUR - 299) is Age.LATE
    assert judged(up, clock, HOUR - 301) is Age.STALE


def test_an_outage_excuses_nothing_that_is_older_than_it(up: Line, clock: Clock) -> None:
    lives(up, clock, HOUR)
    up.lost()
    clock.set(HOUR + 10)
    up.connected()
    assert judged(up, clock, 30 * MINUTE) is Age.STALE


def test_what_was_held_back_is_late_however_long_it_waits_to_be_read(up: Line, clock: Clock) -> None:
    up.lost()
    clock.set(HOUR)
    up.connected()
    lives(up, clock, HOUR + 20 * MINUTE)
    assert judged(up, clock, 30 * MINUTE) is Age.LATE


def test_an_outage_is_forgotten_after_a_day(up: Line, clock: Clock) -> None:
    up.lost()
    clock.set(HOUR)
    up.connected()
    lives(up, clock, HOUR + 10)
    up.lost()
    clock.set(27 * HOUR)
    up.connected()
    lives(up, clock, 27 * HOUR + 10)
    assert judged(up, clock, 30 * MINUTE) is Age.STALE
    assert judged(up, clock, 26 * HOUR) is Age.LATE


def test_a_killed_process_knows_afterwards_that_it_was_away(up: Line, line: Callable[[], Line], clock: Clock) -> None:
    lives(up, clock, MINUTE)
    clock.set(HOUR)
    successor = line()
    assert successor.connected() == Outage(at(MINUTE), at(HOUR))
    assert judged(successor, clock, 30 * MINUTE) is Age.LATE


def test_a_line_that_was_never_up_before_excuses_nothing(up: Line, clock: Clock) -> None:
    assert judged(up, clock, -HOUR) is Age.STALE


def test_a_process_that_slept_knows_it_by_its_own_signs_of_life(up: Line, clock: Clock) -> None:
    lives(up, clock, MINUTE)
    clock.set(HOUR)
    assert judged(up, clock, 30 * MINUTE) is Age.LATE


def test_a_process_that_slept_still_knows_it_after_the_next_sign_of_life(up: Line, clock: Clock) -> None:
    lives(up, clock, MINUTE)
    clock.set(HOUR)
    up.alive()
    assert judged(up, clock, 30 * MINUTE) is Age.LATE


def test_a_day_without_trouble_excuses_nothing(up: Line, clock: Clock) -> None:
    lives(up, clock, 2 * HOUR)
    assert judged(up, clock, HOUR) is Age.STALE


def test_the_limits_are_settings(tmp_path: Path, clock: Clock) -> None:
    line = Line("mes-mqtt", Settings(spool_dir=tmp_path, stale_seconds=10, future_seconds=5), clock=clock)
    line.connected()
    assert judged(line, clock, -11) is Age.STALE
    assert judged(line, clock, 6) is Age.FUTURE


def test_a_clock_set_back_marks_no_outage_that_ends_before_it_begins(up: Line, clock: Clock) -> None:
    lives(up, clock, HOUR)
    up.lost()
    clock.set(30 * MINUTE)
    outage = up.connected()
    assert outage is not None
    assert outage.from_at <= outage.to_at == at(30 * MINUTE)


@pytest.mark.parametrize("content", ["", "{", "null", "[]", '{"last_alive_at": "yesterday", "outages": []}', "{}"])
def test_a_broken_file_is_a_line_that_was_never_up(tmp_path: Path, line: Callable[[], Line], content: str) -> None:
    (tmp_path / "line-mes-mqtt.json").write_text(content)
    fresh = line()
    assert fresh.connected() is None
    assert json.loads((tmp_path / "line-mes-mqtt.json").read_text())["last_alive_at"] is not None


def test_lines_with_different_names_do_not_share_their_outages(tmp_path: Path, clock: Clock) -> None:
    one, other = (Line(name, Settings(spool_dir=tmp_path), clock=clock) for name in ("opcua-a", "opcua-b"))
    one.connected()
    other.connected()
    one.lost()
    lives(other, clock, HOUR)
    one.connected()
    assert judged(one, clock, 30 * MINUTE) is Age.LATE
    assert judged(other, clock, 30 * MINUTE) is Age.STALE


def test_time_zones_do_not_matter(up: Line, clock: Clock) -> None:
    tokyo = timezone(timedelta(hours=9))
    assert up.judge(at(-301).astimezone(tokyo), clock.now) is Age.STALE
    assert up.judge(at(-299).astimezone(tokyo), clock.now) is Age.FRESH


def test_an_outage_that_is_being_caught_up_with_is_found_again_by_the_next_process_until_all_is_safe(
    line: Callable[[], Line], clock: Clock
) -> None:
    before = line()
    before.connected()
    clock.set(HOUR)
    killed = line()
    assert killed.catching_up() == Outage(at(0), at(HOUR))
    assert judged(killed, clock, 30 * MINUTE) is Age.LATE
    clock.set(HOUR + MINUTE)
    successor = line()
    assert successor.catching_up() == Outage(at(0), at(HOUR + MINUTE))
    successor.alive()
    clock.set(HOUR + 2 * MINUTE)
    assert line().catching_up() == Outage(at(HOUR + MINUTE), at(HOUR + 2 * MINUTE))
