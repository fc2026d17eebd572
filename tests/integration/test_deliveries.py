"""What we tell other systems arrives once, however they fail: the table of 002 section 7.1 against systems that do."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.admin import create_topics
from tests.gateways import own_gateway
from tests.integration.events import kept_projector, publish
from tests.integration.jobs import complete, deliveries_of, ended, kept_jobs, rows, started_order
from tests.integration.kept import Kept
from tests.plants import RunningPlant, eventually
from tests.systems import SimulatedSystems, simulated_systems

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

COMPLETION = "/api/production/work-order-completion"
QUICK = {
    "CALL_TIMEOUT_SECONDS": "1",
    "RETRY_UNAUTHORIZED": "0",
    "RETRY_RATE_LIMITED": "0.3,0.6,1.2",
    "RETRY_NOT_FOUND": "0.4",
    "RETRY_SERVER_ERROR": "0.3,0.6,0.9",
    "RETRY_TIMEOUT": "0.3,0.6",
    "RETRY_NETWORK": "0,0.3,0.6",
    "BREAKER_FAILURES": "10000",
    "BREAKER_SECONDS": "2",
}
Start = Callable[..., Kept]


@pytest.fixture(scope="module")
def plant(migrated: RunningPlant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlant]:
    """Topics, tables and a projector."""
    create_topics(migrated.settings())
    projector = kept_projector(migrated, tmp_path_factory.mktemp("projector"))
    yield migrated
    projector.stop()


@pytest.fixture(scope="module")
def systems() -> Iterator[SimulatedSystems]:
    with simulated_systems() as found:
        yield found


@pytest.fixture(autouse=True)
def healthy(systems: SimulatedSystems) -> Iterator[None]:
    """Every test begins with systems that work."""
    systems.heal()
    yield
    systems.heal()


@pytest.fixture(scope="module")
def quick(plant: RunningPlant, systems: SimulatedSystems, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A process whose retries wait for moments, not for minutes."""
    log = tmp_path_factory.mktemp("jobs") / "quick.log"
    process = kept_jobs(plant, log, **QUICK, **systems.settings())
    yield process
    process.stop()


@pytest.fixture
def start(plant: RunningPlant, systems: SimulatedSystems, tmp_path: Path) -> Iterator[Start]:
    """Starts processes with settings of their own, which are gone after the test."""
    running: list[Kept] = []

    def start_jobs(**env: str) -> Kept:
        log = tmp_path / f"jobs-{len(running)}.log"
        settings = QUICK | systems.settings() | env
        running.append(kept_jobs(plant, log, **settings))
        return running[-1]

    yield start_jobs
    for each in running:
        each.stop()


def calls_of(systems: SimulatedSystems, delivery: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests that came for a delivery."""
    system = delivery["external_system"].lower()
    return [each for each in systems.records(system) if each["idempotency_key"] == delivery["delivery_id"]]


def pauses(calls: list[dict[str, Any]]) -> list[float]:
    """Seconds between the calls."""
    moments = [datetime.fromisoformat(str(call["at"])) for call in calls]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]


# The first three have processes of their own; `quick` starts after them.


@pytest.mark.chaos
def test_a_process_killed_in_the_middle_of_a_call_delivers_once(
    plant: RunningPlant, systems: SimulatedSystems, start: Start
) -> None:
    systems.fault("erp", "slow:4", times=1)
    process = start(CALL_TIMEOUT_SECONDS="20")
    (order,) = complete(plant)
    eventually(lambda: deliveries_of(plant, order), 30, "no delivery was made")
    (waiting,) = deliveries_of(plant, order)
    eventually(
        lambda: rows(
            plant,
            "SELECT 1 FROM ops.procrastinate_jobs WHERE args ->> 'delivery_id' = %s AND status = 'doing'",
            waiting["delivery_id"],
        ),
        30,
        "the call does not begin",
    )
    process.kill()
    delivery = ended(plant, order, "succeeded", seconds=90)
    assert len(calls_of(systems, delivery)) >= 1
    assert systems.acted("erp")[delivery["delivery_id"]] == 1


@pytest.mark.chaos
def test_of_two_processes_one_reacts_and_the_other_takes_over(
    plant: RunningPlant, systems: SimulatedSystems, start: Start
) -> None:
    first, _second = start(), start()
    early = complete(plant, 5)
    for order in early:
        ended(plant, order, "succeeded")
    first.kill()
    late = complete(plant, 5)
    for order in late:
        ended(plant, order, "succeeded", seconds=60)
    found = deliveries_of(plant, *early, *late)
    assert len(found) == 10
    acted = systems.acted("erp")
    assert {acted[each["delivery_id"]] for each in found} == {1}


def test_a_circuit_opens_after_five_failures_lets_one_probe_through_and_closes(
    plant: RunningPlant, systems: SimulatedSystems, start: Start
) -> None:
    systems.fault("erp", "status:500")
    systems.forget()
    settings = {"BREAKER_FAILURES": "5", "BREAKER_SECONDS": "4", "RETRY_SERVER_ERROR": "0.1," * 30 + "0.1"}
    start(**settings)
    start(**settings)

    def breaker() -> dict[str, Any]:
        found = rows(plant, "SELECT * FROM ops.circuit_breakers WHERE external_system = 'ERP'")
        return found[0] if found else {}

    openings = breaker().get("openings", 0)
    names = complete(plant)
    eventually(lambda: breaker().get("openings", 0) == openings + 1, 60, "the circuit does not open")
    names += complete(plant, 3)
    calls = systems.await_records(7, "erp", COMPLETION, seconds=60)
    assert min(pauses(calls)[4:]) >= 4, "after five failures one probe goes out each time, whoever sends it"
    eventually(
        lambda: {each["waits_for"] for each in deliveries_of(plant, *names)} == {"circuit"}, 30, "they do not wait"
    )
    systems.heal()
    for order in names:
        ended(plant, order, "succeeded", seconds=60)
    assert breaker()["state"] == "closed"
    attempts = sum(each["attempts"] for each in deliveries_of(plant, *names))
    assert attempts == len(systems.records("erp", COMPLETION)), "what an open circuit holds back is no attempt"
    alerts = rows(
        plant,
        "SELECT severity FROM alerts WHERE kind = 'integration.circuit_open' AND entity_id = 'ERP' "
        "AND alert_key LIKE %s",
        f"%/{openings + 1}",
    )
    assert [each["severity"] for each in alerts] == ["critical"], "one alert for one opening"
    assert {systems.acted("erp")[each["delivery_id"]] for each in deliveries_of(plant, *names)} == {1}


@pytest.mark.usefixtures("quick")
def test_a_completed_order_is_reported_to_the_erp(plant: RunningPlant, systems: SimulatedSystems) -> None:
    (order,) = complete(plant)
    delivery = ended(plant, order, "succeeded")
    (call,) = calls_of(systems, delivery)
    assert call["path"].endswith(COMPLETION)
    assert call["correlation_id"] == delivery["correlation_id"]
    assert call["body"]["mraos_work_order_id"] == order
    assert call["body"]["quantity_produced"] == 2
    assert systems.acted("erp")[delivery["delivery_id"]] == 1
    (head,) = rows(plant, "SELECT erp_synchronized_at FROM work_orders WHERE work_order_id = %s", order)
    assert head["erp_synchronized_at"] == delivery["finished_at"]
    (line,) = rows(plant, "SELECT * FROM integration_audit_log WHERE delivery_id = %s", delivery["delivery_id"])
    assert (line["direction"], line["external_system"], line["http_status_code"]) == ("outbound", "ERP", 200)
    assert (line["success"], line["correlation_id"]) == (True, delivery["correlation_id"])
    assert line["integration_type"] == "erp_work_order_completion_outbound"


@pytest.mark.usefixtures("quick")
def test_a_started_order_is_told_to_the_mes_and_its_job_is_kept(plant: RunningPlant, systems: SimulatedSystems) -> None:
    order, events = started_order()
    publish(plant.settings(), events)
    delivery = ended(plant, order, "succeeded")
    (call,) = calls_of(systems, delivery)
    assert call["body"]["work_order_id"] == order
    assert call["body"]["operator_id"] == "O-156"
    (head,) = rows(plant, "SELECT mes_job_id FROM work_orders WHERE work_order_id = %s", order)
    assert head["mes_job_id"] == delivery["last_answer"]["mes_job_id"]


@pytest.mark.usefixtures("quick")
def test_a_lost_answer_is_asked_for_again_and_acted_upon_once(plant: RunningPlant, systems: SimulatedSystems) -> None:
    systems.fault("erp", "drop_after", times=1)
    (order,) = complete(plant)
    delivery = ended(plant, order, "succeeded")
    calls = calls_of(systems, delivery)
    assert len(calls) == delivery["attempts"] == 2
    assert calls[0]["body"] == calls[1]["body"], "the request is the same at each attempt"
    assert systems.acted("erp")[delivery["delivery_id"]] == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("fault", "waits", "code", "status_code"),
    [
        ("status:401", [0], "INT-001", 401),
        ("status:429:0", [0.3, 0.6, 1.2], "INT-002", 429),
        ("status:400", [], "INT-003", 400),
        ("status:422", [], "INT-003", 422),
        ("status:404", [0.4], "INT-004", 404),
        ("status:500", [0.3, 0.6, 0.9], "SERVER_ERROR", 500),
        ("status:503", [0.3, 0.6, 0.9], "SERVER_ERROR", 503),
        ("status:504", [0.3, 0.6], "INT-005", 504),
        ("hang", [0.3, 0.6], "INT-005", None),
        ("drop_before", [0, 0.3, 0.6], "NETWORK_ERROR", None),
    ],
)
def test_each_row_of_the_retry_table(
    plant: RunningPlant,
    systems: SimulatedSystems,
    fault: str,
    waits: list[float],
    code: str,
    status_code: int | None,
) -> None:
    systems.fault("erp", fault)
    (order,) = complete(plant)
    delivery = ended(plant, order, "failed")
    calls = calls_of(systems, delivery)
    assert len(calls) == delivery["attempts"] == len(waits) + 1
    assert all(seen >= wait - 0.05 for seen, wait in zip(pauses(calls), waits, strict=True)), pauses(calls)
    assert delivery["last_status_code"] == status_code
    ((letter,),) = plant.await_rows(
        "SELECT error_code || ' ' || source_address || ' ' || status FROM integration_failures WHERE failure_key = %s",
        delivery["failure_key"],
    )
    assert letter == f"{code} deliveries/{delivery['delivery_id']} pending_manual_review"
    plant.await_rows(
        "SELECT 1 FROM alerts WHERE kind = 'integration.failed' AND entity_id = %s", delivery["delivery_id"]
    )


@pytest.mark.usefixtures("quick")
def test_retry_after_is_respected_where_it_is_longer(plant: RunningPlant, systems: SimulatedSystems) -> None:
    systems.fault("erp", "status:429:2", times=1)
    (order,) = complete(plant)
    (pause,) = pauses(calls_of(systems, ended(plant, order, "succeeded")))
    assert pause >= 1.95


@pytest.mark.usefixtures("quick")
def test_a_token_that_is_refused_is_replaced_at_once(plant: RunningPlant, systems: SimulatedSystems) -> None:
    (first,) = complete(plant)
    ended(plant, first, "succeeded")
    systems.revoke_tokens()
    (order,) = complete(plant)
    delivery = ended(plant, order, "succeeded")
    calls = calls_of(systems, delivery)
    assert [call["status"] for call in calls] == [401, 200]
    assert calls[0]["authorization"] != calls[1]["authorization"]


@pytest.mark.usefixtures("quick")
def test_the_third_refusal_for_want_of_authentication_alerts_the_administrator(
    plant: RunningPlant, systems: SimulatedSystems
) -> None:
    (before,) = complete(plant)
    ended(plant, before, "succeeded")
    systems.fault("erp", "status:401")
    names = complete(plant, 3)
    for order in names:
        ended(plant, order, "failed")
    alerts = plant.await_rows("SELECT message FROM alerts WHERE kind = 'integration.unauthorized'")
    assert "3 deliveries in a row" in alerts[0][0]


@pytest.mark.usefixtures("quick")
def test_a_system_that_hangs_holds_up_no_other(plant: RunningPlant, systems: SimulatedSystems) -> None:
    systems.fault("erp", "hang")
    stuck = complete(plant, 12)
    order, events = started_order()
    publish(plant.settings(), events)
    ended(plant, order, "succeeded")
    assert any(each["status"] == "pending" for each in deliveries_of(plant, *stuck))
    systems.heal()


@pytest.mark.usefixtures("quick")
def test_what_waits_says_so_and_a_person_may_have_it_tried_again(
    plant: RunningPlant, systems: SimulatedSystems
) -> None:
    systems.fault("erp", "status:400")
    (order,) = complete(plant)
    failed = ended(plant, order, "failed")
    plant.await_rows("SELECT 1 FROM integration_failures WHERE failure_key = %s", failed["failure_key"])
    systems.heal()
    path = f"/api/v1/deliveries/{failed['delivery_id']}"
    with own_gateway(plant) as (client, _):
        client.headers["Authorization"] = f"Bearer {plant.endpoints['ADMIN_TOKEN']}"
        listed = client.get("/api/v1/deliveries", params={"subject": order, "status": "failed"}).json()
        assert [each["delivery_id"] for each in listed["deliveries"]] == [failed["delivery_id"]]
        shown = client.get(path).json()
        assert [call["http_status_code"] for call in shown["calls"]] == [400]
        assert client.post(f"{path}/retry").json()["status"] == "pending"
        succeeded = ended(plant, order, "succeeded")
        again = client.post(f"{path}/retry")
        assert again.status_code == 409
        lines = client.get("/api/v1/audit", params={"correlation_id": failed["correlation_id"], "success": True}).json()
        assert failed["delivery_id"] in {line["delivery_id"] for line in lines["lines"]}
        assert {line["success"] for line in lines["lines"]} == {True}
        assert client.get("/api/v1/deliveries/DLV-nobody").status_code == 404
    assert {call["idempotency_key"] for call in calls_of(systems, succeeded)} == {failed["delivery_id"]}
    ((status,),) = plant.await_rows(
        "SELECT status FROM integration_failures WHERE failure_key = %s", failed["failure_key"]
    )
    assert status == "resolved"
