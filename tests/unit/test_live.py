"""What is broadcast: every change with what it is about, and none hides another."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from connectors.gateway.live import Hub
from schemas.envelope import Message
from schemas.settings import DEFAULT_TENANT
from schemas.topics import MESSAGES, TOPICS
from tests.contracts.examples import example_messages

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
        stream = hub.listen("00000000-0000-4000-8000-000000000002")
        await anext(stream)
        hub.see(example("machine.seen"))
        hub.pulse.beat += 1
        told = await anext(stream)
        await stream.aclose()
        return str(told["event"])

    assert asyncio.run(hear()) == "pulse"
