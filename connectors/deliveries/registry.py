"""Every kind of delivery on one page."""

from typing import Final

from connectors.deliveries.kind import Kind
from connectors.deliveries.kinds import consumption, erp, hr, materials, mes, notify, pas, reconciliation, wms

ALL: Final[tuple[Kind, ...]] = (
    *erp.KINDS,
    *mes.KINDS,
    *hr.KINDS,
    *notify.KINDS,
    *reconciliation.KINDS,
    *wms.KINDS,
    *materials.KINDS,
    *consumption.KINDS,
    *pas.KINDS,
)
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in ALL}
