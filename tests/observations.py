"""Makes observations of lanes for tests, in one line each."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.messages.estimates import Figure, Observed, Promised
from streams.domain.estimation.lanes import prior_id
from tests.messages import at, message


def observation(
    number: int, minutes: float | None = 5.0, seconds: float | None = None, *, lane: str = "LANE-1", **fields: Any
) -> Observed:
    """Observation of a number, completed so many seconds after noon; the number is its default."""
    complete: dict[str, Any] = {
        "provider": "p1",
        "source": "run",
        "observation_id": f"run-1/task-{number}",
        "completed_at": at(number if seconds is None else seconds),
        "duration_minutes": minutes,
        **fields,
    }
    return Observed(prior_id=prior_id(lane, complete["provider"]), lane_id=lane, **complete)


def observed(number: int, minutes: float | None = 5.0, seconds: float | None = None, **fields: Any) -> Message[Any]:
    """The same as a message, told an hour after noon."""
    return told(observation(number, minutes, seconds, **fields))


def told(payload: Observed, seconds: float = 3600) -> Message[Any]:
    """An observation as a message."""
    return message("estimate.observed", payload, seconds)


def promise(**quantiles: float) -> Mapping[Figure, Promised]:
    """A promise of minutes: 2, 4, 5, 6 and 8, smoothed 5 and 1.5, unless told otherwise."""
    complete = {"p5": 2.0, "p25": 4.0, "p50": 5.0, "p75": 6.0, "p95": 8.0, "mean": 5.0, "std": 1.5}
    return {"duration_minutes": Promised(**(complete | quantiles))}


MINUTES = st.floats(0.05, 500.0)
OBSERVATIONS = st.builds(
    observed,
    st.integers(0, 400),
    MINUTES,
    st.integers(0, 60),
    tokens=st.one_of(st.none(), st.floats(0.0, 1e6)),
    cost_usd=st.one_of(st.none(), st.floats(0.0, 50.0)),
    quality=st.one_of(st.none(), st.floats(0.0, 1.0)),
    weight=st.sampled_from([1.0, 1.0, 0.5, 0.1]),
    source=st.sampled_from(["run", "run", "override", "operation"]),
    promised=st.sampled_from([{}, promise(), promise(p5=4.0, p95=5.0)]),
)
OBSERVED_HISTORIES = st.lists(
    st.one_of(OBSERVATIONS, st.builds(observed, st.integers(0, 5), st.sampled_from([-1.0, 0.0, 1e6, 5.0]))), max_size=40
)
"""With repeats, repeats that tell something else, and figures that nobody believes."""
