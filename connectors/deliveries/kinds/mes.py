"""What the MES is told: work order start signals (002 section 4.2.2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from connectors.deliveries.kind import Call, Due, Kind, New, NotNeeded, NotYet, Reacted, Refused, Rows
from connectors.systems import reports
from schemas.envelope import Message
from schemas.messages.work_orders import WorkOrderChanged
from schemas.settings import Settings
from sql.reads import completions
from streams.driver import Output

PATH: Final = "/api/v1/work-orders/start"
START: Final = "mes.work_order_start"
BY_ITSELF: Final = "production began"
"""Why an order changed whose machine began before anybody said so: the MES knows that already."""


def started(rows: Rows, message: Message[WorkOrderChanged], settings: Settings) -> Reacted:
    """A supervisor has started an order whose machine is known: the MES is told, once."""
    told = message.payload
    is_start = told.status == "in_progress" and told.actual_start_at == told.changed_at and told.reason != BY_ITSELF
    if settings.mes_url is None or not is_start:
        return Reacted()
    if told.assigned_machine_id is None:
        order = completions.order(rows, told.work_order_id)
        if order is None or order["current_machine_id"] is None:
            return Reacted()
    cause = f"{told.work_order_id}/started"
    return Reacted([New(START, message.tenant_id, told.work_order_id, cause, correlation_id=message.correlation_id)])


def _request(rows: Rows, due: Due, _settings: Settings) -> Call:
    order = completions.order(rows, due.subject)
    if order is None:
        raise NotYet(f"{due.subject} is not in the read model yet.")
    if order["status"] == "cancelled":
        raise NotNeeded(f"{due.subject} is cancelled.")
    return Call("POST", PATH, reports.start_signal(order))


def _accepted(rows: Rows, due: Due, answers: Sequence[Any], _at: datetime, _settings: Settings) -> Sequence[Output]:
    answer = answers[-1] if isinstance(answers[-1], dict) else {}
    if answer.get("status", "success") != "success":
        raise Refused(f"The MES did not start {due.subject}: {answer.get('message') or answer['status']}.")
    if isinstance(answer.get("mes_job_id"), str):
        completions.keep_mes_job(rows, due.subject, answer["mes_job_id"][:128])
    return ()


KINDS: Final = (
    Kind(
        START,
        "MES",
        "mes_work_order_start_outbound",
        "tells the MES that a supervisor has started an order",
        _request,
        _accepted,
    ),
)
