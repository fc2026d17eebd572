"""A simulated floor over days: shifts, breaks, pauses, products, noise of several kinds; and faults, if asked for."""

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from streams.domain.signals import READINGS_WANTED, Look, Reading

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HISTORY = timedelta(hours=4)


@dataclass(frozen=True)
class Machine:
    """A machine: its cycle, its noise, what its figures are rounded to, and whether it says when it is idle."""

    machine_id: str
    cycle: float
    noise: float = 0.02
    rounded_to: float = 0.0
    units: int = 1
    tells_status: bool = True


@dataclass(frozen=True)
class Fault:
    """Something wrong with one machine, from a moment to another."""

    kind: str
    machine_id: str
    begins: datetime
    ends: datetime


FLOOR = (
    Machine("M-1", 45, noise=0.03),
    Machine("M-2", 30, noise=0.02, rounded_to=1.0, tells_status=False),
    Machine("M-3", 4, noise=0.05, rounded_to=1.0),
    Machine("M-4", 60, noise=0.25, tells_status=False),
    Machine("M-5", 240, noise=0.05),
    Machine("M-6", 20, noise=0.08, units=4, tells_status=False),
)


@dataclass
class Days:
    """What the machines of a floor say over days; the same seed says the same."""

    days: int
    seed: int
    machines: tuple[Machine, ...] = FLOOR
    fault: Fault | None = None
    readings: dict[str, list[Reading]] = field(default_factory=dict)
    pauses: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, machine in enumerate(self.machines):
            chance = random.Random(self.seed * 1000 + number)
            self.pauses[machine.machine_id] = sorted(self._pauses(chance))
            self.readings[machine.machine_id] = list(self._readings(machine, chance))

    def looks(self) -> Iterator[Look]:
        """One look at each machine every minute."""
        at = MONDAY
        times = {name: [reading.at for reading in told] for name, told in self.readings.items()}
        while (at := at + MINUTE) < MONDAY + timedelta(days=self.days):
            upto = {name: bisect_right(found, at) for name, found in times.items()}
            heard = {
                machine.machine_id: self._heard_at(machine, at, times[machine.machine_id], upto)
                for machine in self.machines
            }
            counted = {name: times[name][count - 1] if count else None for name, count in upto.items()}
            running = {
                machine.machine_id
                for machine in self.machines
                if self._is_running(machine, at) and _since(heard[machine.machine_id], at - 5 * MINUTE)
            }
            for machine in self.machines:
                name = machine.machine_id
                others = [each.machine_id for each in self.machines if each is not machine]
                first = bisect_right(times[name], at - HISTORY)
                yield Look(
                    machine_id=name,
                    at=at,
                    is_running=bool(upto[name]) and self._is_running(machine, at),
                    is_heard=_since(heard[name], at - MINUTE),
                    do_neighbours_run=2 * sum(each in running for each in others) >= len(others),
                    do_neighbours_count=any(_since(counted[each], at - 5 * MINUTE) for each in others),
                    readings=self.readings[name][max(first, upto[name] - READINGS_WANTED) : upto[name]],
                )

    def _heard_at(self, machine: Machine, at: datetime, times: list[datetime], upto: dict[str, int]) -> datetime | None:
        """The latest sign of life: any message; whoever tells its status is heard all the time."""
        name, fault = machine.machine_id, self.fault
        last = times[upto[name] - 1] if upto[name] else None
        is_hit = fault is not None and fault.machine_id == name and fault.begins <= at < fault.ends
        if is_hit and fault is not None and fault.kind == "silent":
            return last
        if is_hit and fault is not None and fault.kind == "stuck":
            return at
        return at if machine.tells_status else last

    def _is_running(self, machine: Machine, at: datetime) -> bool:
        """What its status says; who does not tell it is taken for running."""
        pauses = self.pauses[machine.machine_id]
        return not machine.tells_status or not any(begin <= at < end for begin, end in pauses)

    def _pauses(self, chance: random.Random) -> Iterator[tuple[datetime, datetime]]:
        """Nights, changes of shift and breaks of the whole floor, a few minutes apart; pauses of this machine alone."""
        for day in range(self.days):
            noon = MONDAY + timedelta(days=day, hours=12)
            for hours, length in ((-12, 360), (-2, 20), (2, 15), (6, 30), (10, 120)):
                begin = noon + timedelta(hours=hours, minutes=chance.uniform(-3, 3))
                yield begin, begin + timedelta(minutes=length + chance.uniform(0, 4))
            for _ in range(3):
                begin = noon + timedelta(minutes=chance.uniform(-350, 590))
                yield begin, begin + timedelta(minutes=chance.uniform(3, 20))

    def _readings(self, machine: Machine, chance: random.Random) -> Iterator[Reading]:
        at, end = MONDAY, MONDAY + timedelta(days=self.days)
        pauses = iter(self.pauses[machine.machine_id])
        pause = next(pauses, None)
        while at < end:
            while pause is not None and pause[0] <= at:
                at, pause = max(at, pause[1]), next(pauses, None)
            product = (at - MONDAY) // timedelta(hours=14) % 3
            cycle = machine.cycle * (1.0, 1.35, 0.75)[product] * max(0.3, chance.gauss(1, machine.noise))
            seconds, reading = self._faulty(machine, chance, at, cycle, f"PROD-{product}")
            at += timedelta(seconds=seconds)
            if reading is not None:
                told, grid = reading.cycle_time_seconds or 0.0, machine.rounded_to
                rounded = max(grid, round(told / grid) * grid) if grid else round(told, 3)
                yield reading._replace(at=at, cycle_time_seconds=rounded)

    def _faulty(
        self, machine: Machine, chance: random.Random, at: datetime, cycle: float, product: str
    ) -> tuple[float, Reading | None]:
        """The next cycle, and the reading at its end; None if nothing is said."""
        reading = Reading(at, machine.units, cycle, product)
        fault = self.fault
        if fault is None or fault.machine_id != machine.machine_id or not fault.begins <= at < fault.ends:
            return cycle * machine.units, reading
        if fault.kind == "drift":
            return 2 * cycle * machine.units, reading._replace(cycle_time_seconds=2 * cycle)
        if fault.kind == "doubled":
            return cycle * machine.units, reading._replace(units=2 * machine.units)
        if fault.kind == "jitter":
            return cycle * machine.units * chance.choice((0.3, 0.6, 1.0, 1.4, 1.7)), reading
        return cycle * machine.units, None


def _since(moment: datetime | None, begin: datetime) -> bool:
    return moment is not None and moment > begin
