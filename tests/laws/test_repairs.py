"""Laws of messages that people send again, for every processor: each is answered once, and counts once at most."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.envelope import Message
from schemas.topics import key_of
from streams.driver import REPAIRS, Processor, Record, Repair, fold_batch
from streams.topology import TOPOLOGY, processor
from tests.laws.test_folds import SAID, Said, _histories
from tests.messages import count, created, emitted, message, records, registered, units_counted


def sent_again(said: Message[Any], action_id: int, key: str = "letter") -> Message[Any]:
    """A message under the number of an action."""
    return msgspec.structs.replace(
        said, message_id=Repair(key, action_id).message_id, source=REPAIRS, position=action_id
    )


def outcomes(batch: Any) -> list[tuple[int, str]]:
    """What became of which action."""
    return [(each.payload.action_id, each.payload.outcome) for each in emitted(batch, "repair.settled")]


@pytest.mark.parametrize("processor", TOPOLOGY, ids=lambda each: each.name)
@settings(max_examples=80, deadline=None)
@given(said=SAID)
def test_every_message_sent_again_is_answered_once_and_makes_no_dead_letter(processor: Processor, said: Said) -> None:
    history = [sent_again(each, number + 1) for number, each in enumerate(_histories(processor, said))]
    batch = fold_batch(processor, 0, {}, records(history))
    assert [action for action, _ in outcomes(batch)] == list(range(1, len(history) + 1))
    assert emitted(batch, "integration.failed") == []
    again = fold_batch(processor, 0, batch.changed, records(history, first=1000))
    assert (again.outputs, again.changed) == ([], {})


@pytest.mark.parametrize("processor", TOPOLOGY, ids=lambda each: each.name)
@settings(max_examples=60, deadline=None)
@given(said=SAID, which=st.sets(st.integers(0, 40)))
def test_sent_again_a_message_does_what_it_would_have_done(processor: Processor, said: Said, which: set[int]) -> None:
    plain = _histories(processor, said)
    mixed = [sent_again(each, index + 1) if index in which else each for index, each in enumerate(plain)]
    told = [each for each in emitted(fold_batch(processor, 0, {}, records(mixed))) if each.type != "repair.settled"]
    expected = emitted(fold_batch(processor, 0, {}, records(plain)))
    types = [each.type for each in expected if each.type != "integration.failed"]
    assert [each.type for each in told if each.type != "integration.failed"] == types


def units_of(state: dict[bytes, bytes], said: list[Message[Any]], first: int) -> Any:
    return fold_batch(processor("work_orders"), 0, state, records(said, first))


def test_what_was_refused_takes_no_effect_when_a_copy_of_it_comes_later() -> None:
    """A dispatcher that was paused publishes an old action, after its letter was repaired by another."""
    told = message("production.counted", units_counted("WO-1", 5, "log-1"), 1)
    first = sent_again(told, 7)
    refused = units_of({}, [first], 0)
    assert outcomes(refused) == [(7, "refused")]
    (settled,) = emitted(refused, "repair.settled")
    assert settled.payload.error_code == "UNKNOWN_WORK_ORDER"
    assert settled.correlation_id == first.message_id
    now_known = units_of(refused.changed, [created()], 1)
    second = units_of(now_known.changed, [sent_again(told, 8), first, sent_again(told, 8)], 2)
    assert outcomes(second) == [(8, "applied")]
    assert emitted(second, "work_order.progressed")[-1].payload.quantity_produced == 5
    assert second.repeated == 2


def test_a_count_of_an_unknown_order_that_was_repaired_does_not_count_again_when_its_machine_says_it_again() -> None:
    """Machines whose states were lost say everything again, and the order is known by now."""
    told = message("production.counted", units_counted("WO-1", 5, "log-1"), 1, source="machine-inbox-0", position=17)
    refused = units_of({}, [told], 0)
    assert refused.dead_letters == 1
    repaired = units_of(refused.changed, [created(), sent_again(told, 7)], 1)
    assert emitted(repaired, "work_order.progressed")[-1].payload.quantity_produced == 5
    again = units_of(repaired.changed, [told], 3)
    assert (again.outputs, again.repeated) == ([], 1)


def test_a_count_that_was_let_go_does_not_count_when_its_order_is_known_later() -> None:
    told = message("production.counted", units_counted("WO-1", 5, "log-1"), 1, source="machine-inbox-0", position=17)
    refused = units_of({}, [told], 0)
    known = units_of(refused.changed, [created()], 1)
    assert units_of(known.changed, [told], 2).outputs == []


def test_one_that_tells_nothing_new_is_answered_too() -> None:
    said = [registered(), count(3, 3), sent_again(count(3, 3), 1)]
    batch = fold_batch(processor("machines"), 0, {}, records(said))
    (settled,) = emitted(batch, "repair.settled")
    assert (settled.payload.outcome, settled.payload.says) == ("applied", 0)


def test_a_message_in_the_wrong_place_is_answered() -> None:
    said = sent_again(created(), 1)
    record = Record(0, key_of(said.type, said.tenant_id, said.payload), encode(said), 1_700_000_000_000)
    batch = fold_batch(processor("machines"), 0, {}, [record])
    (settled,) = emitted(batch, "repair.settled")
    assert (settled.payload.error_code, settled.timestamp.year) == ("WRONG_TOPIC", 2023)
