"""What a simulated system writes down of a call."""

from datetime import datetime

from compose.simulators.systems.erp import COMPLETION
from compose.simulators.systems.records import Record


def completion(key: str, order: str, *, at: datetime, acted: bool, status: int | None = 200) -> Record:
    """The ERP is told under this Idempotency-Key that an order is completed; `acted`: it had not been told before."""
    return Record(
        at=at,
        system="erp",
        method="POST",
        path=COMPLETION,
        query={},
        idempotency_key=key,
        correlation_id=None,
        authorization=None,
        body={"erp_work_order_id": order},
        status=status,
        acted=acted,
    )
