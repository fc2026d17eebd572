"""Laws every processor of the topology keeps, tried on thousands of made-up histories."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode
from schemas.envelope import Message
from schemas.messages.machines import DowntimeEnded, DowntimeStarted, Inspection, MachineStatus
from schemas.topics import MESSAGES
from streams.driver import UNNUMBERED, Batch, Processor, fold_batch
from streams.topology import TOPOLOGY
from tests.contracts.examples import example_messages
from tests.laws.histories import MATERIAL_HISTORIES, an_assigned_order
from tests.messages import count, emitted, message, records, registered, run
from tests.observations import OBSERVED_HISTORIES
from tests.people import PEOPLE_HISTORIES

MACHINE_IDS = st.sampled_from(["M-1", "M-2", "M-404"])
SECONDS = st.integers(0, 600)


def _machine_messages() -> st.SearchStrategy[Message[Any]]:
    statuses = st.sampled_from(["running", "idle", "stopped", "breakdown"])
    return st.one_of(
        st.builds(
            lambda cumulative, seconds, machine, order, quality: count(
                cumulative, seconds, machine=machine, order=order, quality_status=quality
            ),
            st.integers(0, 60),
            SECONDS,
            MACHINE_IDS,
            st.sampled_from(["WO-1", "WO-2"]),
            st.sampled_from(["pass", "fail"]),
        ),
        st.builds(
            lambda machine, status, seconds: message(
                "mes.machine_status", MachineStatus(machine_id=machine, status=status), seconds
            ),
            MACHINE_IDS,
            statuses,
            SECONDS,
        ),
        st.builds(
            lambda machine, seconds: message(
                "mes.downtime_started",
                DowntimeStarted(machine_id=machine, downtime_reason_code="X", work_order_affected="WO-1"),
                seconds,
            ),
            MACHINE_IDS,
            SECONDS,
        ),
        st.builds(
            lambda machine, seconds: message("mes.downtime_ended", DowntimeEnded(machine_id=machine), seconds),
            MACHINE_IDS,
            SECONDS,
        ),
        st.builds(
            lambda machine, number: message(
                "mes.inspection",
                Inspection(
                    machine_id=machine,
                    work_order_id="WO-1",
                    inspection_id=f"INS-{number}",
                    inspection_type="inline",
                    result="pass",
                    defect_detected=number % 2 == 0,
                ),
                number,
            ),
            MACHINE_IDS,
            st.integers(0, 9),
        ),
    )


class Said(NamedTuple):
    """What is said to machines, what to a material, what of people, and what was observed of a lane."""

    machines: list[Message[Any]]
    material: list[Message[Any]]
    people: list[Message[Any]]
    lane: list[Message[Any]]


HISTORIES = st.lists(_machine_messages(), max_size=40).map(lambda said: [registered("M-1"), registered("M-2"), *said])
SAID = st.builds(Said, HISTORIES, MATERIAL_HISTORIES, PEOPLE_HISTORIES, OBSERVED_HISTORIES)


def _order_history(said: Sequence[Message[Any]]) -> list[Message[Any]]:
    """What an order hears when machines say this."""
    heard = [each for each in emitted(run("machines", said)) if MESSAGES[each.type].topic == "work-order-inbox"]
    return [*an_assigned_order(), *heard]


def _histories(processor: Processor, said: Said) -> list[Message[Any]]:
    if processor.name == "machines":
        return said.machines
    if processor.name == "work_orders":
        return _order_history(said.machines)
    if processor.name == "materials":
        return said.material
    if processor.name == "operators":
        return said.people
    if processor.name == "priors":
        return said.lane
    return [each for each in example_messages() if MESSAGES[each.type].topic == processor.inbox]


def _together(batches: Sequence[Batch]) -> tuple[list[bytes], dict[bytes, bytes]]:
    states: dict[bytes, bytes] = {}
    for batch in batches:
        states.update(batch.changed)
    return [output.value for batch in batches for output in batch.outputs], states


@pytest.mark.parametrize("processor", TOPOLOGY, ids=lambda each: each.name)
@settings(max_examples=120, deadline=None)
@given(said=SAID, cuts=st.sets(st.integers(1, 40), max_size=6))
def test_any_split_into_batches_gives_the_same(processor: Processor, said: Said, cuts: set[int]) -> None:
    heard = records(_histories(processor, said))
    whole = _together([fold_batch(processor, 0, {}, heard)])
    parts: list[Batch] = []
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(heard)], strict=True):
        parts.append(fold_batch(processor, 0, _together(parts)[1], heard[first:last]))
    assert _together(parts) == whole


@pytest.mark.parametrize("processor", TOPOLOGY, ids=lambda each: each.name)
@settings(max_examples=80, deadline=None)
@given(said=SAID, again=st.integers(0, 40))
def test_redelivery_is_silent_but_for_refusals_without_a_number(processor: Processor, said: Said, again: int) -> None:
    history = _histories(processor, said)
    heard = records(history)
    first = fold_batch(processor, 0, {}, heard)
    second = fold_batch(processor, 0, first.changed, heard[again:])
    assert second.changed == {}
    refused = {said.offset for said in second.refused}
    assert all(message.position == UNNUMBERED for at, message in enumerate(history) if at in refused)
    assert {output.topic for output in second.outputs} <= {"integration-failures"}
    assert {output.value for output in second.outputs} <= {output.value for output in first.outputs}


@pytest.mark.parametrize("processor", TOPOLOGY, ids=lambda each: each.name)
@settings(max_examples=60, deadline=None)
@given(said=SAID)
def test_only_declared_types_are_emitted_and_every_id_is_its_own(processor: Processor, said: Said) -> None:
    batch = fold_batch(processor, 0, {}, records(_histories(processor, said)))
    told = [decode(output.value) for output in batch.outputs]
    assert {each.type for each in told} <= processor.emits | {"integration.failed"}
    assert len({each.message_id for each in told}) == len(told)


@settings(max_examples=200, deadline=None)
@given(
    upto=st.integers(1, 40),
    order=st.randoms(use_true_random=False),
    scrap=st.sets(st.integers(1, 40)),
    repeats=st.integers(1, 3),
)
def test_every_unit_counts_once_however_its_messages_arrive(
    upto: int, order: Any, scrap: set[int], repeats: int
) -> None:
    said = [
        count(number, number, quality_status="fail" if number in scrap else "pass") for number in range(1, upto + 1)
    ] * repeats
    order.shuffle(said)
    counted = emitted(run("machines", [registered(), *said]), "production.counted")
    assert sum(each.payload.units for each in counted) == upto
    assert sum(each.payload.scrapped_units for each in counted) == len([n for n in scrap if n <= upto])
    assert len(counted) == upto


@settings(max_examples=100, deadline=None)
@given(lengths=st.lists(st.integers(2, 15), min_size=1, max_size=6))
def test_resets_lose_no_unit(lengths: list[int]) -> None:
    """A reset shows as a drop; one that comes back at the very same reading cannot be told from a repeat."""
    seconds = iter(range(1, 1000))
    said = [count(number, next(seconds)) for length in lengths for number in range(1, length + 1)]
    counted = emitted(run("machines", [registered(), *said]), "production.counted")
    assert sum(each.payload.units for each in counted) == sum(lengths)


@settings(max_examples=100, deadline=None)
@given(said=HISTORIES)
def test_an_order_has_what_its_machines_counted(said: list[Message[Any]]) -> None:
    history = _order_history(said)
    batch = run("work_orders", history)
    told = sum(
        each.payload.units
        for each in history
        if each.type == "production.counted" and each.payload.work_order_id == "WO-1"
    )
    totals = [each.payload.quantity_produced for each in emitted(batch) if hasattr(each.payload, "quantity_produced")]
    assert (totals[-1] if totals else 0) == told
