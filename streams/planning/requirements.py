"""What Postgres holds of items, bills, stock and demands, as the inputs of material requirements planning; and back."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sql.snapshots import Line, Planning, Stock
from streams.domain import units
from streams.domain.bom import Bom, Component, Structure, structure
from streams.domain.calendars import WorkingDays, working_days
from streams.domain.lot_sizing import LotSizing
from streams.domain.mrp import NOTHING, Demand, Inputs, Item, Plan, Receipt
from streams.open_times import calendars_of

PIECES: Final = LotSizing(smallest=Decimal(1))
BACK_DAYS: Final = 1500
AHEAD_DAYS: Final = 1500
SATURDAY: Final = 6


class Planned(NamedTuple):
    """What is kept of a run: the columns of its row, and the rows that belong to it."""

    columns: dict[str, Any]
    orders: list[tuple[Any, ...]]
    pegs: list[tuple[Any, ...]]
    shortages: list[tuple[Any, ...]]
    requisitions: list[tuple[Any, ...]]


def inputs(stock: Stock, zone: str) -> Inputs:
    """The inputs of a run on the plant's day. Raises ValueError with a sentence: a cycle, a missing conversion."""
    here = ZoneInfo(zone)
    bills = bills_of(stock.lines)
    built = structure(
        bills,
        units.of(units.Conversion(each.unit, each.into_unit, each.factor, each.item_id) for each in stock.conversions),
        {each.item_id: each.unit for each in stock.items},
        [each.item_id for each in stock.items if each.is_phantom and each.item_id in bills],
    )
    demands = list(_demands(stock, here))
    receipts = [
        Receipt(each.receipt_id, each.item_id, each.quantity, each.due.astimezone(here).date()) for each in stock.coming
    ]
    return Inputs(
        today=stock.at.astimezone(here).date(),
        items=_items(stock, built, demands, receipts),
        structure=built,
        on_hand={each.material_id: each.on_hand for each in stock.materials},
        reserved={each.material_id: each.reserved for each in stock.materials},
        receipts=receipts,
        demands=demands,
    )


def bills_of(lines: Iterable[Line]) -> dict[str, Bom]:
    """The bills that hold on the day, by product."""
    heads: dict[str, Line] = {}
    components: dict[str, list[Component]] = {}
    for line in lines:
        heads.setdefault(line.product_id, line)
        its = components.setdefault(line.product_id, [])
        if line.item_id is not None and line.quantity is not None:
            its.append(
                Component(
                    item_id=line.item_id,
                    quantity=line.quantity,
                    unit=line.component_unit or line.unit,
                    position=line.position,
                    scrap_percentage=line.scrap_percentage or NOTHING,
                )
            )
    return {
        product_id: Bom(
            product_id=product_id,
            revision=head.revision,
            effective_from=head.effective_from,
            effective_to=head.effective_to,
            output_quantity=head.output_quantity,
            unit=head.unit,
            components=tuple(components[product_id]),
        )
        for product_id, head in heads.items()
    }


def _demands(stock: Stock, here: ZoneInfo) -> Iterable[Demand]:
    """Production orders that are not done, and what orders in work still have to get."""
    for order in stock.orders:
        left = order.quantity - order.quantity_completed
        if left > 0:
            yield Demand(order.number, order.product_id, left, order.due_date.astimezone(here).date())
    for need in stock.needs:
        day = need.due.astimezone(here).date()
        yield Demand(f"{need.work_order_id}/{need.material_id}", need.material_id, need.quantity, day)


def _items(stock: Stock, built: Structure, demands: Iterable[Demand], receipts: Iterable[Receipt]) -> list[Item]:
    """Every item that anything is said of, each planned as its planning data say."""
    planning = {each.item_id: each for each in stock.planning}
    least = {each.material_id: each.safety_stock for each in stock.materials}
    known = dict.fromkeys(each.item_id for each in stock.items)
    known |= dict.fromkeys([*planning, *built.low_level_codes, *least])
    known |= dict.fromkeys([*(each.item_id for each in demands), *(each.item_id for each in receipts)])
    return [
        _item(item_id, planning.get(item_id), least.get(item_id, NOTHING), item_id in built.parts) for item_id in known
    ]


def _item(item_id: str, told: Planning | None, safety_stock: Decimal, has_bill: bool) -> Item:
    if told is None:
        return Item(item_id=item_id, lot_sizing=PIECES, safety_stock=safety_stock, is_purchased=not has_bill)
    policy: Any = told.lot_policy
    return Item(
        item_id=item_id,
        lot_sizing=LotSizing(
            policy=policy,
            lot_size=told.lot_size,
            minimum=told.minimum,
            multiple=told.multiple,
            period_days=told.period_days,
            smallest=told.smallest,
        ),
        safety_stock=safety_stock if told.safety_stock is None else told.safety_stock,
        lead_time_days=told.lead_time_days,
        scrap_percentage=told.scrap_percentage,
        is_purchased=not has_bill if told.is_purchased is None else told.is_purchased,
    )


def plant_days(stock: Stock, today: date) -> WorkingDays:
    """The days on which some work centre has a shift; without work centres those from Monday to Friday."""
    first, last = today - timedelta(days=BACK_DAYS), today + timedelta(days=AHEAD_DAYS)
    calendars = {each.calendar for each in calendars_of(stock.centers, ()).values()}
    found: set[date] = set()
    for calendar in calendars:
        found |= set(working_days(calendar, first, last).days)
    if not found:
        days = ((first + timedelta(days=number)) for number in range((last - first).days + 1))
        found = {day for day in days if day.isoweekday() < SATURDAY}
    return WorkingDays(tuple(sorted(found)))


def kept(plan: Plan, inputs: Inputs, look: Callable[[float], object]) -> Planned:
    """The rows of a plan, with the demands behind every planned order. `look` is told how far that is."""
    codes, tracing = inputs.structure.low_level_codes, plan.tracing()
    orders: list[tuple[Any, ...]] = []
    pegs: list[tuple[Any, ...]] = []
    for number, order in enumerate(plan.orders()):
        if number % 1000 == 0:
            look(number)
        code = codes.get(order.item_id, 0)
        orders.append(
            (order.item_id, order.due, order.start, order.quantity, order.good_quantity, code, order.is_purchased)
        )
        found = sorted(
            tracing.demands(order.item_id, order.due).items(), key=lambda each: (each[0] is None, each[0] or "")
        )
        pegs += [
            (order.item_id, order.due, place, demand_id, quantity)
            for place, (demand_id, quantity) in enumerate(found, 1)
        ]
    shortages = [(each.item_id, each.due, each.quantity, each.start, each.possible_on) for each in plan.shortages()]
    requisitions = [(each.item_id, each.quantity, each.order_on, each.due) for each in plan.requisitions()]
    columns = {
        "figures": {
            "items": len(plan.items),
            "replanned": len(plan.replanned),
            "demands": len(inputs.demands),
            "planned_orders": len(orders),
            "shortages": len(shortages),
            "requisitions": len(requisitions),
        }
    }
    return Planned(columns, orders, pegs, shortages, requisitions)


def inputs_told(stock: Stock, found: Inputs, digest: str, base: str | None) -> dict[str, Any]:
    """What a run was computed from. `base`: the run that a net-change run goes on from."""
    return {
        "at": stock.at.astimezone(UTC).isoformat(),
        "today": found.today.isoformat(),
        "items": len(found.items),
        "bills": len(found.structure.parts),
        "demands": len(found.demands),
        "receipts": len(found.receipts),
        "materials": len(stock.materials),
        "digest": digest,
        "base_run_id": base,
    }


def day_of(at: datetime, zone: str) -> date:
    """The plant's day of a moment."""
    return at.astimezone(ZoneInfo(zone)).date()
