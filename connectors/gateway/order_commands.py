"""Which commands an order takes where it stands, in the words of people. The fold decides; this offers nothing else."""

from typing import Final, NamedTuple

from schemas.messages.work_orders import OrderStatus


class Command(NamedTuple):
    """A command: its verb, its words, what it means, and whether a reason must be told."""

    verb: str
    words: str
    meaning: str
    from_: tuple[OrderStatus, ...]
    needs_reason: bool = False
    is_final: bool = False


OPEN: Final[tuple[OrderStatus, ...]] = ("received", "released", "assigned", "in_progress", "on_hold")
COMMANDS: Final = (
    Command("release", "Release", "The floor may plan it and make it.", ("received",)),
    Command("assign", "Assign", "Give it to a machine and an operator; its materials are reserved.", OPEN),
    Command("start", "Start", "Work on it begins, or goes on.", ("received", "released", "assigned", "on_hold")),
    Command("hold", "Hold", "Work on it pauses until it is started again.", ("in_progress",), needs_reason=True),
    Command(
        "complete",
        "Complete",
        "Nothing more is made for it; what it used up is told to the warehouse and the ERP.",
        ("in_progress", "on_hold"),
        is_final=True,
    ),
    Command(
        "cancel",
        "Cancel",
        "It is not made; its materials go back. This cannot be undone.",
        OPEN,
        needs_reason=True,
        is_final=True,
    ),
)


def why_not(command: Command, status: OrderStatus) -> str | None:
    """Why an order does not take a command where it stands; None if it does."""
    if status in command.from_:
        return None
    places = " or ".join(each.replace("_", " ") for each in command.from_)
    return f"It is {status.replace('_', ' ')}; that is possible while it is {places}."
