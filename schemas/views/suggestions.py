"""What a routing could plan, as its operations were learned, and what a person accepts of it."""

from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from schemas.views.edited import Told
from schemas.views.values import View

RunSeconds = Annotated[Decimal, Field(gt=0, lt=10**6, decimal_places=4)]
SetupMinutes = Annotated[Decimal, Field(ge=0, lt=10**6, decimal_places=2)]
MOST_OPERATIONS = 500


class TimeSuggestion(View):
    """A time that is planned beside what was learned of it, in minutes: for one unit, or for a setup.

    Quantiles are of the next one. `coverage`: the share of what was promised with 90 % that held.
    """

    lane_id: str
    provider: str
    planned_minutes: float
    p10: float
    p50: float
    p90: float
    observations: int
    coverage: float | None
    promised: int = Field(description="promises that coverage rests on")
    is_learned: bool = Field(description="seen often enough to be planned with")
    is_plan_outside: bool | None = Field(description="the plan lies outside the 90 % interval; null: not learned yet")


class OperationSuggestion(View):
    """An operation at a work centre that can do it. What could be planned instead is absent until it is learned."""

    sequence_number: int
    operation_id: str
    operation_code: str
    work_center_id: str
    work_center_code: str
    is_planned_here: bool = Field(description="the routing's own work centre: what it takes here can be accepted")
    run: TimeSuggestion
    setup: TimeSuggestion
    run_time_per_unit_seconds: float | None
    setup_time_minutes: float | None


class RoutingSuggestions(View):
    """The operations of a routing, by sequence, at each work centre that can do them. `version`: of the routing."""

    routing_id: str
    version: int
    suggestions: list[OperationSuggestion]


class AcceptedOperation(Told):
    """What somebody accepts for an operation, as it was suggested."""

    sequence_number: Annotated[int, Field(ge=1)]
    run_time_per_unit_seconds: RunSeconds | None = None
    setup_time_minutes: SetupMinutes | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "AcceptedOperation":
        if self.run_time_per_unit_seconds is None and self.setup_time_minutes is None:
            raise ValueError("name run_time_per_unit_seconds, setup_time_minutes or both")
        return self


class AcceptSuggestionsBody(Told):
    """Which suggestions a person accepts, and why. `version`: of the routing, as they saw it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": 1,
                    "reason": "the new die runs slower",
                    "operations": [{"sequence_number": 10, "run_time_per_unit_seconds": 1.25}],
                }
            ]
        }
    )

    version: Annotated[int | None, Field(ge=1, description="or in If-Match")] = None
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    operations: Annotated[list[AcceptedOperation], Field(min_length=1, max_length=MOST_OPERATIONS)]
