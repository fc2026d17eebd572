"""When production orders will be finished, with what uncertainty, and how likely they are late."""

from pydantic import AwareDatetime, Field

from schemas.views.values import View


class OrderPromise(View):
    """When an order will be finished: three quantiles, and the probability that it is after its due date."""

    production_order_id: str
    production_order_number: str
    due_at: AwareDatetime
    planned_end: AwareDatetime = Field(description="as the schedule says")
    p10: AwareDatetime
    p50: AwareDatetime
    p90: AwareDatetime
    late_probability: float = Field(ge=0, le=1)


class SchedulePromises(View):
    """The orders of a schedule, the likeliest to be late first.

    Operations are worked where and in the order in which the schedule has them, none before it is planned.
    """

    schedule_id: str
    computed_at: AwareDatetime
    samples: int = Field(description="ways it may turn out that were tried")
    seed: int = Field(description="the same seed, the same answer, while nothing else is known")
    operations: int
    learned_operations: int = Field(description="those of which enough was observed; of others their routing's plan")
    expected_late_orders: float = Field(description="the probabilities together")
    orders: list[OrderPromise]


class ProductionOrderPromise(OrderPromise):
    """The same of one order in the schedule that holds."""

    schedule_id: str
    computed_at: AwareDatetime
    samples: int
    seed: int
