"""Routings as they are kept are judged and expanded as the domain does it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql.reads.routings import RoutingOperation
from streams.domain.routing import good_share
from streams.routings import domain_operation, errors_of, runs_of


def kept(number: int, **fields: object) -> RoutingOperation:
    plain = RoutingOperation(
        id=f"id-{number}",
        sequence_number=number,
        operation_id="op",
        operation_code="PRESS",
        work_center_id="press",
        alternative_work_center_ids=(),
        setup_minutes=Decimal(0),
        run_seconds_per_unit=Decimal(1),
        yield_percentage=Decimal(100),
        scrap_percentage=Decimal(0),
        is_concurrent=False,
        predecessor_operation_id=None,
        predecessor_sequence_number=None,
        transfer_quantity=None,
        work_instructions=None,
    )
    return plain._replace(**fields)  # type: ignore[arg-type]


def test_a_predecessor_by_its_place_is_followed() -> None:
    steps = [kept(10), kept(20), kept(30, predecessor_operation_id="id-10", predecessor_sequence_number=10)]
    assert errors_of(steps) == []
    assert [run.predecessors for run in runs_of(steps, Decimal(5))] == [(), (10,), (10,)]


def test_a_predecessor_that_the_routing_does_not_have_is_told_before_all_else() -> None:
    steps = [kept(10, predecessor_operation_id="of another routing"), kept(20, work_center_id=None)]
    assert errors_of(steps) == [
        "Operation 10 follows an operation that the routing does not have.",
        "Operation 20 has no work centre.",
    ]
    with pytest.raises(ValueError, match=r"Operation 10 follows an operation that the routing does not have\."):
        runs_of(steps, Decimal(5))


shares = st.decimals(Decimal("0.01"), Decimal(100), places=2)


@given(st.lists(shares, min_size=1, max_size=20), st.decimals(Decimal("0.001"), Decimal(10**6), places=3))
def test_what_is_started_covers_the_target_whatever_is_lost(told: list[Decimal], target: Decimal) -> None:
    steps = [kept(10 * (place + 1), yield_percentage=share) for place, share in enumerate(told)]
    leaves = None
    for run, step in zip(runs_of(steps, target), steps, strict=True):
        assert leaves is None or run.exact == leaves, "what one leaves is what the next one starts"
        leaves = run.exact * good_share(domain_operation(step))
        assert 0 <= run.quantity - run.exact < 1
    assert leaves == target
