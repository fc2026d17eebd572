"""What goes wrong when a plant is started, in sentences."""

from pathlib import Path

TAIL_LINES = 12


class PlantError(Exception):
    """The plant cannot be started, stopped or reached; the message says why and what to do."""


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log file, indented and without Java's stack frames; empty if there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    said = [line for line in text.splitlines() if not line.startswith("\tat ")]
    return "\n".join(f"    {line}" for line in said[-lines:])


def failed(what: str, log: Path) -> PlantError:
    """The error for something that did not start: one sentence, the log's path and its last lines."""
    return PlantError(f"{what}; its log is {log}.\n{tail(log)}".rstrip())
