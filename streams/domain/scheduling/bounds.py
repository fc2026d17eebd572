"""What no schedule can do better: every order alone in the shop, and every work centre with all that only it can do."""

from collections.abc import Callable

from streams.domain.scheduling.decoder import cost, nothing_placed, outside
from streams.domain.scheduling.layout import NEVER, Layout


def lower_bound(layout: Layout) -> int:
    """No schedule costs less. `OutsideHorizon`: an order does not even fit alone."""
    ends = earliest_ends(layout)
    bound = cost(layout, ends)
    return max(bound, _loads(layout)) if layout.problem.objective == "makespan" else bound


def earliest_ends(layout: Layout) -> list[int]:
    """When each operation could end if all others left it the work centres, without setups."""
    ends = nothing_placed(layout).end
    ready = [0] * layout.size
    for operation in layout.topological:
        ready[operation] = layout.release[operation]
        for place, each in enumerate(layout.before[operation]):
            percent = layout.overlaps[operation][place][1] if layout.overlaps[operation] else 100
            handed = ends[each] if percent == 100 else _earliest(layout, each, ready[each], _lot(percent))
            ready[operation] = max(ready[operation], handed)
        if operation not in layout.pinned:
            ends[operation] = _earliest(layout, operation, ready[operation], lambda minutes: minutes)
    return ends


def _lot(percent: int) -> Callable[[int], int]:
    return lambda minutes: -(-minutes * percent // 100)


def _earliest(layout: Layout, operation: int, ready: int, part: Callable[[int], int]) -> int:
    """When a part of the run of an operation can be done at the fastest of its work centres."""
    best = NEVER
    centers = (layout.pinned[operation].center,) if operation in layout.pinned else layout.choices[operation]
    for center in centers:
        first = (
            layout.pinned[operation].begin
            if operation in layout.pinned
            else max(layout.position[center][ready], layout.free[center])
        )
        until = first + part(layout.run[operation][center])
        if until < len(layout.finishes[center]):
            best = min(best, layout.finishes[center][until])
    if best == NEVER:
        raise outside(layout)
    return best


def _loads(layout: Layout) -> int:
    """The latest of the minutes until which work centres have what only they can do."""
    total = layout.free.copy()
    for operation in range(layout.size):
        choices = layout.choices[operation]
        if len(choices) == 1:
            total[choices[0]] += layout.run[operation][choices[0]]
    if any(load >= len(finishes) for load, finishes in zip(total, layout.finishes, strict=True)):
        raise outside(layout)
    return max((finishes[load] for load, finishes in zip(total, layout.finishes, strict=True) if load), default=0)
