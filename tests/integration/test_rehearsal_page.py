"""A plant that is rehearsed shows it in its console; any other has no such page."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.gateways import own_gateway
from tests.integration.planners import admin
from tests.plants import RunningPlant
from tests.rehearse.certificate import Recovery
from tests.rehearse.progress import FILE, Progress
from tests.rehearse.timeline import Hurt

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]
ASKED = {"seed": 7, "duration": 90, "rate": 500, "workers": 2}


def shown(plant: RunningPlant, **settings: Any) -> tuple[int, str]:
    """What somebody who may read sees."""
    with own_gateway(plant, **settings) as (client, _):
        answer = client.get("/rehearsal", headers=admin(plant) | {"Accept": "text/html"})
        return answer.status_code, answer.text


def test_faults_and_recoveries_are_shown_while_it_runs(migrated: RunningPlant, tmp_path: Path) -> None:
    progress = Progress(Console(quiet=True), tmp_path, ASKED, lambda: 1234)
    progress.phase("hurting")
    progress.begins(Hurt(5.0, "cut", "agents>kafka", 3.0))
    progress.ended(Recovery("cut", "agents>kafka", 5.0, 42.0))
    progress.begins(Hurt(15.0, "kill", "projector", 0.0))
    progress.ended(Recovery("kill", "projector", 15.0, None))
    progress.begins(Hurt(25.0, "stop", "<b>kafka", 0.0))
    status, page = shown(migrated, rehearsal_file=tmp_path / FILE)
    assert status == 200
    assert all(
        words in page for words in ("hurting", "agents&gt;kafka", "42 s", "not recovered", "under way", "seed 7")
    )
    assert "<b>kafka" not in page, "names are text"
    assert 'href="/rehearsal"' in page
    assert 'hx-trigger="every 2s"' in page
    progress.phase("done")
    assert "every 2s" not in shown(migrated, rehearsal_file=tmp_path / FILE)[1]


def test_a_plant_that_nobody_rehearses_has_no_such_page(migrated: RunningPlant, tmp_path: Path) -> None:
    status, page = shown(migrated)
    assert (status, "Nobody rehearses this plant" in page) == (404, True)
    assert shown(migrated, rehearsal_file=tmp_path / "nothing.json")[0] == 404


@pytest.mark.parametrize("told", ["", "[]", json.dumps(ASKED), '{"phase": 1}'])
def test_a_broken_file_is_named(migrated: RunningPlant, tmp_path: Path, told: str) -> None:
    (tmp_path / FILE).write_text(told)
    status, page = shown(migrated, rehearsal_file=tmp_path / FILE)
    assert (status, "rehearsal.json is not what a rehearsal writes" in page) == (503, True)
