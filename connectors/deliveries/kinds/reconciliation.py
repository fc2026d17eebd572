"""Reconciliation with the ERP (002 section 3.4): asks it for what it changed, compares, puts right, reports."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, FileSystemLoader, select_autoescape

from connectors.credentials import is_set
from connectors.deliveries.kind import Call, Due, Kind, Mail, New, NotNeeded, Reacted, Rows, refusing
from connectors.said import alert, message_of
from connectors.systems import erp_orders
from connectors.systems.erp_orders import ListedOrder
from schemas.codec import Unreadable
from schemas.envelope import Message
from schemas.settings import Settings
from sql.reads import reconciliations, work_orders
from streams.domain import reconciliation, reconciliation_report
from streams.domain.reconciliation import Discrepancy, ErpOrder, OurOrder, View
from streams.driver import Output, output_of

WINDOW: Final = timedelta(hours=24)
ORDERS: Final = "/api/v1/work-orders"
TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"), autoescape=select_autoescape()
)


def due_now(_rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """The clock's job: ask the ERP for all orders it changed in the 24 h before the moment."""
    if settings.erp_url is None:
        return Reacted()
    told = {"since": (moment - WINDOW).isoformat(), "until": moment.isoformat()}
    question = New(
        "erp.reconciliation", settings.tenant_id, "work-orders", f"reconciliation/{moment.isoformat()}", told
    )
    return Reacted(deliveries=(question,))


def report_id_of(delivery_id: str, moment: datetime, settings: Settings) -> str:
    """A report's id follows from its question."""
    piece = hashlib.sha256(delivery_id.encode()).hexdigest()[:8].upper()
    return f"REC-{moment.astimezone(ZoneInfo(settings.plant_timezone)):%Y%m%d}-{piece}"


def _question(_rows: Rows, due: Due, _settings: Settings) -> Call:
    return Call("GET", ORDERS, query=erp_orders.first_page(datetime.fromisoformat(due.told["since"])))


def _next_page(call: Call, answer: Any) -> Call | None:
    """After what is no page nothing follows; what is wrong with it is said when it is compared."""
    try:
        query = erp_orders.next_page(call.query, answer)
    except Unreadable:
        return None
    return None if query is None else call._replace(query=query)


def _compared(rows: Rows, due: Due, answers: Sequence[Any], at: datetime, settings: Settings) -> Sequence[Output]:
    """Compare, store the report with its items, and say what puts right what may be put right."""
    until = datetime.fromisoformat(due.told["until"])
    report_id = report_id_of(due.delivery_id, until, settings)
    if reconciliations.is_stored(rows, report_id):
        return ()
    with refusing():
        listed, bad = erp_orders.read_rows([row for answer in answers for row in erp_orders.rows_of(answer)])
    since = datetime.fromisoformat(due.told["since"])
    erp = {order.erp_work_order_id: erp_orders.compared(order) for order in listed}
    own = reconciliations.ours(rows, list(erp), since, at)
    view = _view(rows, erp, since, at, settings)
    found = [
        *reconciliation.compare(list(erp.values()), [_our_order(row) for row in own], view),
        *reconciliation.unreadable(bad),
    ]
    found.sort(key=lambda each: each.action == "in_transit")
    synced = _synced(rows, due, found, {order.erp_work_order_id: order for order in listed}, report_id, at)
    items = _items(rows, found, listed, own, synced, since)
    report = _report(rows, due, report_id, found, len(erp) + len(bad), len(own), at, settings)
    reconciliations.keep(rows, due.tenant_id, report, items)
    _send_report(rows, due, report_id, settings)
    outputs = [output_of(message) for message in synced.values()]
    return [*outputs, _review_alert(due, report, at)] if report["manual_review"] else outputs


def _view(rows: Rows, erp: Mapping[str, ErpOrder], since: datetime, at: datetime, settings: Settings) -> View:
    grace = timedelta(seconds=settings.reconciliation_grace_seconds)
    materials = {line.material_id for order in erp.values() for line in order.bill_of_materials or ()}
    return View(
        at=at,
        since=since,
        grace=grace,
        accepted=frozenset(reconciliations.accepted(rows, list(erp), at - grace)),
        unknown_materials=frozenset(reconciliations.unknown_materials(rows, sorted(materials))),
    )


def _our_order(row: dict[str, Any]) -> OurOrder:
    return msgspec.convert(row | {"closed_at": row["actual_end_at"]}, OurOrder)


def _synced(
    rows: Rows,
    due: Due,
    found: Sequence[Discrepancy],
    listed: Mapping[str, ListedOrder],
    report_id: str,
    at: datetime,
) -> dict[str, Message[Any]]:
    """By ERP id, the message that puts right what may be put right of an order.

    It carries the ERP's own moment, as its webhook would have: the next report judges age by it.
    """
    said: dict[str, Message[Any]] = {}
    changes: dict[tuple[str, str], dict[str, Any]] = {}
    for each in found:
        if each.action != "auto_synced":
            continue
        if each.kind == "missing_in_ours":
            said[each.erp_work_order_id] = _created(rows, due, each.in_erp, listed[each.erp_work_order_id], at)
        else:
            assert each.work_order_id is not None
            changes.setdefault((each.erp_work_order_id, each.work_order_id), {})[each.field] = each.in_erp
    for (erp_id, order_id), values in changes.items():
        payload = erp_orders.updated(order_id, values)
        moment = listed[erp_id].updated_at or at
        said[erp_id] = _said(due, "erp.work_order_updated", payload, f"reconciled-{report_id}-{order_id}", moment)
    return said


def _created(rows: Rows, due: Due, order: ErpOrder, listed: ListedOrder, at: datetime) -> Message[Any]:
    """The creation under the id the webhook would have given it, so that the two are one; the ERP's id is taken."""
    payload = erp_orders.created(due.tenant_id, order, listed.work_order_number)
    work_orders.claim(rows, due.tenant_id, order.erp_work_order_id, payload.work_order_id)
    moment = order.updated_at or at
    return _said(due, "erp.work_order_created", payload, f"erp-created-{payload.work_order_id}", moment)


def _said(due: Due, type_name: str, payload: Any, message_id: str, moment: datetime) -> Message[Any]:
    """As the ERP would have said it."""
    return message_of(
        type_name,
        due.tenant_id,
        payload,
        message_id=message_id,
        timestamp=moment,
        correlation_id=due.correlation_id,
        source_system="ERP",
        source="reconciliation",
    )


def _items(
    rows: Rows,
    found: Sequence[Discrepancy],
    listed: Sequence[ListedOrder],
    own: Sequence[dict[str, Any]],
    synced: Mapping[str, Message[Any]],
    since: datetime,
) -> list[dict[str, Any]]:
    """The rows of what differed, each with what both sides know of the order."""
    concerned = {each.erp_work_order_id for each in found}
    by_erp_id = {order.erp_work_order_id: order for order in listed}
    ours = {row["erp_work_order_id"]: row for row in own if row["erp_work_order_id"] in concerned}
    calls = _by("erp_work_order_id", reconciliations.calls(rows, sorted(concerned), since))
    logs = _by("work_order_id", reconciliations.logs(rows, [row["work_order_id"] for row in ours.values()]))
    items = []
    for number, each in enumerate(found, 1):
        erp_id = each.erp_work_order_id
        theirs = by_erp_id.get(erp_id)
        between = calls.get(erp_id, [])
        items.append(
            {
                "item": number,
                "erp_work_order_id": erp_id,
                "work_order_id": each.work_order_id
                or (synced[erp_id].payload.work_order_id if erp_id in synced else None),
                "class": each.kind,
                "risk": each.risk,
                "field": each.field,
                "erp_value": each.in_erp,
                "our_value": each.in_ours,
                "action": each.action,
                "reason": each.reason,
                "erp_timeline": _sorted(
                    [*(erp_orders.timeline(theirs) if theirs else ()), *map(_webhook, filter(_is_webhook, between))]
                ),
                "our_timeline": _sorted(
                    [*_course(ours.get(erp_id), logs), *map(_call, (c for c in between if not _is_webhook(c)))]
                ),
                "message_id": synced[erp_id].message_id if each.action == "auto_synced" else None,
            }
        )
    return items


def _by(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows by the value of a column, in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _is_webhook(call: Mapping[str, Any]) -> bool:
    return bool(call["direction"] == "inbound")


def _webhook(call: Mapping[str, Any]) -> dict[str, Any]:
    outcome = "accepted" if call["success"] else f"refused with {call['http_status_code']}"
    return {"at": call["timestamp"], "what": f"{call['event_type']} of {call['said_at']} reached us, {outcome}"}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    outcome = f"answered {call['http_status_code']}" if call["http_status_code"] else "not answered"
    return {"at": call["timestamp"], "what": f"{call['integration_type']} sent, {outcome}"}


def _course(row: Mapping[str, Any] | None, logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What became of our order, as far as our rows say."""
    if row is None:
        return []
    moments = (
        ("created_at", "received from the ERP"),
        ("actual_start_at", "started"),
        ("actual_end_at", row["status"]),
        ("archived_at", "archived"),
        (
            "updated_at",
            f"version {row['version']}: {row['status'].replace('_', ' ')}, {row['quantity_produced']} produced",
        ),
    )
    steps = [{"at": row[name], "what": what} for name, what in moments if row[name] is not None]
    return steps + [
        {
            "at": log["produced_at"],
            "what": f"version {log['order_version']}: {log['units']} made by {log['machine_id']}, "
            f"{log['scrapped_units']} scrap, counter {log['cumulative_units']}",
        }
        for log in logs.get(row["work_order_id"], ())
    ]


def _sorted(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps by moment; what has no readable one comes last."""
    dated = [step for step in steps if isinstance(step["at"], datetime)]
    undated = [step for step in steps if not isinstance(step["at"], datetime)]
    return [*sorted(dated, key=lambda step: step["at"]), *undated]


def _report(
    rows: Rows,
    due: Due,
    report_id: str,
    found: Sequence[Discrepancy],
    in_erp: int,
    in_ours: int,
    at: datetime,
    settings: Settings,
) -> dict[str, Any]:
    until = datetime.fromisoformat(due.told["until"])
    day = until.astimezone(ZoneInfo(settings.plant_timezone)).date()
    actions = Counter(each.action for each in found)
    counted = len(found) - actions["in_transit"]
    review = actions["manual_review"]
    return {
        "report_id": report_id,
        "delivery_id": due.delivery_id,
        "report_date": day,
        "window_from": datetime.fromisoformat(due.told["since"]),
        "window_to": until,
        "compared_at": at,
        "orders_in_erp": in_erp,
        "orders_in_ours": in_ours,
        "discrepancies": counted,
        "auto_synced": actions["auto_synced"],
        "manual_review": review,
        "in_transit": actions["in_transit"],
        "counts": dict(Counter(each.kind for each in found if each.action != "in_transit")),
        "status": "review" if review else "synced" if counted else "clean",
        "text": reconciliation_report.text(day, in_erp, in_ours, found),
        "requested_by": reconciliations.asked_by(rows, until) or "the clock",
    }


def _review_alert(due: Due, report: Mapping[str, Any], at: datetime) -> Output:
    report_id, count = report["report_id"], report["manual_review"]
    waiting = "1 difference waits" if count == 1 else f"{count} differences wait"
    return alert(
        due.tenant_id,
        "reconciliation.review",
        "warning",
        ("reconciliation", report_id),
        f"{waiting} for a person in the reconciliation with the ERP: /reconciliations/{report_id}",
        at,
        key=f"reconciliation.review/{report_id}",
        alert_id=f"alert-{report_id}",
        correlation_id=due.correlation_id,
        source="reconciliation",
    )


RECONCILIATION = Kind(
    name="erp.reconciliation",
    system="ERP",
    integration_type="erp_reconciliation_outbound",
    description="asks for all orders the ERP changed in 24 h, and compares them with ours (002 section 3.4)",
    request=_question,
    accepted=_compared,
    following=_next_page,
    is_asking=True,
)


def _send_report(rows: Rows, due: Due, report_id: str, settings: Settings) -> None:
    """Have the report sent to the operations manager, where there is one and a mail server."""
    from connectors.deliveries.making import make  # the registry, which `make` looks into, imports this module

    if settings.reconciliation_mail_to and is_set(rows, "smtp_url", settings):
        cause = f"report/{report_id}"
        make(rows, [New(REPORT_MAIL.name, due.tenant_id, report_id, cause, correlation_id=due.correlation_id)])


def _mail(rows: Rows, due: Due, settings: Settings) -> Mail:
    report = reconciliations.one(rows, due.subject)
    if report is None or not settings.reconciliation_mail_to:
        raise NotNeeded(f"There is no report {due.subject}, or nobody who gets it.")
    found = report["discrepancies"]
    what = "nothing differs" if not found else "1 discrepancy" if found == 1 else f"{found} discrepancies"
    return Mail(
        settings.reconciliation_mail_to,
        f"Reconciliation with the ERP, {report['report_date']}: {what}",
        report["text"],
        TEMPLATES.get_template("reconciliation.html").render(
            report=report, gateway_url=settings.gateway_url.rstrip("/"), facts=facts_of
        ),
    )


def facts_of(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines of a stored item: label and value in each system."""
    return reconciliation_report.facts(
        item["class"], item["field"], item["erp_value"], item["our_value"], item["reason"]
    )


REPORT_MAIL = Kind(
    name="mail.reconciliation",
    system="MAIL",
    integration_type="mail_reconciliation_outbound",
    description="sends the reconciliation report to the operations manager",
    request=_mail,
)

KINDS = (RECONCILIATION, REPORT_MAIL)
