"""Runs a real connector as a process, and hears what it puts on a real Kafka."""

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from compose.local.identity import free_port
from schemas.codec import decode
from schemas.envelope import Message
from schemas.settings import Settings
from tests.plants import SLACK, eventually

INBOX, DEAD_LETTERS = "machine-inbox", "integration-failures"
# As a reconnecting connector should wait in a test: not long.
IMPATIENT = {"RECONNECT_DELAYS": "0.05,0.1,0.2", "RECONNECT_CAP_SECONDS": "0.2"}
_FIGURE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'\w+="([^"]*)"')


def await_visit(port: int) -> None:
    """Return when somebody came to this port, where nobody listens, and was sent away."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.settimeout(30)
        listening.accept()[0].close()


class Connector:
    """`python -m connectors <name>` with a spool of its own; may be started and ended many times."""

    def __init__(self, name: str, folder: Path, env: dict[str, str]) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.spool = folder / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        told = {"SPOOL_DIR": str(self.spool), "METRICS_PORT": str(self._port)}
        self.env = os.environ | IMPATIENT | env | told
        self.changes: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, lines: int = 1, **env: str) -> None:
        """Start it, and return when so many lines to its sources are up (0: when it answers)."""
        self.changes = env
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "connectors", self.name],
                env=self.env | env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually(lambda: self._is_up(lines), 30, f"{self.name} does not come up: {self.log[-2000:]}")

    def _is_up(self, lines: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log[-3000:]
        return self.figure("plant_process_started") == 1 and self.figure("connector_line_up") >= lines

    def signal(self, number: Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.send_signal(SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """End it as the runner does; its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(SIGTERM)
        try:
            return self._process.wait(15 * SLACK.times)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def figures(self) -> dict[tuple[str, ...], float]:
        """Its metrics, by name and labels; none while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return {}
        return {(name, *_LABEL.findall(labels)): float(value) for name, labels, value in _FIGURE.findall(text)}

    def figure(self, name: str, *labels: str) -> float:
        """One metric, summed over the labels not given."""
        wanted = (name, *labels)
        return sum(value for key, value in self.figures().items() if key[: len(wanted)] == wanted)


class Ear:
    """Hears everything said in some topics since it was made."""

    def __init__(self, settings: Settings, *topics: str) -> None:
        self._consumer = Consumer(
            settings.kafka(**{"group.id": "ear", "enable.auto.commit": False, "fetch.wait.max.ms": 20, "log_level": 0})
        )
        known = self._consumer.list_topics(timeout=10).topics
        lanes = [TopicPartition(topic, each) for topic in topics for each in known[topic].partitions]
        for lane in lanes:
            lane.offset = eventually(partial(self._end, lane), 20, f"{lane} has no leader") - 1
        self._consumer.assign(lanes)
        self.records: list[Any] = []

    def _end(self, lane: TopicPartition) -> int:
        """One more than where a log ends; 0 while nobody leads it, as just after its creation."""
        try:
            return int(self._consumer.get_watermark_offsets(lane, 10)[1]) + 1
        except KafkaException:
            return 0

    def listen(self, seconds: float = 0.05) -> None:
        """Take what has come."""
        self.records += [record for record in self._consumer.consume(10_000, seconds) if record.error() is None]

    def until(self, heard: Callable[[], Any], seconds: float = 20, complaint: str = "it was never said") -> Any:
        """Listen until something holds; what it is."""

        def listened() -> Any:
            self.listen()
            return heard()

        return eventually(listened, seconds, complaint)

    def said(self, type_name: str | None = None, about: str = "") -> list[Message[Any]]:
        """Messages to machines in the order they lie in the log; of one type, and about ids that begin so."""
        messages = [decode(record.value()) for record in self.records if record.topic() == INBOX]
        return [
            each
            for each in messages
            if (type_name is None or each.type == type_name) and each.payload.machine_id.startswith(about)
        ]

    def letters(self, about: str = "") -> list[Any]:
        """Dead letters whose source address holds that text."""
        found = [msgspec.json.decode(record.value()) for record in self.records if record.topic() == DEAD_LETTERS]
        return [each["payload"] for each in found if about in each["payload"]["source_address"]]

    def keys(self, type_name: str, about: str) -> set[bytes]:
        """The keys under which messages about a machine lie."""
        return {
            record.key()
            for record in self.records
            if record.topic() == INBOX
            and (said := decode(record.value())).type == type_name
            and said.payload.machine_id == about
        }

    def close(self) -> None:
        self._consumer.close()


def codes(letters: list[Any]) -> Counter[str]:
    """What dead letters complain of."""
    return Counter(letter["error_details"]["error_code"] for letter in letters)


def original(letter: Any) -> bytes:
    """The bytes a dead letter is about."""
    return b64decode(letter["original_bytes_base64"])


def statuses(ear: Ear, machine_id: str) -> list[str]:
    """The statuses of a machine, in the order in which they were said."""
    return [each.payload.status for each in ear.said("mes.machine_status", machine_id)]


def await_status(ear: Ear, machine_id: str, status: str, seconds: float = 20) -> Message[Any]:
    """The first message that says so."""

    def found() -> Message[Any] | None:
        said = ear.said("mes.machine_status", machine_id)
        return next((each for each in said if each.payload.status == status), None)

    message: Message[Any] = ear.until(found, seconds, f"{machine_id} never said {status}")
    return message


def await_utilization(ear: Ear, machine_id: str, percentage: float) -> None:
    """Listen until a machine says so."""
    ear.until(
        lambda: [each for each in ear.said(about=machine_id) if each.payload.utilization_percentage == percentage]
    )


def gaps(ear: Ear) -> dict[str, Any]:
    """The gaps that were marked, by machine."""
    return {each.payload.machine_id: each.payload for each in ear.said("mes.connection_gap")}
