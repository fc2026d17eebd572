"""What runs by the clock, on one page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from connectors.deliveries.kind import Rows
from connectors.reactions import Reacted
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class ClockJob:
    """A job by the clock. `run` gets the moment that was due, and may be run again for the same moment.

    `catch_up`: after downtime the latest missed moment is run ("latest"), or none ("skip").
    """

    name: str
    cron: str
    description: str
    run: Callable[[Rows, datetime, Settings], Reacted]
    catch_up: Literal["latest", "skip"] = "latest"


CLOCK: Final[tuple[ClockJob, ...]] = ()
