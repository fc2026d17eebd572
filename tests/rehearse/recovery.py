"""How long a plant needs to recover: until all that was said is in Postgres, and it is less than 5 s behind again."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import psycopg

from tests.rehearse.site import STEP_SECONDS, Site

LIMIT_SECONDS: Final = 120.0
"""What has not recovered by then counts as not recovered."""
LAG_SECONDS: Final = 5.0
AFTER_SECONDS: Final = 1.0
"""What is said in so long after the fault must arrive, too."""
LOOK_BACK_SECONDS: Final = 15.0
MOST_READINGS: Final = 500

ARRIVED = "SELECT count(*) FROM production_logs WHERE log_id = ANY(%s)"
Recent = Callable[[float], Sequence[str]]
"""The ids of the readings that were said in the last so many seconds and must become rows, the latest last."""


class Recoveries:
    """Measures recoveries by readings, as Postgres has them."""

    def __init__(
        self, site: Site, endpoints: Mapping[str, str], recent: Recent, limit_seconds: float = LIMIT_SECONDS
    ) -> None:
        self._site, self._recent, self._limit_seconds = site, recent, limit_seconds
        self._database, self._tenant = endpoints["DATABASE_URL"], endpoints["TENANT_ID"]

    def measure(self, names: Sequence[str], lasted_seconds: float) -> float | None:
        """Seconds from now until these processes work, what was said until now is in Postgres, and so is all that was
        said up to `LAG_SECONDS` ago. None where that takes longer than the limit.
        """
        began = time.monotonic()
        self._site.pause(AFTER_SECONDS)
        said = self._recent(lasted_seconds + LOOK_BACK_SECONDS)[-MOST_READINGS:]
        while (waited := time.monotonic() - began) < self._limit_seconds and not self._site.is_over.is_set():
            if self._are_there(said) and self._are_there(self._older()) and all(map(self._site.plant.is_ready, names)):
                return round(time.monotonic() - began, 1)
            self._site.pause(STEP_SECONDS)
        return None if waited >= self._limit_seconds else round(waited, 1)

    def _older(self) -> list[str]:
        fresh = set(self._recent(LAG_SECONDS))
        return [each for each in self._recent(LAG_SECONDS + AFTER_SECONDS) if each not in fresh][-MOST_READINGS:]

    def _are_there(self, said: Sequence[str]) -> bool:
        try:
            with psycopg.connect(self._database, connect_timeout=3) as connection:
                connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [self._tenant])
                row = connection.execute(ARRIVED, [list(said)]).fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and row[0] == len(set(said))
