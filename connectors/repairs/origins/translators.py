"""Messages that a translator refused: what machines, the warehouse and sales said is read again.

Age is no obstacle here: a person decides about the message, not a clock. What lies in the future stays refused.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.age import span
from connectors.foreign import FOREIGN
from connectors.registry import ROUTES, Route
from connectors.repairs.origin import Letter, Origin, Returned, again, asked_at_of
from connectors.systems import inventory_cdc, mes, sales
from connectors.systems.statement import Context, Translator
from schemas.codec import Unreadable
from schemas.settings import Settings
from sql.database import Rows

MODELS: Final[dict[Callable[..., Any], type[msgspec.Struct]]] = {
    mes.count: mes.CountPayload,
    mes.inspection: mes.InspectionPayload,
    mes.downtime: mes.DowntimePayload,
    mes.status: mes.StatusReading,
    inventory_cdc.stock_updated: inventory_cdc.StockUpdated,
    sales.order_confirmed: sales.Confirmed,
}
_BY_TYPE: Final[dict[str, Route]] = {route.integration_type: route for route in ROUTES}


def _translator(letter: Letter) -> Translator | None:
    if letter["inbox"] in FOREIGN:
        return FOREIGN[letter["inbox"]].translate
    route = _BY_TYPE.get(letter["integration_type"])
    return route.translate if route is not None and route.inbox == letter["inbox"] else None


def _returns(_rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    translate = _translator(letter)
    assert translate is not None
    told = translate(letter["source_address"], data, Context(letter["tenant_id"], settings.max_message_bytes))
    _check_clock(settings, letter, told.timestamp)
    system = FOREIGN[letter["inbox"]].system if letter["inbox"] in FOREIGN else "MES"
    return Returned([again(settings, letter, action_id, told.type, told.payload, told.timestamp, system)])


def _check_clock(settings: Settings, letter: Letter, timestamp: datetime) -> None:
    """Raises Unreadable for what lies in the future."""
    seconds = (timestamp - asked_at_of(letter)).total_seconds()
    if seconds > settings.future_seconds:
        sentence = (
            f"The message is {span(seconds)} in the future; at most {span(settings.future_seconds)} are accepted."
        )
        raise Unreadable("FUTURE_TIMESTAMP", sentence, "timestamp")


def _schema(letter: Letter) -> dict[str, Any] | None:
    translate = _translator(letter)
    return None if translate is None else msgspec.json.schema(MODELS[translate])


TRANSLATORS: Final = Origin("translator", lambda letter: _translator(letter) is not None, _returns, schema=_schema)
