"""What the ERP is told: production completion reports (002 section 3.2.2)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.deliveries.kind import Call, Due, Kind, New, NotNeeded, NotYet, Reacted, Rows
from connectors.systems import reports
from schemas.envelope import Message
from schemas.messages.work_orders import WorkOrderChanged
from schemas.settings import Settings
from sql.reads import completions
from streams.driver import Output

PATH: Final = "/api/production/work-order-completion"
COMPLETION: Final = "erp.work_order_completion"
PATIENCE: Final = timedelta(seconds=60)
"""How long the consumption of an order's materials is waited for, before it is taken from the bill of materials."""


def completed(_rows: Rows, message: Message[WorkOrderChanged], settings: Settings) -> Reacted:
    """An order of the ERP is completed: it is told, once."""
    if settings.erp_url is None or message.payload.origin != "erp":
        return Reacted()
    order = message.payload.work_order_id
    return Reacted([New(COMPLETION, message.tenant_id, order, order, correlation_id=message.correlation_id)])


def _request(rows: Rows, due: Due, _settings: Settings) -> Call:
    order = completions.order(rows, due.subject)
    if order is None:
        raise NotYet(f"{due.subject} is not in the read model yet.")
    if order["status"] != "completed":
        raise NotNeeded(f"{due.subject} is {order['status']}, not completed.")
    bill = completions.bill(rows, due.subject)
    used = completions.consumed(rows, due.subject)
    expected = {line["material_id"] for line in bill} if order["quantity_produced"] else set()
    missing = expected - {line["material_id"] for line in used}
    if missing and datetime.now(UTC) - due.created_at < PATIENCE:
        raise NotYet(f"The consumption of {', '.join(sorted(missing))} is not known yet.")
    if missing:
        lines = [line for line in bill if line["material_id"] in missing]
        used += reports.backflushed(lines, order["quantity_ordered"], order["quantity_produced"])
    inspections = completions.inspections(rows, due.subject)
    body = reports.completion(
        order,
        completions.machines(rows, due.subject),
        used,
        inspections["defect_types"],
        inspections["last_result"] != "fail",
    )
    return Call("POST", PATH, body)


def _accepted(rows: Rows, due: Due, _answers: Sequence[Any], at: datetime, _settings: Settings) -> Sequence[Output]:
    completions.mark_synchronized(rows, due.subject, at)
    return ()


KINDS: Final = (
    Kind(
        COMPLETION,
        "ERP",
        "erp_work_order_completion_outbound",
        "tells the ERP that an order is completed, with what it took",
        _request,
        _accepted,
    ),
)
