"""THE MAP: each processor, its one inbox, what it remembers, what it may emit."""

from streams.domain import machines, materials, work_orders
from streams.driver import Processor

TOPOLOGY: tuple[Processor, ...] = (
    Processor(
        name="machines",
        inbox="machine-inbox",
        state=machines.Machine,
        fold=machines.fold,
        emits=frozenset(
            {
                "production.counted",
                "production.inspected",
                "production.interrupted",
                "machine.registered",
                "machine.status_changed",
                "machine.seen",
                "machine.gap_marked",
                "downtime.started",
                "downtime.ended",
                "alert.raised",
            }
        ),
    ),
    Processor(
        name="work_orders",
        inbox="work-order-inbox",
        state=work_orders.WorkOrder,
        fold=work_orders.fold,
        emits=frozenset(
            {
                "work_order.received",
                "work_order.changed",
                "work_order.progressed",
                "work_order.inspected",
                "work_order.completed",
                "work_order.archived",
            }
        ),
    ),
    Processor(
        name="materials",
        inbox="material-inbox",
        state=materials.Material,
        fold=materials.fold,
        emits=frozenset({"material.changed", "alert.raised"}),
    ),
)


def processor(name: str) -> Processor:
    """The processor of that name."""
    return next(each for each in TOPOLOGY if each.name == name)
