"""`latency`: a quantile of a histogram of Prometheus, or the value of an expression, is at most so many seconds."""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from connectors.kpi.prometheus import Sample, ask
from connectors.kpi.verdict import Asked, CannotJudge, Looking, Verdict

MetricName = Annotated[str, Meta(pattern=r"\A[a-zA-Z_:][a-zA-Z0-9_:]{0,199}\Z")]
LabelName = Annotated[str, Meta(pattern=r"\A[a-zA-Z_][a-zA-Z0-9_]{0,99}\Z")]
LabelValue = Annotated[str, Meta(max_length=256)]
TAKEN: Final = ("le", "__name__")


class Latency(Asked, frozen=True, kw_only=True, tag="latency"):
    """At most so many seconds: a quantile of a histogram over a window, narrowed by labels, or any expression.

    `metric` is the histogram's name without `_bucket`. An expression (`query`) must have one value.
    """

    at_most_seconds: Annotated[float, Meta(gt=0, le=1e9)]
    metric: MetricName | None = None
    labels: Annotated[dict[LabelName, LabelValue], Meta(max_length=20)] = msgspec.field(default_factory=dict)
    quantile: Annotated[float, Meta(gt=0, lt=1)] = 0.95
    window_seconds: Annotated[int, Meta(ge=5, le=30 * 86400)] = 300
    least_observations: Annotated[int, Meta(ge=1, le=10**9)] = 1
    query: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless it is clear what is asked."""
        if (self.metric is None) == (self.query is None):
            raise ValueError("latency needs a metric or a query, and not both")
        if self.query is not None and self.labels:
            raise ValueError("labels belong to a metric; a query has its own")
        if taken := [name for name in self.labels if name in TAKEN]:
            raise ValueError(f"{taken[0]} is no label to choose by")


class Shape(NamedTuple):
    """What is seen of a histogram: how much was observed, its largest bucket, and the share within it."""

    observations: float
    largest_bucket: float
    share_within: float


def judge(asked: Latency, looking: Looking) -> Verdict:
    """Ask Prometheus. Raises CannotJudge: nothing observed, or slower than the largest bucket can tell."""
    if asked.query is not None:
        queries, shape = [asked.query], None
    else:
        queries = [buckets_of(asked), quantile_of(asked)]
        shape = shape_of(ask(looking, queries[0]))
    evidence: dict[str, Any] = {"asked_with": queries, "found": None if shape is None else shape._asdict()}
    if shape is not None and shape.observations < asked.least_observations:
        seen = f"{shape.observations:.1f} in {asked.window_seconds} s"
        raise CannotJudge(f"Too little was observed: {seen}, {asked.least_observations} are needed.", **evidence)
    seconds = only_value(ask(looking, queries[-1]))
    if shape is not None and shape.share_within < asked.quantile:
        return _beyond(asked, shape, evidence)
    found = {"seconds": seconds if math.isfinite(seconds) else str(seconds)} | (evidence["found"] or {})
    is_passed = seconds <= asked.at_most_seconds
    score = 1.0 if is_passed else asked.at_most_seconds / seconds
    return Verdict(is_passed, score, _told(asked, f"is {seconds:.4g} s"), evidence | {"found": found})


def _beyond(asked: Latency, shape: Shape, evidence: dict[str, Any]) -> Verdict:
    """The quantile lies beyond the largest bucket, whose bound Prometheus then gives; how far, nobody can tell."""
    largest = shape.largest_bucket
    if asked.at_most_seconds > largest:
        raise CannotJudge(f"It is more than {largest:g} s, the largest bucket; how much more is not known.", **evidence)
    score = shape.share_within / asked.quantile
    return Verdict(False, score, _told(asked, f"is more than {largest:g} s, the largest bucket"), evidence)


def only_value(found: list[Sample]) -> float:
    """The one value of an answer. Raises CannotJudge."""
    if not found:
        raise CannotJudge("Prometheus has no such series.")
    if len(found) > 1:
        raise CannotJudge(f"The expression has {len(found)} values; it must have one.")
    if math.isnan(found[0].value):
        raise CannotJudge("Prometheus observed nothing in that time.")
    return found[0].value


def shape_of(buckets: list[Sample]) -> Shape:
    """What the buckets of a histogram say, each with its bound `le`. Raises CannotJudge where there are none."""
    counts = {float(each.labels["le"]): each.value for each in buckets if "le" in each.labels}
    total = counts.pop(math.inf, None)
    if total is None or not counts:
        raise CannotJudge("Prometheus has no such histogram in that time.")
    largest = max(counts)
    return Shape(total, largest, counts[largest] / total if total > 0 else 1.0)


def quantile_of(asked: Latency) -> str:
    """The expression for the quantile."""
    series = f"{asked.metric}_bucket{chosen(asked.labels)}[{asked.window_seconds}s]"
    return f"histogram_quantile({asked.quantile!r}, sum by (le) (rate({series})))"


def buckets_of(asked: Latency) -> str:
    """The expression for what each bucket took in."""
    return f"sum by (le) (increase({asked.metric}_bucket{chosen(asked.labels)}[{asked.window_seconds}s]))"


def chosen(labels: Mapping[str, str]) -> str:
    """Labels as a selector; their values are quoted as PromQL, and JSON, quote strings."""
    pairs = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(labels.items()))
    return f"{{{pairs}}}" if pairs else ""


def _told(asked: Latency, found: str) -> str:
    what = asked.query if asked.metric is None else f"p{asked.quantile * 100:g} of {asked.metric}{chosen(asked.labels)}"
    return f"{(what or '')[:200]} {found}; asked for: at most {asked.at_most_seconds:g} s."
