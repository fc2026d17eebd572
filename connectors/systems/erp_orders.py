"""The ERP's list of work orders, as reconciliation reads it: its words for an order's status, its pages, its rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field

from connectors.systems.erp import PRIORITIES, ErpBomLine, ErpWorkOrder, Quantity, validated
from schemas.codec import Unreadable
from schemas.ids import work_order_id
from schemas.messages.work_orders import BomLine, OrderStatus, WorkOrderCreated, WorkOrderUpdated
from streams.domain import reconciliation
from streams.domain.reconciliation import DESCRIPTIONS, ErpOrder

PAGE_SIZE: Final = 100
MOST_PAGES: Final = 10_000
HISTORY_KEPT: Final = 50

_WORDS: Final[dict[OrderStatus, str]] = {
    "received": "created crtd new open planned firm firmplanned unreleased estimated received",
    "released": "released rel scheduled assigned",
    "in_progress": "inprogress inprocess inproduction started active running pcnf pdlv partiallyconfirmed wip",
    "on_hold": "onhold hold held paused suspended blocked lkd locked",
    "completed": "completed complete completenocharges done finished reportedasfinished ended confirmed cnf dlv "
    "delivered teco technicallycompleted closed clsd pendingclose",
    "cancelled": "cancelled canceled deleted dltd dlfl dlt aborted rejected",
}
"""SAP's system statuses, Oracle's, Dynamics' and Infor's words, without case, blanks and signs."""
STATUSES: Final[dict[str, OrderStatus]] = {word: status for status, words in _WORDS.items() for word in words.split()}
_FURTHEST: Final[tuple[OrderStatus, ...]] = ("cancelled", "completed", "on_hold", "in_progress", "released", "received")


class ListedOrder(ErpWorkOrder):
    """A work order in the ERP's list: as in its webhook, with where it stands."""

    status: Annotated[str, Field(max_length=128)] | None = None
    quantity_produced: Quantity | None = None
    quantity_scrapped: Quantity | None = None
    quantity_good: Quantity | None = None
    quantity_completed: Quantity | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    history: list[Any] | None = None


def status_of(said: str | None) -> OrderStatus | None:
    """Our word for the ERP's, or None where nobody knows it. SAP strings codes together: the furthest counts."""
    if said is None:
        return None
    if status := STATUSES.get("".join(filter(str.isalnum, said.lower()))):
        return status
    found = {STATUSES[word] for word in said.lower().split() if word in STATUSES}
    return next((status for status in _FURTHEST if status in found), None)


def first_page(since: datetime) -> dict[str, str]:
    """The query of the first page of all orders changed since then."""
    return {"updated_since": since.isoformat(), "page": "1", "page_size": str(PAGE_SIZE)}


def next_page(query: Mapping[str, str], answer: Any) -> dict[str, str] | None:
    """The query of the page after this answer, or None. It follows the ERP's count, or the size of its page."""
    page = int(query["page"])
    size = PAGE_SIZE
    rows = rows_of(answer)
    if isinstance(answer, dict):
        told = answer.get("page_size")
        size = told if isinstance(told, int) and 0 < told <= PAGE_SIZE else PAGE_SIZE
        total = answer.get("total_count", answer.get("total"))
        if isinstance(total, int) and page * size >= total:
            return None
    is_last = len(rows) < size or page >= MOST_PAGES
    return None if is_last else {**query, "page": str(page + 1)}


def rows_of(answer: Any) -> Sequence[Any]:
    """The rows of one page. Raises Unreadable where it has no list of orders."""
    rows = answer.get("work_orders") if isinstance(answer, dict) else answer
    if not isinstance(rows, list):
        raise Unreadable("VALIDATION_ERROR", "The ERP's answer has no list `work_orders`.", "work_orders")
    return rows


def read_rows(rows: Sequence[Any]) -> tuple[list[ListedOrder], list[reconciliation.Unreadable]]:
    """The ERP's orders, the latest of those it lists twice; and the rows that are none, each with its reason."""
    good: dict[str, ListedOrder] = {}
    bad: list[reconciliation.Unreadable] = []
    for row in rows:
        try:
            order = validated(ListedOrder, row)
        except Unreadable as refusal:
            bad.append(_bad(row, refusal.reason))
            continue
        known = good.get(order.erp_work_order_id)
        if known is None or _is_later(order, known):
            good[order.erp_work_order_id] = order
    return list(good.values()), bad


def _is_later(order: ListedOrder, known: ListedOrder) -> bool:
    return known.updated_at is None or (order.updated_at is not None and order.updated_at >= known.updated_at)


def _bad(row: Any, reason: str) -> reconciliation.Unreadable:
    told = row.get("erp_work_order_id") if isinstance(row, dict) else None
    return reconciliation.Unreadable(
        erp_work_order_id=str(told)[:128] if told else "(no id)",
        reason=reason,
        said=row if isinstance(row, dict) else {"said": row},
    )


def compared(listed: ListedOrder) -> ErpOrder:
    """A listed order in our words."""
    return ErpOrder(
        erp_work_order_id=listed.erp_work_order_id,
        status=status_of(listed.status),
        status_said=listed.status,
        product_id=listed.product_id,
        quantity_ordered=listed.quantity_ordered,
        quantity_produced=listed.quantity_produced,
        quantity_scrapped=listed.quantity_scrapped,
        quantity_good=listed.quantity_good if listed.quantity_good is not None else listed.quantity_completed,
        unit_of_measure=listed.unit_of_measure,
        priority=PRIORITIES[listed.priority] if listed.priority else None,
        due_date=listed.due_date,
        bill_of_materials=None if listed.bill_of_materials is None else _bill(listed.bill_of_materials),
        updated_at=listed.updated_at,
        **{name: getattr(listed, name) for name in DESCRIPTIONS},
    )


def _bill(lines: Sequence[ErpBomLine]) -> tuple[BomLine, ...]:
    return tuple(BomLine(**line.model_dump()) for line in lines)


def created(tenant_id: str, order: ErpOrder, work_order_number: str | None = None) -> WorkOrderCreated:
    """The order as the ERP's webhook would have told it."""
    assert order.product_id is not None
    assert order.quantity_ordered is not None
    assert order.due_date is not None
    return WorkOrderCreated(
        work_order_id=work_order_id(tenant_id, order.erp_work_order_id),
        erp_work_order_id=order.erp_work_order_id,
        work_order_number=work_order_number,
        product_id=order.product_id,
        quantity_ordered=order.quantity_ordered,
        unit_of_measure=order.unit_of_measure or "EA",
        priority=order.priority or "normal",
        due_date=order.due_date,
        bill_of_materials=order.bill_of_materials or (),
        **{name: getattr(order, name) for name in DESCRIPTIONS},
    )


def updated(order_id: str, changes: Mapping[str, Any]) -> WorkOrderUpdated:
    """The ERP's values of these fields, said to the order."""
    return WorkOrderUpdated(work_order_id=order_id, **changes)


def timeline(listed: ListedOrder) -> list[dict[str, Any]]:
    """What the ERP told of the order, and when, as far as it says."""
    told = [
        {"at": moment, "what": what}
        for moment, what in ((listed.created_at, "created in the ERP"), (listed.updated_at, "last changed in the ERP"))
        if moment is not None
    ]
    return [*told, *({"at": _at(each), "what": each} for each in (listed.history or ())[-HISTORY_KEPT:])]


def _at(entry: Any) -> Any:
    """The moment in an entry of a history the ERP keeps in its own form."""
    names: tuple[Literal["at", "timestamp", "changed_at", "updated_at", "date"], ...] = (
        "at", "timestamp", "changed_at", "updated_at", "date",
    )  # fmt: skip
    told = next((entry[name] for name in names if name in entry), None) if isinstance(entry, dict) else None
    try:
        moment = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return told
    return moment if moment is not None and moment.tzinfo is not None else told
