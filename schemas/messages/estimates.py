"""Estimates: what is observed of a lane's work, and what its prior has learned from it (document 001).

A lane is a kind of work, a provider is who does it. Tokens are counts, durations are minutes, costs are US dollars.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.envelope import Identifier, Moment
from schemas.messages.values import Count, Name, Text

PriorId = Annotated[str, Meta(pattern="^[^/]{1,63}/[^/]{1,63}$")]
"""`<lane_id>/<provider>`: what observations and priors are kept by."""
LaneName = Annotated[str, Meta(pattern="^[^/]{1,63}$")]
Figure = Literal["tokens", "duration_minutes", "cost_usd"]
Source = Literal["run", "override", "operation"]
"""Where an observation comes from: a task of a run, a person's judgement, an operation of the plant."""
Weight = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Promised(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was promised of one figure before the work began: quantiles, and the documented smoothing beside them.

    The 50 % interval is p25 to p75, the 90 % interval p5 to p95; the rival is a normal distribution of mean and std.
    """

    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    mean: float
    std: float


class Observed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One piece of work was done, or judged by a person. A figure that nobody measured is absent.

    `observation_id` is the same for the same work, whoever says it again; `completed_at` is its place in the order.
    """

    prior_id: PriorId
    lane_id: LaneName
    provider: LaneName
    source: Source
    observation_id: Identifier
    completed_at: Moment
    project_id: Count | None = None
    run_id: Name | None = None
    task_id: Name | None = None
    tokens: float | None = None
    duration_minutes: float | None = None
    cost_usd: float | None = None
    quality: float | None = None
    weight: Weight = 1.0
    observed_by: Name | None = None
    reason: Text | None = None
    promised: dict[Figure, Promised] = {}


class Learned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is kept of one figure: `mean` and `std` as the document smooths them, and what a posterior needs.

    `weight`, `mean_log` and `square_log` are the discounted weight of the observations, the weighted mean of their
    logarithms, and the weighted sum of squares about that mean. `widening` stretches intervals that held too seldom.
    """

    mean: float
    std: float
    weight: float
    mean_log: float
    square_log: float
    widening: float


class Hits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How promises of one figure held: how many there were, how many lay within each interval, and pinball losses."""

    promised: Count
    within_50: Count
    within_90: Count
    pinball: float
    pinball_smoothing: float


class Drift(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the drift test of one figure says: its method, its statistic, and which way actual figures moved."""

    method: Name
    statistic: float
    threshold: float
    direction: Literal["none", "up", "down"]


class PriorLearned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A prior after one more observation. `is_restated`: the observation was late and found its place among others."""

    prior_id: PriorId
    lane_id: LaneName
    provider: LaneName
    version: Count
    changed_at: Moment
    observation: Observed
    observations: Count
    is_converged: bool
    is_restated: bool
    quality: float | None
    learned: dict[Figure, Learned]
    hits: dict[Figure, Hits]
    drift: dict[Figure, Drift]


class ObservationSetAside(msgspec.Struct, frozen=True, kw_only=True):
    """An observation that no prior learns from, and why: it is kept, and shown."""

    prior_id: PriorId
    lane_id: LaneName
    provider: LaneName
    version: Count
    observation: Observed
    code: Name
    reason: Text
