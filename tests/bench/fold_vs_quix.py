"""The work-order fold in our agents beside Quix Streams' stateful apply with changelog."""

import shutil
import subprocess
import sys
from pathlib import Path

from schemas.settings import Settings
from tests.bench.contest import COUNTS, ROOT, measured, rate_of_our_agents, topic_for
from tests.bench.figures import Figure, Measure, contest, faster

VENV = ROOT / ".venv-bench"


def python_of_quix() -> Path:
    """An environment of its own: Quix pins another confluent-kafka."""
    python = VENV / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv") or str(ROOT / ".venv" / "boot" / "bin" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)], check=True)
        wanted = ["quixstreams", "msgspec", "pydantic", "pydantic-settings"]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=True)
    return python


def measure(settings: Settings) -> Figure:
    """Output records per second."""
    ours = rate_of_our_agents(settings.kafka_bootstrap)
    out = topic_for(settings, "quix")
    command = [str(python_of_quix()), "-m", "tests.bench.contestants.quix"]
    quix = measured(settings, out, out, command, COUNTS)
    return faster("fold_vs_quix", ours, "Quix Streams, stateful apply", quix, "3x", "6x")


MEASURES: dict[str, Measure] = {"fold_vs_quix": contest(measure)}
