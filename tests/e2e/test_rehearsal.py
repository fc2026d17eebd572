"""A short rehearsal comes out clean, and one of a plant with a planted defect does not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rehearse.defects import DEFECTS

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.alone, pytest.mark.timeout(600)]
ZERO = ("lost", "doubled", "invented", "out_of_order", "oversold")
# DEFECTS="random message ids,offsets of Kafka,.." with the names of tests/rehearse/defects.py: minutes for each.
PLANTED = [each for each in os.environ.get("DEFECTS", "").split(",") if each]

# CALM=10: so many rehearsals without any fault, a minute for each.
CALM = int(os.environ.get("CALM", "0"))


def rehearse(folder: Path, **asked: str) -> tuple[int, dict[str, Any]]:
    """Run `make rehearse` in a folder of its own; its exit code and its certificate."""
    folder.chmod(0o755)
    environment = os.environ | {"RUN_DIR": str(folder)} | asked
    done = subprocess.run(
        [sys.executable, "-m", "tests.rehearse"], env=environment, capture_output=True, text=True, check=False
    )
    print(done.stdout, done.stderr)
    return done.returncode, json.loads((folder / "certificate.json").read_text())


def test_ninety_seconds_of_faults_lose_double_and_invent_nothing(tmp_path: Path) -> None:
    code, told = rehearse(tmp_path, DURATION="90", SEED="1", RATE="200")
    assert {name: told[name] for name in ZERO} == dict.fromkeys(ZERO, 0)
    assert code == 0
    assert told["sent"] > 10_000
    assert told["seed"] == 1
    assert told["recovery_p95_seconds"] is not None


@pytest.mark.skipif(not PLANTED, reason="DEFECTS names none")
@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found(tmp_path: Path, defect: str) -> None:
    code, told = rehearse(tmp_path, DURATION="45", SEED="1", RATE="200", DEFECT=defect)
    assert code == 1
    assert told[DEFECTS[defect].finding], {name: told[name] for name in ZERO}


@pytest.mark.skipif(not CALM, reason="CALM asks for none")
@pytest.mark.parametrize("seed", range(1, CALM + 1))
def test_a_calm_rehearsal_raises_no_alarm(tmp_path: Path, seed: int) -> None:
    code, told = rehearse(tmp_path, DURATION="15", SEED=str(seed), RATE="150", FAULTS="none")
    assert {name: told[name] for name in ZERO} == dict.fromkeys(ZERO, 0)
    assert code == 0
    assert told["faults"] == 0
    assert told["sent"] > 1_000
