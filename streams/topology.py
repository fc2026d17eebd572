"""THE MAP: each processor, its one inbox, what it remembers, what it may emit."""

from typing import Final

from streams.domain import machine_state, machines, materials, operators, priors, stock, work_orders
from streams.driver import Processor

GROUP: Final = "mfg"
"""The consumer group of the agents."""

TOPOLOGY: tuple[Processor, ...] = (
    Processor(
        name="machines",
        inbox="machine-inbox",
        state=machine_state.Machine,
        fold=machines.fold,
        emits=frozenset(
            {
                "production.counted",
                "production.inspected",
                "production.interrupted",
                "machine.registered",
                "machine.status_changed",
                "machine.seen",
                "machine.status_restated",
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
                "material.reserve",
                "material.release",
                "material.consume",
            }
        ),
    ),
    Processor(
        name="materials",
        inbox="material-inbox",
        state=stock.Material,
        fold=materials.fold,
        emits=frozenset(
            {
                "material.changed",
                "material.consumed",
                "material.consumption_acknowledged",
                "reservation.changed",
                "reservation.decided",
                "alert.raised",
            }
        ),
    ),
    Processor(
        name="operators",
        inbox="operator-inbox",
        state=operators.Operator,
        fold=operators.fold,
        emits=frozenset({"operator.changed", "operator.shift_changed", "alert.raised"}),
    ),
    Processor(
        name="priors",
        inbox="prior-inbox",
        state=priors.Prior,
        fold=priors.fold,
        emits=frozenset({"prior.learned", "prior.observation_set_aside"}),
    ),
)


def processor(name: str) -> Processor:
    """The processor of that name."""
    return next(each for each in TOPOLOGY if each.name == name)
