"""Shows a rehearsal while it runs: a line a fault on the terminal, and the same as JSON for who looks from outside."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from tests.rehearse.recovery import Recovery
from tests.rehearse.timeline import Hurt

FILE: Final = "rehearsal.json"


class Progress:
    """Tells what is done and how the plant recovers. The file is replaced in one step, so that nobody reads half."""

    def __init__(self, console: Console, path: Path, asked: dict[str, Any], sent: Callable[[], int]) -> None:
        self._console, self._path, self._sent = console, path, sent
        self._began = time.monotonic()
        self._document: dict[str, Any] = asked | {"began_at": datetime.now(UTC).isoformat(), "faults": []}

    def phase(self, name: str) -> None:
        """The rehearsal goes on to something else: starting, hurting, healing, settling, done."""
        self._document["phase"] = name
        self._write()
        self._say(name, "dim")

    def begins(self, hurt: Hurt) -> None:
        """Something is done now."""
        self._document["faults"].append(hurt._asdict() | {"began_at_seconds": round(self._seconds(), 1)})
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
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self._document | {"seconds": round(self._seconds(), 1), "sent": self._sent()}))
        new.replace(self._path)
