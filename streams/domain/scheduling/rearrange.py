"""What a disturbance affects arranged anew around all that stays: first what it hits, then what would have to wait."""

from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from streams.domain.scheduling.anneal import anneal
from streams.domain.scheduling.budget import Budget, Chance, Watch
from streams.domain.scheduling.layout import Layout
from streams.domain.scheduling.repair import Option, Repair, option, ordered

PLACINGS = 200_000
"""How many operations each search places: it does not take longer where more is affected."""
MOST = 400
"""So many of the affected operations change their turn, the soonest; where there are more, all else only waits."""
TURNS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Behind how many operations of a work centre one that is hit is tried."""


class Search(NamedTuple):
    """How to search: until something costs no more than the target, as it was before; without a budget, by work."""

    target: int
    budget: Budget | None
    chance: Chance
    watch: Watch


def improved(repair: Repair, shifted: Option, gaps: Option | None, search: Search) -> list[Option]:
    """Ways to go on that cost less than waiting in turn, as far as there are any."""
    found = [_annealed(repair, gaps, [], search)] if gaps else []
    hit = gaps.arrangement.order if gaps else []
    affected = repair.affected(shifted).union(hit)
    held = repair.without(affected)
    if len(affected) > MOST:
        held = repair.calm(held)
    made = [_from(held, each, affected) for each in (shifted, *found)]
    for each in sorted((each for each in made if each), key=lambda each: each.cost)[:1]:
        first = _reinserted(repair, each, hit, search) if hit else each
        found.append(_annealed(repair, first, hit, search))
    return found


def _from(held: Layout, known: Option, those: Set[int]) -> Option | None:
    """The arrangement that an option has of some operations, around all else."""
    starts = [known.start(each) for each in range(held.size)]
    return option(held, [each for each in ordered(held, starts) if each in those], known.arrangement.centers)


def _reinserted(repair: Repair, first: Option, those: Sequence[int], search: Search) -> Option:
    """The cheapest way that is met when some operations are tried in other turns, one after the other."""
    left, best = PLACINGS // len(first.arrangement.order), first
    for operation in those:
        tried = best
        for order, centers in _insertions(repair, best, operation):
            left -= 1
            if left < 0 or best.cost <= search.target or search.watch.is_cancelled():
                return best
            made = option(best.layout, order, centers)
            if made and made.cost < tried.cost:
                tried = made
        best = tried
    return best


def _insertions(repair: Repair, known: Option, operation: int) -> Iterator[tuple[list[int], list[int]]]:
    """An operation at each of its work centres, in several turns from its old start on, between what it depends on."""
    layout, centers = known.layout, known.arrangement.centers
    order = [each for each in known.arrangement.order if each != operation]
    before, after = set(layout.before[operation]), set(layout.after[operation])
    low = max((place + 1 for place, each in enumerate(order) if each in before), default=0)
    high = min((place for place, each in enumerate(order) if each in after), default=len(order))
    since = repair.old_start(operation)
    later = [place for place in range(low, high) if known.start(order[place]) >= since]
    for center in layout.choices[operation]:
        row = [place for place in later if centers[order[place]] == center]
        for place in [*(row[turn] for turn in TURNS if turn < len(row)), high]:
            changed = centers.copy()
            changed[operation] = center
            yield [*order[:place], operation, *order[place:]], changed


def _annealed(repair: Repair, first: Option, hit: Sequence[int], search: Search) -> Option:
    """The best that annealing finds; nothing begins earlier than it would have if that costs no more."""
    order = first.arrangement.order
    if not order:
        return first
    spent = search.budget or Budget(iterations=min(2_000, PLACINGS // len(order)))
    pool = [*hit, *sorted(order, key=lambda each: (first.times.begin[each], each))[:MOST]]
    best = anneal(first.layout, first.arrangement, spent, search.chance, search.watch, search.target, pool)
    calm = option(repair.calm(first.layout), best.order, best.centers)
    if calm and calm.cost <= best.cost:
        return calm
    return option(first.layout, best.order, best.centers) or first
