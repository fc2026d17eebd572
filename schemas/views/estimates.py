"""Estimates as the API shows them: a project's metrics, runway, risk and drift; lanes with what they have learned."""

from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field

from schemas.views.values import View

FigureName = Literal["tokens", "duration_minutes", "cost_usd"]
RunwayStatus = Literal["ok", "warning", "critical"]


class Interval(View):
    """A credible interval, in the figure's own unit."""

    low: float | None
    high: float | None


class WithIntervals(View):
    """The intervals of what is still to be done; absent where they were not asked for, or nothing is to be done."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    ci_50: Interval | None = None
    ci_90: Interval | None = None


class FigureShown(WithIntervals):
    """A figure of a task."""

    estimated: float | None = Field(description="the median that was promised, or would be now")
    actual: float | None


class FigureSummed(WithIntervals):
    """A figure of several tasks together."""

    estimated: float | None = Field(description="sum of what was promised of each")
    actual: float | None = Field(description="sum of what is done")
    projected: float | None = Field(description="median of what is done and what lies ahead, simulated")


class Summed(View):
    """Tasks together."""

    tasks: int
    completed_tasks: int
    tasks_ahead: int
    figures: dict[FigureName, FigureSummed]


class LaneSummed(Summed):
    """The tasks of a lane that one provider does."""

    lane_id: str
    provider: str


class TaskShown(View):
    """A task of a run, or of the project where no run was started yet."""

    task_id: str
    title: str
    phase: str
    lane_id: str
    provider: str
    complexity: str
    status: str
    figures: dict[FigureName, FigureShown]


class RunSummed(View):
    """A run with what it took."""

    run_id: str
    run_kind: str
    status: str
    started_at: AwareDatetime
    completed_at: AwareDatetime | None
    requested_by: str
    tasks: int
    completed_tasks: int
    actual: dict[FigureName, float | None]


class OfProject(View):
    """Which project and which of its runs it is about."""

    project_id: int
    name: str
    run_id: str | None = Field(description="the run that was asked for, or the latest; null before the first")
    as_of: AwareDatetime


class Metrics(OfProject):
    """What a project's tasks were to take and took."""

    with_ci: bool
    total: Summed
    lanes: list[LaneSummed]
    tasks: list[TaskShown]
    runs: list[RunSummed]


class Budget(View):
    """A budget and what is spent of it."""

    usd_max: float | None = Field(description="null: no limit")
    usd_spent: float
    usd_remaining: float | None = Field(description="negative where more is spent than allowed")
    spent_share: float | None = Field(description="null without a budget, and of a budget of 0")


class RunwayAhead(View):
    """What lies ahead of a budget."""

    minutes_to_depletion: float | None = Field(description="null: never at this pace")
    minutes_to_completion: float
    projected_total_usd: float
    projected_total_p10: float
    projected_total_p90: float
    projected_overrun_usd: float
    probability_of_overrun: float
    burn_usd_per_minute: float


class BudgetRunway(OfProject):
    """How long a project's budget lasts."""

    status: RunwayStatus
    budget: Budget
    runway: RunwayAhead
    thresholds: str


class RiskCell(View):
    """The work of a lane in a phase, and how much of the whole is at risk there."""

    lane_id: str
    phase: str
    word: Literal["low", "moderate", "high", "severe"]
    tasks: int
    tasks_ahead: int
    expected: float
    p5: float
    p50: float
    p95: float
    relative_width: float
    allowance: float
    probability_of_exceeding: float
    at_risk: float
    share_at_risk: float
    score: float = Field(ge=0, le=1)


class RiskHeatmap(OfProject):
    """Lanes by phases."""

    figure: FigureName
    definition: str
    budget: float | None
    expected: float
    lanes: list[str]
    phases: list[str]
    cells: list[RiskCell]


class DriftPoint(View):
    """A piece of work: what was promised and what it took."""

    observation_id: str
    project_id: int | None
    completed_at: AwareDatetime
    predicted: float
    actual: float
    relative_error: float | None
    log_error: float | None
    is_within_90: bool


class DriftTest(View):
    """What the drift test says."""

    method: str
    statistic: float
    threshold: float
    direction: Literal["none", "up", "down"]


class DriftSeries(View):
    """A lane's figure over its latest work."""

    lane_id: str
    provider: str
    figure: FigureName
    points: list[DriftPoint]
    mean_log_error: float | None
    mean_relative_error: float | None
    test: DriftTest | None
    is_drifting: bool


class EstimationDrift(OfProject):
    """Promised and actual figures of the lanes that a project uses, whichever project the work was done in."""

    lanes: list[DriftSeries]


class InRun(View):
    """A task as one run had it."""

    lane_id: str
    provider: str
    status: str
    quality: float | None
    figures: dict[FigureName, FigureShown]


class TaskCompared(View):
    """A task in each of the runs; null where a run does not have it."""

    task_id: str
    in_run: list[InRun | None]


class LaneCompared(View):
    """What a lane took in each of the runs."""

    lane_id: str
    actual: list[dict[FigureName, float | None]]


class RunsCompared(View):
    """Runs side by side."""

    project_id: int
    runs: list[RunSummed]
    lanes: list[LaneCompared]
    tasks: list[TaskCompared]
