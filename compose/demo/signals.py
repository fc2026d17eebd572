"""Ctrl-C and its kin: they break off what starts, end what is shown, and do not disturb what is being stopped."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final

HEARD: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Mode(Enum):
    """What a signal does just now."""

    BREAK_OFF = "raise KeyboardInterrupt"
    END = "set the event"
    NOTHING = "be ignored"


class Signals:
    """Decides what a signal does; `ended` is set once somebody asked to end."""

    def __init__(self) -> None:
        self.mode = Mode.BREAK_OFF
        self.ended = threading.Event()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear signals here, and give them back afterwards."""
        before = {number: signal.signal(number, self._on_signal) for number in HEARD}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, *_: Any) -> None:
        if self.mode is Mode.BREAK_OFF:
            raise KeyboardInterrupt
        if self.mode is Mode.END:
            self.ended.set()
