"""How long a search may go on, whom it tells how far it is, and who may end it. Clock and chance come from outside."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Chance(Protocol):
    """`random.Random` of a seed."""

    def random(self) -> float: ...

    def randrange(self, stop: int, /) -> int: ...

    def gauss(self, mu: float, sigma: float) -> float: ...


class Progress(NamedTuple):
    """How far a search is: what it does, the share of its budget that is spent, and the best cost so far."""

    phase: str
    share: float
    cost: int


class Budget(NamedTuple):
    """What a search may spend: so much work, the same on every machine, or by `elapsed`, so many seconds.

    By work: `iterations` of annealing and `exact_seconds` of CP-SAT's deterministic time; the same chance then gives
    the same schedule. By clock: `elapsed` says how many seconds are gone, of `seconds`.
    """

    iterations: int = 20_000
    exact_seconds: float = 10.0
    seconds: float = 0.0
    elapsed: Callable[[], float] | None = None

    def left(self) -> float | None:
        """Seconds that are left; None: it is counted by work."""
        return None if self.elapsed is None else max(0.0, self.seconds - self.elapsed())

    def part(self, share: float) -> "Budget":
        """A share of what is left of it."""
        spent = self.elapsed() if self.elapsed else 0.0
        return self._replace(
            iterations=round(share * self.iterations),
            exact_seconds=share * self.exact_seconds,
            seconds=spent + share * max(0.0, self.seconds - spent),
        )


class Watch(NamedTuple):
    """Who looks on: is told of progress, and asked often whether the search is to end with the best it has."""

    tell: Callable[[Progress], None] = lambda progress: None
    is_cancelled: Callable[[], bool] = lambda: False
