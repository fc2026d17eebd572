"""Routings as they are kept, judged and expanded by `streams/domain/routing.py`."""

from collections.abc import Sequence
from decimal import Decimal

from sql.reads.routings import RoutingOperation
from streams.domain.routing import Operation, Run, expand, validate


def domain_operation(kept: RoutingOperation) -> Operation:
    """A kept operation as the domain reckons with it."""
    before = kept.predecessor_sequence_number
    return Operation(
        sequence_number=kept.sequence_number,
        operation_id=kept.operation_id,
        work_center_id=kept.work_center_id,
        setup_minutes=kept.setup_minutes,
        run_seconds_per_unit=kept.run_seconds_per_unit,
        yield_percentage=kept.yield_percentage,
        scrap_percentage=kept.scrap_percentage,
        predecessors=None if before is None else (before,),
        is_concurrent=kept.is_concurrent,
        instructions=kept.work_instructions,
    )


def errors_of(kept: Sequence[RoutingOperation]) -> list[str]:
    """What is wrong with a routing, a sentence each; nothing: it can be expanded."""
    foreign = [
        f"Operation {each.sequence_number} follows an operation that the routing does not have."
        for each in kept
        if each.predecessor_operation_id is not None and each.predecessor_sequence_number is None
    ]
    return foreign + validate([domain_operation(each) for each in kept])


def runs_of(kept: Sequence[RoutingOperation], target: Decimal) -> tuple[Run, ...]:
    """The runs that make a target quantity. Raises ValueError with sentences: the routing is wrong, or the target."""
    if wrong := errors_of(kept):
        raise ValueError(" ".join(wrong))
    return expand([domain_operation(each) for each in kept], target)
