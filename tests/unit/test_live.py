"""What is broadcast: every change with what it is about, and none hides another."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.gateway.live import Hub, Outcomes
from connectors.gateway.routes.estimates import Looks
from schemas.envelope import Message
from schemas.settings import DEFAULT_TENANT
from schemas.topics import MESSAGES, TOPICS
from tests.contracts.examples import example_messages

NEIGHBOUR = "00000000-0000-4000-8000-000000000002"
EVENTS = [each for each in example_messages() if TOPICS[MESSAGES[each.type].topic].kind in ("events", "dead-letters")]


def broadcast(messages: Sequence[Message[Any]]) -> list[dict[str, Any]]:
    """What a console hears when these events go by between two of its refreshes."""

    async def hear() -> list[dict[str, Any]]:
        hub = Hub()
        stream = hub.listen(DEFAULT_TENANT)
        await anext(stream)
        for each in messages:
            hub.see(each)
        told = await anext(stream)
        await stream.aclose()
        changes: list[dict[str, Any]] = json.loads(told["data"])
        return changes

    return asyncio.run(hear())


def example(type_name: str) -> Message[Any]:
    return next(each for each in EVENTS if each.type == type_name)


def test_every_event_is_broadcast_with_the_id_of_what_it_is_about() -> None:
    for each in EVENTS:
        (told,) = broadcast([each])
        assert told["type"] == each.type
        assert told["id"] != each.message_id, f"{each.type} names no subject"


def test_a_downtime_does_not_hide_the_status_that_changed_with_it() -> None:
    together = ("machine.status_changed", "downtime.started", "machine.gap_marked", "machine.status_restated")
    assert {each["type"] for each in broadcast([example(name) for name in together])} == set(together)


def test_a_reservation_does_not_hide_the_order_it_is_for() -> None:
    together = ("work_order.changed", "reservation.changed", "material.changed")
    assert {each["type"] for each in broadcast([example(name) for name in together])} == set(together)


def test_of_two_changes_of_one_machine_the_later_is_told() -> None:
    earlier = example("machine.status_changed")
    assert [each["type"] for each in broadcast([earlier, example("machine.seen")])] == ["machine.seen"]


def test_nobody_hears_another_tenant() -> None:
    async def hear() -> str:
        hub = Hub()
        stream = hub.listen(NEIGHBOUR)
        await anext(stream)
        hub.see(example("machine.seen"))
        hub.pulse.beat += 1
        told = await anext(stream)
        await stream.aclose()
        return str(told["event"])

    assert asyncio.run(hear()) == "pulse"


def test_a_command_is_answered_by_its_own_tenant_whatever_ids_others_choose() -> None:
    """Ids follow from a client's name and its Idempotency-Key: two tenants may choose the same."""
    outcomes, answer = Outcomes(), example("work_order.changed")
    ours = outcomes.expect(DEFAULT_TENANT, answer.correlation_id)
    theirs = outcomes.expect(NEIGHBOUR, answer.correlation_id)
    outcomes.see(msgspec.structs.replace(answer, tenant_id=NEIGHBOUR))
    assert theirs.done()
    assert not ours.done()
    outcomes.see(answer)
    assert ours.result(0).tenant_id == DEFAULT_TENANT


def tick(stream: Any) -> Any:
    """What a console is told next; every second, if nothing changes, that is the pulse."""
    return asyncio.wait_for(anext(stream), 5)


def test_what_changed_is_encoded_once_for_all_who_look_on() -> None:
    async def hear() -> list[str]:
        hub = Hub()
        streams = [hub.listen(DEFAULT_TENANT) for _ in range(3)]
        for each in streams:
            await anext(each)
        hub.see(example("machine.seen"))
        told = [(await tick(each))["data"] for each in streams]
        for each in streams:
            await each.aclose()
        return told

    told = asyncio.run(hear())
    assert told[0] is told[1] is told[2]


def test_a_console_that_is_slow_hears_every_change_once_and_the_latest() -> None:
    async def hear() -> tuple[list[str], int]:
        hub = Hub()
        quick, slow = hub.listen(DEFAULT_TENANT), hub.listen(DEFAULT_TENANT)
        await anext(quick)
        await anext(slow)
        names = ["machine.status_changed", "work_order.changed", "material.changed", "machine.seen"] * 4
        for name in names:
            hub.see(example(name))
            while (await tick(quick))["event"] != "changes":
                pass
        told = json.loads((await tick(slow))["data"])
        kept = len(next(iter(hub._channels.values())).frames)
        await quick.aclose()
        await slow.aclose()
        return [each["type"] for each in told], kept

    told, kept = asyncio.run(hear())
    assert sorted(told) == ["machine.seen", "material.changed", "work_order.changed"]
    assert kept <= 8


def looks(happenings: Sequence[Message[Any] | None]) -> list[int]:
    """After how many seconds a stream looks again and again; each second one of these happens, or nothing."""
    hub, seconds = Hub(), 0

    async def sleep(_: float) -> None:
        nonlocal seconds
        told = happenings[seconds] if seconds < len(happenings) else None
        seconds += 1
        if told is not None:
            hub.see(told)

    async def look() -> list[int]:
        waiting, found = Looks(hub, DEFAULT_TENANT, sleep), list[int]()
        while seconds < len(happenings):
            await waiting.next()
            found.append(seconds)
        return found

    return asyncio.run(look())


def test_a_project_is_looked_at_soon_after_a_prior_learned_of_it_and_now_and_then_in_any_case() -> None:
    learned = example("prior.learned")
    assert learned.payload.observation.project_id is not None
    assert looks([None] * 15) == [5, 10, 15]
    assert looks([None, learned, *[None] * 8]) == [2, 3, 8, 13]
    assert looks([learned] * 4) == [1, 2, 3, 4], "once a second, however much happens"


def test_what_happens_elsewhere_makes_nobody_look_at_projects() -> None:
    learned = example("prior.learned")
    observation = msgspec.structs.replace(learned.payload.observation, project_id=None, source="operation")
    of_the_plant = msgspec.structs.replace(learned.payload, observation=observation)
    others = [
        example("machine.seen"),
        msgspec.structs.replace(learned, tenant_id="00000000-0000-4000-8000-000000000002"),
        msgspec.structs.replace(learned, payload=of_the_plant),
    ]
    assert looks([*others, None, None]) == [5]


def test_nothing_is_kept_where_nobody_looks_on() -> None:
    async def hear() -> int:
        hub = Hub()
        stream = hub.listen(DEFAULT_TENANT)
        await anext(stream)
        await stream.aclose()
        hub.see(example("machine.seen"))
        return len(hub._channels)

    assert asyncio.run(hear()) == 0
