"""Planted defects find their place, concern whom they name, and are unknown to what runs a plant."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rehearse.defects import DEFECTS, VARIABLE, concerns

ROOT = Path(__file__).parents[2]
PLANT_ALL = "from tests.rehearse.defects import DEFECTS\nfor each in DEFECTS.values():\n    each.plant()"


def test_there_are_twelve_and_each_still_finds_its_place() -> None:
    assert len(DEFECTS) >= 12
    done = subprocess.run([sys.executable, "-c", PLANT_ALL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("process", "is_concerned"), [("agents", True), ("agents-2", True), ("projector", False), ("mes-mqtt", False)]
)
def test_a_defect_is_in_its_processes_only(process: str, is_concerned: bool) -> None:
    assert concerns("table before outputs", process) is is_concerned


def test_nothing_that_runs_a_plant_knows_of_them() -> None:
    sources = [
        path
        for folder in ("schemas", "sql", "streams", "connectors", "compose")
        for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    assert sources
    assert [path for path in sources if VARIABLE in path.read_text()] == []
