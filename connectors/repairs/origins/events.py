"""Events that have happened: their rows are written again, or what follows from them is done again. No edit: facts."""

from typing import Any, Final

from psycopg.rows import tuple_row

from connectors.deliveries.making import make
from connectors.reactions import REACTIONS, Reaction
from connectors.repairs.origin import Letter, Origin, Returned, nothing
from schemas.codec import decode_event
from schemas.envelope import Message
from schemas.settings import Settings
from sql import database
from sql.database import Rows
from sql.read_models.registry import READ_MODELS
from streams.driver import Rejected
from streams.projection import Line, write

FACT: Final = "An event has happened: it cannot be edited, only processed again."


def _is_reaction(letter: Letter) -> bool:
    return letter["inbox"] in READ_MODELS and letter["integration_type"].startswith("reaction_")


def _is_projection(letter: Letter) -> bool:
    return letter["inbox"] in READ_MODELS and letter["integration_type"].startswith("projection_")


def _project(rows: Rows, _settings: Settings, letter: Letter, data: bytes, _action_id: int) -> Returned:
    """Write the event's rows. What is newer by now stays; rows that only grow know the event by its id."""
    topic, partition, offset = letter["source_address"].split("/")
    key = f"{letter['tenant_id']}/{letter['failure_key']}".encode()
    with rows.connection.cursor(row_factory=tuple_row) as cursor:
        written = write(cursor, [Line(topic, int(partition), int(offset), key, data)])
    database.tenant(rows, letter["tenant_id"])
    for output in written.refused:
        told = decode_event(output.topic, output.value).payload.error_details
        raise Rejected(told.error_code, told.error_message, told.path)
    return Returned(())


def _reaction(letter: Letter, message: Message[Any]) -> Reaction:
    name = letter["integration_type"].removeprefix("reaction_")
    for reaction in REACTIONS.get(message.type, ()):
        if reaction.__name__.strip("_") == name:
            return reaction
    raise Rejected("NO_REACTION", f"Nothing called {name} follows from {message.type} any more.")


def _react(rows: Rows, settings: Settings, letter: Letter, data: bytes, _action_id: int) -> Returned:
    """Do what follows from the event. Ids follow from it: what was done before is not done twice."""
    message = decode_event(letter["inbox"], data)
    reacted = _reaction(letter, message)(rows, message, settings)
    make(rows, reacted.deliveries)
    return Returned(tuple(reacted.outputs))


REACTED: Final = Origin("reaction", _is_reaction, nothing, _react, why_no_edit=lambda _: FACT, is_answered=False)
PROJECTED: Final = Origin(
    "projection", _is_projection, nothing, _project, why_no_edit=lambda _: FACT, is_answered=False
)
