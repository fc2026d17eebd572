"""A rehearsal folds messages and all that follows from them, as the plant would, and leaves everything as it is."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from schemas.codec import decode_event
from schemas.envelope import Message
from schemas.messages.work_orders import BomLine, WorkOrderAssign, WorkOrderCommand, WorkOrderUpdated
from schemas.settings import DEFAULT_TENANT
from streams import rehearsal
from streams.driver import Processor, Step, output_of
from streams.rehearsal import Rehearsed, TooMuch, rehearse
from streams.topology import processor
from tests import inventory
from tests.messages import count, created, message, registered
from tests.rehearsing import Floor


@pytest.fixture
def floor() -> Floor:
    """A machine at work on an order of which 3 of 100 are made."""
    made = Floor()
    made.hear(registered(), created(), *(count(number, number * 60) for number in (1, 2, 3)))
    made.events.clear()
    return made


def _kinds(told: Rehearsed) -> list[str]:
    return [outcome.kind for outcome in told.outcomes]


def _repair(said: Message[Any], action: int = 7) -> Message[Any]:
    """The message as the repairs send it again."""
    identity = f"repair-{'f' * 32}-{action}"
    return msgspec.structs.replace(said, source="repairs", position=action, message_id=identity)


def _events(told: Rehearsed, type_name: str | None = None) -> list[Message[Any]]:
    said = [decode_event(line.topic, line.value) for line in told.lines]
    return [each for each in said if type_name in (None, each.type)]


def test_a_count_is_followed_to_the_order_it_counts_for(floor: Floor) -> None:
    told = floor.rehearse(count(5, 300))
    assert _kinds(told) == ["applied"]
    (progress,) = _events(told, "work_order.progressed")
    assert (progress.payload.units, progress.payload.quantity_produced) == (2, 5)
    assert told.says["work-order-inbox", "production.counted", "WO-1"] == 1


def test_what_an_order_says_is_told_in_the_order_of_its_versions_whatever_materials_answer_it(floor: Floor) -> None:
    first, second = ((BomLine(material_id="MAT-1", quantity_required=Decimal(number)),) for number in (50, 90))
    floor.hear(
        inventory.known(), inventory.reported(60, 10), created("WO-2", 300, bill_of_materials=first), _assigned("WO-2")
    )
    update = WorkOrderUpdated(work_order_id="WO-2", bill_of_materials=second)
    told = _events(floor.rehearse(message("erp.work_order_updated", update, 300)), "work_order.changed")
    versions = [each.payload.version for each in told]
    assert len(versions) > 1
    assert versions == sorted(versions)


def test_nothing_is_touched(floor: Floor) -> None:
    before = dict(floor.states), dict(floor.offsets)
    floor.rehearse(count(5, 300), created("WO-2"))
    assert (dict(floor.states), dict(floor.offsets), floor.events) == (*before, [])


def test_what_a_fold_refuses_is_told_with_its_reason_and_changes_nothing(floor: Floor) -> None:
    told = floor.rehearse(count(1, 300, machine="M-404"))
    (outcome,) = told.outcomes
    assert outcome.kind == "refused"
    assert outcome.refusal is not None
    assert (outcome.refusal.code, outcome.refusal.path) == ("UNKNOWN_MACHINE", "machine_id")
    assert [each.type for each in _events(told)] == ["integration.failed"]


def test_what_follows_and_is_refused_is_told_with_the_message_it_follows_from(floor: Floor) -> None:
    told = floor.rehearse(count(4, 300), count(1, 310, order="WO-404"))
    assert _kinds(told) == ["applied", "applied"]
    assert [[each.code for each in outcome.then_refused] for outcome in told.outcomes] == [[], ["UNKNOWN_WORK_ORDER"]]


def test_a_refused_repair_is_told_as_refused_though_it_makes_no_dead_letter(floor: Floor) -> None:
    said = _repair(count(1, 300, machine="M-404"))
    (outcome,) = floor.rehearse(said).outcomes
    assert outcome.kind == "refused"
    assert outcome.refusal is not None
    assert outcome.refusal.code == "UNKNOWN_MACHINE"


def test_a_repair_that_takes_effect_is_told_by_its_effect_alone(floor: Floor) -> None:
    told = floor.rehearse(_repair(count(5, 300)))
    assert _kinds(told) == ["applied"]
    assert "repairs" not in {line.topic for line in told.lines} | {topic for topic, _, _ in told.says}


def test_what_was_heard_before_is_a_repeat_and_leads_to_nothing(floor: Floor) -> None:
    said = _repair(count(5, 300))
    floor.hear(said)
    told = floor.rehearse(said)
    assert _kinds(told) == ["repeated"]
    assert told.lines == []


def test_the_second_of_two_equal_messages_is_a_repeat(floor: Floor) -> None:
    said = _repair(count(5, 300))
    assert _kinds(floor.rehearse(said, said)) == ["applied", "repeated"]


def test_a_message_of_another_tenant_is_refused_unseen(floor: Floor) -> None:
    other = "00000000-0000-4000-8000-000000000002"
    told = rehearse(floor.topology, floor, other, [[output_of(count(5, 300))]])
    (outcome,) = told.outcomes
    assert outcome.kind == "refused"
    assert outcome.refusal is not None
    assert outcome.refusal.code == "WRONG_TENANT"
    assert (told.lines, told.began) == ([], {})


def test_a_message_that_names_another_tenant_than_its_key_tells_nothing_of_that_tenant(floor: Floor) -> None:
    sly = output_of(msgspec.structs.replace(count(5, 300), tenant_id="00000000-0000-4000-8000-000000000002"))
    (ours,) = [output_of(count(5, 300))]
    told = rehearse(floor.topology, floor, DEFAULT_TENANT, [[sly._replace(key=ours.key)]])
    assert _kinds(told) == ["refused"]
    assert told.lines == []


def test_what_would_end_a_worker_is_told_and_ends_nobody(floor: Floor) -> None:
    def breaks(_state: Any, _message: Message[Any]) -> Step:
        raise KeyError("no such thing")

    machines = processor("machines")
    broken = Processor("machines", machines.inbox, machines.state, breaks, machines.emits)
    (outcome,) = rehearse([broken], floor, DEFAULT_TENANT, [[output_of(count(5, 300))]]).outcomes
    assert outcome.refusal is not None
    assert outcome.refusal.code == "WOULD_BREAK"
    assert "KeyError" in outcome.refusal.reason


def test_a_rehearsal_that_leads_to_too_much_says_so(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "MOST_FOLDED", 3)
    with pytest.raises(TooMuch, match="rehearse fewer"):
        floor.rehearse(*(count(number, 300 + number) for number in range(4, 9)))


def test_one_message_that_says_several_things_is_refused_if_one_of_them_is(floor: Floor) -> None:
    says = [output_of(count(5, 300)), output_of(count(1, 300, machine="M-404"))]
    told = rehearse(floor.topology, floor, DEFAULT_TENANT, [says])
    assert _kinds(told) == ["refused"]
    assert _events(told, "work_order.progressed")


def test_an_event_that_returns_to_its_topic_is_kept_as_it_is(floor: Floor) -> None:
    floor.hear(count(5, 300))
    (event,) = [each for each in floor.events if b'"work_order.progressed"' in each.value]
    told = rehearse(floor.topology, floor, DEFAULT_TENANT, [[event]])
    assert _kinds(told) == ["applied"]
    assert [line.value for line in told.lines] == [event.value]
    assert [cause.is_itself for cause in told.causes.values()] == [True]


def _assigned(order: str) -> Message[Any]:
    return message("work_order.assign", WorkOrderAssign(work_order_id=order, actor="eva"), 400)


def _a_thousand() -> list[Message[Any]]:
    """Counts for three orders, some of them repeated or of nobody's machine, and what people do in between."""
    said: list[Message[Any]] = []
    for number in range(4, 330):
        said.append(count(number, number * 60))
        said.append(count(number - 3, number * 60, order="WO-2"))
        said.append(count(number, number * 60, machine="M-1" if number % 7 else "M-404", order="WO-3"))
    commands = [("WO-2", "start"), ("WO-2", "complete"), ("WO-3", "cancel"), ("WO-1", "hold")]
    for place, (order, verb) in zip((100, 400, 700, 900), commands, strict=True):
        said.insert(place, message(f"work_order.{verb}", WorkOrderCommand(work_order_id=order, actor="eva"), place))
    return [_assigned("WO-2"), *said, said[5], said[6], *(count(9_000 + number, 90_000) for number in range(15))]


def test_a_thousand_messages_rehearsed_come_to_what_they_come_to_in_earnest(floor: Floor) -> None:
    bill = (BomLine(material_id="MAT-1", quantity_required=Decimal(50)),)
    floor.hear(inventory.known(), inventory.reported(60, 10), created("WO-2", 300, bill_of_materials=bill))
    floor.hear(created("WO-3", 300))
    floor.events.clear()
    said: Sequence[Message[Any]] = _a_thousand()
    assert len(said) >= 1000
    told = floor.rehearse(*said)
    floor.hear(*said)
    assert [line[3:5] for line in told.lines] == [(each.key, each.value) for each in floor.events]
    assert {tuple(entity): state for entity, state in told.states.items() if state} == {
        entity: state for entity, state in floor.states.items() if entity in told.states
    }
    assert {"applied", "refused"} <= set(_kinds(told))
