"""A delivery that failed is tried again from its dead letter, with the key it had: the other system acts once."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from streams.kafka.admin import create_topics
from tests.gateways import own_gateway
from tests.integration.events import kept_projector
from tests.integration.jobs import complete, ended, kept_jobs, rows
from tests.integration.test_deliveries import QUICK, calls_of
from tests.letters import FAILURES, detail, do, known, settled
from tests.plants import RunningPlant, eventually
from tests.systems import SimulatedSystems, simulated_systems

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def systems() -> Iterator[SimulatedSystems]:
    with simulated_systems() as found:
        yield found


@pytest.fixture(scope="module")
def plant(
    migrated: RunningPlant, systems: SimulatedSystems, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPlant]:
    """Topics, tables, a projector and a process that delivers."""
    create_topics(migrated.settings())
    projector = kept_projector(migrated, tmp_path_factory.mktemp("projector"))
    jobs = kept_jobs(migrated, tmp_path_factory.mktemp("jobs") / "jobs.log", **QUICK, **systems.settings())
    yield migrated
    jobs.stop()
    projector.stop()


@pytest.fixture
def client(plant: RunningPlant) -> Iterator[TestClient]:
    with own_gateway(plant, command_wait_seconds=10) as (client, _):
        client.headers["Authorization"] = f"Bearer {plant.endpoints['ADMIN_TOKEN']}"
        yield client


@pytest.fixture
def failed(plant: RunningPlant, systems: SimulatedSystems, client: TestClient) -> dict[str, Any]:
    """A completion report that the ERP refused."""
    systems.fault("erp", "status:400")
    (order,) = complete(plant)
    delivery = ended(plant, order, "failed")
    known(client, delivery["failure_key"])
    return delivery


def letters_of(plant: RunningPlant, delivery: dict[str, Any]) -> list[dict[str, Any]]:
    address = f"deliveries/{delivery['delivery_id']}"
    return rows(plant, "SELECT * FROM integration_failures WHERE source_address = %s", address)


def test_refused_again_it_is_the_same_letter_and_then_it_arrives_once(
    plant: RunningPlant, systems: SimulatedSystems, client: TestClient, failed: dict[str, Any]
) -> None:
    key = failed["failure_key"]
    assert do(client, key, "retry", reason="is it better now?").status_code in (200, 202)
    told = settled(client, key)
    assert (told["status"], told["retry_count"], told["attempts"][0]["outcome"]) == (
        "pending_manual_review", 1, "refused",
    )  # fmt: skip
    assert len(letters_of(plant, failed)) == 1
    systems.heal()
    assert do(client, key, "retry").status_code in (200, 202)
    told = settled(client, key)
    assert (told["status"], told["resolution"], told["resolved_by"]) == ("resolved", "repaired", "admin")
    succeeded = ended(plant, failed["subject"], "succeeded")
    assert {call["idempotency_key"] for call in calls_of(systems, succeeded)} == {failed["delivery_id"]}
    assert systems.acted("erp")[failed["delivery_id"]] == 1
    answer = do(client, key, "discard", reason="too late")
    assert answer.status_code == 409
    assert "It has taken effect" in answer.json()["detail"]


def test_an_edited_request_has_the_key_and_the_address_it_had(
    plant: RunningPlant, systems: SimulatedSystems, client: TestClient, failed: dict[str, Any]
) -> None:
    key = failed["failure_key"]
    systems.heal()
    elsewhere = [{"op": "replace", "path": "/path", "value": "https://elsewhere.example/"}]
    answer = do(client, key, "edit-retry", edits=elsewhere)
    assert (answer.status_code, answer.json()["path"]) == (400, "path")
    edits = [{"op": "add", "path": "/body/note", "value": "corrected by hand"}]
    assert do(client, key, "edit-retry", edits=edits).status_code in (200, 202)
    assert settled(client, key)["status"] == "resolved"
    last = calls_of(systems, ended(plant, failed["subject"], "succeeded"))[-1]
    assert last["body"]["note"] == "corrected by hand"
    assert last["idempotency_key"] == failed["delivery_id"]


def test_a_retry_of_the_delivery_itself_is_a_retry_of_its_letter(
    systems: SimulatedSystems, client: TestClient, failed: dict[str, Any]
) -> None:
    systems.heal()
    assert client.post(f"/api/v1/deliveries/{failed['delivery_id']}/retry").status_code == 200
    told = settled(client, failed["failure_key"])
    assert [(each["action"], each["actor"], each["outcome"]) for each in told["attempts"]] == [
        ("retry", "admin", "applied")
    ]


def test_what_nobody_repairs_can_be_discarded(client: TestClient, failed: dict[str, Any]) -> None:
    key = failed["failure_key"]
    assert do(client, key, "discard", reason="the order was a test").json()["status"] == "discarded"
    assert detail(client, key)["can"]["retry"].startswith("It was discarded by admin")
    assert client.get(FAILURES, params={"status": "discarded"}).json()["failures"]
    eventually(lambda: detail(client, key)["resolution"] == "discarded", 10, "not discarded")
