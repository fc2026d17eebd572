"""`make rehearse`: a plant under load, hurt on a seeded timeline; writes `.run/certificate.json`.

DURATION (seconds), SEED, RATE (machine messages per second) and WORKERS choose the rehearsal, FAULTS (`kill,cut`) the
kinds of faults (`none`: a calm rehearsal), OUTAGE how long (seconds) a server of the fault `outage` stays away, DEFECT
plants one of `defects.py`. The exit code is 0 only where nothing is lost, doubled, invented, out of order or oversold.
"""

import os
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from compose.local.errors import PlantError
from tests.rehearse.defects import DEFECTS
from tests.rehearse.faults import FAULTS
from tests.rehearse.rehearsal import Asked, rehearse


def asked(environment: os._Environ[str] | dict[str, str]) -> Asked:
    """What the environment asks for. Raises PlantError for a fault or a defect that does not exist."""
    only = tuple(filter(None, environment.get("FAULTS", "").split(",")))
    defect = environment.get("DEFECT", "")
    if unknown := sorted({*only} - FAULTS.keys() - {"none"}):
        raise PlantError(f"There is no fault {', '.join(unknown)}; there are: none, {', '.join(FAULTS)}.")
    if defect and defect not in DEFECTS:
        raise PlantError(f"There is no defect {defect}; there are: {', '.join(DEFECTS)}.")
    return Asked(
        seconds=float(environment.get("DURATION") or 600),
        seed=int(environment.get("SEED") or time.time_ns() % 1_000_000),
        rate=int(environment.get("RATE") or 200),
        workers=int(environment.get("WORKERS") or 2),
        only=only,
        defect=defect,
        outage_seconds=float(environment.get("OUTAGE") or 0),
    )


def main() -> int:
    """Rehearse; the exit code."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    folder = Path(os.environ.get("RUN_DIR") or ".run").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the plant is stopped, too
    try:
        outcome = rehearse(asked(os.environ), folder, console)
    except PlantError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    console.print(f"The certificate: {folder / 'certificate.json'}", soft_wrap=True)
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
