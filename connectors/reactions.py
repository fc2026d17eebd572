"""What we do when something has happened: event -> deliveries and messages. Everything on one page.

A reaction sees an event only after the projector has written its rows, and may see it again after a crash: what it
makes carries ids that follow from the event.
"""

from collections.abc import Callable
from typing import Any, Final

from connectors import production_progress, reallocation
from connectors.deliveries.kind import Reacted as Reacted
from connectors.deliveries.kind import Rows
from connectors.deliveries.kinds import erp, materials, mes, notify, wms
from schemas.envelope import Message
from schemas.settings import Settings

Reaction = Callable[[Rows, Message[Any], Settings], Reacted]

REACTIONS: Final[dict[str, tuple[Reaction, ...]]] = {
    "work_order.completed": (erp.completed, production_progress.work_order_moved),
    "work_order.changed": (mes.started, production_progress.work_order_moved),
    "alert.raised": (notify.tell,),
    "reservation.changed": (wms.reservation_changed, materials.stock_moved),
    "material.consumed": (wms.material_consumed,),
    "material.consumption_acknowledged": (wms.consumption_acknowledged, materials.stock_moved),
    "downtime.started": (reallocation.downtime_started,),
    "downtime.ended": (reallocation.machine_back,),
    "machine.status_changed": (reallocation.status_changed,),
}
