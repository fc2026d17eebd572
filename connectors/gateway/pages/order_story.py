"""An order's changes in words: what became other than it was, who wanted it and why."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

Row = dict[str, Any]


class Step(NamedTuple):
    """Something that happened to an order."""

    at: datetime
    words: str
    who: str | None
    why: str | None
    place: tuple[str, int, int] | None


def _plain(name: str) -> Callable[[Any], str]:
    return lambda value: f"{name} {str(value).replace('_', ' ')}"


TOLD: Final[dict[str, Callable[[Any], str]]] = {
    "status": _plain("now"),
    "assigned_machine_id": _plain("given to machine"),
    "assigned_operator_id": _plain("given to operator"),
    "quantity_ordered": lambda value: f"quantity {value.normalize():f}",
    "due_date": lambda value: f"due {value:%d %b %H:%M} UTC",
    "priority": _plain("priority"),
    "materials_status": _plain("materials"),
    "is_interrupted": lambda value: "interrupted: its machine is down" if value else "its machine is available again",
}
EVENTS: Final = {
    "work_order.received": "received from the ERP",
    "work_order.inspected": "inspected",
    "work_order.archived": "archived",
    "work_order.completed": "completed",
}


def steps(rows: Sequence[Row]) -> list[Step]:
    """The steps of rows that are in order of time, latest first; in the same order."""
    known: Row = {}
    found = []
    for row in reversed(rows):
        found.append(Step(row["at"], _words(row, known), row["said_by"], row["reason"], _place(row)))
        known |= {name: row[name] for name in TOLD if row[name] is not None}
    return found[::-1]


def _words(row: Row, known: Row) -> str:
    if row["event"] == "work_order.asked":
        return f"asked to {row['verb']}; the outcome was not known in time"
    if row["event"] in EVENTS:
        return EVENTS[row["event"]]
    news = [say(row[name]) for name, say in TOLD.items() if row[name] is not None and row[name] != known.get(name)]
    return ", ".join(news) or "told again"


def _place(row: Row) -> tuple[str, int, int] | None:
    return None if row["event_topic"] is None else (row["event_topic"], row["event_partition"], row["event_offset"])
