"""A rehearsal from start to end: a plant that is spoken to, hurt, healed, and asked what became of everything."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from compose.local.processes import OPCUA_SERVER
from tests.rehearse.certificate import Recovery, certificate, code, save, show
from tests.rehearse.defects import DEFECTS
from tests.rehearse.faults import FAULTS
from tests.rehearse.links import Links
from tests.rehearse.plant import OUTSIDE, RehearsedPlant
from tests.rehearse.progress import FILE, Progress
from tests.rehearse.recovery import LIMIT_SECONDS, Recoveries
from tests.rehearse.settling import settle
from tests.rehearse.site import Site
from tests.rehearse.stimuli import Stimuli
from tests.rehearse.timeline import PROCESSES, SERVERS, Hurt, Kind, kinds, timeline
from tests.systems import simulated_systems

SETTLE_SECONDS: Final = 600.0
"""What still moves is awaited so long: slow is not lost. What is wrong and stands still is found much sooner."""
LONG_SECONDS: Final = 600.0
DEFECT_SECONDS: Final = 15.0
"""A plant with a planted defect is waited for no longer: what the defect lost never comes."""
LASTING: Final = frozenset(
    {"stop", "outage", "cut", "black hole", "slow", "sleep", "long sleep", "full disk", "lost answers"}
)
OF_AGENTS: Final = frozenset({"lost changelogs", "emptied changelog", "offsets to the beginning"})


@dataclass(frozen=True)
class Asked:
    """What somebody wants rehearsed. `only` names the kinds of faults, none: all that the time allows."""

    seconds: float
    seed: int
    rate: int
    workers: int = 2
    only: tuple[str, ...] = ()
    defect: str = ""
    outage_seconds: float = 0.0


@dataclass
class Outcome:
    """What became of it."""

    document: dict[str, Any] = field(default_factory=dict)
    recoveries: list[Recovery] = field(default_factory=list)
    outages: list[Hurt] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code: 0 only where nothing is lost, doubled, invented, out of order or oversold."""
        return code(self.document)


def rehearse(asked: Asked, folder: Path, console: Console) -> Outcome:
    """Rehearse in an empty plant of its own below `folder`, which is kept only where something is wrong."""
    home = folder / "rehearsal"
    began = time.monotonic()

    def report(step: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {step}", style="dim", soft_wrap=True)

    records = folder / "systems.jsonl"
    for left in (records, folder / FILE):
        left.unlink(missing_ok=True)
    with simulated_systems(record_path=records) as systems, Links() as links:
        plant = RehearsedPlant(home, asked.workers, links, systems, report, asked.defect)
        plant.wipe()
        try:
            plant.up()
            systems.know(plant.endpoints())
            outcome = _hurt(asked, plant, records, folder, console)
        finally:
            plant.down()
        if outcome.code == 0:
            plant.wipe()
    return outcome


def _hurt(asked: Asked, plant: RehearsedPlant, records: Path, folder: Path, console: Console) -> Outcome:
    outcome, site = Outcome(), Site(plant)
    ledger = plant.folder.path / "ledger"
    ledger.mkdir(exist_ok=True)
    stimuli = Stimuli(plant.outside(), ledger, asked.seed, asked.rate, asked.seconds)
    told = {"seed": asked.seed, "duration": asked.seconds, "rate": asked.rate, "workers": asked.workers}
    progress = Progress(console, folder, told, stimuli.sent)
    limit = DEFECT_SECONDS if asked.defect else LIMIT_SECONDS
    recoveries = Recoveries(site, plant.endpoints(), stimuli.recent, limit)
    stimuli.start()
    progress.phase("hurting")
    with _asked_to_end(site.is_over):
        _run(planned(asked, plant), asked.seconds, site, recoveries, progress, outcome)
    progress.phase("healing")
    plant.links.heal_all()
    stimuli.finish()
    progress.phase("settling")
    ended = time.monotonic()
    account = settle(plant.endpoints(), ledger, SETTLE_SECONDS / 10 if asked.defect else SETTLE_SECONDS, records)
    outcome.document = certificate(account, outcome.recoveries, outcome.outages, asked.seed, asked.seconds, asked.rate)
    outcome.document["settled_seconds"] = round(time.monotonic() - ended, 1)
    save(outcome.document, folder)
    show(outcome.document, console)
    progress.phase("done")
    return outcome


def planned(asked: Asked, plant: RehearsedPlant) -> list[Hurt]:
    """What will be done, when; a planted defect has its own faults, which bring it to light.

    Kinds that are asked for by name come in short rehearsals, too.
    """
    every = kinds(
        max(asked.seconds, LONG_SECONDS) if asked.only else asked.seconds,
        asked.workers,
        plant.links.names,
        plant.changelogs,
        asked.outage_seconds,
    )
    if asked.defect:
        defect = DEFECTS[asked.defect]
        every = [Kind(fault, 1, defect.victims, (defect.seconds, defect.seconds)) for fault in defect.faults]
    if asked.only:
        every = [each for each in every if each.fault in asked.only]
    return timeline(asked.seed, asked.seconds, every)


def _run(
    hurts: Sequence[Hurt], seconds: float, site: Site, recoveries: Recoveries, progress: Progress, outcome: Outcome
) -> None:
    """Do one thing after the other, each at its time or as soon as the plant has recovered from the one before.

    What has no time left is not done.
    """
    began = time.monotonic()
    for hurt in hurts:
        site.is_over.wait(max(0.0, hurt.at - (time.monotonic() - began)))
        at = time.monotonic() - began
        if site.is_over.is_set() or at + hurt.seconds > seconds:
            return
        progress.begins(hurt)
        FAULTS[hurt.fault](site, hurt)
        lasted = time.monotonic() - began - at
        recovery = Recovery(hurt.fault, hurt.target, round(at, 1), recoveries.measure(_concerned(site, hurt), lasted))
        outcome.recoveries.append(recovery)
        if hurt.fault in LASTING:
            outcome.outages.append(hurt)
        progress.ended(recovery)


def _concerned(site: Site, hurt: Hurt) -> list[str]:
    """The processes that must work again."""
    if hurt.fault in OF_AGENTS:
        return site.plant.agents
    names = {part for each in hurt.target.split("+") for part in each.split(">")[:1]} - OUTSIDE.keys()
    known = {*PROCESSES, *SERVERS, OPCUA_SERVER, *site.plant.agents}
    return sorted(names & known)


@contextmanager
def _asked_to_end(is_over: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C end the hurting; what was said is settled all the same."""
    before = {each: signal.signal(each, lambda *_: is_over.set()) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
