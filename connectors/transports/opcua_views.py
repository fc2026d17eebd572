"""What is known of each machine from its OPC-UA variables, and the readings that follow from changes."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import structlog
from asyncua import ua

from connectors import metrics
from connectors.systems.mes import sound

log = structlog.get_logger()


class Change(NamedTuple):
    """A variable's new value, as the server told it."""

    machine_id: str
    variable: str
    value: ua.DataValue


class BadNodes:
    """Nodes that cannot be read or mean nothing: each is named once, when it turns bad and when it is good again."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._known: dict[str, str] = {}

    def __contains__(self, node: str) -> bool:
        return node in self._known

    def bad(self, node: str, reason: str) -> None:
        """A node is bad."""
        if self._known.get(node) != reason:
            log.warning("an OPC-UA node is left out", endpoint=self._endpoint, node=node, reason=reason)
            self._known[node] = reason
            metrics.BAD_NODES.labels(self._endpoint, node).set(1)

    def good(self, node: str) -> None:
        """A node is good."""
        if self._known.pop(node, ""):
            log.warning("an OPC-UA node is good again", endpoint=self._endpoint, node=node)
            metrics.BAD_NODES.labels(self._endpoint, node).set(0)

    def only(self, nodes: Iterable[str], among: Callable[[str], bool]) -> None:
        """Of those nodes that `among` names, only these are bad now."""
        still = set(nodes)
        for node in [each for each in self._known if among(each) and each not in still]:
            self.good(node)


class MachineView:
    """The latest values of one machine's variables."""

    def __init__(self, machine_id: str, path: str, bad_nodes: BadNodes) -> None:
        self.machine_id = machine_id
        self.path = path
        self._bad = bad_nodes
        self._values: dict[str, Any] = {}
        self._seen: dict[str, tuple[Any, datetime | None, int]] = {}
        self._changed: set[str] = set()
        self._newest: datetime | None = None

    def would_overwrite(self, change: Change) -> bool:
        """Whether a variable changed twice since the last reading: both values must be told."""
        return change.variable in self._changed

    def apply(self, change: Change) -> bool:
        """Take a change; False if it says what is known already (a subscription begins with such values)."""
        value = change.value
        raw = value.Value.Value if value.Value is not None else None
        status = value.StatusCode.value if value.StatusCode is not None else 0
        stamp = utc(value.SourceTimestamp)
        seen = (raw, stamp, status)
        if self._seen.get(change.variable) == seen:
            return False
        self._seen[change.variable] = seen
        self._values[change.variable] = self._checked(change.variable, raw, value.StatusCode)
        self._changed.add(change.variable)
        if stamp and (self._newest is None or stamp > self._newest):
            self._newest = stamp
        return True

    @property
    def has_changed(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._changed)

    @property
    def status_has_changed(self) -> bool:
        """Whether the status itself is among it."""
        return bool(self._changed & {"CurrentStatus", "MachineStatus"})

    def reading(self, now: datetime, *, is_snapshot: bool = False) -> bytes:
        """All values as a `StatusReading` in JSON; what changed counts as told."""
        told = {
            "machine_id": self.machine_id,
            "read_at": now,
            "source_timestamp": self._newest,
            "is_snapshot": is_snapshot,
            "variables": {name: value for name, value in self._values.items() if value is not None},
        }
        self._changed.clear()
        self._newest = None
        return msgspec.json.encode(told)

    def _checked(self, variable: str, raw: Any, status: ua.StatusCode | None) -> Any:
        """The value if it is what it should be; else nothing, and the node is named."""
        node = f"{self.path}.{variable}"
        if status is not None and status.is_bad():
            self._bad.bad(node, f"its quality is {status.name}")
            return None
        good, bad = sound({variable: plain(raw)})
        if variable in bad:
            self._bad.bad(node, bad[variable])
            return None
        self._bad.good(node)
        return good[variable]


def utc(moment: datetime | None) -> datetime | None:
    """OPC-UA counts in UTC; a moment without a zone is one in UTC."""
    if moment is None or moment.year < 1970:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def plain(raw: Any) -> Any:
    """A variant's value as the translator expects it."""
    if isinstance(raw, datetime):
        return utc(raw)
    return raw.Text if isinstance(raw, ua.LocalizedText) else raw
