"""`make campaign`: one rehearsal for each seed, and one certificate over all of them, for the release notes.

SEEDS (`1-10`, `3,7`) chooses them; DURATION, RATE and WORKERS are those of each rehearsal. Writes `campaign.json` and
`campaign.md` below `.run/campaign`, beside a folder for each seed. A seed that has its certificate of this commit and
these figures is not rehearsed again, so that a campaign that was interrupted goes on. The exit code is 0 only where
nothing is lost, doubled, invented, out of order or oversold in any of them.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console
from rich.text import Text

from tests.rehearse.__main__ import asked
from tests.rehearse.certificate import HERE, Recovery, by_fault, percentile, versions
from tests.rehearse.checks import FINDINGS
from tests.rehearse.rehearsal import Asked
from tests.rehearse.timeline import KILLS_AGAIN

Document = dict[str, Any]
FIGURES: Final = ("sent", "applied", "duplicates", "late", "refused", "nowhere", "dead_letters", "unanswered")


def seeds(told: str) -> list[int]:
    """The seeds of `1-10` or `3,7,20-22`. Raises ValueError for anything else."""
    found: list[int] = []
    for part in filter(None, told.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def summed(documents: Sequence[Document]) -> Document:
    """One document over the certificates of several rehearsals, which all have other seeds."""
    recoveries = [Recovery(**each) for told in documents for each in told["recoveries"]]
    took = [each.seconds for each in recoveries]
    kinds = [each._replace(target="") for each in recoveries]
    reasons: Counter[str] = sum((Counter(told["dead_letter_reasons"]) for told in documents), Counter())
    return {
        "is_clean": not any(told[name] for told in documents for name in FINDINGS),
        **{name: sum(told[name] for told in documents) for name in (*FIGURES, *FINDINGS)},
        "dead_letter_reasons": dict(sorted(reasons.items())),
        "faults": len(recoveries),
        "kills": sum(map(kills, recoveries)),
        "recovery_p95_seconds": percentile(took, 0.95),
        "recovery_worst_seconds": percentile(took, 1),
        "recoveries_failed": [each._asdict() for each in recoveries if each.seconds is None],
        "recovery_by_fault": by_fault(kinds),
        "rehearsals": [_of_one(told) for told in documents],
        "versions": [dict(each) for each in sorted({tuple(told["versions"].items()) for told in documents})],
    }


def kills(recovery: Recovery) -> int:
    """How many processes a fault ended with kill -9."""
    if recovery.fault == "kill again":
        return 1 + KILLS_AGAIN
    return len(recovery.target.split("+")) if recovery.fault in ("kill", "kill two", "stop", "outage") else 0


def _of_one(told: Document) -> Document:
    names = ("seed", "duration_seconds", "rate", "made_at", "sent", "faults", "recovery_p95_seconds")
    return {name: told[name] for name in (*names, "recovery_worst_seconds", *FINDINGS)}


def markdown(told: Document) -> str:
    """The certificate of a campaign, as release notes show it."""
    pages = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters["seconds"] = lambda value: "too long" if value is None else f"{value:.1f} s"
    return pages.get_template("campaign.md.jinja").render(it=told, findings=FINDINGS)


def certified(folder: Path, wanted: Asked, commit: str) -> Document | None:
    """The certificate of a rehearsal that was done already, of this commit and with these figures."""
    path = folder / "certificate.json"
    if not path.exists():
        return None
    told: Document = json.loads(path.read_text())
    same = (told["seed"], told["duration_seconds"], told["rate"]) == (wanted.seed, wanted.seconds, wanted.rate)
    return told if same and told["versions"]["commit"] == commit else None


def rehearsed(folder: Path, seed: int, environment: Mapping[str, str]) -> Document:
    """Rehearse one seed in a process and a folder of its own. Raises FileNotFoundError where it made no certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "certificate.json").unlink(missing_ok=True)
    told = {**environment, "RUN_DIR": str(folder), "SEED": str(seed)}
    with subprocess.Popen([sys.executable, "-m", "tests.rehearse"], env=told) as rehearsal:
        try:
            rehearsal.wait()
        except BaseException:
            rehearsal.terminate()  # and its plant with it
            rehearsal.wait()
            raise
    return dict(json.loads((folder / "certificate.json").read_text()))


def main() -> int:
    """Run the campaign; the exit code."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    folder = Path(os.environ.get("RUN_DIR") or ".run").resolve() / "campaign"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    commit, documents = versions()["commit"], []
    for seed in seeds(os.environ.get("SEEDS") or "1-10"):
        wanted, below = asked({**os.environ, "SEED": str(seed)}), folder / f"seed-{seed}"
        documents.append(certified(below, wanted, commit) or rehearsed(below, seed, os.environ))
        told = summed(documents)
        (folder / "campaign.json").write_text(json.dumps(told, indent=2) + "\n")
        (folder / "campaign.md").write_text(markdown(told))
    console.print(Text(f"\nCampaign of {len(documents)} rehearsals", "bold"))
    console.print(markdown(told), markup=False, soft_wrap=True)
    return 0 if told["is_clean"] else 1


if __name__ == "__main__":
    sys.exit(main())
