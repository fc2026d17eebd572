"""Reads back what an OPC-UA server remembers of an outage (HistoryRead, raw values), as readings in time order.

A status that was recorded holds until the next one; what is known of the status begins with the value that held when
the outage began. A server that was itself started during the outage saw nothing before, unless somebody filled it in.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

import msgspec
from asyncua import Client, Node, ua

from connectors.age import Outage
from connectors.bridge import Recovered
from connectors.systems.mes import sound
from connectors.transports.opcua_views import plain, utc
from schemas.messages.machines import Recovery, Stretch

PAGE: Final = 1_000
STATUS: Final = ("CurrentStatus", "MachineStatus")
LONG_AGO: Final = datetime(1990, 1, 1, tzinfo=UTC)
# The server's clock may be ahead of ours; what it has recorded up to now is read all the same.
AHEAD: Final = timedelta(hours=1)
# What a server says of a node or of itself, as opposed to a line that is cut.
NOT_REMEMBERED: Final = frozenset(
    {
        ua.StatusCodes.BadHistoryOperationUnsupported,
        ua.StatusCodes.BadHistoryOperationInvalid,
        ua.StatusCodes.BadServiceUnsupported,
        ua.StatusCodes.BadNotImplemented,
        ua.StatusCodes.BadNotSupported,
        ua.StatusCodes.BadNotReadable,
        ua.StatusCodes.BadUserAccessDenied,
        ua.StatusCodes.BadNodeIdUnknown,
        ua.StatusCodes.BadNodeIdInvalid,
        ua.StatusCodes.BadAttributeIdInvalid,
        ua.StatusCodes.BadNoData,
        ua.StatusCodes.BadNoDataAvailable,
        ua.StatusCodes.BadDataUnavailable,
        ua.StatusCodes.BadDataLost,
        ua.StatusCodes.BadTimestampsToReturnInvalid,
        ua.StatusCodes.BadInvalidArgument,
        ua.StatusCodes.BadInvalidTimestampArgument,
        ua.StatusCodes.BadTooManyOperations,
    }
)
NO_VALUE: Final = frozenset(
    {
        ua.StatusCodes.BadBoundNotFound,
        ua.StatusCodes.BadBoundNotSupported,
        ua.StatusCodes.BadNoData,
        ua.StatusCodes.BadDataLost,
        ua.StatusCodes.BadDataUnavailable,
    }
)

Moment = tuple[datetime, Any]
"""When a variable had which value; None: one of bad quality, or of no meaning."""


@dataclass(slots=True)
class Remembered:
    """What a server remembers of one variable: its value `before` the outage, and those it had since.

    `is_cut`: there is more than we read. `complaint`: why there is nothing.
    """

    before: Moment | None = None
    values: list[Moment] = field(default_factory=list)
    is_cut: bool = False
    complaint: str = ""

    @property
    def is_something(self) -> bool:
        """Whether the server remembers anything at all."""
        return self.before is not None or bool(self.values)


async def recall(
    client: Client, variables: Mapping[str, ua.NodeId], since: datetime, until: datetime, most: int
) -> dict[str, Remembered]:
    """What the server remembers of a machine's variables, at most so many values of each.

    Raises what the line does to us; a server that remembers nothing, or will not tell, raises nothing.
    """
    names = list(variables)
    nodes = [client.get_node(variables[name]) for name in names]
    asked = (_recall_one(node, name, since, until + AHEAD, most) for name, node in zip(names, nodes, strict=True))
    return dict(zip(names, await asyncio.gather(*asked), strict=True))


async def started_at(client: Client) -> datetime | None:
    """Since when the server has been running, if it says so."""
    node = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus_StartTime))
    (value,) = await client.read_attributes([node])
    told = value.Value.Value if value.Value is not None else None
    return utc(told) if isinstance(told, datetime) else None


def readings(machine_id: str, remembered: Mapping[str, Remembered], now: datetime) -> list[bytes]:
    """The machine's readings as `StatusReading`s in JSON, one for each moment at which something changed.

    There is none before the first moment at which its status is known.
    """
    values = {name: each.before[1] for name, each in remembered.items() if each.before}
    changes = sorted(
        ((at, name, value) for name, each in remembered.items() for at, value in each.values),
        key=lambda change: change[0],
    )
    told = []
    for at, together in groupby(changes, key=lambda change: change[0]):
        news = {name: value for _, name, value in together if name not in values or values[name] != value}
        values |= news
        if news and any(name in values for name in STATUS):
            told.append(_reading(machine_id, values, at, now))
    return told


def recovered(
    remembered: Mapping[str, Remembered], outage: Outage, server_started_at: datetime | None, count: int
) -> Recovered:
    """How much of an outage these memories cover."""
    status = next((remembered[name] for name in STATUS if name in remembered and remembered[name].is_something), None)
    if status is None:
        why = next((remembered[name].complaint for name in STATUS if name in remembered), "")
        sentence = f"It keeps no history of the status{f' ({why})' if why else ''}."
        return Recovered("none", 0, (Stretch(from_at=outage.from_at, to_at=outage.to_at),), sentence)
    unknown = tuple(_unknown(status, outage, server_started_at))
    silent = sorted(name for name, each in remembered.items() if name not in STATUS and not each.is_something)
    return Recovered(_extent(unknown, silent, outage), count, unknown, _sentence(unknown, silent, count))


async def _recall_one(node: Node, name: str, since: datetime, until: datetime, most: int) -> Remembered:
    try:
        found, is_cut = await _raw(node, since, until, most)
        before, _ = await _raw(node, since, LONG_AGO, 1)
    except ua.UaStatusCodeError as error:
        if error.code not in NOT_REMEMBERED:
            raise
        return Remembered(complaint=ua.StatusCode(error.code).name)
    held = _moments(name, before)
    values = _moments(name, found)
    return Remembered(held[0] if held else None, [each for each in values if each[0] > since], is_cut)


async def _raw(node: Node, start: datetime, end: datetime, most: int) -> tuple[list[ua.DataValue], bool]:
    """Raw values page by page, and whether there are more; backwards in time if `end` is before `start`."""
    found: list[ua.DataValue] = []
    size, point = min(PAGE, most), None
    details = _details(start, end, size)
    while True:
        result = await node.history_read(details, point)
        result.StatusCode.check()
        page: list[ua.DataValue] = getattr(result.HistoryData, "DataValues", None) or []
        found += page
        if len(found) >= most:
            return found[:most], True
        if result.ContinuationPoint and result.ContinuationPoint != point:
            point = result.ContinuationPoint
            continue
        if len(page) < size:
            return found, False
        # Some servers give as many values as they are asked for and no way to go on: we ask from the last on.
        last = utc(page[-1].SourceTimestamp)
        if last is None or last == details.StartTime:
            return found, True
        details, point = _details(last, end, size), None


def _details(start: datetime, end: datetime, values: int) -> ua.ReadRawModifiedDetails:
    return ua.ReadRawModifiedDetails(
        IsReadModified=False, StartTime=start, EndTime=end, NumValuesPerNode=values, ReturnBounds=False
    )


def _moments(name: str, values: Iterable[ua.DataValue]) -> list[Moment]:
    """The values as the translator expects them, in the order of their time."""
    told = []
    for value in values:
        at = utc(value.SourceTimestamp) or utc(value.ServerTimestamp)
        code = value.StatusCode.value if value.StatusCode is not None else 0
        if at is not None and code not in NO_VALUE:
            told.append((at, _checked(name, value)))
    return sorted(told, key=lambda moment: moment[0])


def _checked(name: str, value: ua.DataValue) -> Any:
    if value.Value is None or (value.StatusCode is not None and value.StatusCode.is_bad()):
        return None
    good, _ = sound({name: plain(value.Value.Value)})
    return good.get(name)


def _reading(machine_id: str, values: Mapping[str, Any], at: datetime, now: datetime) -> bytes:
    return msgspec.json.encode(
        {
            "machine_id": machine_id,
            "read_at": now,
            "source_timestamp": at,
            "is_historical": True,
            "variables": {name: value for name, value in values.items() if value is not None},
        }
    )


def _unknown(status: Remembered, outage: Outage, server_started_at: datetime | None) -> Iterable[Stretch]:
    """The stretches of an outage in which nobody knows the status."""
    first = next((at for at, _ in status.values if at > outage.from_at), None)
    was_away = server_started_at is not None and server_started_at > outage.from_at
    is_filled_in = first is not None and server_started_at is not None and first < server_started_at
    is_known_before = status.before is not None or any(at <= outage.from_at for at, _ in status.values)
    if not is_known_before or (was_away and not is_filled_in):
        known_from = min(first, outage.to_at) if first else outage.to_at
        yield Stretch(from_at=outage.from_at, to_at=known_from)
    if status.is_cut and status.values[-1][0] < outage.to_at:
        yield Stretch(from_at=max(status.values[-1][0], outage.from_at), to_at=outage.to_at)


def _extent(unknown: tuple[Stretch, ...], silent: list[str], outage: Outage) -> Recovery:
    if any((each.from_at, each.to_at) == outage for each in unknown):
        return "none"
    return "partial" if unknown or silent else "full"


def _sentence(unknown: tuple[Stretch, ...], silent: list[str], count: int) -> str:
    told = f"Its history told {count} {'reading' if count == 1 else 'readings'}"
    if unknown:
        stretches = " and ".join(f"from {each.from_at:%H:%M:%S} to {each.to_at:%H:%M:%S} UTC" for each in unknown)
        told += f", but nothing of the status {stretches}"
    if silent:
        told += f"{' and' if unknown else ', but'} nothing of {', '.join(silent)}"
    return f"{told}."
