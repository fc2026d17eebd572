"""From a change at the OPC-UA server to a supervisor's WebSocket, through every process of the plant."""

import json
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.sync.client import connect

from connectors.register import registration
from schemas.settings import MachineLayout
from tests.bench.figures import Figure, Measure, whole
from tests.integration.events import publish
from tests.integration.floors import Floor, Ground
from tests.plants import RunningPlant

CHANGES = 200
PAUSE_SECONDS = 0.35
WANTED_SECONDS = 1.0


def _hear(plant: RunningPlant, machine_id: str, heard: dict[str, float], ready: threading.Event) -> None:
    """Note when each reading of the machine reaches the socket; its utilization says which one it is."""
    address = urlsplit(plant.endpoints["GATEWAY_URL"])
    token = {"Authorization": f"Bearer {plant.endpoints['ADMIN_TOKEN']}"}
    with connect(f"ws://{address.netloc}/api/v1/ws", additional_headers=token) as socket:
        while len(heard) < CHANGES:
            told = json.loads(socket.recv(60))
            at = time.monotonic()
            ready.set()
            for each in told["data"] if told["event"] == "changes" else ():
                if each["type"] == "machine.status_changed" and each["id"] == machine_id:
                    heard.setdefault(each["payload"]["status_since"], at)


def _change(floor: Floor, machine_id: str) -> dict[str, float]:
    """Change the machine's status again and again; when each change was made, by its source timestamp."""
    made: dict[str, float] = {}
    tick = threading.Event()
    for number in range(CHANGES):
        at = datetime.now(UTC)
        made[at.isoformat().replace("+00:00", "Z")] = time.monotonic()
        floor.write(machine_id, at=at, CurrentStatus=("Running", "Idle")[number % 2])
        tick.wait(PAUSE_SECONDS)
    return made


def status_to_websocket(plant: RunningPlant) -> Figure:
    """p95 over some hundred changes of a status, with OPC-UA notifications as often as they come by default."""
    interval = plant.settings().opcua_subscription_interval_ms
    machine_id = f"M-{uuid4().hex[:8]}"
    layout = MachineLayout(machine_id=machine_id, machine_name="Bench", line="line2")
    publish(plant.settings(), [registration(plant.endpoints["TENANT_ID"], layout, datetime.now(UTC))])
    folder = tempfile.TemporaryDirectory(prefix="bench-live-")
    ground = Ground(plant, Path(folder.name))
    try:
        floor = ground.floor()
        floor.open(machine_id)
        connector = ground.connector([machine_id], floor.endpoint)
        connector.start(OPCUA_SUBSCRIPTION_INTERVAL_MS=str(interval))
        heard: dict[str, float] = {}
        ready = threading.Event()
        listener = threading.Thread(target=_hear, args=(plant, machine_id, heard, ready))
        listener.start()
        assert ready.wait(30), "the gateway tells nothing"
        made = _change(floor, machine_id)
        listener.join(30)
        connector.stop()
    finally:
        ground.clear()
        folder.cleanup()
    assert set(made) == set(heard), f"{len(set(made) - set(heard))} changes did not reach the socket"
    seconds = sorted(heard[each] - made[each] for each in made)
    p50, p95, p99 = (seconds[int(share * len(seconds))] for share in (0.5, 0.95, 0.99))
    print(f"  status to WebSocket: p50 {1000 * p50:.0f} ms  p95 {1000 * p95:.0f} ms  p99 {1000 * p99:.0f} ms")
    name, against = "status_to_websocket_p95_seconds", "what is asked for"
    return Figure(name, round(p95, 4), "s", against, WANTED_SECONDS, round(p95 / WANTED_SECONDS, 2), "1x", "0.5x")


MEASURES: dict[str, Measure] = {"status_to_websocket_p95_seconds": whole(status_to_websocket)}
