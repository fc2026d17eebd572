"""Jobs run by the plant's clock: each moment once, also on the days when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.clock import CLOCK
from connectors.clockwork import latest, run_id_of, upcoming

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
SPRING, AUTUMN = datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)


def runs(cron: str, begin: datetime, zone: ZoneInfo, hours: int = 8) -> list[str]:
    """The moments that a process which looks every minute finds due in these hours, in UTC."""
    seen: list[datetime] = []
    for minute in range(hours * 60):
        moment = latest(cron, begin + timedelta(minutes=minute), zone)
        if moment >= begin and (not seen or moment > seen[-1]):
            seen.append(moment)
    return [f"{moment:%H:%M}" for moment in seen]


def test_a_daily_job_runs_by_the_plants_clock() -> None:
    noon = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert latest("0 23 * * *", noon, BERLIN) == datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
    assert upcoming("0 23 * * *", noon, BERLIN) == datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
    assert upcoming("0 23 * * *", noon, KOLKATA) == datetime(2026, 11, 21, 17, 30, tzinfo=UTC)


def test_the_moment_itself_is_due_and_not_to_come() -> None:
    moment = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
    assert latest("0 23 * * *", moment, BERLIN) == moment
    assert upcoming("0 23 * * *", moment, BERLIN) == moment + timedelta(days=1)


@pytest.mark.parametrize("cron", ["0 2 * * *", "30 2 * * *"])
def test_a_daily_job_runs_once_when_its_hour_comes_twice(cron: str) -> None:
    assert len(runs(cron, AUTUMN, BERLIN)) == 1


@pytest.mark.parametrize("cron", ["0 2 * * *", "30 2 * * *"])
def test_a_daily_job_runs_once_when_its_hour_is_left_out(cron: str) -> None:
    assert len(runs(cron, SPRING, BERLIN)) == 1


def test_an_hourly_job_runs_in_every_hour_whatever_clocks_do() -> None:
    expected = ["22:05", "23:05", "00:05", "01:05", "02:05", "03:05", "04:05", "05:05"]
    assert runs("5 * * * *", AUTUMN, BERLIN) == expected
    assert runs("5 * * * *", SPRING, BERLIN) == expected


def test_a_job_every_five_minutes_leaves_none_out() -> None:
    assert len(runs("*/5 * * * *", AUTUMN, BERLIN)) == len(runs("*/5 * * * *", SPRING, BERLIN)) == 96


@given(
    st.sampled_from(["0 2 * * *", "30 2 * * *", "5 * * * *", "*/5 * * * *", "0 23 * * *", "* * * * *"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([BERLIN, KOLKATA, ZoneInfo("America/New_York"), ZoneInfo("UTC")]),
)
def test_the_latest_moment_lies_behind_and_the_next_ahead(cron: str, now: datetime, zone: ZoneInfo) -> None:
    assert latest(cron, now, zone) <= now < upcoming(cron, now, zone)
    assert latest(cron, now, zone) > now - timedelta(hours=26)


def test_every_process_names_a_run_alike() -> None:
    moment = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
    assert run_id_of("reconciliation", moment) == "reconciliation-20261121T2200"


def test_every_job_has_a_name_of_its_own_and_a_line_that_can_be_read() -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert len({job.name for job in CLOCK}) == len(CLOCK)
    for job in CLOCK:
        assert len(job.cron.split()) == 5, f"{job.name}: the clock ticks every minute"
        assert upcoming(job.cron, now, BERLIN) > now
        assert job.description
