"""The reconciliation report in the form of 002 section 3.4."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from streams.domain.reconciliation import Discrepancy

ACTIONS = {
    "auto_synced": "Auto-sync scheduled",
    "manual_review": "Manual review required",
    "in_transit": "None, a message is under way",
    "resolved": "Resolved",
}


def text(report_date: date, in_erp: int, in_ours: int, found: Sequence[Discrepancy]) -> str:
    """The report as text. What is in transit is listed apart, and only if there is some."""
    counted = [each for each in found if each.action != "in_transit"]
    moving = [each for each in found if each.action == "in_transit"]
    lines = [
        f"Date: {report_date.isoformat()}",
        f"Total Work Orders in ERP: {in_erp}",
        f"Total Work Orders in MRAOS: {in_ours}",
        "",
        f"Discrepancies Found: {len(counted)}",
    ]
    for number, each in enumerate(counted, 1):
        lines += ["", *_item(number, each)]
    if moving:
        lines += ["", f"In Transit (not counted): {len(moving)}"]
    for number, each in enumerate(moving, len(counted) + 1):
        lines += ["", *_item(number, each)]
    return "\n".join(lines) + "\n"


def _item(number: int, each: Discrepancy) -> Iterator[str]:
    yield f"{number}. Work Order {each.erp_work_order_id}"
    for label, value in facts(each.kind, each.field, each.in_erp, each.in_ours, each.reason):
        yield f"   - {label}: {value}"
    yield f"   - Action: {ACTIONS[each.action]}"


def facts(kind: str, field: str, in_erp: Any, in_ours: Any, reason: str) -> list[tuple[str, str]]:
    """The lines of one discrepancy: label and value in each system."""
    if kind == "missing_in_ours":
        return [("Exists in ERP", "Yes"), ("Exists in MRAOS", "No")]
    if kind == "missing_in_erp":
        return [("Exists in ERP", "No"), ("Exists in MRAOS", "Yes")]
    if kind == "unreadable":
        return [("Exists in ERP", "Yes, and cannot be read"), ("Reason", reason)]
    label = _title(field)
    return [(f"{label} in ERP", shown(field, in_erp)), (f"{label} in MRAOS", shown(field, in_ours))]


def _title(field: str) -> str:
    return field.replace("_", " ").title().replace(" Of ", " of ").replace(" Id", " ID")


def shown(field: str, value: Any) -> str:
    """A value as a person reads it."""
    if value is None or value in ("", [], ()):
        return "(none)"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Decimal | int | float):
        return f"{Decimal(str(value)).normalize():f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_line, value))
    text = str(value)
    return text.replace("_", " ").title() if field in ("status", "priority") and text == text.lower() else text


def _line(line: Any) -> str:
    told = line if isinstance(line, dict) else {name: getattr(line, name) for name in line.__struct_fields__}
    return f"{told['material_id']} x {shown('', told['quantity_required'])} {told['unit_of_measure']}"
