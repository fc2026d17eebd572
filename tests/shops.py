"""Shops to schedule, drawn from a seed: work centres in shifts, orders with alternatives, families and due dates."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

from streams.domain.calendars import Break, Calendar, OpenTime, Period, Shift, floor, of_spans, open_time
from streams.domain.scheduling.changeovers import AttributeRule, Changeover, ChangeoverMatrix, ExactChangeover
from streams.domain.scheduling.problem import Link, Operation, Order, Problem, WorkCenter

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
EARLY = Shift(
    name="Early", weekdays=frozenset(range(1, 6)), begins=time(6), ends=time(14), breaks=(Break(time(10), 30),)
)
LATE = Shift(
    name="Late", weekdays=frozenset(range(1, 6)), begins=time(14), ends=time(22), breaks=(Break(time(18), 30),)
)
BEGIN = floor(MONDAY)
WORK_CENTERS = 10
FAMILIES = {
    f"F{number}": {"colour": "dark" if number % 2 else "light", "width": str(number % 3)} for number in range(6)
}
MATRIX = ChangeoverMatrix(
    exact=(ExactChangeover("F5", "F0", Changeover(75, 30)), ExactChangeover("F0", "F5", Changeover(20, 5))),
    rules=(
        AttributeRule("colour", Changeover(40, 15), from_value="dark", to_value="light"),
        AttributeRule("colour", Changeover(15, 5)),
        AttributeRule("width", Changeover(20, 10)),
    ),
    attributes=FAMILIES,
)


def always(days: int = 365) -> OpenTime:
    return of_spans([(BEGIN, BEGIN + days * 1440)], BEGIN, BEGIN + days * 1440)


def shifts(number: int, days: int) -> OpenTime:
    """One to three shifts a day; maintenance on some afternoon."""
    night = Shift(name="Night", weekdays=frozenset(range(1, 6)), begins=time(22), ends=time(6))
    worked = [(EARLY,), (EARLY, LATE), (EARLY, LATE, night)][number % 3]
    begins = MONDAY + timedelta(days=number % 5, hours=12)
    maintenance = (Period(begins, begins + timedelta(hours=4), "Maintenance"),)
    calendar = Calendar(zone="UTC", shifts=worked, maintenance=maintenance, holidays=frozenset({date(2026, 12, 25)}))
    return open_time(calendar, MONDAY, MONDAY + timedelta(days=days))


def shop(
    seed: int, orders: int, operations: int = 4, centers: int = WORK_CENTERS, *, days: int = 120, slack: float = 1.0
) -> Problem:
    """Orders of mixed sizes and priorities; many cannot be in time, unless due dates have more slack."""
    chance = Random(seed)
    floor_ = tuple(
        WorkCenter(f"WC-{n}", shifts(n, days), f"F{chance.randrange(6)}", name=f"Press {n}") for n in range(centers)
    )
    made: list[Operation] = []
    due: list[Order] = []
    load = 0.0
    for number in range(orders):
        family, total = f"F{chance.randrange(6)}", 0
        for step in range(operations):
            where = chance.sample(range(centers), min(centers, chance.choice((1, 2, 3))))
            minutes = chance.randrange(30, 300)
            total += minutes
            made.append(
                Operation(
                    f"O{number}-{step}",
                    f"PO-{number}",
                    10 * (step + 1),
                    {f"WC-{each}": round(minutes * chance.uniform(0.8, 1.3)) for each in where},
                    (Link(f"O{number}-{step - 1}"),) if step else (),
                    15,
                    family,
                    BEGIN + chance.randrange(0, 4 * 1440) if not step and chance.random() < 0.3 else None,
                )
            )
        load += total
        due.append(Order(f"PO-{number}", 0, chance.choice((1, 1, 2, 3, 5, 8))))
    span = slack * 1.3 * load / (centers * 0.45)
    placed = tuple(each._replace(due=BEGIN + round(span * chance.uniform(0.15, 1.0)) + 1440) for each in due)
    return Problem(floor_, tuple(made), placed, MATRIX)
