"""Materials are asked for: master data at the ERP (002 section 3.2.1), stock at the warehouse (002 section 6.2.1)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from pydantic import BaseModel

from connectors.deliveries.kind import Call, Due, Kind, New, Reacted, Rows, refusing
from connectors.said import said
from connectors.systems import erp, rows, wms
from connectors.systems.rows import BadRow, Checked
from schemas.codec import Unreadable, encode
from schemas.envelope import Message
from schemas.ids import short
from schemas.settings import Settings
from sql.reads import inventory, materials
from sql.reads.operators import Sync, remember
from streams.driver import Output, failure_output

Row = TypeVar("Row", bound=BaseModel)

MASTER, STOCK = "erp.materials", "wms.stock_levels"
MASTER_TYPE, STOCK_TYPE = "erp_materials_inbound", "inventory_stock_levels_inbound"
PAGE_SIZE: Final = 500
NAMED: Final = 20
GATHERING: Final = timedelta(seconds=10)
"""Transactions of so long are followed by one question for the stock."""


def master_data_due(_rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """The clock's job: ask the ERP for all materials."""
    if settings.erp_url is None:
        return Reacted()
    return Reacted((New(MASTER, settings.tenant_id, "materials", f"{MASTER}/{moment.isoformat()}"),))


def stock_due(_rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """The clock's job: ask the warehouse for the stock of our location."""
    if settings.wms_url is None:
        return Reacted()
    return Reacted((New(STOCK, settings.tenant_id, settings.inventory_location, f"{STOCK}/{moment.isoformat()}"),))


def stock_moved(_rows: Rows, message: Message[Any], settings: Settings) -> Reacted:
    """The warehouse acted for us: ask it for its stock, once for all that happens in a few seconds."""
    told = message.payload
    if settings.wms_url is None or getattr(told, "inventory_reservation_id", told) is None:
        return Reacted()
    seconds = GATHERING.total_seconds()
    window = int(message.timestamp.timestamp() // seconds)
    due_at = datetime.fromtimestamp((window + 1) * seconds, UTC)
    cause = f"{STOCK}/after/{window}"
    return Reacted((New(STOCK, message.tenant_id, settings.inventory_location, cause, due_at=due_at),))


def _ask_master(_rows: Rows, _due: Due, _settings: Settings) -> Call:
    return Call("GET", "/api/v1/materials", query={"page": "1", "page_size": str(PAGE_SIZE)})


def _next_page(call: Call, answer: Any) -> Call | None:
    """The page after this one. Raises Refused where the answer has no rows."""
    with refusing():
        query = rows.next_page(dict(call.query), answer, "materials")
    return None if query is None else call._replace(query=query)


def _ask_stock(_rows: Rows, _due: Due, settings: Settings) -> Call:
    return Call("GET", "/api/v1/materials/stock-levels", query={"location": settings.inventory_location})


def _checked(answers: Sequence[Any], model: type[Row]) -> Checked[Row]:
    """The rows of all pages. Raises Refused where one has none."""
    with refusing():
        return rows.check((row for answer in answers for row in rows.listed(answer, "materials")), model)


def _take_master(cursor: Rows, due: Due, answers: Sequence[Any], at: datetime, _settings: Settings) -> Sequence[Output]:
    """Good rows are upserted, each other is a dead letter; a material named twice counts as told last."""
    checked = _checked(answers, erp.ErpMaterial)
    told = {row.material_id: row for row in checked.good}
    new = materials.unknown(cursor, list(told))
    materials.claim(cursor, due.tenant_id, sorted(told))
    sentence = f"{len(told)} materials, {len(new)} of them new; {len(checked.bad)} rows rejected."
    sync = Sync(due.delivery_id, MASTER_TYPE, len(new), len(told) - len(new), 0, len(checked.bad), sentence, at)
    remember(cursor, due.tenant_id, sync)
    upserted = [_said(due, "erp.material_upserted", erp.material(row), "ERP", at, at) for row in told.values()]
    letters = [
        _letter(due, "erp.material_upserted", MASTER_TYPE, "ERP", bad.material_id, bad.document, bad.refusal, at)
        for bad in checked.bad
    ]
    return [*upserted, *_untold(cursor, letters)]


def _take_stock(cursor: Rows, due: Due, answers: Sequence[Any], at: datetime, _settings: Settings) -> Sequence[Output]:
    """Stock as totals; rows that cannot be read and materials nobody knows are dead letters, once each."""
    checked = _checked(answers, wms.WmsStock)
    told = {row.material_id: row for row in checked.good}
    unknown = materials.unknown(cursor, list(told))
    known = [row for row in told.values() if row.material_id not in unknown]
    sync = Sync(
        due.delivery_id, STOCK_TYPE, 0, len(known), 0, len(checked.bad), _summary(known, unknown, checked.bad), at
    )
    remember(cursor, due.tenant_id, sync)
    name, refusal = "inventory.stock_reported", Unreadable
    letters = [
        *(_letter(due, name, STOCK_TYPE, "WMS", bad.material_id, bad.document, bad.refusal, at) for bad in checked.bad),
        *(
            _letter(
                due,
                name,
                STOCK_TYPE,
                "WMS",
                each,
                told[each].model_dump(mode="json"),
                refusal("UNKNOWN_MATERIAL", f"No material {each} is known.", "material_id"),
                at,
            )
            for each in sorted(unknown)
        ),
    ]
    reported = [_said(due, name, wms.stock(row), "WMS", row.last_updated or at, at) for row in known]
    return [*reported, *_untold(cursor, letters)]


def _summary(known: Sequence[Any], unknown: Iterable[str], bad: Sequence[BadRow]) -> str:
    """What a question for the stock came to, with the materials that nobody knows."""
    sentence = f"Stock of {len(known)} materials; {len(bad)} rows rejected"
    names = sorted(unknown)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{sentence}; not known here: {', '.join(names[:NAMED])}{more}." if names else f"{sentence}."


def _said(due: Due, type_name: str, payload: Any, system: str, moment: datetime, at: datetime) -> Output:
    """A message of a sync; its id follows from the delivery and the material."""
    return said(
        type_name,
        due.tenant_id,
        payload,
        message_id=short(f"{type_name}-{due.delivery_id}-{payload.material_id}"),
        timestamp=moment.astimezone(UTC),
        received_at=at,
        correlation_id=due.correlation_id,
        source_system=system,
    )


def _letter(
    due: Due,
    type_name: str,
    integration_type: str,
    system: str,
    material_id: str | None,
    document: Any,
    refusal: Unreadable,
    at: datetime,
) -> tuple[str, Output]:
    """A row that nobody can use, in the envelope it would have had: repaired, it can go to its inbox.

    Its key follows from what is wrong with which material, not from the rest of the row: it is told once.
    """
    about = material_id or hashlib.sha256(encode(document)).hexdigest()
    key = hashlib.sha256("\n".join((due.kind, due.tenant_id, about, refusal.code, refusal.path or "")).encode())
    failure_key = key.hexdigest()[:32]
    envelope = {
        "version": "1.0",
        "message_id": f"repaired-{failure_key}",
        "type": type_name,
        "tenant_id": due.tenant_id,
        "timestamp": at,
        "source_system": system,
        "destination_system": "MRAOS",
        "correlation_id": due.correlation_id,
        "source": "jobs",
        "position": 0,
        "received_at": at,
        "late": False,
        "payload": document,
    }
    output = failure_output(
        tenant_id=due.tenant_id,
        failure_key=failure_key,
        moment=at,
        integration_type=integration_type,
        data=msgspec.json.encode(envelope),
        refusal=refusal,
        inbox="material-inbox",
        address=f"{due.kind}/{due.delivery_id}/{material_id or 'no material'}"[:4000],
        message_id=None,
        correlation_id=due.correlation_id,
    )
    return failure_key, output


def _untold(cursor: Rows, letters: Sequence[tuple[str, Output]]) -> list[Output]:
    """Those dead letters that nobody has seen yet."""
    if not letters:
        return []
    told = inventory.told_already(cursor, [key for key, _ in letters])
    fresh: Mapping[str, Output] = {key: output for key, output in letters if key not in told}
    return list(fresh.values())


KINDS: Final = (
    Kind(
        name=MASTER,
        system="ERP",
        integration_type=MASTER_TYPE,
        description="asks for the master data of all materials, page by page (002 section 3.2.1)",
        request=_ask_master,
        following=_next_page,
        accepted=_take_master,
        is_asking=True,
    ),
    Kind(
        name=STOCK,
        system="WMS",
        integration_type=STOCK_TYPE,
        description="asks for the stock of our location, lot by lot (002 section 6.2.1)",
        request=_ask_stock,
        accepted=_take_stock,
        is_asking=True,
    ),
)
