"""When is a service ready? Asked of the service itself, never of the clock."""

import logging
import socket

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from compose.health import answers
from compose.local.waiting import Probe
from schemas.settings import Settings

SILENT = logging.getLogger("plant.ready")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


def tcp(host: str, port: int) -> Probe:
    """Ready when the port takes connections."""

    def probe() -> bool:
        with socket.socket() as connection:
            connection.settimeout(1)
            return connection.connect_ex((host, port)) == 0

    return probe


def kafka(settings: Settings, brokers: int) -> Probe:
    """Ready when the cluster's metadata name every broker."""
    ports = [tcp("127.0.0.1", int(address.rpartition(":")[2])) for address in settings.kafka_bootstrap.split(",")]

    def probe() -> bool:
        if not all(port() for port in ports):
            return False
        admin = AdminClient(settings.kafka(**{"socket.timeout.ms": 2000}), logger=SILENT)
        try:
            return len(admin.list_topics(timeout=2).brokers) == brokers
        except KafkaException:
            return False

    return probe


def postgres(url: str) -> Probe:
    """Ready when it answers a query."""

    def probe() -> bool:
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    return probe


def http(url: str) -> Probe:
    """Ready when a GET answers 200."""
    return lambda: answers(url)
