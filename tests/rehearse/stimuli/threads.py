"""Somebody who speaks in a thread of their own until the time is over; what went wrong there is raised by `finish`."""

import threading
import time
from collections.abc import Callable
from typing import Final

TICK_SECONDS: Final = 0.02


class Speaker:
    """Calls `turn` every so many seconds for `seconds`, and then `end`."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], None],
        every: float,
        seconds: float,
        end: Callable[[], None] | None = None,
    ) -> None:
        self._turn, self._every, self._seconds, self._end = turn, every, seconds, end
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name=f"says-{name}", daemon=True)

    def start(self) -> None:
        """Begin to speak."""
        self._thread.start()

    def finish(self) -> None:
        """Wait until all is said. Raises what went wrong."""
        self._thread.join()
        if self._failure:
            raise self._failure

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - raised again by finish()
            self._failure = error

    def _run(self) -> None:
        until = time.monotonic() + self._seconds
        due = time.monotonic()
        while (now := time.monotonic()) < until:
            if now >= due:
                self._turn()
                due = max(due + self._every, time.monotonic() - self._every)
            self._stop.wait(min(TICK_SECONDS, self._every))
        if self._end:
            self._end()
