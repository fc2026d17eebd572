"""Attendance as the HR system sends it: signed with a key, taken once, durable before it is acknowledged."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg.rows import dict_row
from starlette.testclient import TestClient

from schemas.codec import decode
from schemas.envelope import Message
from schemas.settings import Settings
from sql.database import tenant
from sql.reads import operators
from streams.kafka.admin import create_topics
from tests.gateways import own_gateway
from tests.integration.bridges import Ear
from tests.plants import RunningPlant

pytestmark = pytest.mark.services

ATTENDANCE = "/api/v1/integrations/hr/attendance"
KEYS = "/api/v1/api-keys"
FIRST = "the first key of the HR system"
ADMIN = "an operator of the plant"


@pytest.fixture(scope="module")
def ready(migrated: RunningPlant) -> RunningPlant:
    """Kafka with topics and Postgres with tables."""
    create_topics(migrated.settings())
    return migrated


@pytest.fixture
def mine() -> dict[str, Any]:
    """Settings of a tenant of its own, with one key."""
    return {"tenant_id": str(uuid4()), "hr_api_key": FIRST, "admin_token": ADMIN}


@pytest.fixture
def gateway(ready: RunningPlant, mine: dict[str, Any]) -> Iterator[TestClient]:
    """A gateway that the HR system and an operator speak to."""
    with own_gateway(ready, **mine) as (client, _):
        client.headers["X-API-Key"] = FIRST
        yield client


@pytest.fixture
def ear(ready: RunningPlant) -> Iterator[Ear]:
    """What Kafka hears."""
    ear = Ear(ready.settings(), "operator-inbox")
    yield ear
    ear.close()


@pytest.fixture
def employee(ready: RunningPlant, mine: dict[str, Any]) -> str:
    """Somebody whom a sync has just named; there is no row yet."""
    name = f"EMP-{uuid4().hex[:10]}"
    _claim(ready, mine["tenant_id"], name)
    return name


def _claim(plant: RunningPlant, tenant_id: str, name: str) -> None:
    with psycopg.connect(plant.app_url, row_factory=dict_row) as connection, connection.cursor() as rows:
        tenant(rows, tenant_id)
        operators.claim(rows, tenant_id, [name])


def _event(employee: str, **fields: Any) -> dict[str, Any]:
    """The document's event, of somebody else."""
    told = {
        "event_type": "clock_in",
        "timestamp": "2025-11-18T06:02:15Z",
        "employee_id": employee,
        "location": "Plant 1 - Entrance A",
        "shift_id": "SH-20251118-A",
    }
    return told | fields


def _heard(ear: Ear, employee: str) -> list[Message[Any]]:
    """What Kafka has of somebody."""
    return [decode(record.value()) for record in ear.records if record.key().decode().endswith(f"/{employee}")]


def _operator(gateway: TestClient) -> dict[str, str]:
    return {"Authorization": f"Bearer {ADMIN}"}


def test_the_document_s_event_is_in_kafka_when_it_is_acknowledged(gateway: TestClient, ear: Ear, employee: str) -> None:
    answer = gateway.post(ATTENDANCE, json=_event(employee))
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "message": "Clock-in recorded",
        "employee_id": employee,
        "operator_id": f"O-{employee.removeprefix('EMP-')}",
        "event_type": "clock_in",
        "timestamp": "2025-11-18T06:02:15Z",
    }
    (said,) = ear.until(lambda: _heard(ear, employee))
    assert (said.payload.shift_id, said.payload.location) == ("SH-20251118-A", "Plant 1 - Entrance A")
    assert said.timestamp == datetime(2025, 11, 18, 6, 2, 15, tzinfo=UTC)


def test_the_same_key_gets_the_same_answer_byte_for_byte_and_is_said_once(
    gateway: TestClient, ear: Ear, employee: str
) -> None:
    body = json.dumps(_event(employee)).encode()
    headers = {"Idempotency-Key": f"clk_in_{employee}_20251118_060215", "Content-Type": "application/json"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: gateway.post(ATTENDANCE, content=body, headers=headers), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    gateway.post(ATTENDANCE, json=_event(employee, event_type="clock_out"))
    ear.until(lambda: len(_heard(ear, employee)) >= 2)
    assert [each.payload.event_type for each in _heard(ear, employee)] == ["clock_in", "clock_out"]
    other = gateway.post(ATTENDANCE, json=_event(employee, location="elsewhere"), headers=headers)
    assert other.status_code == 422


def test_the_same_event_without_a_key_has_the_same_id(gateway: TestClient, ear: Ear, employee: str) -> None:
    for _ in range(2):
        assert gateway.post(ATTENDANCE, json=_event(employee)).status_code == 200
    ear.until(lambda: len(_heard(ear, employee)) == 2)
    assert len({each.message_id for each in _heard(ear, employee)}) == 1


def test_an_employee_whom_nobody_knows_is_not_found(gateway: TestClient) -> None:
    answer = gateway.post(ATTENDANCE, json=_event("EMP-NOBODY"))
    assert (answer.status_code, answer.json()["code"]) == (404, "INT-004")
    assert "requires master data sync" in answer.json()["detail"]


@pytest.mark.parametrize("key", [None, "", "wrong", FIRST + " ", "x" * 600, "é", "hr." + "0" * 32 + "." + "a" * 43])
def test_without_a_key_in_use_nobody_is_heard(gateway: TestClient, employee: str, key: str | None) -> None:
    del gateway.headers["X-API-Key"]
    headers: dict[bytes, bytes] = {} if key is None else {b"X-API-Key": key.encode()}
    answer = gateway.post(ATTENDANCE, json=_event(employee), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "INT-001")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "X-API-Key" in answer.headers["WWW-Authenticate"]


def test_a_bearer_token_is_no_key(gateway: TestClient, employee: str) -> None:
    del gateway.headers["X-API-Key"]
    assert gateway.post(ATTENDANCE, json=_event(employee), headers=_operator(gateway)).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"event_type":', 400),
        (b"[]", 400),
        (b'{"a":"\xff"}', 400),
        (b'{"a":"\\u0000"}', 400),
        (b"[" * 5000, 400),
        (b" " * (256 * 1024 + 1), 413),
        (json.dumps(_event("E", event_type="clocked")).encode(), 400),
        (json.dumps(_event("E", timestamp="2025-11-18T06:02:15")).encode(), 400),
        (json.dumps(_event("E", timestamp="soon")).encode(), 400),
        (json.dumps(_event("E", timestamp="0001-01-01T00:00:00Z")).encode(), 400),
        (json.dumps(_event("E", timestamp="9999-12-31T00:00:00Z")).encode(), 400),
        (json.dumps(_event("")).encode(), 400),
        (json.dumps({"event_type": "clock_in"}).encode(), 400),
    ],
)
def test_a_body_that_means_nothing_is_refused_with_its_reason(gateway: TestClient, body: bytes, status: int) -> None:
    answer = gateway.post(ATTENDANCE, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, "INT-003")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_an_event_of_a_clock_that_is_ahead_is_refused_and_a_late_one_is_taken(
    gateway: TestClient, employee: str
) -> None:
    now = datetime.now(UTC)
    ahead = _event(employee, timestamp=(now + timedelta(minutes=6)).isoformat())
    late = _event(employee, timestamp=(now - timedelta(days=3)).isoformat())
    assert gateway.post(ATTENDANCE, json=ahead).json()["reason"] == "FUTURE_TIMESTAMP"
    assert gateway.post(ATTENDANCE, json=late).status_code == 200


def test_more_than_the_limit_must_wait(ready: RunningPlant, mine: dict[str, Any], employee: str) -> None:
    with own_gateway(ready, **mine, attendance_limit_per_minute=3) as (client, _):
        client.headers["X-API-Key"] = FIRST
        answers = [client.post(ATTENDANCE, json=_event(employee)) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert (answers[3].json()["code"], int(answers[3].headers["Retry-After"]) >= 1) == ("INT-002", True)
    assert Settings.model_fields["attendance_limit_per_minute"].default == 1000


def test_while_kafka_is_away_nothing_is_accepted(ready: RunningPlant, mine: dict[str, Any], employee: str) -> None:
    headers = {"X-API-Key": FIRST, "Idempotency-Key": uuid4().hex}
    with own_gateway(ready, **mine, kafka_bootstrap="127.0.0.1:9") as (client, _):
        answer = client.post(ATTENDANCE, json=_event(employee), headers=headers)
    assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)
    with own_gateway(ready, **mine) as (client, _):
        assert client.post(ATTENDANCE, json=_event(employee), headers=headers).status_code == 200


def test_every_call_is_in_the_audit_log(ready: RunningPlant, mine: dict[str, Any], employee: str) -> None:
    with own_gateway(ready, **mine) as (client, _):
        client.headers["X-API-Key"] = FIRST
        client.post(ATTENDANCE, json=_event(employee))
        client.post(ATTENDANCE, json=_event("EMP-NOBODY"))
    with psycopg.connect(ready.app_url) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [mine["tenant_id"]])
        found = connection.execute(
            "SELECT integration_type, external_system, http_status_code, success FROM integration_audit_log ORDER BY 3"
        ).fetchall()
    assert found == [("hr_attendance_inbound", "HR", 200, True), ("hr_attendance_inbound", "HR", 404, False)]


def _said(gateway: TestClient, key: str, employee: str) -> int:
    return gateway.post(ATTENDANCE, json=_event(employee), headers={"X-API-Key": key}).status_code


def test_a_key_is_replaced_without_a_gap(gateway: TestClient, employee: str) -> None:
    person = _operator(gateway)
    (first,) = gateway.get(KEYS, headers=person).json()["keys"]
    made = gateway.post(KEYS, headers=person, json={"description": "2027"})
    assert made.status_code == 201
    second = made.json()
    assert [_said(gateway, key, employee) for key in (FIRST, second["key"])] == [200, 200]
    third = gateway.post(KEYS, headers=person)
    assert (third.status_code, first["key_id"] in third.json()["detail"]) == (409, True)
    assert gateway.delete(f"{KEYS}/{first['key_id']}", headers=person).status_code == 200
    assert [_said(gateway, key, employee) for key in (FIRST, second["key"])] == [401, 200]
    assert gateway.post(KEYS, headers=person).status_code == 201
    listed = gateway.get(KEYS, headers=person).json()["keys"]
    assert listed[0]["key_id"] == second["key_id"]
    assert sum(each["revoked_at"] is None for each in listed) == 2
    assert second["key"] not in json.dumps(listed)


def test_a_key_is_kept_as_its_hash_with_its_age_and_last_use(
    ready: RunningPlant, gateway: TestClient, mine: dict[str, Any], employee: str
) -> None:
    person = _operator(gateway)
    made = gateway.post(KEYS, headers=person).json()
    assert made["last_used_at"] is None
    _said(gateway, made["key"], employee)
    shown = {each["key_id"]: each for each in gateway.get(KEYS, headers=person).json()["keys"]}[made["key_id"]]
    assert shown["last_used_at"] is not None
    assert 0 <= shown["age_days"] < 1
    age = REGISTRY.get_sample_value("credential_age_days", {"credential": f"hr_api_key/{made['key_id']}"})
    assert age is not None
    assert 0 <= age < 1
    with psycopg.connect(ready.app_url) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [mine["tenant_id"]])
        stored = str(connection.execute("SELECT * FROM ops.api_keys").fetchall())
    assert made["key"] not in stored
    assert FIRST not in stored
    gateway.delete(f"{KEYS}/{made['key_id']}", headers=person)
    label = {"credential": f"hr_api_key/{made['key_id']}"}
    assert REGISTRY.get_sample_value("credential_age_days", label) is None


def test_a_setting_that_names_another_key_revokes_the_one_before(
    ready: RunningPlant, mine: dict[str, Any], employee: str
) -> None:
    with own_gateway(ready, **mine) as (client, _):
        assert _said(client, FIRST, employee) == 200
    with own_gateway(ready, **{**mine, "hr_api_key": "another"}) as (client, _):
        assert [_said(client, key, employee) for key in ("another", FIRST)] == [200, 401]
    with own_gateway(ready, **mine) as (client, _):
        assert _said(client, FIRST, employee) == 401, "what was revoked stays so"


def test_a_key_of_one_tenant_speaks_for_that_tenant_only(
    ready: RunningPlant, gateway: TestClient, mine: dict[str, Any], employee: str
) -> None:
    other = mine | {"tenant_id": str(uuid4()), "hr_api_key": None}
    with own_gateway(ready, **other) as (client, _):
        key = client.post(KEYS, headers=_operator(client)).json()["key"]
        assert _said(client, FIRST, employee) == 401
    assert _said(gateway, key, employee) == 404, "it is heard, and its tenant has no such employee"


def test_keys_are_for_operators_only(gateway: TestClient) -> None:
    assert gateway.get(KEYS).status_code == 401
    assert gateway.post(KEYS).status_code == 401
    assert gateway.delete(f"{KEYS}/KEY-1", headers=_operator(gateway)).status_code == 404


def test_two_who_make_a_key_at_once_make_one(gateway: TestClient) -> None:
    barrier = threading.Barrier(6)

    def make(_: int) -> int:
        barrier.wait()
        return gateway.post(KEYS, headers=_operator(gateway)).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(make, range(6))) == [201, 409, 409, 409, 409, 409]
