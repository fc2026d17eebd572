"""Lanes as the API shows them: what is expected of each, what that comes from, and how promises held."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.views.estimates import FigureName
from schemas.views.values import View


class Quantiles(View):
    """What one more piece of work will take, in the figure's own unit, and the documented smoothing beside it."""

    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    mean: float = Field(description="smoothed mean")
    std: float = Field(description="smoothed standard deviation")


class RateShown(View):
    """A share of promises that held, and where the true share lies with 95 % confidence."""

    nominal: float
    observed: float | None
    low: float
    high: float
    is_off: bool


class CoverageShown(View):
    """The hit rate of promises. `pinball_ratio` below 1: better than the documented smoothing."""

    promised: int
    rate_50: RateShown
    rate_90: RateShown
    pinball_ratio: float | None
    widening: float
    sentence: str


class LaneRow(View):
    """The prior of a lane and a provider as it holds now."""

    lane_id: str
    provider: str
    family: str
    version: int
    observations: int
    is_converged: bool
    quality: float | None
    changed_at: AwareDatetime
    figures: dict[FigureName, Quantiles]
    coverage: dict[FigureName, CoverageShown]
    drifting: list[FigureName] = Field(description="figures of which the drift test says that they move")


class LaneRows(View):
    """Priors, by lane and provider."""

    lanes: list[LaneRow]
    next_cursor: str | None


class VersionRow(View):
    """What a prior had learned after one observation more."""

    version: int
    is_latest: bool
    observations: int
    tokens_mean: float
    tokens_std: float
    duration_mean: float
    duration_std: float
    cost_mean: float
    cost_std: float
    quality: float | None
    is_converged: bool
    is_restated: bool
    observation_id: str
    run_id: str | None
    changed_at: AwareDatetime


class ObservationRow(View):
    """Work that was done, or judged by a person."""

    observation_id: str
    source: Literal["run", "override", "operation"]
    completed_at: AwareDatetime
    project_id: int | None
    run_id: str | None
    task_id: str | None
    tokens: float | None
    duration_minutes: float | None
    cost_usd: float | None
    quality: float | None
    weight: float
    observed_by: str | None
    reason: str | None
    is_counted: bool
    set_aside_code: str | None
    set_aside_reason: str | None
    version: int


class DensityPoint(View):
    """A value and the density there."""

    value: float
    density: float


class LaneShown(LaneRow):
    """A prior with how it came about and the curves of its figures."""

    versions: list[VersionRow]
    latest_observations: list[ObservationRow]
    set_aside: list[ObservationRow]
    distributions: dict[FigureName, list[DensityPoint]]


class CoverageOfLane(View):
    """The hit rate of one figure of a lane."""

    lane_id: str
    provider: str
    figure: FigureName
    coverage: CoverageShown


class CoverageReport(View):
    """The published hit rate: of everything, of each figure, and of each lane."""

    meaning: str
    overall: CoverageShown
    figures: dict[FigureName, CoverageShown]
    lanes: list[CoverageOfLane]
    next_cursor: str | None


class Weighed(View):
    """A source of an estimate: what it says, and how many observations it counts for."""

    source: Literal["observations", "family", "provider", "all", "elsewhere", "default", "plan"]
    name: str
    lanes: int | None = Field(None, description="how many lanes and providers these are, of relatives")
    median: float
    mean_log: float
    weight: float
    share: float = Field(ge=0, le=1, description="its part of the posterior's location")


class Step(View):
    """A step of the computation, in letters and in numbers."""

    what: str
    formula: str
    numbers: str
    value: float


class CountedObservation(View):
    """An observation, and what is left of its weight."""

    observation_id: str
    completed_at: AwareDatetime
    source: str
    value: float
    taught_as: float = Field(description="what was learned of it: one far out of line teaches as much as 4 deviations")
    weight: float
    counts_for: float = Field(description="what is left of its weight now")


class Explanation(View):
    """Where one estimate comes from, computed again from its observations."""

    lane_id: str
    provider: str
    figure: FigureName
    version: int
    unit: str
    estimate: Quantiles
    sources: list[Weighed]
    steps: list[Step]
    letters: str = Field(description="what the letters of the formulas stand for")
    observations: list[CountedObservation] = Field(description="the latest 100")
    observations_total: int
    widening: float
    smoothing: Step
    kept: dict[str, float] = Field(description="what the row says was learned")
    recomputed: dict[str, float] | None = Field(description="the same, learned again; null where it could not be")
    is_equal: bool
    differences: list[str]
