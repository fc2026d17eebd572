"""Rows that were asked for and could not be read: employees, shifts, materials, stock."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from connectors.repairs.origin import Letter, Origin, Returned, again
from connectors.systems import erp, hr, wms
from connectors.systems.erp import validated
from schemas.codec import Unreadable, encode, parse
from schemas.settings import Settings
from sql.database import Rows
from sql.reads import materials, operators

Said = tuple[str, Any, datetime | None]
"""Message type, payload, and when it was so, where the row says that."""


class Kind(NamedTuple):
    """A kind of row: who tells it, how it must look, what it says, and which id it takes.

    `is_wrapped`: its letter keeps the row as the payload of the envelope that it would have had.
    """

    system: str
    model: type[BaseModel]
    says: Callable[[Rows, Settings, Any], Said]
    is_wrapped: bool
    claim: Callable[[Rows, str, Any], None]


def _employee(_rows: Rows, _settings: Settings, row: Any) -> Said:
    return "hr.employee_upserted", _only(hr.employees([row])), None


def _shift(_rows: Rows, settings: Settings, row: Any) -> Said:
    return "hr.shift_scheduled", _only(hr.shifts([row], ZoneInfo(settings.plant_timezone))), None


def _only(read: tuple[Any, list[hr.Rejection]]) -> Any:
    """What one row says. Raises Unreadable."""
    found, rejected = read
    if rejected:
        raise rejected[0].refusal
    return next(iter(found.values() if isinstance(found, dict) else found))


def _material(_rows: Rows, _settings: Settings, row: Any) -> Said:
    return "erp.material_upserted", erp.material(validated(erp.ErpMaterial, row)), None


def _stock(rows: Rows, _settings: Settings, row: Any) -> Said:
    told = validated(wms.WmsStock, row)
    if materials.unknown(rows, [told.material_id]):
        raise Unreadable("UNKNOWN_MATERIAL", f"No material {told.material_id} is known.", "material_id")
    return "inventory.stock_reported", wms.stock(told), told.last_updated


def _claim_employee(rows: Rows, tenant_id: str, payload: Any) -> None:
    operators.claim(rows, tenant_id, [payload.employee_id])


def _claim_material(rows: Rows, tenant_id: str, payload: Any) -> None:
    materials.claim(rows, tenant_id, [payload.material_id])


def _claim_nothing(_rows: Rows, _tenant_id: str, _payload: Any) -> None:
    """What it names is known already, or known by its own message."""


KINDS: Final[dict[str, Kind]] = {
    "hr.employees": Kind("HR", hr.HrEmployee, _employee, False, _claim_employee),
    "hr.schedules": Kind("HR", hr.HrShift, _shift, False, _claim_nothing),
    "erp.materials": Kind("ERP", erp.ErpMaterial, _material, True, _claim_material),
    "wms.stock_levels": Kind("WMS", wms.WmsStock, _stock, True, _claim_nothing),
}


def _kind(letter: Letter) -> Kind | None:
    name, _, rest = letter["source_address"].partition("/")
    return KINDS.get(name) if rest.startswith("DLV-") else None


def _read(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> tuple[Kind, Any, Returned]:
    kind = _kind(letter)
    assert kind is not None
    document = parse(data, settings.max_message_bytes)
    if kind.is_wrapped:
        document = document.get("payload") if isinstance(document, dict) else None
    name, payload, moment = kind.says(rows, settings, parse(encode(document)))
    at = (moment or letter["failed_at"]).astimezone(UTC)
    return kind, payload, Returned([again(settings, letter, action_id, name, payload, at, kind.system)])


def _returns(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    return _read(rows, settings, letter, data, action_id)[2]


def _carry_out(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    kind, payload, returned = _read(rows, settings, letter, data, action_id)
    kind.claim(rows, letter["tenant_id"], payload)
    return returned


def _schema(letter: Letter) -> dict[str, Any] | None:
    kind = _kind(letter)
    if kind is None:
        return None
    schema = kind.model.model_json_schema()
    if not kind.is_wrapped:
        return schema
    definitions = schema.pop("$defs", {})
    return {"type": "object", "required": ["payload"], "properties": {"payload": schema}, "$defs": definitions}


PULLED: Final = Origin("row", lambda letter: _kind(letter) is not None, _returns, _carry_out, _schema)
