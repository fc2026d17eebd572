"""Messages said from the transaction that makes them true: a job row is the outbox.

The process `jobs` publishes them (task `say`), those with the same key in the order in which they were written. What
was published and not marked before a process died is published again under the same id.
"""

from datetime import UTC, datetime
from typing import Any, Final

from psycopg import Cursor

from schemas.codec import MAX_BYTES, encode
from schemas.envelope import Message
from schemas.topics import MESSAGES, key_of
from sql import queue

QUEUE: Final = "outbox"
TASK: Final = "say"


class TooLarge(ValueError):
    """A message that no reader would take."""


def tell(
    rows: Cursor[Any], tenant_id: str, type_name: str, payload: Any, subject: str, version: int, at: datetime
) -> None:
    """Say what became of something people edit; the id follows from the subject and its version. Raises TooLarge."""
    identity = f"{type_name}-{subject}-{version}"
    message = Message(
        message_id=identity,
        type=type_name,
        tenant_id=tenant_id,
        timestamp=at,
        source_system="MRAOS",
        correlation_id=identity,
        source=f"edited/{subject}",
        position=version,
        received_at=at,
        payload=payload,
    )
    say(rows, message)


def say(rows: Cursor[Any], message: Message[Any]) -> None:
    """Have a message published when the transaction has committed, and not otherwise. Raises TooLarge."""
    value = encode(message)
    if len(value) > MAX_BYTES:
        raise TooLarge(f"The {message.type} message would have {len(value)} bytes; at most {MAX_BYTES} are accepted.")
    key = key_of(message.type, message.tenant_id, message.payload).decode()
    args = {"topic": MESSAGES[message.type].topic, "key": key, "value": value.decode()}
    queue.put(rows, QUEUE, TASK, args, f"say/{message.message_id}", datetime.now(UTC), lock=f"say/{key}")
