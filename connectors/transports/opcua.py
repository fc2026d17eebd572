"""OPC-UA servers: one subscription each; the variables of a machine that change together are one reading.

A lost or silent server is left for good: a new client, what its history tells of the gap, a mark over what it does not
tell, one snapshot of everything, a new subscription. Until all of that is safe the gap counts as open, so that a
process that is killed on the way reads it again. Nodes that cannot be read are named and tried again; the others do
not notice.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from asyncua import Client, ua
from asyncua.client.ua_client import UaClientState
from asyncua.common.subscription import DataChangeEvent, OverflowPolicy, StatusChangeEvent, Subscription

from connectors import metrics
from connectors.age import Line, Outage
from connectors.bridge import Received, Recovered
from connectors.outbox import Outbox
from connectors.resilience import Door, reconnect_delays, wait_for_server
from connectors.systems.mes import VARIABLES
from connectors.transports import opcua_history
from connectors.transports.opcua_nodes import discover, read
from connectors.transports.opcua_session import TROUBLE, NotConfigured, sentence, session
from connectors.transports.opcua_views import BadNodes, Change, MachineView
from schemas.settings import OpcUaEndpoint, Settings

PORT: Final = 4840
GATHER_SECONDS: Final = 0.02
TICK_SECONDS: Final = 0.5
VALUES_QUEUED: Final = 10
EVENTS_QUEUED: Final = 100_000
HISTORY_TRIES: Final = 3

log = structlog.get_logger()


class Silent(OSError):
    """The subscription gives no sign of life any more."""


def silent_after_seconds(settings: Settings) -> float:
    """After how long without a sign of life the link counts as lost."""
    return max(settings.opcua_keepalive_ms, 3 * settings.opcua_subscription_interval_ms) / 1000


class OpcUaTransport:
    """One endpoint. `take` gets the readings; `on_gap` hears of an outage, and what was read back of it."""

    def __init__(
        self,
        settings: Settings,
        endpoint: OpcUaEndpoint,
        machine_ids: Iterable[str],
        line: Line,
        outbox: Outbox,
        take: Callable[[Received], None],
        on_gap: Callable[[Outage, str, Mapping[str, Recovered]], None],
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._url = endpoint.url or settings.opcua_url
        self._door = Door.of(self._url, PORT)
        self._wanted = list(machine_ids)
        self._line = line
        self._outbox = outbox
        self._take = take
        self._on_gap = on_gap
        self._bad = BadNodes(endpoint.name)
        self._interval = settings.opcua_subscription_interval_ms
        self._silent_after = silent_after_seconds(settings)
        self._repair_after = min(30.0, next(reconnect_delays(settings)))
        self._views: dict[str, MachineView] = {}
        self._variables: dict[ua.NodeId, tuple[str, str]] = {}
        self._handles: dict[str, list[int]] = {}
        self._missed: Outage | None = None
        self._tries = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until asked to stop; wait longer after each failure in a row."""
        delays = reconnect_delays(self._settings)
        while not stop.is_set():
            try:
                async with session(self._endpoint, self._url, self._settings.opcua_keepalive_ms / 1000) as client:
                    try:
                        await self._listen(client, stop)
                    finally:
                        # Before the session is closed, which a server that answers nothing draws out.
                        delays = self._went_down() or delays
            except (*TROUBLE, NotConfigured) as error:
                name, reason = self._endpoint.name, sentence(error, self._endpoint)
                log.warning("the OPC-UA server cannot be heard", endpoint=name, error=reason)
            if not stop.is_set() and await wait_for_server(stop, next(delays), self._door.is_open, self._settings):
                delays = reconnect_delays(self._settings)

    async def _listen(self, client: Client, stop: asyncio.Event) -> None:
        self._views, self._variables, self._handles = {}, {}, {}
        subscription = await self._subscription(client)
        await self._find_machines(client, subscription, is_first=True)
        if not await self._is_safe(stop):
            return
        self._missed, self._tries = None, 0
        self._line.alive()
        heard = repaired = time.monotonic()
        published = subscription.last_publish_at
        while not stop.is_set():
            await self._hear(subscription)
            now = time.monotonic()
            if client.state is not UaClientState.CONNECTED:
                raise ConnectionError("the connection was lost")
            if subscription.last_publish_at != published:
                published, heard = subscription.last_publish_at, now
                if not self._outbox.is_blocked:
                    self._line.alive()
            if now - heard > self._silent_after:
                raise Silent(f"the subscription has been silent for {now - heard:.1f} s")
            if now - repaired > self._repair_after:
                await self._find_machines(client, subscription)
                repaired = time.monotonic()

    async def _is_safe(self, stop: asyncio.Event) -> bool:
        """Wait until all that was handed on is durable; False if we are asked to stop before."""
        settled, stopped = asyncio.create_task(self._outbox.settled()), asyncio.create_task(stop.wait())
        await asyncio.wait((settled, stopped), return_when=asyncio.FIRST_COMPLETED)
        is_safe = settled.done()
        for task in (settled, stopped):
            task.cancel()
        await asyncio.gather(settled, stopped, return_exceptions=True)
        return is_safe

    async def _came_up(self, client: Client, machines: Mapping[str, dict[str, ua.NodeId]]) -> None:
        """The line is up; what was missed since it was up last is read back as far as the server remembers it."""
        outage = self._line.catching_up()
        metrics.LINE_UP.labels(self._line.name).set(1)
        metrics.CONNECTIONS.labels(self._line.name).inc()
        if outage is None:
            return
        if self._missed is None:
            metrics.GAPS.labels(self._line.name).inc()
        else:
            outage = Outage(min(self._missed.from_at, outage.from_at), outage.to_at)
        self._missed = outage
        recovered = await self._read_back(client, machines, outage)
        self._on_gap(outage, f"Nothing was heard from OPC-UA server {self._endpoint.name}.", recovered)

    async def _read_back(
        self, client: Client, machines: Mapping[str, dict[str, ua.NodeId]], outage: Outage
    ) -> dict[str, Recovered]:
        """Hand on the readings of an outage. A server that drops us over it three times is not asked again."""
        most = self._settings.opcua_history_values
        self._tries += 1
        if most == 0 or self._tries > HISTORY_TRIES:
            return {}
        # What changed just before the line was lost may not have been told any more.
        since = outage.from_at - timedelta(seconds=TICK_SECONDS + 2 * self._interval / 1000)
        server_started_at = await opcua_history.started_at(client)
        recovered = {}
        for machine_id, variables in machines.items():
            if machine_id in self._wanted:
                remembered = await opcua_history.recall(client, variables, since, outage.to_at, most)
                now = datetime.now(UTC)
                readings = opcua_history.readings(machine_id, remembered, now)
                await self._outbox.room()
                for reading in readings:
                    self._take(Received(self._address(machine_id), reading, now, is_repeatable=True))
                metrics.READ_BACK.labels(self._line.name).inc(len(readings))
                recovered[machine_id] = opcua_history.recovered(remembered, outage, server_started_at, len(readings))
        return recovered

    def _went_down(self) -> Iterator[float] | None:
        """If the line was up: the waits before the next tries, from the beginning."""
        if not self._line.is_up:
            return None
        self._line.lost()
        metrics.LINE_UP.labels(self._line.name).set(0)
        return reconnect_delays(self._settings)

    async def _subscription(self, client: Client) -> Subscription:
        """A subscription whose server speaks up three times in the time after which we give it up."""
        keepalives = max(1, int(self._silent_after * 1000 / self._interval / 3))
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=float(self._interval),
            RequestedMaxKeepAliveCount=keepalives,
            RequestedLifetimeCount=keepalives * 10,
            MaxNotificationsPerPublish=10_000,
            PublishingEnabled=True,
        )
        return await client.create_subscription(
            parameters, queue_maxsize=EVENTS_QUEUED, overflow=OverflowPolicy.DISCONNECT
        )

    async def _find_machines(self, client: Client, subscription: Subscription, *, is_first: bool = False) -> None:
        """Browse; take a snapshot of machines that are new and listen to them; let go of those that are gone."""
        found = await discover(client, self._endpoint, self._wanted, VARIABLES)
        for node, reason in found.missing.items():
            self._bad.bad(node, reason)
        self._bad.only(found.missing, lambda node: node.endswith(".Status") or node == self._endpoint.namespace_uri)
        for machine_id in [each for each in self._views if each not in found.machines]:
            await self._let_go(subscription, machine_id)
        fresh = {each: nodes for each, nodes in found.machines.items() if each not in self._views}
        if is_first:
            await self._came_up(client, fresh)
        changes = await self._read_all(client, fresh)
        for machine_id in fresh:
            if machine_id not in self._wanted:
                log.warning("a machine outside the plant layout", endpoint=self._endpoint.name, machine=machine_id)
            self._views[machine_id] = MachineView(machine_id, self._path(machine_id), self._bad)
        for change in changes:
            self._views[change.machine_id].apply(change)
        for machine_id in fresh:
            self._tell(self._views[machine_id], is_snapshot=True)
        await self._subscribe(client, subscription, fresh)

    async def _read_all(self, client: Client, machines: dict[str, dict[str, ua.NodeId]]) -> list[Change]:
        wanted = [(machine, name, node) for machine, nodes in machines.items() for name, node in nodes.items()]
        values = await read(client, [node for _, _, node in wanted])
        return [Change(machine, name, value) for (machine, name, _), value in zip(wanted, values, strict=True)]

    async def _subscribe(
        self, client: Client, subscription: Subscription, machines: dict[str, dict[str, ua.NodeId]]
    ) -> None:
        wanted = [(machine, name, node) for machine, nodes in machines.items() for name, node in nodes.items()]
        if not wanted:
            return
        for machine, name, node in wanted:
            self._variables[node] = (machine, name)
        nodes = [client.get_node(node) for _, _, node in wanted]
        results: list[Any] = await subscription.subscribe_data_change(
            nodes, queuesize=VALUES_QUEUED, sampling_interval=float(self._interval)
        )
        for (machine, name, _), result in zip(wanted, results, strict=True):
            if isinstance(result, ua.StatusCode):
                self._bad.bad(f"{self._views[machine].path}.{name}", f"it cannot be subscribed: {result.name}")
            else:
                self._handles.setdefault(machine, []).append(result)

    async def _let_go(self, subscription: Subscription, machine_id: str) -> None:
        """A machine is not there any more: stop listening to nodes that nobody writes."""
        del self._views[machine_id]
        handles = self._handles.pop(machine_id, [])
        if handles:
            await subscription.unsubscribe(handles)

    async def _hear(self, subscription: Subscription) -> None:
        """Take what comes in one go; a machine's changes in it are one reading."""
        await self._outbox.room()
        event = await subscription.next_event(TICK_SECONDS)
        while event is not None:
            if isinstance(event, StatusChangeEvent):
                raise Silent(f"the server ended the subscription: {event.notification.Status.name}")
            if isinstance(event, DataChangeEvent):
                self._changed(event)
            event = await subscription.next_event(GATHER_SECONDS)
        for view in self._views.values():
            if view.has_changed:
                self._tell(view)

    def _changed(self, event: DataChangeEvent) -> None:
        machine_id, variable = self._variables.get(event.node.nodeid, ("", ""))
        view = self._views.get(machine_id)
        if view is None:
            return
        change = Change(machine_id, variable, event.data.monitored_item.Value)
        if view.would_overwrite(change):
            self._tell(view)
        view.apply(change)

    def _tell(self, view: MachineView, *, is_snapshot: bool = False) -> None:
        """Hand a reading on. Of machines outside the layout only changes of status: each becomes a dead letter."""
        if view.machine_id not in self._wanted and not is_snapshot and not view.status_has_changed:
            return
        now = datetime.now(UTC)
        self._take(
            Received(
                self._address(view.machine_id), view.reading(now, is_snapshot=is_snapshot), now, is_repeatable=True
            )
        )

    def _path(self, machine_id: str) -> str:
        return f"{self._endpoint.root_path}.{machine_id}.Status"

    def _address(self, machine_id: str) -> str:
        return f"{self._endpoint.name}/{self._path(machine_id)}"
