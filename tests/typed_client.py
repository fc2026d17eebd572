"""A typed client of the gateway, generated from its OpenAPI document by openapi-python-client.

The generator's versions of typer and ruff are not ours, so it lives in an environment of its own, which is made when it
is needed for the first time and kept in the folder for temporary files.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

GENERATOR: Final = "openapi-python-client==0.29.1"
PACKAGE: Final = "plant_client"


def interpreter() -> Path:
    """The interpreter that has the generator, and what generated clients need. Raises AssertionError."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    home = Path(tempfile.gettempdir()) / f"plant-{GENERATOR.replace('==', '-')}-python-{version}"
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", GENERATOR])
        ready.touch()
    return python


def generate(document: dict[str, Any], folder: Path) -> None:
    """Write the package `plant_client` into a folder. Raises AssertionError."""
    described = folder / "openapi.json"
    described.write_text(json.dumps(document))
    command = [str(interpreter().parent / "openapi-python-client"), "generate", "--path", str(described)]
    _run([*command, "--output-path", str(folder / PACKAGE), "--meta", "none"])


def run(script: Path, *arguments: str) -> str:
    """What a script says that is run by that interpreter. Raises AssertionError with its complaint."""
    return _run([str(interpreter()), str(script), *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[:4]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
