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


class Health(View):
    """Every part and every hop."""

    state: Literal["up", "down"]
    parts: list[PartHealth]
    lag: list[Lag]


class Overview(View):
    """The plant in a few figures."""

    open_orders: int
    completed_orders: int
    running_machines: int
    machines: int
    dead_letters: int
    open_alerts: int
