"""The list of work orders with its filters on a million orders, and the explosion of a bill of 1,800 lines."""

import random
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg

from connectors.database import Database
from schemas.ids import DEFAULT_TENANT
from sql import database
from sql.__main__ import migrate_to
from sql.reads import work_orders
from sql.reads.work_orders import Wanted
from streams.domain.bom import Bom, Component, explode, structure
from tests.bench.figures import Figure, Measure
from tests.plants import RunningPlant

ORDERS: Final = 1_000_000
ASKED: Final = 400
INDEXES: Final = """
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'work_orders' AND indexname <> 'work_orders_pkey'
"""
# Three years of orders: what was due before today is done but for a few, what comes is open.
FILL: Final = """
INSERT INTO work_orders (tenant_id, work_order_id, erp_work_order_id, work_order_number, product_id, product_name,
  quantity_ordered, quantity_produced, quantity_scrapped, progress_percentage, unit_of_measure, status, priority,
  due_date, production_line_preference, current_machine_id, version, created_at, updated_at)
SELECT %(tenant)s, 'WO-BENCH' || n, 'ERP-' || n, 'N-' || n, 'PROD-' || n %% 997,
  (ARRAY['Washer', 'Dryer', 'Oven', 'Hob', 'Fridge'])[1 + n %% 5] || ' ' ||
    (ARRAY['door', 'drum', 'frame', 'lid', 'hinge', 'panel', 'pump'])[1 + n %% 7] || ' ' || n %% 997,
  100, 50, 1, 50, 'EA',
  CASE WHEN n < %(all)s * 0.9 THEN CASE WHEN r < 0.004 THEN 'in_progress' WHEN r < 0.006 THEN 'on_hold'
      WHEN r < 0.05 THEN 'cancelled' ELSE 'completed' END
    ELSE (ARRAY['received', 'received', 'received', 'released', 'assigned', 'in_progress'])[1 + floor(r * 6)::int] END,
  CASE WHEN s < 0.02 THEN 'urgent' WHEN s < 0.15 THEN 'high' WHEN s < 0.8 THEN 'normal' ELSE 'low' END,
  now() + (n - %(all)s * 0.9) * interval '90 seconds', 'line' || floor(t * 20)::int,
  CASE WHEN n < %(all)s * 0.9 THEN 'M-' || floor(t * 200)::int END, 1, now(), now()
FROM (SELECT n, random() AS r, random() AS s, random() AS t FROM generate_series(1, %(all)s::int) AS n) AS made
"""


def _questions(chance: random.Random) -> list[tuple[Wanted, bool]]:
    """What people ask the list, and whether they turn a page."""
    line = lambda: f"line{chance.randrange(20)}"  # noqa: E731
    now = datetime.now(UTC)
    made = [
        lambda: Wanted(),
        lambda: Wanted(statuses=("in_progress",)),
        lambda: Wanted(statuses=("received", "released", "assigned")),
        lambda: Wanted(late=True),
        lambda: Wanted(late=True, line=line(), priorities=("urgent", "high")),
        lambda: Wanted(late=False, statuses=("released",)),
        lambda: Wanted(line=line()),
        lambda: Wanted(line=line(), statuses=("on_hold", "in_progress")),
        lambda: Wanted(priorities=("urgent",), statuses=work_orders.OPEN),
        lambda: Wanted(priorities=("urgent",), line=line()),
        lambda: Wanted(machine=f"M-{chance.randrange(200)}"),
        lambda: Wanted(due_before=now + timedelta(days=7), statuses=work_orders.OPEN),
        lambda: Wanted(text=f"BENCH{chance.randrange(100_000, ORDERS)}"),
        lambda: Wanted(text=f"{chance.randrange(100_000, ORDERS)}"),
        lambda: Wanted(text=f"PROD-{chance.randrange(997)}", statuses=("received",)),
        lambda: Wanted(text=f"drum {chance.randrange(997)}"),
        lambda: Wanted(text="washer", statuses=work_orders.OPEN),
        lambda: Wanted(text="nobody has this"),
    ]
    return [(made[number % len(made)](), number % 3 == 0) for number in range(ASKED)]


def fill(plant: RunningPlant) -> None:
    """A million orders of one tenant, and what Postgres knows of them; indexes are made afterwards, which is faster."""
    with psycopg.connect(plant.owner_url, autocommit=True) as owner:
        indexes = owner.execute(INDEXES).fetchall()
        for name, _ in indexes:
            owner.execute(f"DROP INDEX {name}".encode())
        with database.connect(plant.app_url) as connection, connection.cursor() as cursor:
            database.tenant(cursor, DEFAULT_TENANT)
            cursor.execute("DELETE FROM work_orders")
            cursor.execute(FILL.encode(), {"tenant": DEFAULT_TENANT, "all": ORDERS})
        for _, definition in indexes:
            owner.execute(definition.encode())
        owner.execute("VACUUM ANALYZE work_orders")


def seconds_of(plant: RunningPlant) -> list[tuple[float, Wanted]]:
    """How long each question took: a connection of the gateway's pool, the tenant, the query, its rows."""
    pool = Database(plant.settings())
    pool.open()
    taken: list[tuple[float, Wanted]] = []
    try:
        for wanted, turns in _questions(random.Random(7)):
            after = None
            for _ in range(2 if turns else 1):
                began = time.perf_counter()
                with pool.tenant(DEFAULT_TENANT) as rows:
                    _, after = work_orders.page(rows, wanted, 100, after)
                taken.append((time.perf_counter() - began, wanted))
                if after is None:
                    break
    finally:
        pool.close()
    return taken


def order_list(plant: RunningPlant) -> Figure:
    """p95 of the gateway's query, pages of 100, over all kinds of filters."""
    migrate_to(plant.owner_url, "head")
    fill(plant)
    seconds_of(plant)
    taken = sorted(seconds_of(plant), key=lambda each: each[0])
    p50, p95, p99 = (taken[int(share * len(taken))][0] for share in (0.5, 0.95, 0.99))
    print(f"  1,000,000 orders: p50 {1000 * p50:.1f} ms  p95 {1000 * p95:.1f} ms  p99 {1000 * p99:.1f} ms")
    print(f"  slowest: {1000 * taken[-1][0]:.0f} ms for {_said(taken[-1][1])}")
    name = "order_list_1m_p95_seconds"
    return Figure(name, round(p95, 4), "s", "what is asked for", 0.1, round(p95 / 0.1, 3), "1x", "0.3x")


def _said(wanted: Wanted) -> dict[str, Any]:
    told = {name: getattr(wanted, name) for name in Wanted.__dataclass_fields__}
    return {name: value for name, value in told.items() if value}


def bill_1800() -> dict[str, Bom]:
    """A machine of 12 groups of 12 assemblies of 11 parts: 12 + 144 + 1,584 lines, and 60 that lie loose."""
    bills: dict[str, Bom] = {}

    def bill(product: str, parts: list[str]) -> None:
        lines = tuple(
            Component(item_id=part, quantity=Decimal(1 + place % 7), scrap_percentage=Decimal("1.5"))
            for place, part in enumerate(parts)
        )
        bills[product] = Bom(product_id=product, revision="A", effective_from=date(2026, 1, 1), components=lines)

    groups = [f"G{group}" for group in range(12)]
    bill("MACHINE", [*groups, *(f"L{number}" for number in range(60))])
    for group in groups:
        assemblies = [f"{group}-A{number}" for number in range(12)]
        bill(group, assemblies)
        for assembly in assemblies:
            bill(assembly, [f"{assembly}-P{number}" for number in range(11)])
    return bills


def explosion(_plant: RunningPlant) -> Figure:
    """The indented explosion of 1,800 lines; the median of many. The structure, made once a request, is told beside."""
    bills, built, taken = bill_1800(), [], list[float]()
    for _ in range(41):
        began = time.perf_counter()
        made = structure(bills)
        built.append(time.perf_counter() - began)
        lines = list(explode(made, "MACHINE", Decimal(7)))
        taken.append(time.perf_counter() - began - built[-1])
        assert len(lines) == 1_800
    median = sorted(taken)[len(taken) // 2]
    print(f"  the structure of its {len(bills)} bills: {1000 * sorted(built)[len(built) // 2]:.1f} ms")
    name = "bom_1800_seconds"
    return Figure(name, round(median, 4), "s", "what is asked for", 0.1, round(median / 0.1, 3), "1x", "0.2x")


MEASURES: dict[str, Measure] = {
    "order_list_1m_p95_seconds": Measure(order_list),
    "bom_1800_seconds": Measure(explosion),
}
