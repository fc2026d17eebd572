"""Reactions to work orders: the runs and production orders behind them are kept current, and their lanes learn."""

from functools import lru_cache
from typing import Final

from sqlalchemy import Engine

from connectors.deliveries.kind import Reacted, Rows
from connectors.operation_observations import observed
from connectors.said import message_of
from schemas.envelope import Message
from schemas.ids import short
from schemas.messages.work_orders import WorkOrderChanged
from schemas.settings import Settings
from sql import outbox
from sql.edited.base import Edit, editing, engine_of
from sql.edited.production import ProductionRun
from streams.production_progress import follow, is_of_a_run

ACTOR: Final = "the plant"

_engine: Final = lru_cache(maxsize=1)(engine_of)


def work_order_moved(rows: Rows, message: Message[WorkOrderChanged], settings: Settings) -> Reacted:
    """A work order that was released from a run has changed. Kept in a transaction of its own: again is no harm."""
    if is_of_a_run(rows, message.payload.work_order_id):
        engine: Engine = _engine(settings.database_url)
        with editing(engine, message.tenant_id, ACTOR) as edit:
            completed = follow(edit, message.payload)
            if completed is not None:
                _tell_lanes(edit, completed, message, settings)
    return Reacted()


def _tell_lanes(edit: Edit, run: ProductionRun, message: Message[WorkOrderChanged], settings: Settings) -> None:
    """Say what was observed, once the run is kept as completed, and only then: once."""
    for each in observed(edit.rows, run, message.payload, settings):
        told = message_of(
            "estimate.observed",
            message.tenant_id,
            each,
            message_id=short(f"observed-{each.observation_id}-{each.lane_id}"),
            timestamp=each.completed_at,
            received_at=message.received_at,
            correlation_id=message.correlation_id,
        )
        outbox.say(edit.rows, told)
