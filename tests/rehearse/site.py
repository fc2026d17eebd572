"""What a fault may touch: the plant, its links, and the time."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.plants import send
from tests.rehearse.plant import RehearsedPlant
from tests.rehearse.timeline import Hurt

STEP_SECONDS: Final = 0.05


@dataclass
class Site:
    """A plant under rehearsal. `is_over` is set when somebody wants the rehearsal to end now."""

    plant: RehearsedPlant
    is_over: threading.Event = field(default_factory=threading.Event)

    def pause(self, seconds: float) -> None:
        """Let a fault last."""
        self.is_over.wait(seconds)

    def repeat(self, seconds: float, step: Callable[[], None], every_seconds: float = STEP_SECONDS) -> None:
        """Do something again and again for so long."""
        done = 0.0
        while done < seconds and not self.is_over.wait(min(every_seconds, seconds - done)):
            step()
            done += every_seconds

    def signal(self, name: str, signum: signal.Signals) -> int | None:
        """Send a process a signal; its id, or None where it does not live just now."""
        return send(self.plant, name, signum)


Fault = Callable[[Site, Hurt], None]
"""Does what is to be done for as long as it is to last, and undoes it."""
