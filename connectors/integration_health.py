"""Green, yellow or red for each system outside, with the reason in a sentence (002 section 8.2, panel 1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from connectors.age import span
from connectors.figures import SYSTEMS, Figures

Color = Literal["green", "yellow", "red", "unknown"]
COLORS: Final[tuple[Color, ...]] = ("green", "yellow", "red")
# The limits of 002 section 8.3; `watch.py` raises its alerts by the same.
DOWN_SECONDS: Final = 300.0
LAG_SECONDS: Final = 300.0
MES_QUIET_SECONDS, MES_LOST_SECONDS = 120.0, 600.0
STOCK_SECONDS: Final = 900.0
BREAKERS: Final = {"closed": "closed", "opened": "open", "half-opened": "half-open"}


def silent_mes(seconds: float) -> str:
    """That machines which run are not heard."""
    return f"Machines are said to run, and the newest word of one is {span(seconds)} old."


def late_stock(seconds: float) -> str:
    """That the warehouse has not told its stock for long."""
    return f"Stock levels last came {span(seconds)} ago."


class SystemHealth(NamedTuple):
    """How one system is."""

    system: str
    state: Color
    reason: str
    last_success_at: datetime | None
    circuit_breaker: str
    pending_deliveries: int
    failed_deliveries: int
    lag_seconds: float | None


class _Facts(NamedTuple):
    last_success_at: datetime | None
    down_seconds: float
    breaker: dict[str, Any]
    pending: int
    oldest_seconds: float
    failed: int


def judge(figures: Figures, systems: Sequence[str] = SYSTEMS) -> list[SystemHealth]:
    """Every system of these: those of the document, in its order, where none are named."""
    return [_judge(system, figures) for system in systems]


def _judge(system: str, figures: Figures) -> SystemHealth:
    facts = _facts(system, figures)
    state, reason = _state(system, figures, facts)
    lag = figures.mes_age_seconds if system == "MES" else facts.oldest_seconds or None
    breaker = BREAKERS[facts.breaker.get("state", "closed")]
    return SystemHealth(system, state, reason, facts.last_success_at, breaker, facts.pending, facts.failed, lag)


def _facts(system: str, figures: Figures) -> _Facts:
    breaker = figures.breakers.get(system, {})
    moments = [row["succeeded_at"] for row in figures.latest if row["external_system"] == system]
    moments += [breaker.get("last_success_at"), figures.mes["heard_at"] if system == "MES" else None]
    waiting = figures.waiting.get(system, {})
    return _Facts(
        max((moment for moment in moments if moment), default=None),
        figures.down_seconds.get(system, 0.0),
        breaker,
        waiting.get("pending", 0),
        waiting.get("oldest_seconds") or 0.0,
        figures.failed.get(system, 0),
    )


def _state(system: str, figures: Figures, facts: _Facts) -> tuple[Color, str]:
    """The worst that can be said, and why."""
    return _bad(system, figures, facts) or _doubtful(system, figures, facts) or _good(figures, facts)


def _bad(system: str, figures: Figures, facts: _Facts) -> tuple[Color, str] | None:
    if facts.breaker.get("state") == "opened":
        why = f": {facts.breaker['last_error'].rstrip('.')}" if facts.breaker.get("last_error") else ""
        return "red", f"The circuit breaker is open{why}."
    if facts.down_seconds > DOWN_SECONDS:
        return "red", f"It has not been reached for {span(facts.down_seconds)}."
    if system == "MES" and (figures.mes_age_seconds or 0) > MES_LOST_SECONDS:
        return "red", silent_mes(figures.mes_age_seconds or 0)
    return None


def _doubtful(system: str, figures: Figures, facts: _Facts) -> tuple[Color, str] | None:
    stock_age = figures.stock_age_seconds if system == "WMS" else None
    doubts = (
        (facts.breaker.get("state") == "half-opened", "The circuit breaker lets one probe through."),
        (facts.down_seconds > 0, f"Calls to it have failed for {span(facts.down_seconds)}."),
        (facts.oldest_seconds > LAG_SECONDS, f"The oldest delivery has waited for {span(facts.oldest_seconds)}."),
        (facts.failed > 0, f"{facts.failed} deliveries of the last day were given up and wait for a person."),
        (
            system == "MES" and (figures.mes_age_seconds or 0) > MES_QUIET_SECONDS,
            f"The newest word of a machine is {span(figures.mes_age_seconds or 0)} old.",
        ),
        ((stock_age or 0) > STOCK_SECONDS, late_stock(stock_age or 0)),
    )
    return next((("yellow", reason) for is_so, reason in doubts if is_so), None)


def _good(figures: Figures, facts: _Facts) -> tuple[Color, str]:
    if facts.last_success_at is None:
        return "unknown", "Nothing has been exchanged with it yet."
    ago = max(0.0, (figures.at - facts.last_success_at).total_seconds())
    return "green", f"It was last heard {span(ago)} ago."
