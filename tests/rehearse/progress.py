"""Shows a rehearsal while it runs: a line a fault on the terminal, and the same as JSON and as a page in `.run`."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console

from tests.rehearse.certificate import Recovery
from tests.rehearse.timeline import Hurt

FILE: Final = "rehearsal.json"
PAGE: Final = "rehearsal.html"


class Progress:
    """Tells what is done and how the plant recovers. Files are replaced in one step, so that nobody reads half."""

    def __init__(self, console: Console, folder: Path, asked: dict[str, Any], sent: Callable[[], int]) -> None:
        self._console, self._folder, self._sent = console, folder, sent
        self._began = time.monotonic()
        self._document: dict[str, Any] = asked | {"began_at": datetime.now(UTC).isoformat(), "faults": []}

    def phase(self, name: str) -> None:
        """The rehearsal goes on to something else: starting, hurting, healing, settling, done."""
        self._document["phase"] = name
        self._write()
        self._say(name, "dim")

    def begins(self, hurt: Hurt) -> None:
        """Something is done now."""
        self._document["faults"].append(
            hurt._asdict() | {"is_over": False, "began_at_seconds": round(self._seconds(), 1)}
        )
        self._write()

    def ended(self, recovery: Recovery) -> None:
        """And this came of it."""
        self._document["faults"][-1] |= {"is_over": True, "recovery_seconds": recovery.seconds}
        self._write()
        told = "NOT RECOVERED" if recovery.seconds is None else f"recovered in {recovery.seconds:5.1f} s"
        style = "bold red" if recovery.seconds is None else "green"
        lasted = self._document["faults"][-1]["seconds"]
        words = f"{recovery.fault:26}{recovery.target:28}{f'{lasted:5.1f} s' if lasted else '':10}"
        self._say(f"{words}{told}  ({self._sent():,} said)", style)

    def _say(self, sentence: str, style: str) -> None:
        self._console.print(f"{self._seconds():6.1f} s  {sentence}", style=style, markup=False, soft_wrap=True)

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _write(self) -> None:
        told = self._document | {"seconds": round(self._seconds(), 1), "sent": self._sent()}
        _replace(self._folder / FILE, json.dumps(told))
        _replace(self._folder / PAGE, page(told))


def page(told: Mapping[str, Any]) -> str:
    """The rehearsal as a page, which loads itself again until all is done."""
    pages = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    return pages.get_template("progress.html.jinja").render(it=told)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)
