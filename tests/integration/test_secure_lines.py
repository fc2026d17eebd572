"""Every line secured by settings alone, against real servers that let nobody else in."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from compose.local.identity import free_port
from connectors.register import register_machines
from schemas.codec import decode
from schemas.settings import Settings
from streams.kafka.admin import create_topics
from tests.integration.bridges import Connector, Ear
from tests.integration.workers import kept_agents
from tests.plants import RunningPlant, eventually
from tests.secure import PASSWORD, USER, Papers, papers, secure_kafka, secure_mosquitto

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]
COUNT = {
    "machine_id": "M-203",
    "work_order_id": "WO-4600",
    "units_produced": 1,
    "cumulative_units": 85,
    "quality_status": "pass",
    "cycle_time_seconds": 44.8,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def kafka(server: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A secured Kafka: the settings that reach it."""
    with secure_kafka(tmp_path_factory.mktemp("kafka"), server) as bootstrap:
        yield {
            "KAFKA_BOOTSTRAP": bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_CA_LOCATION": str(server.authority),
        }


def settings_of(environment: dict[str, str]) -> Settings:
    values: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
    return Settings(**values)


@pytest.mark.skipif(not Path("/usr/sbin/mosquitto").exists(), reason="amqtt is not tried with TLS")
def test_a_count_comes_over_mqtt_with_tls_through_kafka_with_scram_to_the_agents(
    kafka: dict[str, str], server: Papers, tmp_path: Path
) -> None:
    settings = settings_of(kafka)
    create_topics(settings)
    register_machines(settings)
    port = free_port()
    line = {
        "MQTT_URL": f"mqtts://127.0.0.1:{port}",
        "MQTT_USERNAME": USER,
        "MQTT_PASSWORD": PASSWORD,
        "MQTT_CA_FILE": str(server.authority),
        "MQTT_CERT_FILE": str(server.certificate),
        "MQTT_KEY_FILE": str(server.key),
    }
    worker = kept_agents(kafka["KAFKA_BOOTSTRAP"], tmp_path / "agents", "agents", **kafka)
    connector = Connector("mes-mqtt", tmp_path / "mes-mqtt", kafka | line)
    ear = Ear(settings, "machine-inbox", "resource-status")
    try:
        with secure_mosquitto(tmp_path / "mqtt", port, server):
            connector.start()
            _say(port, server, COUNT | {"timestamp": datetime.now(UTC).isoformat()})
            ear.until(lambda: ear.said("mes.production_count", "M-203"))
            ear.until(lambda: _running(ear, "M-203"), 60, "the agents never told of it")
            assert connector.stop() == 0
        assert worker.stop() == 0
    finally:
        ear.close()


def _say(port: int, server: Papers, count: dict[str, Any]) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, PASSWORD)
    client.tls_set(str(server.authority), str(server.certificate), str(server.key))
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish("mes/production/line2/machine/M-203/count", json.dumps(count), qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def _running(ear: Ear, machine_id: str) -> bool:
    told = [decode(each.value()).payload for each in ear.records if each.topic() == "resource-status"]
    return any(each.machine_id == machine_id and each.status == "running" for each in told)


@pytest.mark.parametrize(
    "mistake",
    [
        {"KAFKA_SASL_PASSWORD": "guessed"},
        {"KAFKA_SASL_USERNAME": "nobody"},
        {"KAFKA_CA_LOCATION": "another"},
        {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
    ],
    ids=lambda mistake: next(iter(mistake)),
)
def test_kafka_lets_nobody_in_with(mistake: dict[str, str], kafka: dict[str, str], tmp_path: Path) -> None:
    if mistake.get("KAFKA_CA_LOCATION"):
        mistake = {"KAFKA_CA_LOCATION": str(papers(tmp_path).authority)}
    client = AdminClient(settings_of(kafka | mistake).kafka(log_level=0))
    with pytest.raises(KafkaException):
        client.list_topics(timeout=4)
    assert AdminClient(settings_of(kafka).kafka()).list_topics(timeout=30).brokers


@pytest.mark.skipif(not Path("/usr/sbin/mosquitto").exists(), reason="amqtt is not tried with TLS")
def test_a_broker_of_a_stranger_is_not_spoken_to(kafka: dict[str, str], server: Papers, tmp_path: Path) -> None:
    port, ours = free_port(), papers(tmp_path / "ours")
    environment = {
        "MQTT_URL": f"mqtts://127.0.0.1:{port}",
        "MQTT_USERNAME": USER,
        "MQTT_PASSWORD": PASSWORD,
        "MQTT_CA_FILE": str(ours.authority),
        "MQTT_CERT_FILE": str(server.certificate),
        "MQTT_KEY_FILE": str(server.key),
    }
    connector = Connector("mes-mqtt", tmp_path / "mes-mqtt", kafka | environment)
    with secure_mosquitto(tmp_path / "mqtt", port, server):
        connector.start(lines=0)
        eventually(lambda: "certificate" in connector.log.lower(), 20, "nothing is said of the certificate")
        assert connector.figure("connector_line_up") == 0
        assert connector.stop() == 0


def test_the_gateway_speaks_tls_and_nothing_else(infra: RunningPlant, server: Papers, tmp_path: Path) -> None:
    port = free_port()
    environment = (
        os.environ
        | infra.endpoints
        | {
            "GATEWAY_PORT": str(port),
            "GATEWAY_CERT_FILE": str(server.certificate),
            "GATEWAY_KEY_FILE": str(server.key),
            "METRICS_PORT": "0",
            "SPOOL_DIR": str(tmp_path),
        }
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "connectors", "gateway"], env=environment, stdout=log)
    try:
        trusting = ssl.create_default_context(cafile=str(server.authority))
        with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=trusting) as client:
            eventually(lambda: _answers(client), 30, "the gateway does not answer over TLS")
        with httpx2.Client(base_url=f"https://127.0.0.1:{port}") as stranger, pytest.raises(httpx2.ConnectError):
            stranger.get("/healthz")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as plain, pytest.raises(httpx2.TransportError):
            plain.get("/healthz")
    finally:
        process.terminate()
        psutil.wait_procs([psutil.Process(process.pid)], 15)
        process.wait(1)


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False
