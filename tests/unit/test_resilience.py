"""The waits between two tries to reconnect are the documented ones, never longer than the cap, and end when who was
away is back."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from compose.local.identity import free_port
from connectors.resilience import Door, reconnect_delays, wait, wait_for_server
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


# -- who was away is back ---------------------------------------------------------------------------------------------

KNOCKING = Settings(reconnect_knock_seconds=0.001)
AN_HOUR = 3_600


def told(*answers: bool) -> Callable[[], Awaitable[bool]]:
    """Whether a server is there, each time it is looked; after that nobody may look."""
    waiting = iter(answers)

    async def look() -> bool:
        return next(waiting)

    return look


async def waits_for(*answers: bool) -> bool:
    async with asyncio.timeout(30):
        return await wait_for_server(asyncio.Event(), AN_HOUR, told(*answers), KNOCKING)


async def test_a_server_that_was_away_is_not_waited_for_when_it_is_back() -> None:
    assert await waits_for(False, False, True)
    assert await waits_for(True, False, False, True)


async def test_a_server_that_is_there_and_refuses_us_is_not_asked_sooner() -> None:
    async def there() -> bool:
        return True

    assert not await wait_for_server(asyncio.Event(), 0.05, there, KNOCKING)


async def test_a_wait_shorter_than_that_between_two_looks_looks_at_nothing() -> None:
    assert not await wait_for_server(asyncio.Event(), 0.01, told(), Settings(reconnect_knock_seconds=0.01))


async def test_asked_to_stop_nobody_waits_for_a_server() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(30):
        assert not await wait_for_server(stop, AN_HOUR, told(False), Settings(reconnect_knock_seconds=60))


@asynccontextmanager
async def listening(door: Door, *, keeps: bool) -> AsyncIterator[None]:
    """Somebody who takes a connection, and keeps it until the other side ends it, or hangs up; once."""
    ended = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if keeps:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(take, *door):
        yield
        await ended.wait()


async def test_a_door_is_open_where_a_connection_is_taken_and_kept() -> None:
    door = Door("127.0.0.1", free_port())
    assert not await door.is_open()
    async with listening(door, keeps=True):
        assert await door.is_open()


async def test_a_proxy_that_takes_a_connection_and_hangs_up_is_no_open_door() -> None:
    door = Door("127.0.0.1", free_port())
    async with listening(door, keeps=False):
        assert not await door.is_open()


@pytest.mark.parametrize(
    ("url", "door"),
    [
        ("mqtts://name:word@broker.example:8884?version=5", ("broker.example", 8884)),
        ("mqtt://broker.example", ("broker.example", 1883)),
        ("mqtt://[::1]:1884", ("::1", 1884)),
    ],
)
def test_a_door_is_where_the_address_says(url: str, door: tuple[str, int]) -> None:
    assert Door.of(url, 1883) == door
