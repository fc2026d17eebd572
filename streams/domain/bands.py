"""A machine's stretches as a band of so many columns, narrow enough to draw and honest about what was not seen."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from streams.domain.stretches import Stretch

NOTHING = timedelta()


class Bar(NamedTuple):
    """Columns next to each other that show one status."""

    column: int
    width: int
    status: str
    from_at: datetime
    to_at: datetime


def bars(stretches: Sequence[Stretch], from_at: datetime, to_at: datetime, columns: int) -> list[Bar]:
    """Each column shows what lasted longest in it, but a gap or a breakdown wherever there was one.

    The stretches are in order, without holes; the moments are those of the columns.
    """
    step = (to_at - from_at) / columns
    found: list[Bar] = []
    first = 0
    for column in range(columns):
        begin, end = from_at + column * step, from_at + (column + 1) * step
        while first + 1 < len(stretches) and stretches[first].to_at <= begin:
            first += 1
        status = _shown(stretches, first, begin, end)
        if found and found[-1].status == status:
            found[-1] = found[-1]._replace(width=found[-1].width + 1, to_at=end)
        else:
            found.append(Bar(column, 1, status, begin, end))
    return found


def _shown(stretches: Sequence[Stretch], first: int, begin: datetime, end: datetime) -> str:
    lasted: dict[str, timedelta] = {}
    for stretch in stretches[first:]:
        if stretch.from_at >= end:
            break
        length = min(stretch.to_at, end) - max(stretch.from_at, begin)
        lasted[stretch.status] = lasted.get(stretch.status, NOTHING) + length
    for told in ("gap", "breakdown"):
        if lasted.get(told, NOTHING) > NOTHING:
            return told
    return max(lasted, key=lambda status: lasted[status], default="unknown")
