"""Every bridge on one page: where it listens, what its bytes mean, and the inbox they go to."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, Literal

from connectors.systems import mes
from connectors.systems.statement import Translator

Transport = Literal["mqtt", "opcua"]


@dataclass(frozen=True, slots=True)
class Route:
    """One bridge. `pattern` is an MQTT filter; OPC-UA addresses are `<endpoint>/<path of the node>`.

    `integration_type` is what its dead letters are filed under.
    """

    transport: Transport
    pattern: str
    translate: Translator
    inbox: str
    integration_type: str


ROUTES: Final = (
    Route("mqtt", "mes/production/+/machine/+/count", mes.count, "machine-inbox", "mes_production_count"),
    Route("mqtt", "mes/quality/+/machine/+/inspection", mes.inspection, "machine-inbox", "mes_inspection"),
    Route("mqtt", "mes/downtime/+/machine/+/event", mes.downtime, "machine-inbox", "mes_downtime"),
    Route("opcua", "+/+", mes.status, "machine-inbox", "mes_machine_status"),
)
# Where a filter of the plant layout lets in more than the routes know.
NOWHERE_INBOX: Final = "machine-inbox"
NOWHERE_TYPE: Final = "mes_unknown_address"


def filed(route: Route | None) -> str:
    """What the messages of a bridge are filed under; it is the name of their line, too."""
    return route.integration_type if route else NOWHERE_TYPE


def lines_of(transport: Transport) -> tuple[str, ...]:
    """The lines of a transport, and that of what no bridge knows."""
    return (*(filed(route) for route in ROUTES if route.transport == transport), NOWHERE_TYPE)


@lru_cache(maxsize=10_000)
def route_of(transport: Transport, address: str) -> Route | None:
    """The bridge that an address belongs to."""
    for route in ROUTES:
        if route.transport == transport and _expression(route.pattern).fullmatch(address):
            return route
    return None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """An MQTT filter as a regular expression: `+` is one level, a final `#` any number of levels."""
    levels = [r"[^/]+" if level == "+" else r".*" if level == "#" else re.escape(level) for level in pattern.split("/")]
    return re.compile("/".join(levels))
