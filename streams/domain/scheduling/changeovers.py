"""Changeovers: how long a work centre stands between two setup families, by matrix, rule or default."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple, TypeVar


class Changeover(NamedTuple):
    """How long a work centre stands; `external_minutes` of it could be prepared while it still runs (SMED)."""

    minutes: int
    external_minutes: int = 0


class ExactChangeover(NamedTuple):
    """From one family to another, in this direction only; at one work centre, or at all of them (None)."""

    from_family: str
    to_family: str
    changeover: Changeover
    work_center_id: str | None = None


class AttributeRule(NamedTuple):
    """What it takes to change an attribute of families (colour, width, tool) from one value to another; None: any."""

    attribute: str
    changeover: Changeover
    from_value: str | None = None
    to_value: str | None = None
    work_center_id: str | None = None


class DefaultChangeover(NamedTuple):
    """What it takes where nothing else is said."""

    changeover: Changeover
    work_center_id: str | None = None


Said = TypeVar("Said", ExactChangeover, DefaultChangeover)


class ChangeoverMatrix(NamedTuple):
    """All that is said about changeovers. `attributes`: per family, the value of each attribute.

    An exact pair holds before rules, rules before the default; what is said of one work centre before what is said of
    all. Of each attribute that changes the most specific rule holds; attributes are changed one after the other, so
    their minutes add up. Within a family nothing changes, unless a pair says otherwise.
    """

    exact: tuple[ExactChangeover, ...] = ()
    rules: tuple[AttributeRule, ...] = ()
    defaults: tuple[DefaultChangeover, ...] = ()
    attributes: Mapping[str, Mapping[str, str]] = {}

    def between(self, work_center_id: str, before: str | None, after: str | None) -> Changeover | None:
        """The changeover at a work centre; None: nothing is said, so the operation's own setup minutes hold."""
        if before is None or after is None:
            return None
        pairs = (each for each in self.exact if (each.from_family, each.to_family) == (before, after))
        exact = _nearest(pairs, work_center_id)
        if exact is not None:
            return exact.changeover
        if before == after:
            return Changeover(0) if self._speaks_of(work_center_id) else None
        changes = self._changes(work_center_id, self.attributes.get(before, {}), self.attributes.get(after, {}))
        if changes:
            return Changeover(sum(each.minutes for each in changes), sum(each.external_minutes for each in changes))
        default = _nearest(self.defaults, work_center_id)
        return default.changeover if default else None

    def faults(self) -> list[str]:
        """What is wrong with it, as sentences."""
        said = [
            *((f"from {each.from_family} to {each.to_family}", each.changeover) for each in self.exact),
            *((f"of {each.attribute}", each.changeover) for each in self.rules),
            *(("by default", each.changeover) for each in self.defaults),
        ]
        found = [
            f"The changeover {name} has {time.external_minutes} external of {time.minutes} minutes."
            for name, time in said
            if not 0 <= time.external_minutes <= time.minutes
        ]
        keys = [(each.from_family, each.to_family, each.work_center_id) for each in self.exact]
        for before, after, center in sorted({key for key in keys if keys.count(key) > 1}, key=str):
            found.append(f"The changeover from {before} to {after} at {center or 'all work centres'} is said twice.")
        return found

    def _speaks_of(self, work_center_id: str) -> bool:
        exact, rules = (each.work_center_id for each in self.exact), (each.work_center_id for each in self.rules)
        defaults = (each.work_center_id for each in self.defaults)
        return any(each in (None, work_center_id) for each in chain(exact, rules, defaults))

    def _changes(self, work_center_id: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Changeover]:
        """What each attribute takes that changes and has a rule."""
        found: dict[str, tuple[int, Changeover]] = {}
        for rule in self.rules:
            old, new = before.get(rule.attribute), after.get(rule.attribute)
            applies = rule.from_value in (None, old) and rule.to_value in (None, new) and old != new
            if applies and rule.work_center_id in (None, work_center_id):
                weight = 4 * (rule.work_center_id is not None) + (rule.from_value is not None)
                weight += rule.to_value is not None
                if rule.attribute not in found or weight > found[rule.attribute][0]:
                    found[rule.attribute] = weight, rule.changeover
        return [changeover for _, changeover in found.values()]


def _nearest(said: Iterable[Said], work_center_id: str) -> Said | None:
    """What is said of this work centre, or else of all."""
    of_all: Said | None = None
    for each in said:
        if each.work_center_id == work_center_id:
            return each
        if each.work_center_id is None:
            of_all = of_all or each
    return of_all
