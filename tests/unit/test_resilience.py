"""The waits between two tries to reconnect are the documented ones, and never longer than the cap."""

import asyncio
import itertools

import pytest

from connectors.resilience import reconnect_delays, wait
from schemas.settings import Settings


def first(count: int, **settings: object) -> list[float]:
    return list(itertools.islice(reconnect_delays(Settings(**settings)), count))  # type: ignore[arg-type]


def test_by_default_the_waits_are_those_of_the_document_and_the_last_one_repeats() -> None:
    assert first(7) == [5, 15, 30, 60, 300, 300, 300]


def test_no_wait_is_longer_than_the_cap() -> None:
    assert first(6, reconnect_cap_seconds=20) == [5, 15, 20, 20, 20, 20]


@pytest.mark.parametrize("told", ["0.1,0.2", " 0.1 , 0.2 "])
def test_the_waits_are_a_setting(told: str) -> None:
    assert first(3, reconnect_delays=told) == [0.1, 0.2, 0.2]


def test_each_loss_of_a_connection_starts_at_the_first_wait_again() -> None:
    settings = Settings()
    tired = reconnect_delays(settings)
    assert [next(tired), next(tired)] == [5, 15]
    assert next(reconnect_delays(settings)) == 5


async def test_waiting_ends_with_the_event() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait(event, 30)


async def test_waiting_ends_without_the_event_when_the_time_is_over() -> None:
    assert not await wait(asyncio.Event(), 0.01)


async def test_an_event_that_was_there_before_is_not_waited_for() -> None:
    event = asyncio.Event()
    event.set()
    assert await wait(event, 0)
