"""Rules of a changeover matrix as people keep them, and the one that holds between two setup families."""

from collections.abc import Iterable
from typing import NamedTuple


class ChangeoverRule(NamedTuple):
    """Minutes from one family to another at a work centre; None: from any, to any, everywhere."""

    id: str
    work_center_id: str | None
    from_family: str | None
    to_family: str | None
    setup_minutes: int
    external_minutes: int


class Effective(NamedTuple):
    """What holds, and why; no minutes: the operation's own setup time holds."""

    setup_minutes: int | None
    external_minutes: int | None
    rule: ChangeoverRule | None
    explanation: str


def effective(rules: Iterable[ChangeoverRule], work_center_id: str, before: str, after: str) -> Effective:
    """The rule that holds between two families at a work centre.

    An exact pair holds before a rule with one family, that before a default; of the same kind, one for this work centre
    before one for all; of two with one family, that which names what comes after. Within a family nothing is changed
    unless a pair says so.
    """
    heard = [each for each in rules if each.work_center_id in (None, work_center_id)]
    fitting = [each for each in heard if each.from_family in (None, before) and each.to_family in (None, after)]
    best = max(fitting, key=_weight, default=None)
    if before == after and (best is None or _named(best) < 2):
        if not heard:
            return Effective(
                None, None, None, "No rule speaks of this work centre: the operation's own setup time holds."
            )
        return Effective(0, 0, None, f"Nothing is changed within {before}.")
    if best is None:
        sentence = f"No rule holds from {before} to {after}: the operation's own setup time holds."
        return Effective(None, None, None, sentence)
    return Effective(best.setup_minutes, best.external_minutes, best, _why(best))


def _named(rule: ChangeoverRule) -> int:
    return (rule.from_family is not None) + (rule.to_family is not None)


def _weight(rule: ChangeoverRule) -> tuple[int, bool, bool]:
    return _named(rule), rule.work_center_id is not None, rule.to_family is not None


def _why(rule: ChangeoverRule) -> str:
    where = "all work centres" if rule.work_center_id is None else "this work centre"
    if rule.from_family and rule.to_family:
        return f"The rule of {where} from {rule.from_family} to {rule.to_family}."
    if rule.to_family:
        return f"The rule of {where} from any family to {rule.to_family}."
    if rule.from_family:
        return f"The rule of {where} from {rule.from_family} to any family."
    return f"The default of {where}."
