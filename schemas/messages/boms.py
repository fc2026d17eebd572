"""What became of bills of materials (003: `BOMCreated`, `BOMUpdated`)."""

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from schemas.messages.values import Count, Name, Text

BomStatus = Literal["draft", "active", "obsolete"]
"""draft: not made by yet; active: orders are made by it while it is effective; obsolete: no new orders."""


class BomLineTold(msgspec.Struct, frozen=True, kw_only=True):
    """One component, in what goes into the bill's output quantity, without what is spoiled."""

    item_code: Name
    quantity: Decimal
    unit: Name
    position: Name
    scrap_percentage: Decimal = Decimal(0)


class BomChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A whole bill after a change. `version` grows by one with each; a deleted bill is told once more, without lines.

    `item_code` is the product's id in orders and materials; `product_id` its id in the catalogue, if it is there.
    """

    bom_id: Name
    version: Count
    bom_number: Name
    item_id: int
    item_code: Name
    product_id: Name | None
    revision: Name
    lifecycle_status: BomStatus
    effective_from: date
    effective_to: date | None
    output_quantity: Decimal
    unit: Name
    components: tuple[BomLineTold, ...]
    is_deleted: bool = False
    changed_by: Name
    reason: Text | None = None
