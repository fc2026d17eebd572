"""Whatever was said before: what a rehearsal tells is what then happens, and nothing has happened before."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.messages.work_orders import WorkOrderCommand
from tests.laws.histories import MATERIAL_HISTORIES, an_assigned_order
from tests.messages import count, message, registered
from tests.people import PEOPLE_HISTORIES
from tests.rehearsing import Floor

COUNTS = st.builds(
    lambda cumulative, seconds, machine: count(cumulative, seconds, machine=machine),
    st.integers(0, 40),
    st.integers(0, 600),
    st.sampled_from(["M-1", "M-2", "M-404"]),
)
COMMANDS = st.builds(
    lambda verb, seconds: message(f"work_order.{verb}", WorkOrderCommand(work_order_id="WO-1", actor="eva"), seconds),
    st.sampled_from(["start", "hold", "complete", "cancel", "archive"]),
    st.integers(0, 600),
)
ORDERS = st.lists(st.one_of(COUNTS, COMMANDS), max_size=30).map(
    lambda said: [registered("M-1"), registered("M-2"), *an_assigned_order(), *said]
)
HISTORIES = st.one_of(ORDERS, MATERIAL_HISTORIES, PEOPLE_HISTORIES)


@settings(max_examples=200, deadline=None)
@given(said=HISTORIES, cut=st.integers(0, 40))
def test_a_rehearsal_tells_what_then_happens(said: list[Message[Any]], cut: int) -> None:
    floor = Floor()
    floor.hear(*said[:cut])
    floor.events.clear()
    before = dict(floor.states), dict(floor.offsets)
    told = floor.rehearse(*said[cut:])
    assert (dict(floor.states), dict(floor.offsets)) == before
    floor.hear(*said[cut:])
    assert [(line.topic, line.key, line.value) for line in told.lines] == [tuple(each) for each in floor.events]
    assert {tuple(entity): state for entity, state in told.states.items() if state} == {
        entity: state for entity, state in floor.states.items() if entity in told.states
    }
    assert len(told.outcomes) == len(said[cut:])
