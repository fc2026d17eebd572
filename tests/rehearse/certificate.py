"""The loss certificate: what a rehearsal came to, as JSON, as a page that needs nothing else, and on the terminal."""

import json
import math
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import run
from typing import Any, Final, NamedTuple, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compose.local.identity import asked_for
from tests.rehearse.checks import FINDINGS, Account

TARGET_P95_SECONDS: Final = 15.0
TARGET_WORST_SECONDS: Final = 60.0
MOST_EXAMPLES: Final = 20
MEANINGS: Final = {
    "lost": "said, answered for, and nowhere to be found",
    "doubled": "took effect more than once",
    "invented": "stands there, and nobody said it",
    "out_of_order": "told in another order than it happened",
    "oversold": "promised to more than one",
}
PARTS: Final = ("faust-streaming", "confluent-kafka", "psycopg", "paho-mqtt", "asyncua", "fastapi", "msgspec")
HERE: Final = Path(__file__).parent


class Recovery(NamedTuple):
    """A fault: what was done to whom, when (seconds after the begin), and how long until all that had been said by then
    was in Postgres and nothing lagged; None where that took too long."""

    fault: str
    target: str
    at: float
    seconds: float | None


class Outage(Protocol):
    """Something that was hurt for a while: what was done to whom, for so many seconds."""

    @property
    def fault(self) -> str:
        """What was done."""

    @property
    def target(self) -> str:
        """To whom."""

    @property
    def seconds(self) -> float:
        """How long it lasted."""


def percentile(seconds: Sequence[float | None], share: float) -> float | None:
    """What this share of the recoveries did not exceed; None without any, or where it took too long."""
    ordered = sorted(math.inf if each is None else each for each in seconds)
    found = ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.inf
    return None if math.isinf(found) else found


def certificate(
    account: Account,
    recoveries: Sequence[Recovery],
    outages: Sequence[Outage],
    seed: int,
    duration: float,
    rate: int,
) -> dict[str, Any]:
    """What `certificate.json` holds. `is_clean`: nothing lost, doubled, invented, out of order, oversold."""
    seconds = [each.seconds for each in recoveries]
    failed = [each for each in recoveries if each.seconds is None]
    reasons: dict[str, int] = {}
    for tally in account.channels.values():
        for code, count in tally.dead_letters.items():
            reasons[code] = reasons.get(code, 0) + count
    return {
        "is_clean": account.is_clean,
        "sent": account.total("sent"),
        "applied": account.total("applied"),
        "duplicates": account.total("duplicates"),
        "late": account.total("late"),
        "refused": account.total("refused"),
        "nowhere": account.total("nowhere"),
        "unanswered": account.unanswered,
        "dead_letters": sum(reasons.values()),
        "dead_letter_reasons": dict(sorted(reasons.items())),
        "repaired": account.repairs,
        **{name: len(getattr(account, name)) for name in FINDINGS},
        "examples": {name: getattr(account, name)[:MOST_EXAMPLES] for name in FINDINGS if getattr(account, name)},
        "channels": {name: _channel(vars(tally)) for name, tally in account.channels.items()},
        "faults": len(recoveries),
        "recovery_p95_seconds": percentile(seconds, 0.95),
        "recovery_worst_seconds": percentile(seconds, 1),
        "recoveries_failed": [each._asdict() for each in failed],
        "recovery_by_fault": by_fault(recoveries),
        "recoveries": [each._asdict() for each in recoveries],
        "outages": [{"fault": each.fault, "target": each.target, "seconds": each.seconds} for each in outages],
        "seed": seed,
        "duration_seconds": round(duration, 1),
        "rate": rate,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }


def code(document: Mapping[str, Any]) -> int:
    """The exit code: 0 only if nothing was lost, doubled, invented, out of order or oversold."""
    return 0 if not any(document[name] for name in FINDINGS) else 1


def versions() -> dict[str, str]:
    """Of what was rehearsed: the commit, the interpreter, the parts."""
    found = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for part in PARTS:
        try:
            found[part] = version(part)
        except PackageNotFoundError:
            found[part] = "not installed"
    commit = run(["git", "rev-parse", "--short=12", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False)
    found["mqtt queue"] = f"written down {'after every change' if asked_for('MQTT_DURABLE') else 'every second'}"
    return {"commit": commit.stdout.strip() or "unknown", **found}


def save(document: Mapping[str, Any], folder: Path) -> None:
    """Write `certificate.json` and `certificate.html` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "certificate.json").write_text(json.dumps(document, indent=2) + "\n")
    (folder / "certificate.html").write_text(page(document))


def page(document: Mapping[str, Any]) -> str:
    """The certificate as a page of its own."""
    pages = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    pages.filters["figure"] = _figure
    pages.filters["seconds"] = _seconds
    return pages.get_template("certificate.html.jinja").render(
        it=document,
        findings=[(name, name.replace("_", " "), document[name], MEANINGS[name]) for name in FINDINGS],
        targets=(TARGET_P95_SECONDS, TARGET_WORST_SECONDS),
    )


def show(document: Mapping[str, Any], console: Console) -> None:
    """Print it."""
    console.print()
    title = f"Loss certificate: seed {document['seed']}, {document['duration_seconds']:.0f} s, {document['rate']}/s"
    console.print(Text(title, "bold"))
    console.print(_channels(document))
    if document["recoveries"]:
        console.print(_faults(document))
    console.print(_outages(document))
    console.print(_findings(document))
    for name, examples in document["examples"].items():
        console.print(Text(name.replace("_", " "), "bold red"))
        for each in examples:
            console.print(Text(f"  {each}", "red"), soft_wrap=True)
    verdict = "Every message is accounted for." if not code(document) else "Not every message is accounted for."
    console.print(Text(verdict, "bold red" if code(document) else "bold green"))


def _channel(tally: dict[str, Any]) -> dict[str, Any]:
    return tally | {"dead_letters": dict(sorted(tally["dead_letters"].items()))}


def by_fault(recoveries: Sequence[Recovery]) -> dict[str, dict[str, Any]]:
    """Of each kind of fault and its target: how often, how long at worst and at p95, how often too long."""
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({f"{each.fault} {each.target}".strip() for each in recoveries}):
        these = [each for each in recoveries if f"{each.fault} {each.target}".strip() == name]
        seconds = [each.seconds for each in these]
        found[name] = {
            "times": len(these),
            "p95_seconds": percentile(seconds, 0.95),
            "worst_seconds": percentile(seconds, 1),
            "failed": seconds.count(None),
        }
    return found


def _channels(document: Mapping[str, Any]) -> Table:
    shown = _table("channel", "sent", "applied", "late", "duplicates", "refused", "dead letters")
    for name, tally in document["channels"].items():
        dead = sum(tally["dead_letters"].values())
        figures = (tally["sent"], tally["applied"], tally["late"], tally["duplicates"], tally["refused"], dead)
        shown.add_row(name, *map(_figure, figures))
    total = [document[name] for name in ("sent", "applied", "late", "duplicates", "refused", "dead_letters")]
    shown.add_row(Text("all", "bold"), *(Text(_figure(each), "bold") for each in total))
    return shown


def _faults(document: Mapping[str, Any]) -> Table:
    shown = _table("fault", "times", "p95", "worst", "too long")
    for name, told in document["recovery_by_fault"].items():
        failed = Text(str(told["failed"]), "bold red" if told["failed"] else "")
        times = (_seconds(told["p95_seconds"]), _seconds(told["worst_seconds"]))
        shown.add_row(name, str(told["times"]), *times, failed)
    times = (_seconds(document["recovery_p95_seconds"]), _seconds(document["recovery_worst_seconds"]))
    shown.add_row(Text("all", "bold"), str(document["faults"]), *times, str(len(document["recoveries_failed"])))
    return shown


def _outages(document: Mapping[str, Any]) -> Text:
    told = [f"{each['target']} ({each['fault']} {each['seconds']:.0f} s)" for each in document["outages"]]
    return Text(f"Outages survived: {', '.join(told)}" if told else "No outage was part of it.", "dim")


def _findings(document: Mapping[str, Any]) -> Table:
    shown = _table("", "", "")
    shown.show_header = False
    for name, meaning in MEANINGS.items():
        style = "bold red" if document[name] else "bold green"
        shown.add_row(Text(name.replace("_", " "), style), Text(_figure(document[name]), style), Text(meaning, "dim"))
    return shown


def _table(first: str, *others: str) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    shown.add_column(first)
    for name in others:
        shown.add_column(name, justify="right")
    return shown


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
