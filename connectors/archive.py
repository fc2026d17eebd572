"""Orders that closed long ago leave the workers' memory; their rows stay."""

from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import tuple_row

from connectors.deliveries.kind import Rows
from connectors.reactions import Reacted
from connectors.said import said
from schemas.messages.work_orders import WorkOrderCommand
from schemas.settings import Settings
from sql.read_models.work_orders import closed_before
from streams.driver import Output

ORDERS_AT_ONCE: Final = 500


def closed_orders_due(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """Ask for the archiving of orders closed `archive_after_days` before a moment.

    Asking twice is harmless: the id follows from the order, and who is archived already answers with a refusal.
    """
    before = moment - timedelta(days=settings.archive_after_days)
    with rows.connection.cursor(row_factory=tuple_row) as cursor:
        orders = closed_before(cursor, before, ORDERS_AT_ONCE)
    outputs = [_command(settings.tenant_id, order, moment) for order in orders]
    return Reacted(outputs=outputs, note=f"{len(orders)} closed orders leave the workers' memory.")


def _command(tenant_id: str, order: str, moment: datetime) -> Output:
    command = WorkOrderCommand(work_order_id=order, actor="jobs", reason="closed long ago")
    return said("work_order.archive", tenant_id, command, message_id=f"archive-{order}", timestamp=moment)
