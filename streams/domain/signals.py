"""What is watched of a machine: cycle time, counts, gaps between messages, silence, a counter that stands still.

Looked at once a minute. A pause, a change of shift or another product is ordinary: figures are compared per product and
without pauses, and silence counts only while the neighbours run. A level that lasts for hours becomes the usual one.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise, takewhile
from typing import Final, NamedTuple

import msgspec

from streams.domain.anomalies import (
    LONGEST_PAST,
    LOOKS_TO_RAISE,
    RAISED_AT,
    Judgement,
    Usual,
    judge,
    median,
    robust_spread,
    step,
    usual,
)

READINGS_WANTED: Final = 40
CYCLES, LEAST_CYCLES = 9, 5
GAPS, LEAST_GAPS = 20, 10
PAUSE_IN_GAPS: Final = 2
# Least spread, and least spread as a share of the median. Twenty gaps tell their own spread to about a quarter.
FLOORS: Final = {"cycle_time": (0.0, 0.03), "rate": (0.0, 0.03), "jitter": (0.03, 0.2)}
PRODUCTS_KEPT: Final = 6
ADOPTED_AFTER_LOOKS: Final = 480
LONGEST_LOOK_SECONDS: Final = 120.0

SHORTEST_ALARMING_QUIET_SECONDS: Final = 1800.0
QUIET_TO_LONGEST: Final = 3.0
QUIET_TO_GAP: Final = 20.0
# A long pause is half forgotten after two days of looking.
FORGET_PER_LOOK: Final = 0.99976


class Reading(NamedTuple):
    """A counter reading: when, how many new units, at which cycle time, of which product."""

    at: datetime
    units: int
    cycle_time_seconds: float | None
    product_id: str


class Look(NamedTuple):
    """What is seen of a machine at one moment; the latest readings, oldest first.

    `is_heard`: it gave a sign of life since the look before. `do_neighbours_run`, `do_neighbours_count`: half of the
    others of its line run and were heard in the last minutes; one of them counted.
    """

    machine_id: str
    at: datetime
    is_running: bool
    is_heard: bool
    do_neighbours_run: bool
    do_neighbours_count: bool
    readings: Sequence[Reading]


class Quiet(msgspec.Struct, frozen=True):
    """How long it has been quiet, and the longest quiet that was ordinary, in seconds."""

    seconds: float = 0.0
    longest: float = 0.0


class Watched(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a machine: past figures by signal and product, and what is thought of each signal."""

    at: datetime | None = None
    reading_at: datetime | None = None
    gap_seconds: float | None = None
    pasts: dict[str, dict[str, tuple[float, ...]]] = {}
    quiet: dict[str, Quiet] = {}
    adopting: dict[str, int] = {}
    signals: dict[str, Judgement] = {}


class Measured(NamedTuple):
    """A figure of the latest readings, and how coarse it is."""

    value: float
    coarseness: float


def watch(state: Watched | None, look: Look) -> Watched:
    """What is thought of a machine after one more look. A look that is not later than the last changes nothing."""
    known = state or Watched()
    if known.at is not None and look.at <= known.at:
        return known
    is_new = bool(look.readings) and (known.reading_at is None or look.readings[-1].at > known.reading_at)
    after = _figures(known, look) if is_new else known
    return _quiet(msgspec.structs.replace(after, at=look.at), known, look, is_new)


def _figures(known: Watched, look: Look) -> Watched:
    """Cycle time, rate and jitter, each against its past with this product."""
    product = look.readings[-1].product_id
    tail = list(takewhile(lambda reading: reading.product_id == product, reversed(look.readings)))[::-1]
    pasts, signals, adopting = dict(known.pasts), dict(known.signals), dict(known.adopting)
    for name, measured in _measured(tail).items():
        of_products = dict(pasts.get(name, {}))
        past = of_products.pop(product, ())
        normal = usual(past, measured.coarseness, *FLOORS[name])
        before = known.signals.get(name)
        # Longer or uneven cycles change the rate too: one cause, one alert.
        is_explained = name == "rate" and any(adopting.get(cause) for cause in ("cycle_time", "jitter"))
        now = judge(
            before,
            look.at,
            measured.value,
            normal,
            upwards_only=name == "jitter",
            looks_to_raise=ADOPTED_AFTER_LOOKS if is_explained else LOOKS_TO_RAISE,
        )
        is_strange = now.is_anomaly or (now.score or 0.0) >= RAISED_AT
        adopting[name] = adopting.get(name, 0) + 1 if is_strange else 0
        if adopting[name] >= ADOPTED_AFTER_LOOKS:
            past, now, adopting[name] = (), Judgement(value=measured.value), 0
        if not is_strange or not past:
            past = (*past, round(measured.value, 6))[-LONGEST_PAST:]
        signals[name] = msgspec.structs.replace(now, sentence=_sentence(name, look.machine_id, now))
        of_products[product] = past
        pasts[name] = dict(list(of_products.items())[-PRODUCTS_KEPT:])
    gaps = _gaps(tail)
    return msgspec.structs.replace(
        known,
        reading_at=look.readings[-1].at,
        gap_seconds=median(gaps) if gaps else known.gap_seconds,
        pasts=pasts,
        signals=signals,
        adopting=adopting,
    )


def _measured(tail: Sequence[Reading]) -> dict[str, Measured]:
    """The figures that so many readings of one product allow."""
    found: dict[str, Measured] = {}
    cycles = [reading.cycle_time_seconds for reading in tail if reading.cycle_time_seconds][-CYCLES:]
    if len(cycles) >= LEAST_CYCLES:
        found["cycle_time"] = Measured(median(cycles), step(cycles))
    latest = tail[-GAPS - 1 :]
    gaps = _gaps(latest)
    if len(gaps) >= LEAST_GAPS and (middle := median(gaps)) > 0:
        producing = [
            (gap, reading.units) for gap, reading in zip(gaps, latest[1:], strict=True) if gap <= PAUSE_IN_GAPS * middle
        ]
        units, seconds = sum(units for _, units in producing), sum(gap for gap, _ in producing)
        found["jitter"] = Measured(robust_spread(gaps, middle) / middle, step([round(gap, 3) for gap in gaps]) / middle)
        found["rate"] = Measured(60 * units / seconds, 0.0)
    return found


def _gaps(readings: Sequence[Reading]) -> list[float]:
    return [(after.at - before.at).total_seconds() for before, after in pairwise(readings)]


def _quiet(after: Watched, before: Watched, look: Look, is_new: bool) -> Watched:
    """Silence and a counter that stands still: how long, against the longest that was ordinary."""
    elapsed = min((look.at - before.at).total_seconds(), LONGEST_LOOK_SECONDS) if before.at else 0.0
    counts = after.gap_seconds is not None
    is_silent = look.is_running and look.do_neighbours_run and not look.is_heard and not is_new
    is_stuck = look.is_running and look.do_neighbours_count and look.is_heard and not is_new and counts
    quiet, signals = dict(after.quiet), dict(after.signals)
    for name, is_quiet in (("silence", is_silent), ("counter", is_stuck)):
        was = quiet.get(name, Quiet())
        limit = max(
            SHORTEST_ALARMING_QUIET_SECONDS, QUIET_TO_LONGEST * was.longest, QUIET_TO_GAP * (after.gap_seconds or 0.0)
        )
        longest = max(was.longest * FORGET_PER_LOOK, min(was.seconds, limit))
        quiet[name] = Quiet(was.seconds + elapsed if is_quiet else 0.0, longest if not is_quiet else was.longest)
        told = Usual(0.0, limit / RAISED_AT, len(look.readings))
        now = judge(signals.get(name), look.at, quiet[name].seconds, told, looks_to_raise=1, looks_to_clear=1)
        now = msgspec.structs.replace(now, median=after.gap_seconds, spread=was.longest)
        signals[name] = msgspec.structs.replace(now, sentence=_sentence(name, look.machine_id, now))
    return msgspec.structs.replace(after, quiet=quiet, signals=signals)


WORDS: Final = {
    "cycle_time": ("cycle time", "s"),
    "rate": ("count", "units a minute"),
    "jitter": ("time between two messages varies by", "%"),
}


def _sentence(name: str, machine_id: str, now: Judgement) -> str:
    """What is seen and what is usual, for a person."""
    if name == "silence":
        return _of_silence(machine_id, now, "has not been heard of", "while its neighbours run")
    if name == "counter":
        return _of_silence(machine_id, now, "is running and has counted nothing", "while its neighbours count")
    words, unit = WORDS[name]
    factor = 100.0 if unit == "%" else 1.0
    is_word = "is" if unit != "%" else ""
    told = " ".join(filter(None, (f"{machine_id}'s {words}", is_word, f"{_figure(now.value * factor)} {unit}")))
    if now.median is None or now.spread is None or now.score is None:
        return f"{told}; what is usual is not known yet."
    usually = f"{_figure(now.median * factor)} {unit} ± {_figure(now.spread * factor)} {unit}"
    times = f"{now.score:.0f} times" if now.score >= 1 else "less than once"
    return f"{told}; it is usually {usually} (median of {now.readings} readings): {times} the usual spread."


def _of_silence(machine_id: str, now: Judgement, what: str, meanwhile: str) -> str:
    if not now.value:
        return f"{machine_id} is heard and counted as usual."
    longest = f"; its longest pause so far was {_span(now.spread)}" if now.spread else ""
    gap = f"; a message usually comes every {_figure(now.median)} s" if now.median else ""
    return f"{machine_id} {what} for {_span(now.value)} {meanwhile}{gap}{longest}."


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _figure(value: float) -> str:
    """A number as people say it: three digits that matter."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
