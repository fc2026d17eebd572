"""The simulated ERP, HR system, warehouse and MES refuse, act once, fail as ordered, and write down what they saw."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from compose.simulators.catalogue import PARTS
from compose.simulators.systems.asked import Asked
from compose.simulators.systems.faults import Fault, Faults
from compose.simulators.systems.wms import Wms
from tests.calls import COMPLETION, CONSUMPTION, RESERVATIONS, START, completion, post, reservation, shelf, token
from tests.systems import CLIENT, MES_PASSWORD, MES_USER, SECRET, SimulatedSystems, simulated_systems


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatedSystems]:
    with simulated_systems() as systems:
        yield systems


@pytest.fixture
def systems(running: SimulatedSystems) -> Iterator[SimulatedSystems]:
    yield running
    running.heal()
    running.forget()


@pytest.fixture
def client(systems: SimulatedSystems) -> Iterator[httpx2.Client]:
    """Somebody with a token for everything."""
    with httpx2.Client(base_url=systems.url, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {token(client)['access_token']}"
        yield client


# -- who may ask -------------------------------------------------------------------------------------------------------


def test_a_caller_without_a_token_is_refused(systems: SimulatedSystems) -> None:
    answer = httpx2.get(f"{systems.url}/erp/api/v1/materials")
    assert (answer.status_code, answer.json()["message"]) == (401, "A bearer token is needed.")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_from_elsewhere_is_refused(client: httpx2.Client) -> None:
    client.headers["Authorization"] = "Bearer of.another.server"
    assert client.get("/wms/api/v1/materials/stock-levels").status_code == 401


def test_a_token_ends_and_can_be_revoked(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.serve("oauth", "token-seconds", 0)
    client.headers["Authorization"] = f"Bearer {token(client)['access_token']}"
    systems.serve("oauth", "token-seconds", 3600)
    assert "expired" in client.get("/erp/api/v1/materials").json()["message"]
    client.headers["Authorization"] = f"Bearer {token(client)['access_token']}"
    assert client.get("/erp/api/v1/materials").status_code == 200
    systems.revoke_tokens()
    assert client.get("/erp/api/v1/materials").status_code == 401


def test_a_token_for_something_else_is_not_enough(client: httpx2.Client) -> None:
    given = token(client, scope="erp.read something.else")
    assert given["scope"] == "erp.read"
    client.headers["Authorization"] = f"Bearer {given['access_token']}"
    assert client.get("/erp/api/v1/materials").status_code == 200
    answer = post(client, COMPLETION, completion(), "no-right")
    assert (answer.status_code, answer.json()["message"]) == (403, "The token lacks the scope erp.write.")


def test_a_client_with_a_wrong_secret_gets_no_token(systems: SimulatedSystems) -> None:
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": "guessed"}
    assert httpx2.post(f"{systems.url}/oauth/token", data=form).status_code == 401
    assert httpx2.post(f"{systems.url}/oauth/token", data=form | {"grant_type": "password"}).status_code == 400


def test_the_mes_asks_for_user_and_password(client: httpx2.Client) -> None:
    signal = {
        "work_order_id": "WO-4600",
        "erp_work_order_id": "WO-ERP-452100",
        "machine_id": "M-203",
        "operator_id": "O-156",
        "start_time": "2025-11-18T14:30:00Z",
        "quantity_to_produce": 200,
        "product_id": "PROD-WD-100",
        "product_name": "Washer Door Assembly",
    }
    assert post(client, START, signal, "start-1").status_code == 401
    assert post(client, START, signal, "start-1", auth=(MES_USER, "guessed")).status_code == 401
    told = post(client, START, signal, "start-1", auth=(MES_USER, MES_PASSWORD)).json()
    assert told["mes_job_id"].startswith("JOB-MES-")
    assert told["message"] == "Work order started on machine M-203"


# -- what they refuse --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"quantity_good": 200}, "quantity_good is not quantity_produced less quantity_scrapped"),
        ({"quantity_produced": "200"}, "The field quantity_produced cannot be used"),
        ({"completion_timestamp": "yesterday"}, "The field completion_timestamp cannot be used"),
        ({"materials_consumed": [{"material_id": "MAT-A-1234"}]}, "materials_consumed.0.part_number is missing"),
        (
            {"resources_used": [{"resource_type": "machine", "resource_id": "M-203"}]},
            "machine M-203 lacks machine_hours",
        ),
    ],
)
def test_a_report_that_is_not_the_document_s_is_refused_with_a_sentence(
    client: httpx2.Client, changes: dict[str, Any], sentence: str
) -> None:
    answer = post(client, COMPLETION, completion(**changes), "wrong")
    assert answer.status_code == 400
    assert sentence in answer.json()["message"]


def test_a_missing_field_is_named(client: httpx2.Client) -> None:
    report = completion()
    del report["quality_results"]
    answer = post(client, COMPLETION, report, "lacking")
    assert (answer.status_code, answer.json()["message"]) == (400, "The field quality_results is missing.")


def test_a_post_without_a_key_a_wrong_method_and_a_wrong_path_are_refused(client: httpx2.Client) -> None:
    assert client.post(COMPLETION, json=completion()).status_code == 400
    assert client.get(COMPLETION).status_code == 405
    assert client.get("/erp/api/v1/customers").status_code == 404


def test_strict_systems_know_their_ids() -> None:
    with simulated_systems(strict=True) as systems, httpx2.Client(base_url=systems.url) as client:
        client.headers["Authorization"] = f"Bearer {token(client)['access_token']}"
        assert post(client, COMPLETION, completion(), "unknown-order").status_code == 404
        assert post(client, RESERVATIONS, reservation("R-1", "MAT-NONE", 1), "unknown-part").status_code == 404
        systems.serve("erp", "work-orders", [{"erp_work_order_id": "WO-ERP-452100", "status": "Released"}])
        assert post(client, COMPLETION, completion(), "known-order").status_code == 200


# -- once --------------------------------------------------------------------------------------------------------------


def test_the_same_key_with_the_same_body_is_answered_again_without_acting(
    systems: SimulatedSystems, client: httpx2.Client
) -> None:
    before = len(systems.held("erp", "completions"))
    first = post(client, COMPLETION, completion(), "once")
    again = post(client, COMPLETION, completion(), "once")
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert systems.acted("erp") == {"once": 1}
    assert len(systems.held("erp", "completions")) == before + 1
    assert [record["acted"] for record in systems.records("erp")] == [True, False]


def test_the_same_key_with_another_body_is_refused(systems: SimulatedSystems, client: httpx2.Client) -> None:
    post(client, COMPLETION, completion(), "mine").raise_for_status()
    assert post(client, COMPLETION, completion(mraos_work_order_id="WO-4601"), "mine").status_code == 422
    assert systems.acted("erp") == {"mine": 1}


def test_a_refused_request_may_come_again_corrected(systems: SimulatedSystems, client: httpx2.Client) -> None:
    assert post(client, COMPLETION, completion(quantity_good=0), "corrected").status_code == 400
    assert post(client, COMPLETION, completion(), "corrected").status_code == 200
    assert systems.acted("erp") == {"corrected": 1}


def test_what_was_acted_is_known_after_a_restart(tmp_path: Path) -> None:
    record = tmp_path / "systems.jsonl"
    with simulated_systems(record_path=record) as systems, httpx2.Client(base_url=systems.url) as client:
        client.headers["Authorization"] = f"Bearer {token(client)['access_token']}"
        first = post(client, RESERVATIONS, reservation("R-9", "MAT-A-1234", 400), "reserve-9")
    assert SECRET not in record.read_text()
    with simulated_systems(record_path=record) as systems, httpx2.Client(base_url=systems.url) as client:
        client.headers["Authorization"] = f"Bearer {token(client)['access_token']}"
        again = post(client, RESERVATIONS, reservation("R-9", "MAT-A-1234", 400), "reserve-9")
        assert again.json() == first.json()
        assert systems.acted("wms") == {"reserve-9": 1}
        [row] = [row for row in systems.held("wms", "stock-levels") if row["material_id"] == "MAT-A-1234"]
        assert row["allocated_quantity"] == 400


# -- how they fail -----------------------------------------------------------------------------------------------------


def test_a_status_is_answered_as_often_as_ordered(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.fault("erp", "status:500", times=2)
    statuses = [post(client, COMPLETION, completion(), "thrice").status_code for _ in range(3)]
    assert statuses == [500, 500, 200]
    assert systems.acted("erp") == {"thrice": 1}


def test_too_many_requests_say_when_to_come_back(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.fault("wms", "status:429:30", times=1)
    answer = client.get("/wms/api/v1/materials/stock-levels")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")


def test_a_connection_is_dropped_before_acting(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.fault("erp", "drop_before", times=1)
    with pytest.raises(httpx2.TransportError):
        post(client, COMPLETION, completion(), "before")
    assert systems.acted("erp") == {}
    assert post(client, COMPLETION, completion(), "before").status_code == 200
    assert [record["status"] for record in systems.records("erp")] == [None, 200]


def test_a_connection_is_dropped_after_acting_and_the_repeat_does_not_act(
    systems: SimulatedSystems, client: httpx2.Client
) -> None:
    systems.fault("erp", "drop_after", times=1)
    with pytest.raises(httpx2.TransportError):
        post(client, COMPLETION, completion(), "after")
    assert systems.acted("erp") == {"after": 1}
    assert post(client, COMPLETION, completion(), "after").headers["Idempotency-Replayed"] == "true"
    assert systems.acted("erp") == {"after": 1}


def test_a_slow_system_has_acted_when_the_caller_gives_up(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.fault("erp", "slow:60")
    with pytest.raises(httpx2.TimeoutException):
        post(client, COMPLETION, completion(), "slow", timeout=0.2)
    assert systems.acted("erp") == {"slow": 1}


def test_a_hanging_system_neither_acts_nor_answers(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.fault("erp", "hang")
    with pytest.raises(httpx2.TimeoutException):
        post(client, COMPLETION, completion(), "hanging", timeout=0.2)
    assert systems.acted("erp") == {}
    systems.heal()
    assert post(client, COMPLETION, completion(), "hanging").status_code == 200


def test_a_share_of_the_answers_fails_by_chance_the_same_each_time() -> None:
    def outcome() -> list[bool]:
        faults = Faults(seed=7)
        faults.order(Fault(system="erp", fault="status:500", share=0.5))
        return [faults.next("erp", "/x") is not None for _ in range(400)]

    assert outcome() == outcome()
    assert 150 < sum(outcome()) < 250


def test_a_fault_meets_its_system_and_its_path_only(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.fault("erp", "status:503", path="completion")
    assert client.get("/erp/api/v1/materials").status_code == 200
    assert client.get("/hr/api/v1/employees").status_code == 200
    assert post(client, COMPLETION, completion(), "only").status_code == 503


def test_a_fault_nobody_knows_is_refused(systems: SimulatedSystems) -> None:
    answer = systems.control.post("/_control/faults", json={"system": "erp", "fault": "explode"})
    assert answer.status_code == 422


# -- what they do ------------------------------------------------------------------------------------------------------


def test_the_warehouse_reserves_what_expires_first_and_nothing_expired(
    systems: SimulatedSystems, client: httpx2.Client
) -> None:
    row = shelf("MAT-1", ("NEW", 250, "2099-11-16"), ("OLD", 250, "2099-11-15"), ("GONE", 100, "2020-01-01"))
    systems.serve("wms", "stock-levels", [row])
    told = post(client, RESERVATIONS, reservation("R-2", "MAT-1", 400), "reserve-2").json()
    assert told["status"] == "success"
    assert told["inventory_reservation_id"].startswith("INV-RES-")
    [line] = told["materials_reserved"]
    assert [(batch["batch_number"], batch["quantity"]) for batch in line["batches_allocated"]] == [
        ("OLD", 250),
        ("NEW", 150),
    ]
    rest = post(client, RESERVATIONS, reservation("R-3", "MAT-1", 400), "reserve-3").json()
    assert (rest["status"], rest["materials_reserved"][0]["quantity_reserved"]) == ("partial", 100)


def test_released_and_consumed_stock_is_told(systems: SimulatedSystems, client: httpx2.Client) -> None:
    systems.serve("wms", "stock-levels", [shelf("MAT-2", ("B-1", 500, "2099-01-01"))])
    post(client, RESERVATIONS, reservation("R-4", "MAT-2", 400), "reserve-4").raise_for_status()
    post(client, RESERVATIONS, reservation("R-5", "MAT-2", 60), "reserve-5").raise_for_status()
    post(client, f"{RESERVATIONS}/R-5/release", {}, "release-5").raise_for_status()
    used = {
        "material_id": "MAT-2",
        "quantity_consumed": 405,
        "batch_number": "B-1",
        "reason_code": "PRODUCTION",
        "cost_center": "CC-Manufacturing-Line2",
    }
    transaction = {
        "transaction_id": "TXN-1",
        "work_order_id": "WO-R-4",
        "transaction_date": "2025-11-18T15:45:30Z",
        "materials_consumed": [used],
    }
    assert post(client, CONSUMPTION, transaction, "consume-4").json()["warnings"] == []
    [row] = client.get("/wms/api/v1/materials/stock-levels", params={"location": "Plant1"}).json()["materials"]
    assert (row["on_hand_quantity"], row["allocated_quantity"], row["available_quantity"]) == (95, 0, 95)
    assert row["batch_details"][0]["quantity"] == 95
    assert row["last_updated"] > "2026"
    assert client.get("/wms/api/v1/materials/stock-levels", params={"location": "Plant9"}).json() == {"materials": []}


def test_a_warehouse_counts_nothing_before_it_is_stocked() -> None:
    orders: list[str] = []
    warehouse = Wms(datetime.now(UTC), is_stocked=lambda: bool(orders))
    (levels,) = (route for route in warehouse.routes if route.path.endswith("stock-levels"))
    asked = Asked("GET", levels.path, {}, b"", datetime.now(UTC))
    assert levels.answer(asked) == {"materials": []}
    orders.append("WO-ERP-1")
    assert len(levels.answer(asked)["materials"]) == len(PARTS)


def test_a_reservation_nobody_made_cannot_be_released(client: httpx2.Client) -> None:
    assert post(client, f"{RESERVATIONS}/R-NONE/release", {}, "release-none").status_code == 404


def test_people_come_in_pages(client: httpx2.Client) -> None:
    query: dict[str, str | int] = {"department": "Manufacturing", "status": "active", "page_size": 15}
    pages = [client.get("/hr/api/v1/employees", params=query | {"page": page}).json() for page in (1, 2, 3)]
    people = [person for page in pages for person in page["employees"]]
    assert pages[0]["total_count"] == len({person["employee_id"] for person in people}) == 40
    assert {person["department"] for person in people} == {"Manufacturing"}
    expiries = [skill["certification_expiry"] for person in people for skill in person["skills"]]
    assert min(expiries) < datetime.now(UTC).date().isoformat() < max(expiries)


def test_every_day_has_its_shifts(client: httpx2.Client) -> None:
    query = {"date": "2031-02-03", "department": "Manufacturing"}
    rows = client.get("/hr/api/v1/schedules", params=query).json()["schedules"]
    assert 20 < len(rows) < 40
    assert {row["shift_date"] for row in rows} == {"2031-02-03"}
    assert {row["shift_name"] for row in rows} == {"Shift A", "Shift B", "Shift C"}
    assert client.get("/hr/api/v1/schedules", params={"date": "soon"}).status_code == 400


def test_hours_are_taken(systems: SimulatedSystems, client: httpx2.Client) -> None:
    entry = {
        "employee_id": "EMP-2024-0156",
        "clock_in": "2025-11-18T06:02:15Z",
        "clock_out": "2025-11-18T14:05:30Z",
        "total_hours": 8.05,
        "break_hours": 0.5,
        "work_hours": 7.55,
        "overtime_hours": 0.0,
        "work_orders_assigned": ["WO-4600"],
    }
    told = post(client, "/hr/api/v1/time-entries", {"date": "2025-11-18", "time_entries": [entry]}, "hours-1")
    assert told.json()["entries_accepted"] == 1
    assert systems.held("hr", "time-entries")[-1]["time_entries"] == [entry]


def test_the_erp_tells_what_changed_since(systems: SimulatedSystems, client: httpx2.Client) -> None:
    orders = [
        {"erp_work_order_id": "WO-ERP-1", "status": "Released", "updated_at": "2025-11-17T10:00:00+00:00"},
        {"erp_work_order_id": "WO-ERP-2", "status": "Released", "updated_at": "2025-11-18T10:00:00+00:00"},
    ]
    systems.serve("erp", "work-orders", orders)
    query = {"updated_since": "2025-11-18T00:00:00+00:00"}
    told = client.get("/erp/api/v1/work-orders", params=query).json()
    assert (told["work_orders"], told["total_count"]) == (orders[1:], 1)
    assert client.get("/erp/api/v1/work-orders", params={"updated_since": "lately"}).status_code == 400


def test_requests_are_written_down_as_they_came(systems: SimulatedSystems, client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "seen", "X-Correlation-ID": "corr-1"}
    client.post(COMPLETION, json=completion(), headers=headers).raise_for_status()
    [record] = systems.await_records(1, "erp", "completion")
    assert record["path"] == "/api/production/work-order-completion"
    assert (record["idempotency_key"], record["correlation_id"], record["status"]) == ("seen", "corr-1", 200)
    assert record["body"] == completion()
    assert record["authorization"].startswith("Bearer ")
    assert record["answer"]["status"] == "success"
