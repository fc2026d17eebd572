"""What became of messages that people had sent again: the outcomes of actions, and with them where letters stand."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

from sql import repairs
from sql.read_models.events import Event
from sql.repairs import Settled


def project(cursor: Cursor[Any], _tenant_id: str, events: Sequence[Event]) -> int:
    """Settle one tenant's actions; letters that moved. Told twice, it is told once."""
    told = [event.message.payload for event in events]
    settled = [
        Settled(each.failure_key, each.action_id, each.outcome, each.error_code, each.error_message, each.path)
        for each in told
    ]
    return len(repairs.settle(cursor, settled))
