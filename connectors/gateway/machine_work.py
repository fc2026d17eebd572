"""OEE as people ask for it: the time that is meant, and the document that tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.gateway.problems import Problem
from streams.domain.oee import Oee

LONGEST = timedelta(days=31)
SHIFT = timedelta(hours=8)
BUCKETS = 96
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def window(from_at: datetime | None, to_at: datetime | None) -> tuple[datetime, datetime]:
    """The time that is asked about; by default the eight hours until now. Raises Problem 400."""
    now = datetime.now(UTC)
    end = min(to_at or now, now)
    if end < EARLIEST:
        raise Problem(400, f"Nothing is kept of before {EARLIEST.year}.", path="to")
    begin = from_at or end - SHIFT
    if begin >= end:
        raise Problem(400, "`from` must lie before `to`, and in the past.", path="from")
    if end - begin > LONGEST:
        raise Problem(400, f"At most {LONGEST.days} days can be asked for at once.", path="from")
    return begin.astimezone(UTC), end.astimezone(UTC)


def bucket_seconds(from_at: datetime, to_at: datetime) -> float:
    """A round length of time that cuts a window into some hundred pieces."""
    wanted = (to_at - from_at).total_seconds() / BUCKETS
    return next((each for each in (15, 30, 60, 300, 600, 900, 1800, 3600, 7200) if each >= wanted), 21_600)


def oee_document(machine_id: str, found: Oee) -> dict[str, Any]:
    """The OEE as the API tells it: shares in per cent, with every input."""
    shares = {
        f"{name}_percentage": None if (share := getattr(found, name)) is None else round(100 * share, 4)
        for name in ("availability", "performance", "quality", "oee")
    }
    inputs = {
        name: value
        for name, value in found._asdict().items()
        if name not in ("availability", "performance", "quality", "oee")
    }
    return {"machine_id": machine_id, **shares, **inputs, "passport_url": f"/api/v1/machines/{machine_id}/passport"}
