"""The driver: redelivery, numbered sources, dead letters."""

import base64

import pytest

from schemas.codec import decode, encode
from schemas.ids import DEFAULT_TENANT
from streams.domain.machine_state import Machine
from streams.driver import EMITS_PER_MESSAGE, Emit, Processor, Record, Step, fold_batch, offset_of
from streams.topology import processor
from tests.messages import count, created, emitted, message, records, refusals, registered, run

SAID = [registered(), count(1, 1), count(2, 2), count(4, 4), count(3, 3)]


def test_a_redelivered_record_is_silent() -> None:
    batch = run("machines", SAID)
    again = run("machines", SAID, batch.changed)
    assert (again.outputs, again.changed, again.repeated) == ([], {}, len(SAID))


def test_a_state_knows_the_offset_it_reflects() -> None:
    (value,) = run("machines", SAID, first=40).changed.values()
    assert offset_of(value) == 44


def test_a_numbered_source_is_heard_once() -> None:
    said = emitted(run("machines", SAID), "production.counted")
    orders = run("work_orders", [created(), *said, *said, *reversed(said)])
    assert emitted(orders)[-1].payload.quantity_produced == 4
    assert orders.repeated == 2 * len(said)


def test_a_repeated_batch_gives_the_same_bytes() -> None:
    assert run("machines", SAID).outputs == run("machines", SAID).outputs


def test_a_broken_record_is_one_dead_letter_with_its_bytes_and_the_others_do_not_notice() -> None:
    good = records(SAID)
    broken = Record(99, good[0].key, b'{"type": \xff', 1_700_000_000_000)
    batch = fold_batch(
        processor("machines"),
        3,
        {},
        [good[0], broken._replace(offset=1), *(r._replace(offset=r.offset + 1) for r in good[1:])],
    )
    (failure,) = emitted(batch, "integration.failed")
    assert base64.b64decode(failure.payload.original_bytes_base64) == broken.value
    assert failure.payload.source_address == "machine-inbox/3/1"
    assert failure.payload.inbox == "machine-inbox"
    assert failure.payload.failure_id.startswith("FAIL-20231114-")
    assert sum(s.payload.units for s in emitted(batch, "production.counted")) == 4


def test_a_refused_record_leaves_the_state_alone() -> None:
    before = run("work_orders", [created()])
    after = run("work_orders", [created(quantity=5)], before.changed, 1)
    assert refusals(after) == ["DUPLICATE_WORK_ORDER"]
    assert after.changed == {}


def test_a_message_in_the_wrong_inbox_is_refused() -> None:
    wrong = Record(0, b"x", encode(created()))
    assert refusals(fold_batch(processor("machines"), 0, {}, [wrong])) == ["WRONG_TOPIC"]


def test_a_message_under_the_wrong_key_is_refused() -> None:
    wrong = Record(0, b"someone-else/M-1", encode(registered()))
    assert refusals(fold_batch(processor("machines"), 0, {}, [wrong])) == ["WRONG_KEY"]


def test_what_a_restarted_worker_says_again_and_nobody_takes_is_the_same_dead_letter() -> None:
    (counted,) = emitted(run("machines", [registered(), count(3, 1, units=3)]), "production.counted")
    first, again = run("work_orders", [counted]), run("work_orders", [counted], first=7)
    other = run("work_orders", [message(counted.type, counted.payload, 9)])
    (one,), (same,), (another,) = (emitted(each, "integration.failed") for each in (first, again, other))
    assert one.payload.failure_key == same.payload.failure_key != another.payload.failure_key


def test_an_undeclared_output_is_a_defect_not_a_dead_letter() -> None:
    chatty = Processor(
        "chatty", "machine-inbox", Machine, lambda state, told: Step(None, (Emit("plan.made", None),)), frozenset()
    )
    with pytest.raises(AssertionError, match="does not declare"):
        fold_batch(chatty, 0, {}, records([registered()]))


def test_a_dead_letter_sent_again_from_its_repair_counts() -> None:
    (counted,) = emitted(run("machines", [registered(), count(3, 1, units=3)]), "production.counted")
    early = run("work_orders", [counted])
    assert refusals(early) == ["UNKNOWN_WORK_ORDER"]
    repaired = message(counted.type, counted.payload, 9, source="failures-1", position=1)
    done = run("work_orders", [created(), repaired, repaired], early.changed, 1)
    assert decode(done.outputs[-1].value).payload.quantity_produced == 3


def test_a_record_of_nobodys_tenant_is_shown_to_the_plants_own_people() -> None:
    said = Record(0, b"whoever", encode(message("machine.register", registered().payload, tenant="not-a-tenant")))
    batch = fold_batch(processor("machines"), 0, {}, [said])
    (failure,) = emitted(batch, "integration.failed")
    assert (failure.tenant_id, failure.payload.error_details.path) == (DEFAULT_TENANT, "tenant_id")


def _says(many: int) -> Processor:
    told = tuple(Emit("machine.seen", None) for _ in range(many))
    return Processor("loud", "machine-inbox", Machine, lambda state, _: Step(None, told), frozenset({"machine.seen"}))


def test_more_outputs_than_a_message_may_have_is_a_defect_not_two_with_one_position() -> None:
    with pytest.raises(AssertionError, match=f"says {EMITS_PER_MESSAGE + 1} things"):
        fold_batch(_says(EMITS_PER_MESSAGE + 1), 0, {}, records([registered()]))


def test_positions_still_grow_after_what_was_said_with_fewer_outputs_to_a_message() -> None:
    """States that were stored before the number grew from 16 remember positions of their sources."""
    before = [offset * 16 + index + 1 for offset in range(100) for index in range(16)]
    after = [offset * EMITS_PER_MESSAGE + index + 1 for offset in range(100, 200) for index in range(3)]
    assert before + after == sorted(set(before + after))
