"""How long operations take, as it was learned: per lane and work centre, with what a routing plans as the base."""

from collections.abc import Collection, Mapping
from math import ceil
from typing import Any, NamedTuple

from schemas.messages.estimates import Promised
from schemas.views.plans import Durations
from sql import schedule_settings
from sql.database import Rows
from sql.reads import operation_lanes
from sql.snapshots import Run, Shop
from streams.domain.estimation.figures import DEFAULTS
from streams.domain.estimation.operations import ENOUGH, base, fitting, operation_lane, setup_lane
from streams.domain.estimation.posterior import Evidence, Posterior, posterior, promised
from streams.planning.problems import Learned, Minutes

Row = Mapping[str, Any]


class Lane(NamedTuple):
    """An operation at a work centre, and the minutes that its routing plans: per unit, or for a setup."""

    lane_id: str
    work_center_code: str
    planned_minutes: float

    @property
    def provider(self) -> str:
        """The work centre as priors know it."""
        return fitting(self.work_center_code)


class OperationTimes:
    """What is known of the durations of lanes, read once."""

    def __init__(self, found: Collection[Row]) -> None:
        """Of rows as `operation_lanes.learned` reads them."""
        self._rows = {(row["lane_id"], row["provider"]): row for row in found}
        self._seen: dict[str, dict[str, Evidence]] = {}
        for (lane_id, provider), row in self._rows.items():
            if row["learned"] is not None and row["learned"]["weight"] > 0:
                self._seen.setdefault(lane_id, {})[provider] = _evidence(row["learned"])

    @classmethod
    def load(cls, rows: Rows, lanes: Collection[str]) -> "OperationTimes":
        """Of these lanes, at all work centres."""
        return cls(operation_lanes.learned(rows, lanes))

    def row(self, lane: Lane) -> Row | None:
        """The version of the prior that holds; None where nothing was learned."""
        return self._rows.get((lane.lane_id, lane.provider))

    def observations(self, lane: Lane) -> int:
        """How many it rests on."""
        row = self.row(lane)
        return int(row["observations"]) if row else 0

    def is_learned(self, lane: Lane) -> bool:
        """Whether it was seen often enough there to be planned with."""
        return self.observations(lane) >= ENOUGH and lane.provider in self._seen.get(lane.lane_id, {})

    def posterior(self, lane: Lane) -> Posterior:
        """What the next one takes, in minutes per unit or of a setup."""
        seen = self._seen.get(lane.lane_id, {})
        elsewhere = [each for provider, each in sorted(seen.items()) if provider != lane.provider]
        row = self.row(lane)
        widening = row["learned"]["widening"] if row and row["learned"] else 1.0
        return posterior(base(lane.planned_minutes, elsewhere), seen.get(lane.provider), widening)

    def promised(self, lane: Lane) -> Promised:
        """The quantiles of it, and the documented smoothing beside them."""
        row = self.row(lane)
        default = DEFAULTS["duration_minutes"]
        mean, std = (row["mean"], row["std"]) if row else (default.mean, default.std)
        return promised(self.posterior(lane), mean, std)


Lanes = Mapping[str, Mapping[str, Lane]]
"""By run, and by each work centre that can do it."""


def run_lanes(rows: Rows, shop: Shop) -> Lanes:
    """The lanes of running a shop's runs."""
    return _lanes(rows, shop)[0]


def _lanes(rows: Rows, shop: Shop) -> tuple[Lanes, Lanes]:
    """The lanes of running them, and of setting up for them."""
    told = operation_lanes.of_runs(rows, [run.id for run in shop.runs])
    codes = {center.id: center.code for center in shop.centers}
    running: dict[str, dict[str, Lane]] = {}
    setting_up: dict[str, dict[str, Lane]] = {}
    for run in shop.runs:
        its, centers = told[run.id], [each for each in possible(run) if each in codes]
        lane_id, setup_id = (name(its.made, its.operation_code) for name in (operation_lane, setup_lane))
        running[run.id] = {each: Lane(lane_id, codes[each], its.minutes_per_unit) for each in centers}
        setting_up[run.id] = {each: Lane(setup_id, codes[each], its.setup_minutes) for each in centers}
    return running, setting_up


def possible(run: Run) -> tuple[str, ...]:
    """The work centres that can do a run, its own first."""
    return tuple(dict.fromkeys((run.work_center_id, *run.alternatives)))


def learned_wanted(rows: Rows, shop: Shop, asked: Durations | None) -> Learned | None:
    """The medians that a schedule is to be made with; None where routings are to say it.

    `asked`: what this schedule wants; None: as the tenant's setting says. Where a run is not learned, it is not there.
    """
    if (asked or schedule_settings.read(rows)["schedule_durations"]) == "routing":
        return None
    running, setting_up = _lanes(rows, shop)
    known = [*running.values(), *setting_up.values()]
    times = OperationTimes.load(rows, {lane.lane_id for its in known for lane in its.values()})
    units = {run.id: float(run.quantity) for run in shop.runs}
    return Learned(_medians(times, running, units), _medians(times, setting_up, dict.fromkeys(units, 1.0)))


def _medians(times: OperationTimes, lanes: Lanes, units: Mapping[str, float]) -> Minutes:
    """Whole minutes of so many units; what is not learned is not there."""
    found = {
        run_id: {
            center: max(1, ceil(times.posterior(lane).quantile(0.5) * units[run_id]))
            for center, lane in its.items()
            if times.is_learned(lane)
        }
        for run_id, its in lanes.items()
    }
    return {run_id: minutes for run_id, minutes in found.items() if minutes}


def _evidence(learned: Mapping[str, float]) -> Evidence:
    return Evidence(learned["weight"], learned["mean_log"], learned["square_log"])
