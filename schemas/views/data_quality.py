"""Data quality, as the API shows it."""

from datetime import datetime
from typing import Literal

from schemas.views.values import View


class Score(View):
    """A signal of a machine, and how unusual it was when it was looked at last."""

    machine_id: str
    signal: Literal["cycle_time", "rate", "jitter", "silence", "counter"]
    value: float
    median: float | None
    spread: float | None
    score: float | None
    readings: int
    is_anomaly: bool
    since: datetime | None
    sentence: str
    updated_at: datetime


class Scores(View):
    """Scores, anomalies first."""

    scores: list[Score]
