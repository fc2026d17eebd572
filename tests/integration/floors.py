"""Real OPC-UA servers with machines, and connectors that listen to them; servers may go, freeze and come back."""

import asyncio
import contextlib
import re
import threading
from collections.abc import Coroutine, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from compose.local.identity import free_port
from compose.simulators.opcua import PlantServer
from schemas.settings import OpcUaEndpoint
from tests.integration.bridges import Connector
from tests.plants import RunningPlant

QUICK = {
    "OPCUA_SUBSCRIPTION_INTERVAL_MS": "50",
    "OPCUA_KEEPALIVE_MS": "1000",
    "RECONNECT_DELAYS": "0.2,0.4",
    "RECONNECT_CAP_SECONDS": "0.3",
}


class Wire:
    """A TCP line to a port, with two ends on this machine."""

    def __init__(self, port: int) -> None:
        self._there = port
        self._here = free_port()
        self._listening: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Its near end."""
        return f"opc.tcp://127.0.0.1:{self._here}"

    async def mend(self) -> None:
        """Let everything through."""
        self._listening = await asyncio.start_server(self._join, "127.0.0.1", self._here)

    async def cut(self) -> None:
        """Drop what is connected, and let nobody connect."""
        if self._listening:
            self._listening.close()
            self._listening = None
        for end in list(self._ends):
            end.transport.abort()

    async def _join(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        try:
            far_in, far_out = await asyncio.open_connection("127.0.0.1", self._there)
        except OSError:
            near_out.transport.abort()
            return
        self._ends |= {near_out, far_out}
        await asyncio.gather(self._carry(near_in, far_out), self._carry(far_in, near_out))
        self._ends -= {near_out, far_out}

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()
        with contextlib.suppress(OSError):
            await sink.wait_closed()


class Floor:
    """A real OPC-UA server with machines, on an event loop of its own; may go, come back and freeze."""

    def __init__(self, folder: Path, **endpoint: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.endpoint = OpcUaEndpoint(name="line2", url=f"opc.tcp://127.0.0.1:{self.port}", **endpoint)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: PlantServer | None = None
        self._frozen = threading.Event()
        self._wires: list[Wire] = []

    def open(self, *machine_ids: str, remembers: Mapping[str, Iterable[str]] | None = None) -> None:
        """Listen, with these machines, idle; of some of their variables the server keeps a history."""
        self._server = PlantServer(self.endpoint.url, self.endpoint, self.folder, remembers)
        self._run(self._server.start(machine_ids))

    def shut(self) -> None:
        """Stop listening."""
        if self._server:
            self._run(self._server.stop())
            self._server = None

    def write(self, machine_id: str, **values: Any) -> None:
        """Change variables of a machine."""
        assert self._server is not None
        self._run(self._server.write(machine_id, **values))

    def add(self, machine_id: str, *leave_out: str, speaks: Iterable[str] = ()) -> None:
        """A machine appears."""
        assert self._server is not None
        self._run(self._server.add(machine_id, leave_out, speaks))

    def wire(self) -> "Wire":
        """A line to the server that can be cut while the server goes on."""
        wire = Wire(self.port)
        self._run(wire.mend())
        self._wires.append(wire)
        return wire

    def cut(self, wire: "Wire") -> None:
        """Nobody hears the server through this wire."""
        self._run(wire.cut())

    def mend(self, wire: "Wire") -> None:
        """The server can be heard again."""
        self._run(wire.mend())

    def remove(self, machine_id: str) -> None:
        """A machine disappears."""
        assert self._server is not None
        self._run(self._server.remove(machine_id))

    def freeze(self) -> None:
        """Connections stay open, and nobody answers any more."""
        self._frozen.clear()
        self._loop.call_soon_threadsafe(self._frozen.wait)

    def thaw(self) -> None:
        """Go on."""
        self._frozen.set()

    def close(self) -> None:
        self.thaw()
        for wire in self._wires:
            self._run(wire.cut())
        self.shut()
        self._run(self._end_what_is_left())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @staticmethod
    async def _end_what_is_left() -> None:
        """asyncua's server leaves tasks behind for sessions that were not closed."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(90)


class Ground:
    """Floors and connectors of a test or of all of them, gone afterwards."""

    def __init__(self, plant: RunningPlant, folder: Path) -> None:
        self._plant, self.folder = plant, folder
        self._floors: list[Floor] = []
        self._connectors: list[Connector] = []

    def floor(self, **endpoint: Any) -> Floor:
        """A server's place, not yet listening."""
        self._floors.append(Floor(self.folder / f"floor-{len(self._floors)}", **endpoint))
        return self._floors[-1]

    def connector(self, machine_ids: list[str], *endpoints: OpcUaEndpoint) -> Connector:
        """A connector that expects these machines at the first of these servers; not started."""
        layout = self.folder / f"plant-{len(self._connectors)}.toml"
        layout.write_text(toml(machine_ids, endpoints))
        env = self._plant.endpoints | QUICK | {"PLANT_LAYOUT": str(layout)}
        process = Connector("mes-opcua", self.folder / f"connector-{len(self._connectors)}", env)
        self._connectors.append(process)
        return process

    def clear(self) -> None:
        """End everything."""
        for connector in self._connectors:
            if connector.is_running:
                connector.kill()
        for floor in self._floors:
            floor.close()


def toml(machine_ids: list[str], endpoints: tuple[OpcUaEndpoint, ...]) -> str:
    """A plant layout; its machines are at the first server."""
    parts = []
    for endpoint in endpoints:
        told = endpoint.model_dump(exclude_none=True, exclude={"node_ids"})
        parts += ["[[opcua]]", *(f'{name} = "{value}"' for name, value in told.items())]
    for machine_id in machine_ids:
        parts += ["[[machines]]", f'machine_id = "{machine_id}"', 'machine_name = "A machine"', 'line = "line2"']
        parts += [f'opcua_endpoint = "{endpoints[0].name}"']
    return "\n".join(parts)


def tries(connector: Connector, endpoint: str = "line2") -> list[datetime]:
    """When the connector said that a server cannot be heard."""
    lines = [line for line in connector.log.splitlines() if "cannot be heard" in line and endpoint in line]
    return [datetime.fromisoformat(re.findall(r'"timestamp": "([^"]+)"', line)[0]) for line in lines]
