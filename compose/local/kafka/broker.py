"""A Kafka broker's configuration, storage and command."""

import os
import shlex
import subprocess
from pathlib import Path

from compose.local.errors import PlantError
from compose.local.folder import Folder, write_private
from compose.local.identity import Identity
from compose.local.java import java
from compose.local.kafka import listeners
from compose.local.kafka.listeners import names
from compose.local.processes import Process

HEAP = "-Xmx512m"
# One collector thread and the quick compiler: two cores are shared by the whole plant. At 3,000 messages/s the broker
# takes 0.6 cores from the first second; the optimising compiler takes 1.0 in the first 15 s and 0.45 afterwards.
# KAFKA_OPTS="-XX:TieredStopAtLevel=4" is the better choice for a plant that stays up.
JVM = (HEAP, "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-Xshare:auto")
HEADLESS = ("-Djava.awt.headless=true", "-Dfile.encoding=UTF-8")
LOGGING = Path(__file__).with_name("log4j2.properties")
TEN_YEARS_MINUTES = 10 * 365 * 24 * 60


def in_sync(brokers: int) -> int:
    """How many replicas must have a message before it counts."""
    return min(2, brokers)


def prepare(folder: Folder, identity: Identity, jars: Path) -> list[Process]:
    """Write the configuration of every broker, format new storage, and say how to start them."""
    return [_broker(folder, identity, jars, number, name) for number, name in enumerate(names(identity.brokers), 1)]


def _broker(folder: Folder, identity: Identity, jars: Path, number: int, name: str) -> Process:
    data = folder.data / name
    data.mkdir(mode=0o700, exist_ok=True)
    config = folder.programs / f"{name}.properties"
    write_private(config, _text(properties(identity, number, name, data)))
    if not (data / "meta.properties").exists():
        _format(identity, jars, config, folder.log(f"{name}-format"))
    return Process(name=name, command=(*_jvm(jars, folder.data), "kafka.Kafka", str(config)), stop_seconds=30)


def _jvm(jars: Path, scratch: Path) -> tuple[str, ...]:
    """The virtual machine; the library that it unpacks goes where `wipe` finds it, not into /tmp."""
    chosen = shlex.split(os.environ.get("KAFKA_OPTS", ""))
    return (
        java(),
        *JVM,
        *HEADLESS,
        f"-Djava.io.tmpdir={scratch}",
        *chosen,
        f"-Dlog4j2.configurationFile={LOGGING}",
        "-cp",
        f"{jars}/*",
    )


def _format(identity: Identity, jars: Path, config: Path, log: Path) -> None:
    """Make empty storage a broker's own. Kafka refuses to start on unformatted storage."""
    tool = (java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{jars}/*", "kafka.tools.StorageTool")
    command = [*tool, "format", "-t", identity.kafka_cluster_id, "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise PlantError(f"Kafka could not format its storage: {' '.join(last)} (all of it in {log})")


def properties(identity: Identity, number: int, name: str, data: Path) -> dict[str, object]:
    """server.properties of one broker, which is a controller as well."""
    brokers = identity.brokers
    voters = ",".join(
        f"{other}@127.0.0.1:{identity.port(f'{broker}-controller')}" for other, broker in enumerate(names(brokers), 1)
    )
    return {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": voters,
        **listeners.settings(identity, name),
        "log.dirs": data,
        **POLICY,
        **SMALL,
        "default.replication.factor": brokers,
        "offsets.topic.replication.factor": brokers,
        "transaction.state.log.replication.factor": brokers,
        "share.coordinator.state.topic.replication.factor": brokers,
        "min.insync.replicas": in_sync(brokers),
        "transaction.state.log.min.isr": in_sync(brokers),
        "share.coordinator.state.topic.min.isr": in_sync(brokers),
    }


# The log is the book of record: nothing is made by accident, nothing is forgotten.
POLICY: dict[str, object] = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "log.retention.ms": -1,
    "offsets.retention.minutes": TEN_YEARS_MINUTES,
    "message.max.bytes": 1024 * 1024,
}
# One laptop, two cores.
SMALL: dict[str, object] = {
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 2,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "offsets.topic.num.partitions": 3,
    "transaction.state.log.num.partitions": 3,
    "share.coordinator.state.topic.num.partitions": 3,
    "group.initial.rebalance.delay.ms": 0,
    "broker.session.timeout.ms": 6000,
    "controlled.shutdown.enable": "true",
}


def _text(settings: dict[str, object]) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())
