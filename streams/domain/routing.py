"""Routings: what is wrong with one, and the runs it becomes for an order: how much to start where, how long it takes.

Losses are reckoned backwards from what shall come out. The exact quantity is carried upstream and rounded up only where
it is told, so that roundings do not pile up: for 10,000 brochures 10,359, 10,152, 10,051, 10,000 (004 section 1.2).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from math import ceil
from typing import NamedTuple

import msgspec

from schemas.messages.materials import SMALLEST_QUANTITY
from schemas.messages.values import check_quantity


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a routing (004 section 4.2), not yet judged: see `validate`.

    `predecessors`: the sequence numbers of what must be done before; none of them: (). Where nothing is said (None) it
    follows the operation before it in sequence, and those that are concurrent with that one.
    `is_concurrent`: it may be done at the same time as the operation before it, so it follows what that one follows.
    `yield_percentage`: the share of what is started that leaves good, `scrap_percentage`: that is thrown away.
    """

    sequence_number: int
    operation_id: str
    work_center_id: str | None
    setup_minutes: Decimal = Decimal(0)
    run_seconds_per_unit: Decimal = Decimal(0)
    yield_percentage: Decimal = Decimal(100)
    scrap_percentage: Decimal = Decimal(0)
    predecessors: tuple[int, ...] | None = None
    is_concurrent: bool = False
    instructions: str | None = None


class Run(NamedTuple):
    """An operation of an order. `quantity`: whole units to start; `exact`: what they are rounded up from.

    `predecessors`: all that must be done before, said or by sequence. Minutes are rounded up, each for itself.
    """

    sequence_number: int
    operation_id: str
    work_center_id: str
    quantity: int
    exact: Fraction
    setup_minutes: int
    run_minutes: int
    predecessors: tuple[int, ...]
    is_concurrent: bool
    instructions: str | None


def good_share(operation: Operation) -> Fraction:
    """The share of what is started that leaves good, as a part of 1.

    Yield and scrap tell one loss from two sides (98 % yield is 2 % scrap, or 1 % scrap and 1 % to rework), so they are
    not multiplied; where they differ, the larger loss holds.
    """
    return min(Fraction(operation.yield_percentage), 100 - Fraction(operation.scrap_percentage)) / 100


def predecessors(operations: Sequence[Operation]) -> dict[int, tuple[int, ...]]:
    """What must be done before each operation, said or by sequence, by sequence number."""
    found: dict[int, tuple[int, ...]] = {}
    together: list[int] = []
    before: tuple[int, ...] = ()
    for operation in sorted(operations, key=lambda each: each.sequence_number):
        if not operation.is_concurrent:
            before, together = tuple(together), []
        if operation.predecessors is not None:
            before = tuple(sorted(set(operation.predecessors)))
        found[operation.sequence_number] = before
        together.append(operation.sequence_number)
    return found


def validate(operations: Sequence[Operation]) -> list[str]:
    """What is wrong with a routing, a sentence each; nothing: it can be expanded."""
    if not operations:
        return ["The routing has no operations."]
    found = [f"{count} operations have sequence number {number}." for number, count in _repeated(operations)]
    one_each = {operation.sequence_number: operation for operation in operations}
    for operation in operations:
        number, said = operation.sequence_number, sorted(set(operation.predecessors or ()))
        found += (f"Operation {number} {wrong}." for wrong in _wrong(operation))
        found += (
            f"Operation {number} follows {each}, which the routing does not have."
            for each in said
            if each not in one_each
        )
    try:
        TopologicalSorter(predecessors(list(one_each.values()))).prepare()
    except CycleError as error:
        path = " > ".join(str(number) for number in error.args[1])
        found.append(f"Operations wait for each other: {path}.")
    return found


def _repeated(operations: Sequence[Operation]) -> list[tuple[int, int]]:
    counts = Counter(each.sequence_number for each in operations)
    return sorted((number, count) for number, count in counts.items() if count > 1)


def _wrong(operation: Operation) -> Iterator[str]:
    if operation.sequence_number < 1:
        yield "must have a sequence number above 0"
    if not operation.work_center_id:
        yield "has no work centre"
    yields, scraps = operation.yield_percentage, operation.scrap_percentage
    if not (yields.is_finite() and 0 < yields <= 100):
        yield f"must yield more than 0 % and at most 100 %, not {yields} %"
    if not (scraps.is_finite() and 0 <= scraps < 100):
        yield f"must scrap 0 % at least and less than 100 %, not {scraps} %"
    for name, time in (
        ("setup_minutes", operation.setup_minutes),
        ("run_seconds_per_unit", operation.run_seconds_per_unit),
    ):
        if not (time.is_finite() and time >= 0):
            yield f"must have {name} of 0 or more, not {time}"


def expand(operations: Sequence[Operation], target: Decimal) -> tuple[Run, ...]:
    """The runs that make a target quantity of good units, by sequence number.

    Every unit passes through all operations: where branches join, it needs one from each; what leaves for several
    branches is as much as the one that needs most. What nothing follows delivers the target.
    Raises ValueError with sentences: the routing is wrong, or the target no quantity above 0.
    """
    wrong = validate(operations)
    if wrong:
        raise ValueError(" ".join(wrong))
    check_quantity("target", target, least=SMALLEST_QUANTITY)
    before = predecessors(operations)
    started = _started({each.sequence_number: each for each in operations}, before, Fraction(target))
    ordered = sorted(operations, key=lambda each: each.sequence_number)
    return tuple(_run(each, started[each.sequence_number], before[each.sequence_number]) for each in ordered)


def _started(
    operations: Mapping[int, Operation], before: Mapping[int, tuple[int, ...]], target: Fraction
) -> dict[int, Fraction]:
    """What each operation must start, exactly, from the last upstream."""
    leaving: dict[int, Fraction] = {}
    started: dict[int, Fraction] = {}
    for number in reversed(list(TopologicalSorter(before).static_order())):
        started[number] = leaving.get(number, target) / good_share(operations[number])
        for each in before[number]:
            leaving[each] = max(leaving.get(each, started[number]), started[number])
    return started


def _run(operation: Operation, exact: Fraction, before: tuple[int, ...]) -> Run:
    quantity = ceil(exact)
    return Run(
        sequence_number=operation.sequence_number,
        operation_id=operation.operation_id,
        work_center_id=operation.work_center_id or "",
        quantity=quantity,
        exact=exact,
        setup_minutes=ceil(operation.setup_minutes),
        run_minutes=ceil(quantity * Fraction(operation.run_seconds_per_unit) / 60),
        predecessors=before,
        is_concurrent=operation.is_concurrent,
        instructions=operation.instructions,
    )
