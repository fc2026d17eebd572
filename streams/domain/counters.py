"""Reads a machine's cumulative counter: what a reading adds, whatever is repeated, reordered, late or reset.

A counter runs in epochs: a lower reading with a newer time means it was reset, and a new epoch begins.
Inside an epoch the highest reading counts. Units that a higher reading covered before their own message came
are remembered as gaps; the late message then fills its gap, so that its quality still counts, once.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec

EPOCHS_KEPT = 4
GAPS_KEPT = 1024
"""Some 12 bytes each in the state of a machine: of so many stretches that failed and are repaired later, all counts."""


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Units above `after` up to `upto` that were counted without a message of their own."""

    after: int
    upto: int


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """A counter between two resets: its first and latest moment, its highest reading, its gaps."""

    number: int
    started_at: datetime
    last_at: datetime
    cumulative: int
    gaps: tuple[Gap, ...] = ()


Counter = tuple[Epoch, ...]


class Reading(NamedTuple):
    """What a reading adds: units not counted before, and units whose own message came only now."""

    counter: Counter
    epoch: int
    units: int
    filled: int


def read(counter: Counter, at: datetime, cumulative: int, units_reported: int, *, starts_at_zero: bool) -> Reading:
    """Add a reading to a counter. Newest epoch last; units = filled = 0 means: heard before, nothing changes.

    `starts_at_zero`: the first reading of an unknown counter counts in full (a counter per order);
    otherwise only its own `units_reported` do (a counter over a machine's life).
    """
    if not counter:
        before = 0 if starts_at_zero else max(0, cumulative - units_reported)
        return _advance((Epoch(0, at, at, before),), 0, at, cumulative, units_reported)
    index = _epoch_at(counter, at)
    epoch = counter[index]
    if cumulative > epoch.cumulative:
        return _advance(counter, index, at, cumulative, units_reported)
    is_newest = index == len(counter) - 1
    if cumulative < epoch.cumulative and at > epoch.last_at and is_newest:
        fresh = (*counter, Epoch(epoch.number + 1, at, at, 0))[-EPOCHS_KEPT:]
        return _advance(fresh, len(fresh) - 1, at, cumulative, units_reported)
    return _fill(counter, index, cumulative, units_reported)


def _epoch_at(counter: Counter, at: datetime) -> int:
    """The epoch that was running at a moment; before the first one known, the first."""
    for index in range(len(counter) - 1, 0, -1):
        if counter[index].started_at <= at:
            return index
    return 0


def _advance(counter: Counter, index: int, at: datetime, cumulative: int, units_reported: int) -> Reading:
    epoch = counter[index]
    units = cumulative - epoch.cumulative
    own_from = max(epoch.cumulative, cumulative - units_reported)
    gaps = (*epoch.gaps, Gap(epoch.cumulative, own_from)) if own_from > epoch.cumulative else epoch.gaps
    changed = Epoch(epoch.number, epoch.started_at, max(at, epoch.last_at), cumulative, gaps[-GAPS_KEPT:])
    return Reading(_replace(counter, index, changed), epoch.number, units, 0)


def _fill(counter: Counter, index: int, cumulative: int, units_reported: int) -> Reading:
    epoch = counter[index]
    own = Gap(cumulative - units_reported, cumulative)
    for position, gap in enumerate(epoch.gaps):
        after, upto = max(gap.after, own.after), min(gap.upto, own.upto)
        if after < upto:
            left = [part for part in (Gap(gap.after, after), Gap(upto, gap.upto)) if part.after < part.upto]
            gaps = (*epoch.gaps[:position], *left, *epoch.gaps[position + 1 :])
            changed = msgspec.structs.replace(epoch, gaps=gaps)
            return Reading(_replace(counter, index, changed), epoch.number, 0, upto - after)
    return Reading(counter, epoch.number, 0, 0)


def _replace(counter: Counter, index: int, epoch: Epoch) -> Counter:
    return (*counter[:index], epoch, *counter[index + 1 :])
