"""Secrets are changed while counts and orders come in: nothing is lost, nothing doubled, and the old ones end.

Counts come over MQTT, orders over HTTP by an ERP that asks again as an ERP does. What a new secret needs is named in
each test: most need their process started again, some need nothing.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from joserfc.jwk import RSAKey

from compose.local import endpoints as env
from compose.local import identity as identities
from compose.local.kafka import listeners
from compose.local.plant import LocalPlant
from compose.simulators.systems.webhooks import signed
from schemas.settings import Settings
from tests.e2e.load import Load, await_truth, create_orders, erp_client, order_body
from tests.gateways import ORDERS
from tests.plants import PATIENCE_SECONDS, RunningPlant, eventually, running_plant

pytestmark = [pytest.mark.services, pytest.mark.alone, pytest.mark.timeout(300)]
RATE = 20
ENOUGH = 40
TRIES = 600


@pytest.fixture(scope="module")
def closed() -> Iterator[RunningPlant]:
    """A plant whose Kafka knows nobody but its users."""
    told = {"KAFKA_CLOSED": "1", "RATE_LIMIT_PER_MINUTE": "100000"}
    with running_plant(infra_only=False, told=told) as plant:
        yield plant


@dataclass
class Erp:
    """Sends an order after the other; asks again with the same key until it is answered, with a new token after 401."""

    plant: RunningPlant
    taken: list[str] = field(default_factory=list)
    wrong: list[Any] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until told to stop; the order under way is brought to its end."""
        with ExitStack() as clients:
            client = clients.enter_context(erp_client(self.plant.endpoints))
            while not self.stop.wait(0.1):
                name, key, status = f"ROT-{uuid.uuid4().hex[:12]}", uuid.uuid4().hex, None
                body = order_body(name)
                for _ in range(TRIES):
                    with suppress(httpx2.HTTPError, AssertionError):  # nobody answers, or no token is to be had yet
                        answer = client.post(ORDERS, json=body, headers={"Idempotency-Key": key})
                        status = answer.status_code
                        if status == 401:
                            client = clients.enter_context(erp_client(self.plant.endpoints))
                        elif status < 500:
                            break
                    threading.Event().wait(0.1)
                (self.taken if status == 200 else self.wrong).append(name)


@contextmanager
def under_load(plant: RunningPlant) -> Iterator[tuple[Load, Erp]]:
    """Counts and orders before, during and after; all of them are there once at the end."""
    orders = create_orders(plant.endpoints, [f"ROTATED-{uuid.uuid4().hex[:8]}" for _ in range(2)])
    load, erp = Load(plant.endpoints, orders, RATE, 3600), Erp(plant)
    thread = threading.Thread(target=erp.run, daemon=True)
    load.start()
    thread.start()
    try:
        _more(load, erp)
        yield load, erp
        _more(load, erp)
    finally:
        erp.stop.set()
        load.end()
        thread.join()
    await_truth(plant.endpoints, load.truth, 120)
    assert erp.wrong == []
    plant.await_rows(
        "SELECT count(*) FROM work_orders WHERE erp_work_order_id = ANY(%s) HAVING count(*) = %s",
        erp.taken,
        len(erp.taken),
        seconds=60,
    )


def _more(load: Load, erp: Erp) -> None:
    """Return when more has come of both."""
    counts, orders = load.sent + ENOUGH, len(erp.taken) + 3
    eventually(lambda: load.sent >= counts and len(erp.taken) >= orders, 60, "the load does not go on")


def change(plant: RunningPlant, *names: str) -> dict[str, str]:
    """Forget secrets and bring the plant up again: servers take the new ones, running processes go on; the old ones."""
    identity = identities.of(plant.local.folder, None)
    old = {name: identity.secrets.pop(name) for name in names}
    identities.save(plant.local.folder, identity)
    plant.ensure_workers(1)
    plant.endpoints = plant.local.endpoints()
    return old


def start_again(plant: RunningPlant, *names: str) -> None:
    """One after the other, as in a rolling update."""
    for name in names:
        plant.local.restart(name)
        plant.local.wait_until_ready(name, PATIENCE_SECONDS)


def test_passwords_of_kafka(closed: RunningPlant) -> None:
    """Who is connected stays so; each process is started again to sign in with the new one."""
    processes = ("mes-mqtt", "agents", "projector", "gateway", "jobs")
    with under_load(closed) as (load, erp):
        old = change(closed, *(f"kafka_{name.replace('-', '_')}" for name in processes))
        _more(load, erp)
        start_again(closed, *processes)
    identity = identities.of(closed.local.folder, None)
    for name in processes:
        told = listeners.process(identity, name)
        assert _signs_in(told)
        assert not _signs_in(told | {"KAFKA_SASL_PASSWORD": old[f"kafka_{name.replace('-', '_')}"]}), name


def _signs_in(told: dict[str, str]) -> bool:
    settings = Settings.model_validate({name.lower(): value for name, value in told.items()})
    try:
        return bool(AdminClient(settings.kafka(log_level=0)).list_topics(timeout=5).brokers)
    except KafkaException:
        return False


def test_the_applications_password_of_postgres(closed: RunningPlant) -> None:
    """Open connections stay; each process is started again for new ones."""
    with under_load(closed) as (load, erp):
        old = closed.app_url
        change(closed, "plant_app")
        assert closed.app_url != old
        _more(load, erp)
        start_again(closed, "projector", "gateway", "jobs", "planner", "agents")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(old)


def test_the_key_that_signs_tokens(closed: RunningPlant) -> None:
    """The gateway is started again with the new key before the old one, and once more without the old one."""
    assert isinstance(closed.local, LocalPlant)
    path = identities.signing_key(closed.local.folder)
    old, new = path.read_bytes(), RSAKey.generate_key(2048).as_pem(private=True)
    with erp_client(closed.endpoints) as signed_in_before:
        with under_load(closed):
            path.write_bytes(new + old)
            start_again(closed, "gateway")
            assert signed_in_before.get("/api/v1/work-orders").status_code == 200, "a token of before is good"
            path.write_bytes(new)
            start_again(closed, "gateway")
        assert signed_in_before.get("/api/v1/work-orders").status_code == 401, "with its key it ends"


def test_the_secret_of_a_webhook(closed: RunningPlant) -> None:
    """The gateway is started again with both secrets, the sender changes, and it is started again with the new one.

    What is told is no completion: 400 comes after the signature was accepted.
    """
    old, new = closed.endpoints["PAS_WEBHOOK_SECRET"], "whsec_" + "bmV3IHNlY3JldCBvZiB0aGUgUEFT"
    with under_load(closed):
        assert (_completion(closed, old), _completion(closed, new)) == (400, 401)
        _set(closed, f"{new} {old}")
        assert (_completion(closed, old), _completion(closed, new)) == (400, 400)
        _set(closed, new)
    assert (_completion(closed, old), _completion(closed, new)) == (401, 400)


def _set(plant: RunningPlant, secret: str) -> None:
    env.write(plant.local.folder.endpoints, plant.local.endpoints() | {"PAS_WEBHOOK_SECRET": secret})
    start_again(plant, "gateway")


def _completion(plant: RunningPlant, secret: str) -> int:
    told = signed(secret, f"msg_{uuid.uuid4().hex}", b"{}", datetime.now(UTC))
    url = f"{plant.endpoints['GATEWAY_URL']}/webhooks/pas/completion"
    return httpx2.post(url, content=b"{}", headers=told, timeout=30).status_code
