"""The demo's project office against a running plant: its projects, runs and judgements become rows."""

import random
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import httpx2
import pytest

from compose.simulators.projects import LANES, OFFICE, START_EVERY_SECONDS, ProjectOffice
from tests.offices import PROJECTS
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

LEARNED = """
SELECT count(DISTINCT lane_id) FROM estimate_versions WHERE is_latest AND lane_id = ANY(%s)
GROUP BY tenant_id HAVING count(DISTINCT lane_id) = %s
"""


@pytest.fixture
def office(plant: RunningPlant) -> Iterator[ProjectOffice]:
    with closing(ProjectOffice(plant.settings(), random.Random(1), threading.Event())) as office:
        office.enter()
        yield office


def test_a_second_day_finds_the_projects_as_they_were(plant: RunningPlant, office: ProjectOffice) -> None:
    with closing(ProjectOffice(plant.settings(), random.Random(2), threading.Event())) as second:
        second.enter()
        assert second._projects == office._projects
    assert len(office._projects) == len(OFFICE)


def test_runs_are_started_carried_out_and_learned_from(
    plant: RunningPlant, client: httpx2.Client, office: ProjectOffice
) -> None:
    """Its clock is ours: a minute of its work takes as long as the plant needs."""
    seconds = count(1_000, step=1)

    def two_are_over() -> bool:
        office.look(next(seconds))
        found = [client.get(f"{PROJECTS}/{each}/runs").json()["runs"] for each in office._projects]
        return all(any(run["status"] == "completed" for run in runs) for runs in found)

    eventually(two_are_over, 90, "no run of each project was completed")
    plant.await_rows(LEARNED, list(LANES), len(LANES), seconds=60)
    assert next(seconds) > START_EVERY_SECONDS
