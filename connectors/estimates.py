"""What a lane's work is expected to take: priors as they are now, with what lanes learn from one another.

An operation of the plant (`streams/domain/estimation/operations.py`) starts from what its routing plans, and learns
from the same operation at other work centres only; its figure is the minutes of a unit, or of a setup.
"""

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from typing import Any, Final, NamedTuple

from connectors.database import Rows
from schemas.messages.estimates import Figure, Promised
from sql.reads import estimates, operation_lanes
from sql.reads.estimates import Pair
from streams.domain.estimation import operations
from streams.domain.estimation.figures import DEFAULTS, FIGURES, Default
from streams.domain.estimation.lanes import Relatives, family_of, is_of_plant
from streams.domain.estimation.posterior import Base, Evidence, Posterior, base_of, posterior, promised

Row = Mapping[str, Any]
NOBODY: Final = "default"
"""The provider of a lane whose work nobody has done yet."""


class Group(NamedTuple):
    """Relatives of one kind together: which lanes and providers, and what they saw."""

    kind: str
    name: str
    members: list[Pair]
    evidence: Evidence


class Priors:
    """The priors of a tenant, read once: each lane's own, and those of its relatives."""

    def __init__(self, found: Iterable[Row], plans: Mapping[Pair, float] | None = None) -> None:
        """Of rows with `lane_id`, `provider`, `version` and `learned`.

        `plans`: minutes that routings plan for operations of the plant. Where none is known, the factory default.
        """
        self._plans = plans or {}
        self._found: dict[Pair, Row] = {(row["lane_id"], row["provider"]): row for row in found}
        self._seen = {figure: self._evidence(figure) for figure in FIGURES}
        self._relatives = {figure: Relatives(seen) for figure, seen in self._seen.items()}

    @classmethod
    def load(cls, rows: Rows) -> "Priors":
        """All priors of the tenant, as they are now."""
        return cls(estimates.relatives(rows))

    def with_plans(self, rows: Rows, shown: Collection[Pair]) -> "Priors":
        """The same, with what routings plan for those operations of the plant that are to be shown."""
        wanted = [pair for pair in shown if is_of_plant(pair[0])]
        if not wanted:
            return self
        found = copy(self)
        found._plans = {
            pair: run.setup_minutes if operations.is_setup(pair[0]) else run.minutes_per_unit
            for pair, run in operation_lanes.latest_runs(rows, wanted).items()
        }
        return found

    def _evidence(self, figure: Figure) -> dict[Pair, Evidence]:
        learned = ((pair, row["learned"].get(figure)) for pair, row in self._found.items())
        return {
            pair: Evidence(told["weight"], told["mean_log"], told["square_log"])
            for pair, told in learned
            if told is not None and told["weight"] > 0
        }

    def usual_provider(self, lane_id: str) -> str:
        """Who does a lane's work unless somebody is named: who has done most of it, or `default` where nobody has."""
        done = [(row["version"], provider) for (lane, provider), row in self._found.items() if lane == lane_id]
        return max(done)[1] if done else NOBODY

    def version(self, lane_id: str, provider: str) -> int:
        """The version that holds; 0 where nothing was learned yet."""
        row = self._found.get((lane_id, provider))
        return int(row["version"]) if row else 0

    def learned(self, lane_id: str, provider: str, figure: Figure) -> Mapping[str, float] | None:
        """What was learned of a figure; None where nobody measured it."""
        row = self._found.get((lane_id, provider))
        return row["learned"].get(figure) if row else None

    def evidence(self, lane_id: str, provider: str, figure: Figure) -> Evidence | None:
        """What its own observations say."""
        return self._seen[figure].get((lane_id, provider))

    def widening(self, lane_id: str, provider: str, figure: Figure) -> float:
        """By how much its intervals are stretched."""
        told = self.learned(lane_id, provider, figure)
        return 1.0 if told is None else told["widening"]

    def smoothed(self, lane_id: str, provider: str, figure: Figure) -> tuple[float, float]:
        """Mean and standard deviation as document 001 smooths them; its defaults where nothing was learned."""
        told = self.learned(lane_id, provider, figure)
        return (told["mean"], told["std"]) if told else (DEFAULTS[figure].mean, DEFAULTS[figure].std)

    def groups(self, lane_id: str, provider: str, figure: Figure) -> list[Group]:
        """Whom it learns from while it knows little, nearest first: its family, its provider's lanes, all lanes.

        Of an operation: the same operation at other work centres.
        """
        if is_operation(lane_id, figure):
            pairs, evidence = self._elsewhere(lane_id, provider), self._seen[figure]
            found = operations.together(evidence[pair] for pair in pairs)
            return [Group("elsewhere", lane_id, pairs, found)] if found else []
        seen = sorted(self._seen[figure].keys() - {(lane_id, provider)})
        members = (
            ("family", family_of(lane_id), [pair for pair in seen if family_of(pair[0]) == family_of(lane_id)]),
            ("provider", provider, [pair for pair in seen if pair[1] == provider]),
            ("all", "all lanes", [pair for pair in seen if is_of_plant(pair[0]) == is_of_plant(lane_id)]),
        )
        told = [each for each in members if each[2]]
        relatives = self._relatives[figure].of(lane_id, provider)
        return [Group(*each, evidence) for each, evidence in zip(told, relatives, strict=True)]

    def _elsewhere(self, lane_id: str, provider: str) -> list[Pair]:
        """The same operation at other work centres that have done it."""
        return sorted(pair for pair in self._seen["duration_minutes"] if pair[0] == lane_id and pair[1] != provider)

    def planned(self, lane_id: str, provider: str, figure: Figure) -> float | None:
        """The minutes that an operation's routing plans; None of anything else, and where no plan is known."""
        return self._plans.get((lane_id, provider)) or None if is_operation(lane_id, figure) else None

    def default(self, lane_id: str, provider: str, figure: Figure) -> Default:
        """What is assumed before anything was observed of it or its relatives."""
        planned = self.planned(lane_id, provider, figure)
        return DEFAULTS[figure] if planned is None else operations.plan_of(planned)

    def base(self, lane_id: str, provider: str, figure: Figure) -> Base:
        """What would be expected of it without its own observations."""
        if is_operation(lane_id, figure):
            elsewhere = (self._seen[figure][pair] for pair in self._elsewhere(lane_id, provider))
            return operations.base(self.planned(lane_id, provider, figure) or 0, elsewhere)
        return base_of(DEFAULTS[figure], self._relatives[figure].of(lane_id, provider))

    def posterior(self, lane_id: str, provider: str, figure: Figure) -> Posterior:
        """What one more piece of its work will take, in the figure's own unit."""
        own = self.evidence(lane_id, provider, figure)
        return posterior(self.base(lane_id, provider, figure), own, self.widening(lane_id, provider, figure))

    def promised(self, lane_id: str, provider: str) -> dict[Figure, Promised]:
        """Per figure the quantiles, and the documented smoothing beside them."""
        return {
            figure: promised(self.posterior(lane_id, provider, figure), *self.smoothed(lane_id, provider, figure))
            for figure in FIGURES
        }


def is_operation(lane_id: str, figure: Figure) -> bool:
    """Whether a figure is the duration of an operation or a setup of the plant, which its routing plans."""
    return figure == "duration_minutes" and is_of_plant(lane_id)
