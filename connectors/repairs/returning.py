"""How every dead letter returns, on one page: one line for each way by which letters come."""

from typing import Any, Final

from connectors.repairs.origin import LONGEST_KEY, Letter, Origin, Returned
from connectors.repairs.origins.calls import CALLS
from connectors.repairs.origins.events import PROJECTED, REACTED
from connectors.repairs.origins.folds import FOLDS
from connectors.repairs.origins.orders import ORDERS
from connectors.repairs.origins.rows import PULLED
from connectors.repairs.origins.runs import COMPLETIONS
from connectors.repairs.origins.translators import TRANSLATORS
from schemas.settings import Settings
from sql.database import Rows
from streams.driver import Output


def _nowhere(letter: Letter) -> str:
    if len(letter["failure_key"]) > LONGEST_KEY:
        return "Its key is longer than a message's id may be; nothing of ours makes such letters."
    return f"Nothing is known about messages from {letter['source_address'][:200]}; nobody could read it."


NOWHERE: Final = Origin("nowhere", lambda _: True, why_no_retry=_nowhere, why_no_edit=_nowhere)
"""What came by an address that nobody knows. It can be resolved or discarded."""

ORIGINS: Final[tuple[Origin, ...]] = (
    CALLS,
    FOLDS,
    ORDERS,
    COMPLETIONS,
    PULLED,
    PROJECTED,
    REACTED,
    TRANSLATORS,
)


def origin_of(letter: Letter) -> Origin:
    """How a letter came."""
    if len(letter["failure_key"]) > LONGEST_KEY:
        return NOWHERE
    return next((origin for origin in ORIGINS if origin.holds(letter)), NOWHERE)


def outputs_of(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> list[Output]:
    """What publishing this message, edited or not, would say. Touches nothing. Raises Unreadable, Rejected.

    A delivery, and an event that is processed again, say nothing by themselves.
    """
    return list(origin_of(letter).returns(rows, settings, letter, data, action_id).outputs)


def carry_out(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    """Decide what an action sends, and do what belongs to it, in the caller's transaction. Raises as `outputs_of`."""
    origin = origin_of(letter)
    return (origin.carry_out or origin.returns)(rows, settings, letter, data, action_id)


def schema_of(letter: Letter) -> dict[str, Any] | None:
    """How the message must look, as a JSON Schema, where that is known."""
    return origin_of(letter).schema(letter)
