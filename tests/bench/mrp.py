"""Material requirements planning and the expansion of production orders, without any service."""

import gc
import itertools
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from time import perf_counter

from schemas.settings import Settings
from streams.domain import mrp, routing
from streams.domain.bom import Bom, Component, structure
from streams.domain.calendars import Calendar, Shift, open_time, working_days
from streams.domain.lot_sizing import LotSizing
from streams.domain.scheduling import engine
from streams.domain.scheduling.problem import Link, Operation, Order, Problem, WorkCenter
from tests.bench.figures import Figure, contest

LEVELS, ITEMS, DEMANDS, SEED = 6, 10_000, 100_000, 6
TODAY = date(2026, 11, 23)
ORDERS, STEPS, CENTERS = 1_000, 4, 10
WANTED_SECONDS, AIM_SECONDS = 20.0, 5.0
WEEK = Calendar(
    zone="UTC",
    shifts=(Shift(name="day", weekdays=frozenset(range(1, 6)), begins=time(6), ends=time(22)),),
)
PIECES = LotSizing(smallest=Decimal(1))


def inputs(items: int = ITEMS, demands: int = DEMANDS) -> mrp.Inputs:
    """Items in six levels, each made of three of the next level; a third of them in stock, a year of demands."""
    chance = Random(SEED)
    per_level = items // LEVELS
    levels = [[f"I{level}-{number}" for number in range(per_level)] for level in range(LEVELS)]
    levels[-1] += [f"I{LEVELS - 1}-{number}" for number in range(per_level, items - per_level * (LEVELS - 1))]
    bills = {
        product: Bom(
            product_id=product,
            revision="A",
            effective_from=TODAY,
            components=tuple(
                Component(item_id=item, quantity=Decimal(chance.randrange(1, 5))) for item in chance.sample(below, 3)
            ),
        )
        for above, below in itertools.pairwise(levels)
        for product in above
    }
    known = [item for level in levels for item in level]
    lots = (PIECES, LotSizing(policy="fixed", lot_size=Decimal(50)), LotSizing(policy="period", period_days=7))
    return mrp.Inputs(
        today=TODAY,
        items=[
            mrp.Item(item_id=item, lead_time_days=chance.randrange(1, 6), lot_sizing=chance.choice(lots))
            for item in known
        ],
        structure=structure(bills),
        on_hand={item: Decimal(chance.randrange(500)) for item in known if chance.random() < 0.3},
        demands=[
            mrp.Demand(
                f"SO-{number}",
                chance.choice(levels[0]) if chance.random() < 0.9 else chance.choice(known),
                Decimal(chance.randrange(1, 100)),
                TODAY + timedelta(days=chance.randrange(30, 365)),
            )
            for number in range(demands)
        ],
    )


def plan(_: Settings) -> Figure:
    """Plan everything, with the pegs of every order."""
    days = working_days(WEEK, TODAY - timedelta(days=1500), TODAY + timedelta(days=1500))
    told = inputs()
    gc.disable()  # as in the planner's worker
    begun = perf_counter()
    found = mrp.plan(told, days.offset)
    seconds = perf_counter() - begun
    gc.enable()
    orders = sum(1 for _ in found.orders())
    assert orders > ITEMS
    return Figure(
        "mrp_100k_seconds", round(seconds, 2), "s", f"{ITEMS:,} items, {DEMANDS:,} demands",
        WANTED_SECONDS, round(WANTED_SECONDS / seconds, 2), f"< {WANTED_SECONDS:.0f} s", f"< {AIM_SECONDS:.0f} s",
    )  # fmt: skip


def expand(_: Settings) -> Figure:
    """Expand production orders into runs and plan these by the dispatch rules."""
    at = datetime(2026, 11, 23, tzinfo=UTC)
    opened = open_time(WEEK, at, at + timedelta(days=365))
    chance = Random(SEED)
    steps = [
        routing.Operation(
            sequence_number=10 * (number + 1),
            operation_id=f"O{number}",
            work_center_id=f"W{number}",
            setup_minutes=Decimal(10),
            run_seconds_per_unit=Decimal(6),
            yield_percentage=Decimal("98.5"),
        )
        for number in range(STEPS)
    ]
    begun = perf_counter()
    operations: list[Operation] = []
    orders: list[Order] = []
    for number in range(ORDERS):
        due = int(at.timestamp()) // 60 + chance.randrange(5, 60) * 1440
        orders.append(Order(f"PO-{number}", due, chance.choice((1, 2, 5, 10))))
        for run in routing.expand(steps, Decimal(chance.randrange(100, 1000))):
            place = chance.randrange(CENTERS)
            operations.append(
                Operation(
                    f"PO-{number}/{run.sequence_number}",
                    f"PO-{number}",
                    run.sequence_number,
                    {f"W{place}": run.run_minutes, f"W{(place + 1) % CENTERS}": run.run_minutes},
                    tuple(Link(f"PO-{number}/{before}") for before in run.predecessors),
                    run.setup_minutes,
                )
            )
    centers = tuple(WorkCenter(f"W{number}", opened) for number in range(CENTERS))
    found = engine.dispatch(Problem(centers, tuple(operations), tuple(orders)), ("EDD",))
    seconds = perf_counter() - begun
    assert len(found.schedule.slots) == ORDERS * STEPS
    return Figure(
        "orders_1000_expanded_planned_seconds", round(seconds, 2), "s", "wanted", 10.0, round(10 / seconds, 2),
        "< 10 s", "< 2 s",
    )  # fmt: skip


MEASURES = {"mrp_100k_seconds": contest(plan), "orders_1000_expanded_planned_seconds": contest(expand)}
