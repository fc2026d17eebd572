"""Why an order gets later, in a sentence: from its last operation back along what each one waits for, to the cause."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.domain.calendars import moment
from streams.domain.scheduling.disturbances import Closure, Disturbance, LateMaterial, RushOrder
from streams.domain.scheduling.problem import Operation, Problem, Schedule, Slot


class _Wait(NamedTuple):
    """An operation, what it waits for ("waits for Press 1, which is down until 14:00"), and behind which other one.

    `cause`: what happened, where that is what it waits for.
    """

    operation_id: str
    what: str
    behind: str | None = None
    cause: str = ""


class Explainer:
    """Says of orders why they end later in one schedule than in another."""

    def __init__(
        self, problem: Problem, before: Schedule, after: Schedule, disturbance: Disturbance, now: int, zone: str
    ) -> None:
        self._disturbance, self._now, self._zone = disturbance, now, ZoneInfo(zone)
        self._until = self._at(disturbance.to_minute) if isinstance(disturbance, Closure) else ""
        self._rush = disturbance.order.order_id if isinstance(disturbance, RushOrder) else None
        self._operations = {each.operation_id: each for each in problem.operations}
        self._centers = {each.work_center_id: each for each in problem.work_centers}
        self._orders = {each.order_id: each for each in problem.orders}
        self._before, self._after = before.by_operation, after.by_operation
        self._ahead: dict[str, Slot] = {}
        for row in after.by_work_center.values():
            self._ahead |= {slot.operation_id: ahead for ahead, slot in pairwise(row)}
        self._waits: dict[str, _Wait] = {}
        self._last: dict[str, Slot] = {}
        for slot in after.slots:
            order_id = self._operations[slot.operation_id].order_id
            if order_id not in self._last or slot.end > self._last[order_id].end:
                self._last[order_id] = slot

    def reason(self, order_id: str, minutes: int) -> str:
        """The sentence for an order that ends so many minutes later, or so many late if it was not planned before."""
        last = self._last[order_id]
        waits = self._trace(last.operation_id)
        own = [each for each in waits if self._operations[each.operation_id].order_id == order_id][-1]
        root = waits[-1]
        word = "later" if last.operation_id in self._before else "late"
        since = f", since {root.cause}" if root.cause and root is not own else ""
        number = self._operations[own.operation_id].sequence
        order = self._orders[order_id].said
        return f"Order {order} is {duration(minutes)} {word}: operation {number} {own.what}{since}."

    def _trace(self, operation_id: str) -> list[_Wait]:
        """What an operation waits for, what that waits for, and so on back to what does not end later than before."""
        found = [self._wait(operation_id)]
        seen = {operation_id}
        while (behind := found[-1].behind) is not None and not found[-1].cause and self._goes_on(behind, seen):
            seen.add(behind)
            found.append(self._wait(behind))
        return found

    def _wait(self, operation_id: str) -> _Wait:
        if operation_id not in self._waits:
            self._waits[operation_id] = self._find_wait(operation_id)
        return self._waits[operation_id]

    def _find_wait(self, operation_id: str) -> _Wait:
        slot, operation = self._after[operation_id], self._operations[operation_id]
        center = self._centers[slot.work_center_id]
        ahead = self._ahead.get(operation_id)
        before = [self._after[link.operation_id] for link in operation.predecessors]
        held = max(before, key=lambda each: each.end, default=None)
        ready = max([each.end for each in (ahead, held) if each], default=self._now)
        closed = self._closed(slot, ready)
        if closed:
            return _Wait(operation_id, closed, cause=f"{center.said} is down until {self._until}")
        late = self._disturbance.releases if isinstance(self._disturbance, LateMaterial) else {}
        if operation_id in late and late[operation_id] >= ready:
            there = self._at(late[operation_id])
            cause = f"the material of {self._said(slot)} is there at {there}"
            return _Wait(operation_id, f"waits for its material until {there}", cause=cause)
        is_behind_own = held is not None and (ahead is None or held.end >= ahead.end)
        if held is not None and is_behind_own:
            return _Wait(
                operation_id, f"follows {self._said(held)}, which ends at {self._at(held.end)}", held.operation_id
            )
        if ahead is not None:
            what = f"waits for {center.said}, which does {self._said(ahead)} until {self._at(ahead.end)}"
            order_id = self._operations[ahead.operation_id].order_id
            cause = f"{self._orders[order_id].said} goes first" if order_id == self._rush else ""
            return _Wait(operation_id, what, ahead.operation_id, cause)
        return _Wait(operation_id, f"is done at {center.said} from {self._at(slot.start)}")

    def _closed(self, slot: Slot, ready: int) -> str:
        """What is said where the disturbance closes the work centre before or while an operation runs, or nothing."""
        closure = self._disturbance
        if not isinstance(closure, Closure) or closure.work_center_id != slot.work_center_id:
            return ""
        name, until = self._centers[slot.work_center_id].said, self._until
        if slot.start < closure.from_minute < slot.end:
            return f"is interrupted at {name}, which is down until {until}"
        if ready <= closure.to_minute <= slot.start and self._started(slot) < closure.to_minute + slot.setup_minutes:
            return f"waits for {name}, which is down until {until}"
        return ""

    def _started(self, slot: Slot) -> int:
        """When an operation should have begun."""
        before = self._before.get(slot.operation_id)
        return before.start if before else self._now

    def _goes_on(self, operation_id: str, seen: set[str]) -> bool:
        """Whether an operation ends later than before, so that there is more to tell."""
        if operation_id in seen:
            return False
        before = self._before.get(operation_id)
        return before is None or self._after[operation_id].end > before.end

    def _said(self, slot: Slot) -> str:
        operation: Operation = self._operations[slot.operation_id]
        return f"operation {operation.sequence} of {self._orders[operation.order_id].said}"

    def _at(self, minute: int) -> str:
        return at(minute, self._now, self._zone)


def at(minute: int, now: int, zone: ZoneInfo) -> str:
    """A minute on the plant's clock, with the day if that is not today."""
    told: datetime = moment(minute).astimezone(zone)
    return f"{told:%H:%M}" if told.date() == moment(now).astimezone(zone).date() else f"{told:%Y-%m-%d %H:%M}"


def duration(minutes: int) -> str:
    """3 h 20 min; 2 d 4 h."""
    days, rest = divmod(minutes, 1440)
    parts: Mapping[str, int] = {"d": days, "h": rest // 60, "min": rest % 60 if not days else 0}
    return " ".join(f"{value} {unit}" for unit, value in parts.items() if value) or "0 min"
