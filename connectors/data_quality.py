"""Looks at every machine once a minute, scores its figures, and raises an alert once for each anomaly."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.deliveries.kind import Rows
from connectors.reactions import Reacted
from connectors.said import alert
from schemas.ids import milliseconds, short
from schemas.settings import Settings
from sql.reads import data_quality
from streams.domain.anomalies import Judgement
from streams.domain.signals import READINGS_WANTED, Look, Reading, Watched, watch
from streams.driver import Output

HISTORY: Final = timedelta(hours=4)
LATELY: Final = timedelta(minutes=5)
KIND: Final = "data_quality.anomaly"


def look(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """One look at all machines; what was looked at already is left as it is."""
    found = data_quality.machines(rows)
    told = _readings(rows, moment)
    watches, scores, outputs = list[dict[str, Any]](), list[dict[str, Any]](), list[Output]()
    for row in found:
        before = msgspec.json.decode(row["state"], type=Watched) if row["state"] else Watched()
        after = watch(before, _look(row, found, told, before, moment))
        if after is before:
            continue
        key = {"tenant_id": settings.tenant_id, "machine_id": row["machine_id"], "at": moment}
        watches.append(key | {"state": msgspec.json.encode(after).decode()})
        scores += [key | {"signal": name} | _score(now) for name, now in after.signals.items()]
        outputs += _alerts(settings.tenant_id, row["machine_id"], before, after, moment)
    data_quality.remember(rows, watches, scores)
    return Reacted(outputs=outputs)


def _readings(rows: Rows, moment: datetime) -> dict[str, list[Reading]]:
    told: dict[str, list[Reading]] = {}
    for row in data_quality.readings(rows, moment - HISTORY, moment, READINGS_WANTED):
        reading = Reading(row["produced_at"], row["units"], row["cycle_time_seconds"], row["product_id"])
        told.setdefault(row["machine_id"], []).append(reading)
    return told


def _look(
    row: dict[str, Any],
    found: Sequence[dict[str, Any]],
    told: dict[str, list[Reading]],
    before: Watched,
    moment: datetime,
) -> Look:
    """What is seen of one machine, beside the others of its line (of the plant, where it stands alone)."""
    others = [each for each in found if each is not row]
    others = [each for each in others if each["line"] == row["line"]] or others
    run = [each for each in others if each["status"] == "running" and each["last_seen_at"] > moment - LATELY]
    count = [each for each in others if (it := told.get(each["machine_id"])) and it[-1].at > moment - LATELY]
    return Look(
        machine_id=row["machine_id"],
        at=moment,
        is_running=row["status"] == "running",
        is_heard=before.at is None or row["last_seen_at"] > before.at,
        do_neighbours_run=bool(others) and 2 * len(run) >= len(others),
        do_neighbours_count=bool(count) or not others,
        readings=told.get(row["machine_id"], ()),
    )


def _score(now: Judgement) -> dict[str, Any]:
    return {
        "value": now.value,
        "median": now.median,
        "spread": now.spread,
        "score": now.score,
        "readings": now.readings,
        "is_anomaly": now.is_anomaly,
        "since": now.since,
        "sentence": now.sentence,
    }


def _alerts(tenant_id: str, machine_id: str, before: Watched, after: Watched, moment: datetime) -> Iterator[Output]:
    for name, now in after.signals.items():
        earlier = before.signals.get(name)
        if now.since is not None and (earlier is None or earlier.since is None):
            key = short(f"data-quality-{machine_id}-{name}-{milliseconds(now.since)}")
            yield alert(tenant_id, KIND, "warning", ("machine", machine_id), now.sentence, moment, key=key)
