"""A plant whose every link leads through a proxy, and whose processes may carry a planted defect."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from compose.demo.run import SETTINGS
from compose.local import identity as identities
from compose.local import processes
from compose.local.identity import Identity
from compose.local.kafka.listeners import SASL, Listener, settings
from compose.local.plant import LocalPlant, Report
from compose.local.processes import Process
from compose.local.waiting import wait_for
from schemas.settings import Settings
from schemas.topics import changelog_of
from streams.topology import TOPOLOGY
from tests.plants import PATIENCE_SECONDS
from tests.rehearse.defects import VARIABLE, concerns
from tests.rehearse.links import Address, Links
from tests.rehearse.progress import FILE
from tests.systems import SimulatedSystems

KAFKA: Final = "kafka"
URLS: Final = {"postgres": "DATABASE_URL", "mqtt": "MQTT_URL", "opcua": "OPCUA_URL", "gateway": "GATEWAY_URL"}
"""Which setting names a server that is reached by an address; Kafka says itself where it is reached."""
OWN_LINKS: Final = {"mes-mqtt": ("mqtt",), "mes-opcua": ("opcua",), "jobs": ("systems",)}
OUTSIDE: Final = {"machines": ("mqtt",), "systems": ("gateway",)}
"""Who speaks to the plant from outside."""
STARTED_AGAIN_SECONDS: Final = 30.0


class RehearsedPlant(LocalPlant):
    """A local plant with a proxy in each link: `agents>kafka` is what the process `agents` reaches Kafka by.

    Each process has a listener of Kafka's to itself, which tells it the proxy's port as the broker's.
    """

    def __init__(
        self, path: Path, workers: int, links: Links, systems: SimulatedSystems, report: Report, defect: str = ""
    ) -> None:
        limits = {"RATE_LIMIT_PER_MINUTE": "100000", "ATTENDANCE_LIMIT_PER_MINUTE": "100000"}
        settings = {**SETTINGS, **limits, **systems.settings(), "REHEARSAL_FILE": str(path.parent / FILE)}
        super().__init__(path, workers=workers, report=report, settings=settings, ready_seconds=PATIENCE_SECONDS)
        self.workers = workers
        self.links = links
        self.systems, self._defect = systems, defect

    # -- what a rehearsal asks ----------------------------------------------------------------------------------------

    @property
    def changelogs(self) -> list[str]:
        """Every partition of every changelog, as `topic/partition`."""
        partitions = range(Settings().partitions)
        return [f"{changelog_of(each.name)}/{number}" for each in TOPOLOGY for number in partitions]

    @property
    def agents(self) -> list[str]:
        """The names of the workers."""
        return ["agents", *processes.workers(self.workers)]

    def outside(self) -> dict[str, str]:
        """The endpoints as those see them who speak to the plant through a link."""
        identity, found = identities.of(self.folder, None), self.endpoints()
        for who, servers in OUTSIDE.items():
            for server in servers:
                found[URLS[server]] = _moved(found[URLS[server]], _port(identity, who, server))
        return found | {"OAUTH_TOKEN_URL": f"{found['GATEWAY_URL']}/oauth/token"}

    def settings(self) -> Settings:
        """The settings of its processes, reached without a link."""
        values: dict[str, Any] = {name.lower(): value for name, value in self.endpoints().items()}
        return Settings(**values)

    def is_ready(self, name: str) -> bool:
        """Whether a process lives and does its work."""
        return self.pid(name) is not None and self._probes(identities.of(self.folder, None))[name]()

    def successor(self, name: str, pid: int | None) -> int | None:
        """The id of the process that the runner started in the place of another; None if it did not in time."""
        wait_for(lambda: self.pid(name) not in (None, pid), STARTED_AGAIN_SECONDS)
        return self.pid(name)

    # -- how it differs from others -----------------------------------------------------------------------------------

    def _choose_ports(self, identity: Identity) -> None:
        for who, servers in self._linked().items():
            for server in servers:
                _port(identity, who, server)
            if KAFKA in servers:
                identity.port(_listener(who))
        super()._choose_ports(identity)

    def _prepare(self, identity: Identity) -> list[Process]:
        servers = super()._prepare(identity)
        add_listeners(self.folder.programs / "kafka.properties", identity, self._on_kafka())
        self.links.open(
            {
                f"{who}>{server}": (_port(identity, who, server), self._server(identity, who, server))
                for who, servers in self._linked().items()
                for server in servers
            }
        )
        return servers

    def _ours(self, identity: Identity) -> list[Process]:
        return [self._through_links(process, identity) for process in super()._ours(identity)]

    def _through_links(self, process: Process, identity: Identity) -> Process:
        servers = self._linked().get(process.name, ())
        told = self.endpoints()
        moved = {
            URLS[server]: _moved(told[URLS[server]], _port(identity, process.name, server))
            for server in servers
            if server in URLS
        }
        if KAFKA in servers:
            moved["KAFKA_BOOTSTRAP"] = f"127.0.0.1:{_port(identity, process.name, KAFKA)}"
        if "systems" in servers:
            port = _port(identity, process.name, "systems")
            addresses = self.systems.settings().items()
            moved |= {name: _moved(url, port) for name, url in addresses if name.endswith("_URL")}
        command = process.command
        if self._defect and concerns(self._defect, process.name):
            moved[VARIABLE] = self._defect
            command = (*command[:2], "tests.rehearse.defects", *command[2:])
        return replace(process, command=command, environment=process.environment | moved)

    def _linked(self) -> Mapping[str, tuple[str, ...]]:
        """Who reaches whom."""
        ours = processes.commands(self.workers, simulators=False).keys() - {processes.OPCUA_SERVER}
        return {**{who: (KAFKA, "postgres", *OWN_LINKS.get(who, ())) for who in sorted(ours)}, **OUTSIDE}

    def _on_kafka(self) -> list[str]:
        return [who for who, servers in self._linked().items() if KAFKA in servers]

    def _server(self, identity: Identity, who: str, server: str) -> Address:
        if server == KAFKA:
            return Address(identity.port(_listener(who)))
        if server == "systems":
            return Address(urlsplit(self.systems.url).port or 80)
        return Address(identity.port(server))


def _port(identity: Identity, who: str, server: str) -> int:
    """Where a process reaches the proxy of one of its links."""
    return identity.port(f"{who}>{server}")


def _listener(who: str) -> str:
    return f"kafka-for-{who}"


def _moved(url: str, port: int) -> str:
    """The same address at another port of this machine."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{port}"))


def add_listeners(config: Path, identity: Identity, clients: Iterable[str]) -> None:
    """Give each of these clients a listener that names its proxy; of two lines for one name Java reads the last."""
    own = {
        f"FOR-{who.upper()}": Listener(identity.port(_listener(who)), SASL, told=_port(identity, who, KAFKA))
        for who in clients
    }
    threads = {f"listener.name.{name.lower()}.num.network.threads": "1" for name in own}
    with config.open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in (settings(identity, KAFKA, own) | threads).items())
