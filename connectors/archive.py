"""Orders that closed long ago leave the workers' memory; their rows stay."""

from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.rows import tuple_row

from connectors.deliveries.kind import Rows
from connectors.reactions import Reacted
from schemas.envelope import Message
from schemas.messages.work_orders import WorkOrderCommand
from schemas.settings import Settings
from sql.read_models.work_orders import closed_before
from streams.driver import output_of

ORDERS_AT_ONCE: Final = 500


def closed_orders_due(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """Ask for the archiving of orders closed `archive_after_days` before a moment.

    Asking twice is harmless: the id follows from the order, and who is archived already answers with a refusal.
    """
    before = moment - timedelta(days=settings.archive_after_days)
    with rows.connection.cursor(row_factory=tuple_row) as cursor:
        orders = closed_before(cursor, before, ORDERS_AT_ONCE)
    outputs = [output_of(_command(settings.tenant_id, order, moment)) for order in orders]
    return Reacted(outputs=outputs, note=f"{len(orders)} closed orders leave the workers' memory.")


def _command(tenant_id: str, order: str, moment: datetime) -> Message[Any]:
    identity = f"archive-{order}"
    return Message(
        message_id=identity,
        type="work_order.archive",
        tenant_id=tenant_id,
        timestamp=moment,
        source_system="MRAOS",
        correlation_id=identity,
        source="jobs",
        position=0,
        received_at=moment,
        payload=WorkOrderCommand(work_order_id=order, actor="jobs", reason="closed long ago"),
    )
