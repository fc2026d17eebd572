"""How the plant is, as the API shows it."""

from datetime import datetime
from typing import Literal

from schemas.views.values import View


class PartHealth(View):
    """One part, and why it is as it is."""

    name: str
    state: Literal["up", "down", "unknown"]
    reason: str
    last_at: datetime | None = None


class Lag(View):
    """Records of a topic that its reader has not done yet."""

    topic: str
    reader: str
    records: int


class SystemHealth(View):
    """A system outside: green, yellow or red, and why. `lag_seconds`: how long its newest word, or ours, is due."""

    system: str
    state: Literal["green", "yellow", "red", "unknown"]
    reason: str
    last_success_at: datetime | None
    circuit_breaker: Literal["closed", "half-open", "open"]
    pending_deliveries: int
    failed_deliveries: int
    lag_seconds: float | None


class Health(View):
    """Every part and every hop, and every system outside."""

    state: Literal["up", "down"]
    parts: list[PartHealth]
    lag: list[Lag]
    systems: list[SystemHealth]


class Overview(View):
    """The plant in a few figures."""

    open_orders: int
    completed_orders: int
    running_machines: int
    machines: int
    dead_letters: int
    open_alerts: int
