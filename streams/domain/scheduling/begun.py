"""What of a schedule has begun by a minute, when not all of it could begin as planned."""

from streams.domain.scheduling.checker import check
from streams.domain.scheduling.problem import Problem, Schedule
from streams.domain.scheduling.seats import Seat, seated, seats_of


def begun(problem: Problem, schedule: Schedule, now: int) -> dict[str, Seat]:
    """What was to begin before now and could, in the open time that there really was.

    What had to wait has not begun: its work centre was down, not set up in time or still busy, or what it follows had
    not handed on enough. Nor has what would run dry before what it follows ends. So what has begun, with the ends that
    it has now, keeps every constraint. Where a schedule breaks one of itself, who breaks it has not begun either.

    `OutsideHorizon`: something that has begun does not end within it.
    """
    before = {each.operation_id: [link.operation_id for link in each.predecessors] for each in problem.operations}
    seats = {each: seat for each, seat in seats_of(schedule).items() if seat.start < now and each in before}
    while True:
        seats = _behind_begun(seats, before)
        wrong = _wrong(problem, schedule, seats)
        if not wrong:
            return seats
        first = min(seats[each].start for each in wrong)
        seats = {each: seat for each, seat in seats.items() if each not in wrong or seat.start > first}


def _behind_begun(seats: dict[str, Seat], before: dict[str, list[str]]) -> dict[str, Seat]:
    """Without what follows something that has not begun."""
    found: dict[str, Seat] = {}
    for each, seat in sorted(seats.items(), key=lambda pair: pair[1].start):
        if all(other in found for other in before[each]):
            found[each] = seat
    return found


def _wrong(problem: Problem, schedule: Schedule, seats: dict[str, Seat]) -> set[str]:
    """What breaks a constraint if all this has begun, set up from when that was planned."""
    planned = schedule.by_operation
    those = tuple(each._replace(pin=None) for each in problem.operations if each.operation_id in seats)
    slots = seated(problem, seats).slots
    made = Schedule(tuple(each._replace(setup_start=planned[each.operation_id].setup_start) for each in slots))
    return {each.operation_id for each in check(problem._replace(operations=those), made)}
