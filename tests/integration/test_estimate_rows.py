"""What priors learned becomes rows: every version, which of them is the latest, and every observation with its fate."""

import json
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import psycopg
import pytest

from schemas.envelope import Message
from sql import shadows
from sql.__main__ import migrate_to
from streams.driver import Output
from streams.projection import Line, write
from tests.integration.events import folded
from tests.observations import observed, promise
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services]

SAID = [
    observed(1, 5.0, promised=promise(), quality=0.5),
    observed(2, -1.0),
    observed(1, 9.0),
    observed(4, 8.0, source="override", weight=0.5, observed_by="ada", reason="new model"),
    observed(3, 6.0, tokens=100.0),
    observed(2, 7.0),
    observed(5, 5.0, lane="LANE-2"),
]


@pytest.fixture(scope="module")
def copy(infra: RunningPlant) -> Iterator[psycopg.Connection[Any]]:
    """A connection with read models of its own, which nobody else sees."""
    migrate_to(infra.owner_url, "head")
    with psycopg.connect(infra.owner_url, autocommit=True) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            shadows.create(cursor)
        yield connection


Rows = dict[str, list[dict[str, Any]]]
ORDER = {"estimate_versions": "lane_id, version", "estimate_observations": "lane_id, observation_id"}


def _projected(copy: psycopg.Connection[Any], batches: Sequence[Sequence[Output]]) -> Rows:
    """The rows that these batches give, one after the other."""
    offset = 0
    with copy.transaction(), copy.cursor() as cursor:
        shadows.see_all_tenants(cursor)
        for table in ORDER:
            cursor.execute(f"DELETE FROM pg_temp.{table}".encode())
    for batch in batches:
        told = [Line(each.topic, 0, offset + index, each.key, each.value) for index, each in enumerate(batch)]
        offset += len(batch)
        with copy.transaction(), copy.cursor() as cursor:
            assert write(cursor, told).refused == []
    with copy.transaction(), copy.cursor() as cursor:
        shadows.see_all_tenants(cursor)
        return {table: _rows(cursor, table, by) for table, by in ORDER.items()}


def _rows(cursor: psycopg.Cursor[Any], table: str, by: str) -> list[dict[str, Any]]:
    query = f"SELECT to_jsonb(kept) - 'event_offset' - 'recorded_at' FROM pg_temp.{table} AS kept ORDER BY {by}"
    return [row for (row,) in cursor.execute(query.encode()).fetchall()]


def _events(*said: Message[Any]) -> list[Output]:
    return [each for each in folded(said) if each.topic == "calibration-priors"]


def test_every_version_is_a_row_and_the_highest_is_the_latest(copy: psycopg.Connection[Any]) -> None:
    versions = _projected(copy, [_events(*SAID)])["estimate_versions"]
    shown = [(row["lane_id"], row["version"], row["is_latest"], row["is_restated"]) for row in versions]
    assert shown == [
        ("LANE-1", 1, False, False),
        ("LANE-1", 2, False, False),
        ("LANE-1", 3, False, True),
        ("LANE-1", 4, True, True),
        ("LANE-2", 1, True, False),
    ]
    assert versions[0]["duration_mean"] == versions[0]["learned"]["duration_minutes"]["mean"] == 5.0
    assert versions[0]["hits"]["duration_minutes"]["within_90"] == 1
    assert versions[3]["drift"]["tokens"] == {
        **{"method": "cusum", "statistic": 0.0, "threshold": 5.0, "direction": "none"},
    }


def test_an_observation_is_a_row_that_says_what_became_of_it(copy: psycopg.Connection[Any]) -> None:
    rows = {row["observation_id"]: row for row in _projected(copy, [_events(*SAID)])["estimate_observations"]}
    fates = {name[-1]: (row["is_counted"], row["set_aside_code"], row["version"]) for name, row in rows.items()}
    assert fates == {
        "1": (True, "REPEATED_DIFFERENTLY", 1),
        "2": (True, None, 4),
        "3": (True, None, 3),
        "4": (True, None, 2),
        "5": (True, None, 1),
    }
    judged = rows["run-1/task-4"]
    assert (judged["source"], judged["observed_by"], judged["reason"], judged["weight"]) == (
        *("override", "ada", "new model", 0.5),
    )
    assert rows["run-1/task-1"]["duration_minutes"] == 5.0, "what was told first counts"
    assert json.dumps(rows["run-1/task-1"]["promised"]["duration_minutes"]["p95"]) == "8.0"


def test_what_was_set_aside_keeps_its_first_reason(copy: psycopg.Connection[Any]) -> None:
    events = _events(observed(1, -1.0), observed(1, 0.0))
    for batches in ([events], [events[:1], events[1:]], [events, events]):
        (row,) = _projected(copy, batches)["estimate_observations"]
        assert (row["is_counted"], row["set_aside_code"], row["duration_minutes"]) == (False, "NEGATIVE", -1.0)


def test_rows_are_the_same_however_events_are_cut_and_told_again(copy: psycopg.Connection[Any]) -> None:
    events = _events(*SAID)
    calm = _projected(copy, [events])
    assert calm == _projected(copy, [[each] for each in events])
    assert calm == _projected(copy, [events, events[:-2], events[:3]])
    assert calm == _projected(copy, [events[:4], events[2:]])


def test_the_latest_version_is_the_latest_in_whatever_order_versions_come(copy: psycopg.Connection[Any]) -> None:
    events = _events(*(observed(number) for number in range(1, 4)))
    for order in permutations(events):
        rows = _projected(copy, [order[:1], order[1:]])["estimate_versions"]
        assert [(row["version"], row["is_latest"]) for row in rows] == [(1, False), (2, False), (3, True)]
