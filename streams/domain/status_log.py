"""A machine's latest statuses in the order of their time, so that one which is heard late finds its place.

A status holds until the next one known. What comes late and says the same as what is known for its moment changes
nothing, so it may be heard any number of times; what lies before all that is remembered cannot be placed.
"""

from bisect import bisect_right
from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.messages.machines import MachineState

STATUSES_KEPT = 64


class Since(msgspec.Struct, frozen=True, array_like=True):
    """A status and since when."""

    at: datetime
    status: MachineState


Log = tuple[Since, ...]


class Restated(NamedTuple):
    """The log afterwards; the status held from `at` until `to_at` and followed `previous`."""

    log: Log
    previous: MachineState
    to_at: datetime


def follow(log: Log, at: datetime, status: MachineState) -> Log:
    """The log with what holds now; `at` is not before its last entry."""
    return (*log, Since(at, status))[-STATUSES_KEPT:]


def restate(log: Log, at: datetime, status: MachineState) -> Restated | None:
    """The log with a status from before its last entry; None where that says nothing new, or cannot be placed."""
    place = bisect_right(log, at, key=lambda each: each.at)
    if place in (0, len(log)):
        return None
    before = log[place - 1]
    if before.status == status or before.at == at:
        return None
    longer = (*log[:place], Since(at, status), *log[place:])
    return Restated(longer[-STATUSES_KEPT:], before.status, log[place].at)
