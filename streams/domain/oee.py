"""OEE over a stretch of time: availability x performance x quality (ISO 22400-2), its losses and what it came from.

What cannot be said is None and never 0: no planned time, no run time, no ideal cycle time, no units.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

from streams.domain.losses import KINDS, ORDINARY, OUTSIDE_PLAN, Kind, Piece, Rules, Stop, is_in, pieces_of, startups
from streams.domain.spans import merged
from streams.domain.stretches import Span, Stretch

Loss = Literal[
    "breakdowns",
    "setup_and_adjustments",
    "idling_and_minor_stops",
    "reduced_speed",
    "process_defects",
    "startup_rejects",
]
LOSSES: Final[tuple[Loss, ...]] = get_args(Loss)
NOTHING: Final = timedelta()


class Made(NamedTuple):
    """A counter reading: units not counted before, and scrap that was told with it."""

    at: datetime
    units: int
    scrapped_units: int = 0


class Sums(NamedTuple):
    """What OEE is computed from, in sums that may be added over machines. Times are exact to the microsecond.

    `times`: how long each kind of moment lasted; together they are the whole window (of each machine).
    `ideal_time`: what the units of the run would have taken at the ideal cycle time; None: no ideal is known.
    `productive_time`: the part of it that went into good units, `startup_reject_time` the part into startup rejects.
    """

    times: Mapping[Kind, timedelta]
    units: int
    unobserved_units: int
    unscheduled_units: int
    scrapped_units: int
    startup_scrapped_units: int
    good_units: int
    ideal_time: timedelta | None
    productive_time: timedelta | None
    startup_reject_time: timedelta | None
    machines: int = 1

    @property
    def planned_time(self) -> timedelta:
        return sum((time for kind, time in self.times.items() if kind not in OUTSIDE_PLAN), NOTHING)

    @property
    def losses(self) -> dict[Loss, timedelta | None]:
        """The six big losses: together exactly planned time less fully productive time.

        Reduced speed is less than nothing where more was counted than the ideal cycle time allows.
        """
        found: dict[Loss, timedelta | None] = dict.fromkeys(LOSSES)
        found["breakdowns"] = self.times["breakdowns"]
        found["setup_and_adjustments"] = self.times["setup_and_adjustments"]
        found["idling_and_minor_stops"] = self.times["idling_and_minor_stops"]
        ideal, productive, rejects = self.ideal_time, self.productive_time, self.startup_reject_time
        if ideal is not None and productive is not None and rejects is not None:
            found["reduced_speed"] = self.times["running"] - ideal
            found["process_defects"] = ideal - productive - rejects
            found["startup_rejects"] = rejects
        return found


class Oee(NamedTuple):
    """The three factors as shares of 1, their product, and every input.

    `performance` is as computed, above 1 where the machine was faster than its ideal (`is_faster_than_ideal`): the
    ideal is set too slow, or units were read that were made before. Clamp it to show it, never to compute with it.
    """

    from_at: datetime
    to_at: datetime
    availability: float | None
    performance: float | None
    quality: float | None
    oee: float | None
    is_faster_than_ideal: bool
    run_seconds: float
    planned_seconds: float
    unobserved_seconds: float
    idle_without_order_seconds: float
    closed_seconds: float
    planned_stop_seconds: float
    productive_seconds: float | None
    losses: dict[Loss, float | None]
    seconds_by_status: dict[str, float]
    units: int
    unobserved_units: int
    unscheduled_units: int
    scrapped_units: int
    startup_scrapped_units: int
    good_units: int
    ideal_cycle_time_seconds: float | None


def of(
    stretches: Sequence[Stretch],
    logs: Iterable[Made],
    ideal_cycle_time_seconds: float | None,
    from_at: datetime,
    to_at: datetime,
    opened: Sequence[Span] | None = None,
    stops: Iterable[Stop] = (),
    rules: Rules = ORDINARY,
) -> Oee:
    """The OEE between two moments: `sums_of` as factors, with how long each status lasted."""
    found = sums_of(stretches, logs, ideal_cycle_time_seconds, from_at, to_at, opened, stops, rules)
    return of_sums(found, from_at, to_at, ideal_cycle_time_seconds, lasted(stretches, from_at, to_at))


def lasted(stretches: Iterable[Stretch], from_at: datetime, to_at: datetime) -> dict[str, timedelta]:
    """How long each status lasted between two moments."""
    found: dict[str, timedelta] = {}
    for stretch in stretches:
        length = min(stretch.to_at, to_at) - max(stretch.from_at, from_at)
        if length > NOTHING:
            found[stretch.status] = found.get(stretch.status, NOTHING) + length
    return found


def sums_of(
    stretches: Sequence[Stretch],
    logs: Iterable[Made],
    ideal_cycle_time_seconds: float | None,
    from_at: datetime,
    to_at: datetime,
    opened: Sequence[Span] | None = None,
    stops: Iterable[Stop] = (),
    rules: Rules = ORDINARY,
) -> Sums:
    """What a machine's OEE is computed from, of stretches that do not overlap and readings after `from_at`, to `to_at`.

    The stretches may reach beyond the two moments; where they do by `rules.margin`, whoever cuts the time otherwise
    finds the same kinds. `opened`: when the work centre's calendar has it work (None: there is no calendar).
    Units read while the machine was not observed, or while the calendar has it closed, count for quality alone.
    """
    pieces = pieces_of(stretches, opened, stops, rules)
    counted = [each for each in logs if from_at < each.at <= to_at]
    units = sum(each.units for each in counted)
    unseen, closed = (_units_in(pieces, kind, counted) for kind in ("unobserved", "closed"))
    scrapped = sum(each.scrapped_units for each in counted)
    fresh = startups(stretches, rules)
    startup_scrapped = sum(each.scrapped_units for each in counted if is_in(fresh, each.at))
    good = max(0, units - scrapped)
    times = _times(pieces, from_at, to_at)
    ideal = _ideal_time(ideal_cycle_time_seconds, units - unseen - closed, times["running"])
    productive = ideal * good / units if ideal is not None and units else ideal
    return Sums(
        times=times,
        units=units,
        unobserved_units=unseen,
        unscheduled_units=closed,
        scrapped_units=scrapped,
        startup_scrapped_units=startup_scrapped,
        good_units=good,
        ideal_time=ideal,
        productive_time=productive,
        startup_reject_time=_startup_part(ideal, productive, startup_scrapped, scrapped),
    )


def _units_in(pieces: Iterable[Piece], kind: Kind, counted: Iterable[Made]) -> int:
    """A reading counts what was made before it: at the end of a stretch it belongs to that stretch."""
    spans = merged((each.from_at, each.to_at) for each in pieces if each.kind == kind)
    return sum(each.units for each in counted if is_in(spans, each.at))


def _times(pieces: Iterable[Piece], from_at: datetime, to_at: datetime) -> dict[Kind, timedelta]:
    times = dict.fromkeys(KINDS, NOTHING)
    for piece in pieces:
        times[piece.kind] += max(NOTHING, min(piece.to_at, to_at) - max(piece.from_at, from_at))
    return times


def _ideal_time(ideal_seconds: float | None, units: int, run: timedelta) -> timedelta | None:
    """Of a machine without an ideal that neither ran nor made anything it is nothing: it does not hide a line's."""
    if not ideal_seconds:
        return NOTHING if not units and not run else None
    return timedelta(seconds=ideal_seconds) * units


def _startup_part(
    ideal: timedelta | None, productive: timedelta | None, startup_scrapped: int, scrapped: int
) -> timedelta | None:
    if ideal is None or productive is None:
        return None
    return (ideal - productive) * startup_scrapped / scrapped if scrapped else NOTHING


def added(all_sums: Iterable[Sums]) -> Sums:
    """The sums of several machines over the same window, as one. Raises ValueError for none."""
    found = list(all_sums)
    if not found:
        raise ValueError("There are no machines to add up.")
    return Sums(
        times={kind: sum((each.times[kind] for each in found), NOTHING) for kind in KINDS},
        units=sum(each.units for each in found),
        unobserved_units=sum(each.unobserved_units for each in found),
        unscheduled_units=sum(each.unscheduled_units for each in found),
        scrapped_units=sum(each.scrapped_units for each in found),
        startup_scrapped_units=sum(each.startup_scrapped_units for each in found),
        good_units=sum(each.good_units for each in found),
        ideal_time=_added([each.ideal_time for each in found]),
        productive_time=_added([each.productive_time for each in found]),
        startup_reject_time=_added([each.startup_reject_time for each in found]),
        machines=sum(each.machines for each in found),
    )


def _added(times: Iterable[timedelta | None]) -> timedelta | None:
    """Their sum; what one of them does not know, the sum does not know."""
    total = NOTHING
    for time in times:
        if time is None:
            return None
        total += time
    return total


class Factors(NamedTuple):
    """Availability, performance and quality as shares of 1, and their product."""

    availability: float | None
    performance: float | None
    quality: float | None
    oee: float | None


def factors_of(found: Sums) -> Factors:
    """availability = run time / planned time. Planned is the time in which the calendar has the machine open, somebody
    saw it, it had work (idle time without an order is none) and was not stopped by plan.
    performance = ideal time of the units / run time.
    quality = good units / units; scrap told late cannot make it less than 0. Several machines together: fully
    productive time / ideal time, so that a unit weighs what it takes to make, and the product is that of the losses.
    """
    run, planned = found.times["running"], found.planned_time
    availability = run / planned if planned else None
    performance = found.ideal_time / run if found.ideal_time is not None and run else None
    quality = found.good_units / found.units if found.units else None
    if found.machines > 1 and found.ideal_time and found.productive_time is not None:
        quality = found.productive_time / found.ideal_time
    if availability is None or performance is None or quality is None:
        return Factors(availability, performance, quality, None)
    return Factors(availability, performance, quality, availability * performance * quality)


def of_sums(
    found: Sums, from_at: datetime, to_at: datetime, ideal: float | None, lasted: Mapping[str, timedelta]
) -> Oee:
    """The sums as people read them."""
    factors = factors_of(found)
    return Oee(
        from_at=from_at,
        to_at=to_at,
        **factors._asdict(),
        is_faster_than_ideal=factors.performance is not None and factors.performance > 1,
        run_seconds=found.times["running"].total_seconds(),
        planned_seconds=found.planned_time.total_seconds(),
        unobserved_seconds=found.times["unobserved"].total_seconds(),
        idle_without_order_seconds=found.times["idle_without_order"].total_seconds(),
        closed_seconds=found.times["closed"].total_seconds(),
        planned_stop_seconds=found.times["planned_stop"].total_seconds(),
        productive_seconds=_seconds(found.productive_time),
        losses={name: _seconds(time) for name, time in found.losses.items()},
        seconds_by_status={status: length.total_seconds() for status, length in sorted(lasted.items())},
        units=found.units,
        unobserved_units=found.unobserved_units,
        unscheduled_units=found.unscheduled_units,
        scrapped_units=found.scrapped_units,
        startup_scrapped_units=found.startup_scrapped_units,
        good_units=found.good_units,
        ideal_cycle_time_seconds=ideal,
    )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
