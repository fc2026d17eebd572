"""The time machine: any order, machine or material as the API showed it at that second."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from os import environ
from typing import Any

import pytest

from schemas.messages.machines import ProductionCount
from tests.integration.events import event, publish
from tests.integration.pasts import PATHS, Past, a_day, past
from tests.messages import message
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

FIELD = {"order": "work_order", "machine": "machine", "material": "material"}
PARTS = {
    "order": {
        "bill_of_materials": ("line", "material_id", "part_number", "quantity_required", "unit_of_measure"),
        "reservations": ("reservation_id", "quantity", "status", "batches", "inventory_reservation_id", "version"),
    },
    "machine": {},
    "material": {
        "batches": ("batch_number", "quantity", "expiration_date"),
        "reservations": ("reservation_id", "quantity", "status", "version"),
    },
}


@pytest.fixture(scope="module")
def lived(plant: RunningPlant) -> Iterator[Past]:
    """A day that is over."""
    with past(plant) as found:
        a_day(found)
        yield found


def _differences(lived: Past) -> list[str]:
    """Where what is told of a moment differs from what the API said at that moment."""
    found = []
    for number, seen in enumerate(lived.looks):
        for kind, said in seen.answers.items():
            answer = lived.ask(kind, "/as-of", at=seen.at.isoformat())
            assert answer.status_code == 200, answer.text
            then = answer.json()
            found += [
                f"look {number}: {kind}.{name} was {said[name]}, is told as {value}"
                for name, value in then[FIELD[kind]].items()
                if said[name] != value
            ]
            for part, names in PARTS[kind].items():
                if _picked(then[part], names) != _picked(said[part], names):
                    found.append(f"look {number}: {part} of {kind} differ")
    return found


def _picked(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[name] for name in names) for row in rows), key=repr)


def test_every_moment_is_told_as_the_api_showed_it_then(lived: Past) -> None:
    assert len(lived.looks) == 7
    assert len({str(seen.answers["order"]) for seen in lived.looks}) >= 5
    assert len({str(seen.answers["material"]) for seen in lived.looks}) >= 4
    assert _differences(lived) == []


def test_it_is_told_the_same_after_the_projector_was_killed_and_the_rows_were_made_again(
    lived: Past, plant: RunningPlant
) -> None:
    plant.kill("projector")
    lived.make(1)
    lived.until("order", lambda shown: shown["quantity_produced"] == lived.cumulative)
    assert _differences(lived) == []
    with plant.rows() as rows:
        rows.execute("DELETE FROM work_order_changes WHERE work_order_id = %s", [lived.order])
        rows.execute("DELETE FROM material_states WHERE material_id = %s", [lived.material])
    assert lived.ask("order", "/as-of", at=lived.looks[0].at.isoformat()).status_code == 404
    command = [sys.executable, "-m", "streams", "rebuild"]
    done = subprocess.run(command, env=environ | plant.endpoints, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert _differences(lived) == []


def test_one_can_step_from_change_to_change_through_the_whole_past(lived: Past) -> None:
    for kind in PATHS:
        at, versions = datetime.now(UTC).isoformat(), list[int]()
        while at is not None:
            then = lived.ask(kind, "/as-of", at=at).json()
            if "status" in then:
                break
            assert datetime.fromisoformat(then["known_at"]) <= datetime.fromisoformat(at)
            versions.append(then[FIELD[kind]]["version"])
            at = then["previous_at"]
        assert versions == sorted(versions, reverse=True)
        assert versions[0] == lived.ask(kind).json()["version"]
        assert versions[-1] == 1, kind


def test_a_moment_before_its_time_and_one_that_has_not_come_are_refused_with_a_sentence(lived: Past) -> None:
    for kind, identity in lived.ids().items():
        early = lived.ask(kind, "/as-of", at="2020-01-01T00:00:00Z")
        assert early.status_code == 404
        assert f"nobody knew {identity} yet: it was first heard of at" in early.json()["detail"]
        future = lived.ask(kind, "/as-of", at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
        assert future.status_code == 400
        assert "has not come yet" in future.json()["detail"]


@pytest.mark.parametrize(
    "at", ["", "yesterday", "2026-11-21T10:00:00", "0001-01-01T00:00:00+14:00", "99999-01-01T00:00:00Z", "' OR 1=1 --"]
)
def test_whatever_is_asked_is_answered_with_a_problem(lived: Past, at: str) -> None:
    for kind in PATHS:
        answer = lived.ask(kind, "/as-of", at=at)
        assert answer.status_code in (400, 404), answer.text
        assert answer.json()["detail"]


def test_what_nobody_knows_and_what_belongs_to_others_is_not_found(lived: Past) -> None:
    now = datetime.now(UTC).isoformat()
    for path in PATHS.values():
        answer = lived.person.get(f"/api/v1/{path}/nobody-knows-it/as-of", params={"at": now})
        assert answer.status_code == 404
        assert "nobody-knows-it is known" in answer.json()["detail"]


def test_a_reading_that_was_held_back_is_not_in_the_past_it_was_made_in(lived: Past, plant: RunningPlant) -> None:
    """What a spool held back was received long before it was known: the past stays what people saw."""
    with plant.rows() as rows:
        rows.execute("SELECT max(known_at) AS at FROM production_logs WHERE work_order_id = %s", [lived.order])
        (row,) = rows.fetchall()
    before = lived.ask("order", "/as-of", at=row["at"].isoformat()).json()["work_order"]["quantity_produced"]
    lived.cumulative += 1
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    told = ProductionCount(
        machine_id=lived.machine, work_order_id=lived.order, units_produced=1, cumulative_units=lived.cumulative
    )
    said = message(
        "mes.production_count",
        told,
        message_id=f"late-{lived.name}",
        timestamp=long_ago,
        received_at=long_ago,
        late=True,
    )
    publish(plant.settings(), [event(said)])
    eventually(
        lambda: lived.ask("order").json()["quantity_produced"] == before + 1, 60, "the late reading did not count"
    )
    again = lived.ask("order", "/as-of", at=row["at"].isoformat()).json()["work_order"]["quantity_produced"]
    assert again == before
