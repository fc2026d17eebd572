"""An OPC-UA server with machines as document 002, section 4.2.1, describes them; it has a clock and a memory."""

import asyncio
import random
import socket
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from asyncua import Node, Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography.x509.oid import ExtendedKeyUsageOID

from schemas.settings import OpcUaEndpoint, Settings
from streams import telemetry

APPLICATION_URI: Final = "urn:plant:mes:simulator"
VARIABLES: Final[dict[str, tuple[Any, ua.VariantType]]] = {
    "CurrentStatus": ("Idle", ua.VariantType.String),
    "UtilizationPercentage": (0.0, ua.VariantType.Double),
    "CurrentWorkOrderId": ("", ua.VariantType.String),
    "UnitsProducedThisCycle": (0, ua.VariantType.Int64),
    "CycleTimeSeconds": (0.0, ua.VariantType.Double),
    "DowntimeSeconds": (0.0, ua.VariantType.Double),
    "LastUpdateTimestamp": ("", ua.VariantType.String),
    "OEE": (0.0, ua.VariantType.Double),
}
MES_OWN: Final[dict[str, tuple[Any, ua.VariantType]]] = {
    "MachineStatus": ("Idle", ua.VariantType.String),
    "JobNumber": ("", ua.VariantType.String),
    "PartNumber": ("", ua.VariantType.String),
    "Quantity": (0.0, ua.VariantType.Double),
}
HISTORY_DAYS: Final = 7
# From one status to the next, by weight: machines mostly run.
NEXT_STATUS: Final[dict[str, dict[str, float]]] = {
    "Running": {"Running": 96, "Idle": 3, "Stopped": 0.5, "Faulted": 0.5},
    "Idle": {"Idle": 70, "Running": 30},
    "Stopped": {"Stopped": 80, "Running": 20},
    "Faulted": {"Faulted": 90, "Running": 10},
}

log = structlog.get_logger()


class _Doorman:
    """Lets in whom the layout names; everybody, where it names nobody."""

    def __init__(self, endpoint: OpcUaEndpoint) -> None:
        self._username, self._password = endpoint.username, endpoint.password

    def get_user(
        self, _server: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        if self._username and (username, password) != (self._username, self._password):
            return None
        return User(role=UserRole.User)


class PlantServer:
    """The server and its machines. `write` changes variables, `remove` and `add` let machines come and go.

    `remembers` says of which machines it keeps a history, in memory, and of which of their variables.
    """

    def __init__(
        self, url: str, endpoint: OpcUaEndpoint, folder: Path, remembers: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        self._url, self._endpoint, self._folder = url, endpoint, folder
        self._remembers = remembers or {}
        self._server = Server(user_manager=_Doorman(endpoint))
        self._index = 0
        self._root: Node | None = None
        self._nodes: dict[str, dict[str, Node]] = {}

    async def start(self, machine_ids: Iterable[str]) -> None:
        """Listen, with these machines."""
        await self._server.init()
        await self._server.set_application_uri(APPLICATION_URI)
        self._server.set_endpoint(self._url)
        self._server.set_server_name("Simulated MES")
        token = ua.UserNameIdentityToken if self._endpoint.username else ua.AnonymousIdentityToken
        self._server.set_identity_tokens([token])
        await self._secure()
        self._index = await self._server.register_namespace(self._endpoint.namespace_uri)
        self._root = self._server.nodes.objects
        path = ""
        for name in self._endpoint.root_path.split("."):
            path = f"{path}.{name}" if path else name
            self._root = await self._root.add_object(ua.NodeId(path, self._index), f"{self._index}:{name}")
        for machine_id in machine_ids:
            await self.add(machine_id)
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop()

    async def add(self, machine_id: str, leave_out: Iterable[str] = (), speaks: Iterable[str] = ()) -> None:
        """A machine appears, idle; it `speaks` some of the MES's own words, too."""
        assert self._root is not None
        path = f"{self._endpoint.root_path}.{machine_id}"
        machine = await self._root.add_object(ua.NodeId(path, self._index), f"{self._index}:{machine_id}")
        status = await machine.add_object(ua.NodeId(f"{path}.Status", self._index), f"{self._index}:Status")
        self._nodes[machine_id] = {
            name: await status.add_variable(
                ua.NodeId(f"{path}.Status.{name}", self._index), f"{self._index}:{name}", initial, variant
            )
            for name, (initial, variant) in (VARIABLES | {each: MES_OWN[each] for each in speaks}).items()
            if name not in set(leave_out)
        }
        initially = {name: VARIABLES[name][0] for name in self._nodes[machine_id] if name in VARIABLES}
        await self.write(machine_id, **initially | {"LastUpdateTimestamp": datetime.now(UTC).isoformat()})
        for name in self._remembers.get(machine_id, ()):
            node = self._nodes[machine_id][name]
            await self._server.historize_node_data_change(node, timedelta(days=HISTORY_DAYS))

    async def remove(self, machine_id: str) -> None:
        """A machine disappears."""
        nodes = self._nodes.pop(machine_id)
        path = f"{self._endpoint.root_path}.{machine_id}"
        objects = [self._server.get_node(ua.NodeId(f"{path}{part}", self._index)) for part in (".Status", "")]
        await self._server.delete_nodes([*nodes.values(), *objects])

    async def write(
        self,
        machine_id: str,
        *,
        at: datetime | None = None,
        quality: int = ua.StatusCodes.Good,
        **values: Any,
    ) -> None:
        """Change variables; `at` is their source timestamp, `quality` their status code."""
        moment = at or datetime.now(UTC)
        for name, value in values.items():
            variant = value if isinstance(value, ua.Variant) else ua.Variant(value, (VARIABLES | MES_OWN)[name][1])
            told = ua.DataValue(variant, ua.StatusCode(quality), SourceTimestamp=moment)
            node = self._nodes[machine_id][name]
            await self._server.write_attribute_value(node.nodeid, told)

    async def _secure(self) -> None:
        """Offer what the layout asks for, and nothing weaker; trust the clients it names."""
        endpoint = self._endpoint
        if endpoint.security_mode == "None":
            self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            return
        key, certificate = self._folder / "server-key.pem", self._folder / "server-certificate.der"
        self._folder.mkdir(parents=True, exist_ok=True)
        usage = [ExtendedKeyUsageOID.SERVER_AUTH]
        await setup_self_signed_certificate(key, certificate, APPLICATION_URI, socket.gethostname(), usage, {})
        await self._server.load_certificate(certificate)
        await self._server.load_private_key(key)
        policy = ua.SecurityPolicyType[f"{endpoint.security_policy}_{endpoint.security_mode}"]
        self._server.set_security_policy([policy])
        if endpoint.certificate:
            store = TrustStore([Path(endpoint.certificate).parent], [])
            await store.load()
            options = CertificateValidatorOptions.TRUSTED | CertificateValidatorOptions.PEER_CLIENT
            self._server.set_certificate_validator(CertificateValidator(options, store))


class Shift:
    """How machines behave: they run, pause and break down by chance."""

    def __init__(self, machine_ids: Iterable[str], chance: random.Random) -> None:
        self._chance = chance
        self._status = dict.fromkeys(machine_ids, "Idle")
        self._down = dict.fromkeys(self._status, 0.0)
        self._units = dict.fromkeys(self._status, 0)

    def next(self, machine_id: str, seconds: float) -> dict[str, Any]:
        """The variables of a machine after so many seconds more."""
        weights = NEXT_STATUS[self._status[machine_id]]
        (status,) = self._chance.choices(list(weights), list(weights.values()))
        self._status[machine_id] = status
        is_running = status == "Running"
        self._down[machine_id] = self._down[machine_id] + seconds if status == "Faulted" else 0.0
        self._units[machine_id] = (self._units[machine_id] + 1) % 100 if is_running else 0
        return {
            "CurrentStatus": status,
            "UtilizationPercentage": round(self._chance.uniform(70, 95), 1) if is_running else 0.0,
            "UnitsProducedThisCycle": self._units[machine_id],
            "CycleTimeSeconds": round(self._chance.gauss(45, 2), 1) if is_running else 0.0,
            "DowntimeSeconds": self._down[machine_id],
            "OEE": round(self._chance.uniform(60, 85), 1) if is_running else 0.0,
        }


def main(settings: Settings, *, seed: int, period_seconds: float) -> int:
    """Run until SIGTERM."""
    telemetry.start("opcua-sim", settings)
    asyncio.run(_run(settings, seed, period_seconds))
    telemetry.stopped()
    return 0


async def _run(settings: Settings, seed: int, period_seconds: float) -> None:
    stop = telemetry.stop_requested()
    layout = settings.layout
    endpoint = layout.opcua[0]
    machine_ids = [machine.machine_id for machine in layout.machines if machine.opcua_endpoint == endpoint.name]
    # As on a real floor: the last machine is too old for a history.
    remembers = dict.fromkeys(machine_ids[:-1], VARIABLES)
    server = PlantServer(endpoint.url or settings.opcua_url, endpoint, settings.spool_dir / "opcua-sim", remembers)
    await server.start(machine_ids)
    shift = Shift(machine_ids, random.Random(seed))
    while not stop.is_set():
        for machine_id in machine_ids:
            now = datetime.now(UTC)
            values = shift.next(machine_id, period_seconds)
            await server.write(machine_id, at=now, **values, LastUpdateTimestamp=now.isoformat())
        try:
            async with asyncio.timeout(period_seconds):
                await stop.wait()
        except TimeoutError:
            continue
    await server.stop()
