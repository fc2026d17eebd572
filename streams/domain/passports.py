"""Figures with their formulas, and how each is computed again from the messages behind it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from schemas.messages.machines import DowntimeRecorded, GapMarked, MachineChanged, StatusRestated
from schemas.messages.materials import (
    MaterialConsume,
    ReservationChanged,
    ReservationConfirmed,
    StockCorrected,
    StockReported,
)
from schemas.messages.work_orders import ProductionCounted, WorkOrderChanged, WorkOrderCreated, WorkOrderUpdated
from streams.domain.work_orders import progress

NOTHING: Final = Decimal(0)
OF_ENTITY: Final = "its unit"
Value = Decimal | int | float | None
Values = Mapping[str, Value]


class Figure(NamedTuple):
    """A figure: its unit, its formula in symbols and in words, and the names of what goes into it."""

    title: str
    unit: str
    symbols: str
    words: str
    inputs: tuple[str, ...]


ORDER: Final[dict[str, Figure]] = {
    "progress_percentage": Figure(
        "Progress",
        "%",
        "min(100, round(100 × produced ÷ ordered, 2))",
        "Units made, scrap included, of the units ordered (002 section 4.2.1); never above 100.",
        ("quantity_produced", "quantity_ordered"),
    ),
    "quantity_produced": Figure(
        "Produced",
        OF_ENTITY,
        "Σ units of every reading",
        "Each reading adds the units its machine had not counted before, scrap included.",
        ("units",),
    ),
    "quantity_scrapped": Figure(
        "Scrapped",
        OF_ENTITY,
        "Σ scrapped units of every reading",
        "Each reading that failed its quality adds its own units; one that came late adds them when it came.",
        ("scrapped_units",),
    ),
    "quantity_good": Figure(
        "Good",
        OF_ENTITY,
        "produced − scrapped",
        "Units made that are no scrap.",
        ("quantity_produced", "quantity_scrapped"),
    ),
}
MATERIAL: Final[dict[str, Figure]] = {
    "available_quantity": Figure(
        "Available",
        OF_ENTITY,
        "max(0, on hand − allocated)",
        "What can still be promised: what is there less what is promised already.",
        ("on_hand_quantity", "allocated_quantity"),
    ),
    "on_hand_quantity": Figure(
        "On hand",
        OF_ENTITY,
        "max(0, counted − Σ used since)",
        "The warehouse's latest count, less what orders used up that this count does not know of.",
        ("counted_quantity", "used_quantity"),
    ),
    "allocated_quantity": Figure(
        "Allocated",
        OF_ENTITY,
        "max(0, allocated by the warehouse − Σ ours in it) + reserved",
        "What others hold by the warehouse's latest word, and what our orders reserve.",
        ("warehouse_allocated_quantity", "ours_in_it_quantity", "reserved_quantity"),
    ),
    "reserved_quantity": Figure(
        "Reserved",
        OF_ENTITY,
        "Σ what each open reservation holds",
        "Each order's reservation counts with the latest word about it.",
        ("held_quantity",),
    ),
}
MACHINE: Final[dict[str, Figure]] = {
    "oee_percentage": Figure(
        "OEE",
        "%",
        "availability × performance × quality",
        "Overall equipment effectiveness (ISO 22400-2): the share of planned time in which good units were made at the "
        "ideal pace.",
        ("availability_percentage", "performance_percentage", "quality_percentage"),
    ),
    "availability_percentage": Figure(
        "Availability",
        "%",
        "100 × run time ÷ planned time",
        "Planned is when the calendar has the machine open, it was seen, had an order and was not stopped by plan; it "
        "ran in part of that.",
        ("run_seconds", "planned_seconds"),
    ),
    "performance_percentage": Figure(
        "Performance",
        "%",
        "100 × ideal cycle time × (units − units in unobserved and in closed time) ÷ run time",
        "How fast it was while it ran, against the ideal cycle time of the plant layout.",
        ("ideal_cycle_time_seconds", "units", "unobserved_units", "unscheduled_units", "run_seconds"),
    ),
    "quality_percentage": Figure(
        "Quality",
        "%",
        "100 × (units − scrap) ÷ units",
        "Good units of all units counted in that time.",
        ("units", "scrapped_units"),
    ),
}
LEAVES: Final[dict[str, tuple[str, str]]] = {
    "quantity_ordered": ("Ordered", OF_ENTITY),
    "units": ("Units", "units"),
    "scrapped_units": ("Scrapped units", "units"),
    "unobserved_units": ("Units in unobserved time", "units"),
    "unscheduled_units": ("Units in closed time", "units"),
    "counted_quantity": ("Counted", OF_ENTITY),
    "used_quantity": ("Used since", OF_ENTITY),
    "warehouse_allocated_quantity": ("Allocated by the warehouse", OF_ENTITY),
    "ours_in_it_quantity": ("Ours in it", OF_ENTITY),
    "held_quantity": ("Held by open reservations", OF_ENTITY),
    "run_seconds": ("Run time", "s"),
    "planned_seconds": ("Planned time", "s"),
    "ideal_cycle_time_seconds": ("Ideal cycle time", "s"),
}
"""What goes into a figure and is none itself: its title and its unit."""


def leaves(figures: Mapping[str, Figure], name: str) -> frozenset[str]:
    """What a figure is computed from in the end, through all figures in between."""
    figure = figures.get(name)
    if figure is None:
        return frozenset({name})
    return frozenset().union(*(leaves(figures, each) for each in figure.inputs))


def order_values(payloads: Iterable[Any]) -> dict[str, Value]:
    """An order's figures from what was said to it, in the order of the log; other messages count for nothing."""
    ordered, units, scrapped = NOTHING, 0, 0
    for told in payloads:
        if isinstance(told, ProductionCounted):
            units, scrapped = units + told.units, scrapped + told.scrapped_units
        elif isinstance(told, WorkOrderCreated | WorkOrderUpdated) and told.quantity_ordered is not None:
            ordered = told.quantity_ordered
    return {
        "quantity_ordered": ordered,
        "units": units,
        "scrapped_units": scrapped,
        "quantity_produced": units,
        "quantity_scrapped": scrapped,
        "quantity_good": units - scrapped,
        "progress_percentage": progress(units, ordered) if ordered else None,
    }


class Use(NamedTuple):
    """Material that was used up, and what the warehouse held for it by its own word, since when."""

    quantity: Decimal
    was_confirmed: Decimal = NOTHING
    was_confirmed_at: datetime | None = None


class Hold(NamedTuple):
    """What a reservation holds, and how much of it the warehouse holds too, since when."""

    quantity: Decimal
    confirmed: Decimal = NOTHING
    confirmed_at: datetime | None = None


class Stock(NamedTuple):
    """What the figures of a material come from: the latest words of the warehouse, and ours since."""

    counted: Decimal
    allocated: Decimal
    allocated_at: datetime | None
    used_since: Sequence[Use]
    holds: Sequence[Hold]


def ours_in(allocated_at: datetime | None, quantity: Decimal, since: datetime | None) -> Decimal:
    """How much of a quantity that is confirmed since a moment is in the warehouse's word of what is allocated."""
    is_in = since is not None and allocated_at is not None and since < allocated_at
    return quantity if is_in else NOTHING


def material_values(stock: Stock) -> dict[str, Value]:
    """A material's figures from what the warehouse said last and what came after."""
    used = sum((each.quantity for each in stock.used_since), NOTHING)
    held = sum((each.quantity for each in stock.holds), NOTHING)
    confirmed = [(each.confirmed, each.confirmed_at) for each in stock.holds]
    confirmed += [(each.was_confirmed, each.was_confirmed_at) for each in stock.used_since]
    ours = sum((ours_in(stock.allocated_at, quantity, since) for quantity, since in confirmed), NOTHING)
    on_hand = max(NOTHING, stock.counted - used)
    allocated = max(NOTHING, stock.allocated - ours) + held
    return {
        "counted_quantity": stock.counted,
        "used_quantity": used,
        "warehouse_allocated_quantity": stock.allocated,
        "ours_in_it_quantity": ours,
        "held_quantity": held,
        "reserved_quantity": held,
        "on_hand_quantity": on_hand,
        "allocated_quantity": allocated,
        "available_quantity": max(NOTHING, on_hand - allocated),
    }


def amounts(told: Any) -> dict[str, Value]:
    """What a message counts for, by what goes into figures."""
    if isinstance(told, ProductionCounted):
        return {"units": told.units, "scrapped_units": told.scrapped_units}
    if isinstance(told, WorkOrderCreated | WorkOrderUpdated):
        return {"quantity_ordered": told.quantity_ordered}
    if isinstance(told, StockReported):
        return {"counted_quantity": told.on_hand_quantity, "warehouse_allocated_quantity": told.allocated_quantity}
    if isinstance(told, StockCorrected):
        return {_CORRECTED[told.field_changed]: told.new_value} if told.field_changed in _CORRECTED else {}
    if isinstance(told, MaterialConsume):
        return {"used_quantity": told.quantity}
    if isinstance(told, ReservationChanged):
        return {"held_quantity": told.quantity_reserved}
    if isinstance(told, ReservationConfirmed) and told.batches:
        return {"ours_in_it_quantity": sum((each.quantity for each in told.batches), NOTHING)}
    return {}


_CORRECTED: Final = {"on_hand_quantity": "counted_quantity", "allocated_quantity": "warehouse_allocated_quantity"}


def words(told: Any) -> str:
    """What a message says that matters to a figure, in words."""
    by_type = _WORDS.get(type(told))
    return by_type(told) if by_type else "no figure"


def _number(value: Decimal | int) -> str:
    return f"{Decimal(value).normalize():f}"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _counted(told: ProductionCounted) -> str:
    scrap = f", {told.scrapped_units} of them scrap" if told.scrapped_units else ""
    return f"{told.machine_id} made {told.units} (counter {told.cumulative_units}){scrap}"


def _ordered(told: WorkOrderCreated | WorkOrderUpdated) -> str:
    return f"{_number(told.quantity_ordered)} ordered" if told.quantity_ordered is not None else "nothing ordered"


def _reported(told: StockReported) -> str:
    return f"{_number(told.on_hand_quantity)} counted, {_number(told.allocated_quantity)} allocated there"


def _corrected(told: StockCorrected) -> str:
    return f"{told.field_changed.replace('_', ' ')} is {_number(told.new_value)} from then on"


def _used(told: MaterialConsume) -> str:
    return f"{told.work_order_id} used up {_number(told.quantity)}"


def _held(told: ReservationChanged) -> str:
    return f"{told.work_order_id} holds {_number(told.quantity_reserved)} ({told.status})"


def _confirmed(told: ReservationConfirmed) -> str:
    return (
        f"the warehouse holds {told.reservation_id} as {told.inventory_reservation_id} since {_at(told.confirmed_at)}"
    )


def _machine(told: MachineChanged) -> str:
    return f"{told.status} since {_at(told.status_since)}, last seen {_at(told.last_seen_at)}"


def _restated(told: StatusRestated) -> str:
    return f"{told.status} from {_at(told.from_at)} to {_at(told.to_at)}, told late"


def _gap(told: GapMarked) -> str:
    return f"nobody saw it from {_at(told.from_at)} to {_at(told.to_at)}"


def _downtime(told: DowntimeRecorded) -> str:
    return f"stood from {_at(told.started_at)} on: {told.downtime_reason_code}"


def _order(told: WorkOrderChanged) -> str:
    ended = f", ended {_at(told.actual_end_at)}" if told.actual_end_at else ""
    began = _at(told.actual_start_at) if told.actual_start_at else "not yet"
    return f"{told.work_order_id} was in work: began {began}{ended}"


_WORDS: Final[dict[type, Callable[[Any], str]]] = {
    ProductionCounted: _counted,
    WorkOrderCreated: _ordered,
    WorkOrderUpdated: _ordered,
    StockReported: _reported,
    StockCorrected: _corrected,
    MaterialConsume: _used,
    ReservationChanged: _held,
    ReservationConfirmed: _confirmed,
    MachineChanged: _machine,
    StatusRestated: _restated,
    GapMarked: _gap,
    DowntimeRecorded: _downtime,
    WorkOrderChanged: _order,
}
