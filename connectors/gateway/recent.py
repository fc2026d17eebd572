"""What many consoles ask for at once is looked up once: an answer that is young enough serves them all."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

Given = TypeVar("Given")

YOUNG_SECONDS: Final = 1.0


class Recent:
    """Answers by what was asked. Of those who ask at once, one looks and the others wait for what it finds."""

    def __init__(self, seconds: float = YOUNG_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._looks: dict[Hashable, threading.Lock] = {}
        self._found: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, look: Callable[[], Given]) -> Given:
        """What `look` found at most a moment ago, or finds now. Raises what it raises, and keeps nothing then."""
        with self._lock:
            alone = self._looks.setdefault(key, threading.Lock())
        with alone:
            at, found = self._found.get(key, (-self._seconds, None))
            if self._clock() - at < self._seconds:
                return found  # type: ignore[no-any-return]
            given = look()
            self._found[key] = self._clock(), given
            return given
