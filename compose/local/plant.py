"""A whole plant in one folder: started, stopped, asked and deleted by one object."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from compose.local import endpoints as env
from compose.local import identity as identities
from compose.local import mqtt, postgres, processes, ready, roles
from compose.local.errors import PlantError, failed
from compose.local.folder import ROOT, Folder, run_directory
from compose.local.identity import Identity, asked_for, let_go
from compose.local.kafka import broker, listeners
from compose.local.kafka.jars import jars
from compose.local.processes import Process
from compose.local.runner import RUNNING, Runner
from compose.local.survivors import end, pid_of, survivors
from compose.local.waiting import Probe, await_ready
from connectors import access

Report = Callable[[str], None]
READY_SECONDS = 90


@dataclass(frozen=True)
class Status:
    """One process as `make status` shows it."""

    name: str
    state: str
    pid: int | None
    uptime_seconds: int
    memory_mb: int
    log: Path


def silent(_: str) -> None:
    """Report nothing."""


class LocalPlant:
    """The plant of one run directory. Several may live on one machine at the same time."""

    def __init__(
        self,
        run_dir: Path | str | None = None,
        workers: int = 1,
        brokers: int | None = None,
        simulators: bool = False,
        report: Report = silent,
        settings: Mapping[str, str] | None = None,
        ready_seconds: float = READY_SECONDS,
    ) -> None:
        path = run_directory(None if run_dir is None else str(run_dir))
        self._settings, self._ready_seconds = settings or {}, ready_seconds
        self.folder = Folder(path)
        self._workers, self._brokers, self._simulators = workers, brokers, simulators
        self._report = report
        self._runner = Runner(self.folder)

    def up(self, infra_only: bool = False) -> None:
        """Start what does not run yet and return when it is ready. Before it raises, it stops what it started."""
        with self.folder.locked(self._report):
            before = self._running()
            try:
                self._up(infra_only)
            except BaseException:
                self._stop_all_but(before)
                raise

    def down(self) -> None:
        """Stop everything and return when nothing is left. The data stay."""
        with self.folder.locked(self._report):
            self._stop_all_but(set())

    def wipe(self) -> None:
        """Stop everything and delete the data."""
        with self.folder.locked(self._report):
            self._stop_all_but(set())
            known = identities.load(self.folder)
            self.folder.delete()
            let_go(known.ports.values() if known else ())

    def status(self) -> list[Status]:
        """Every process the runner knows; empty if the plant is down."""
        if self._runner.daemon() is None:
            return []
        return [self._status(info) for info in self._runner.all_info()]

    def endpoints(self) -> dict[str, str]:
        """What `endpoints.env` says. Raises PlantError if the plant never ran."""
        if not self.folder.endpoints.exists():
            raise PlantError(f"There is no plant in {self.folder.path}; start one with `make up`.")
        return env.read(self.folder.endpoints)

    def pid(self, process: str) -> int | None:
        """The id of a process, or None while it does not live."""
        return pid_of(self.folder.pids, process)

    def restart(self, process: str) -> None:
        """Stop one process and start it again."""
        self._runner.restart(process)

    def stop(self, names: Iterable[str]) -> None:
        """Stop some processes and return when they have ended; the others go on."""
        self._runner.stop(names)

    def wait_until_ready(self, process: str, seconds: float | None = None) -> None:
        """Return when a process does its work; at once if it does."""
        identity = identities.of(self.folder, self._brokers)
        await_ready(self.folder, {process: self._probes(identity)[process]}, seconds or self._ready_seconds, silent)

    # -- up ----------------------------------------------------------------------------------------------------------

    def _up(self, infra_only: bool) -> None:
        self.folder.make()
        identity = identities.of(self.folder, self._brokers)
        if self._runner.daemon() is None:
            end(survivors(self.folder))
            identity.is_kafka_closed = asked_for("KAFKA_CLOSED", identity.is_kafka_closed)
            identity.is_mqtt_durable = asked_for("MQTT_DURABLE", identity.is_mqtt_durable)
            for use in identity.leave_taken_ports():
                self._report(f"the port of {use} is taken by somebody else; choosing another one")
        infrastructure = self._prepare(identity)
        self._runner.configure([*infrastructure, *self._ours(identity)])
        self._start([process.name for process in infrastructure], identity)
        if not infra_only:
            self._runner.start(processes.OPCUA_SERVER)
        if not infra_only and self._simulators:
            self._runner.start(processes.SYSTEMS)
        self._first_steps(identity, infra_only)
        if not infra_only:
            before = [processes.SYSTEMS] if self._simulators else []
            self._start([*before, *processes.commands(self._workers, simulators=False)], identity)
        if not infra_only and self._simulators:
            self._start(list(processes.SIMULATORS), identity)

    def _prepare(self, identity: Identity) -> list[Process]:
        """Configuration and storage of the three servers, side by side; then the settings of all the others."""
        self._choose_ports(identity)
        with ThreadPoolExecutor() as pool:
            kafka = pool.submit(lambda: broker.prepare(self.folder, identity, jars(self._report)))
            database = pool.submit(postgres.prepare, self.folder, identity, self._report)
            messages = pool.submit(mqtt.prepare, self.folder, identity, self._report)
            return [*kafka.result(), *database.result(), *messages.result()]

    def _choose_ports(self, identity: Identity) -> None:
        """Choose every port and secret before anybody starts, and write them down."""
        ours = list(processes.commands(self._workers, self._simulators))
        for name in listeners.names(identity.brokers):
            broker.properties(identity, 1, name, self.folder.data)
        for user in access.USERS:
            listeners.password(identity, user)
        for user in mqtt.USERS:
            mqtt.password(identity, user)
        for name in processes.commands(self._workers, simulators=True):
            env.metrics_port(identity, name)
        for use in ("postgres", "mqtt", "systems", *listeners.names(identity.brokers)):
            identity.port(use)
        for name in identities.SECRETS:
            identity.secret(name)
        values = env.endpoints(self.folder, identity, ours)
        identities.save(self.folder, identity)
        env.write(self.folder.endpoints, values)
        env.write(self.folder.settings, env.given({**self._settings, **os.environ}, values))

    def _ours(self, identity: Identity) -> list[Process]:
        files = (self.folder.endpoints, self.folder.settings)
        return [
            Process(
                name=name,
                command=processes.python(arguments),
                environment=env.own(identity, name),
                env_files=files,
                hidden=env.hidden(identity, name),
            )
            for name, arguments in processes.commands(self._workers, simulators=True).items()
        ]

    def _start(self, names: list[str], identity: Identity) -> None:
        for name in names:
            self._runner.start(name)
        probes = self._probes(identity)
        await_ready(self.folder, {name: probes[name] for name in names}, self._ready_seconds, self._report)

    def _probes(self, identity: Identity) -> dict[str, Probe]:
        """How each process says that it is ready."""
        ours = processes.commands(self._workers, simulators=True)
        metrics = {name: ready.http(f"http://127.0.0.1:{env.metrics_port(identity, name)}/metrics") for name in ours}
        kafka = ready.kafka(env.operator_of_kafka(identity), identity.brokers)
        return {
            **metrics,
            **dict.fromkeys(listeners.names(identity.brokers), kafka),
            "postgres": ready.postgres(roles.superuser_url(identity)),
            "mqtt": ready.tcp("127.0.0.1", identity.port("mqtt")),
            "opcua-sim": ready.tcp("127.0.0.1", identity.port("opcua")),
            processes.SYSTEMS: ready.http(f"http://127.0.0.1:{identity.port('systems')}/_control/healthz"),
            "gateway": ready.http(f"http://127.0.0.1:{identity.port('gateway')}/readyz"),
        }

    # -- what runs once ------------------------------------------------------------------------------------------------

    def _first_steps(self, identity: Identity, infra_only: bool) -> None:
        roles.create_roles(roles.superuser_url(identity), roles.passwords(identity))
        with ThreadPoolExecutor() as pool:
            granted = pool.submit(env.grant, identity)
            if infra_only:
                granted.result()
                return
            topics = pool.submit(self._steps, processes.TOPICS, processes.REGISTER)
            tables = pool.submit(self._steps, processes.MIGRATE)
            granted.result()
            topics.result()
            tables.result()

    def _steps(self, *steps: tuple[str, ...]) -> None:
        for step in steps:
            self._step(step)

    def _step(self, arguments: tuple[str, ...]) -> None:
        """Run one of our commands to its end, as the owner of the tables."""
        name = " ".join(arguments)
        log = self.folder.log("-".join(arguments))
        environment = {**os.environ, **self.endpoints()}
        with log.open("w") as output:
            done = subprocess.run(
                processes.python(arguments), env=environment, cwd=ROOT, stdout=output, stderr=output, check=False
            )
        if done.returncode:
            raise failed(f"`python -m {name}` failed", log)
        self._report(f"python -m {name}: done")

    # -- down ----------------------------------------------------------------------------------------------------------

    def _running(self) -> set[str]:
        if self._runner.daemon() is None:
            return set()
        return {str(info["name"]) for info in self._runner.all_info() if info["state"] == RUNNING}

    def _stop_all_but(self, keep: Iterable[str]) -> None:
        """Our processes first, then the servers they speak to; if nothing is to be kept, the runner too."""
        kept = set(keep)
        running = self._running() - kept
        servers = {name for name in running if name.startswith("kafka") or name in processes.INFRASTRUCTURE}
        self._runner.stop(running - servers) if running - servers else None
        self._runner.stop(servers) if servers else None
        if not kept:
            self._runner.shutdown()
            end(survivors(self.folder))
            shutil.rmtree(self.folder.pids, ignore_errors=True)

    def _status(self, info: dict[str, object]) -> Status:
        pid = int(str(info["pid"])) or None
        up = int(str(info["now"])) - int(str(info["start"])) if pid else 0
        name = str(info["name"])
        return Status(name, str(info["statename"]).lower(), pid, up, _memory_mb(pid), self.folder.log(name))


def _memory_mb(pid: int | None) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss / 2**20) if pid else 0
    except psutil.NoSuchProcess:
        return 0
