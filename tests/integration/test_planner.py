"""The planner on real Kafka and Postgres: what is asked for is computed once, whatever is done to it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from schemas.messages.machines import DowntimeRecorded
from streams.driver import Output
from tests import shop_rows
from tests.integration.events import event, publish
from tests.integration.planners import accepted, ended, said, scheduled
from tests.messages import message
from tests.plants import RunningPlant, eventually
from tests.shop_rows import Placed

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture
def client(planning: TestClient) -> TestClient:
    return planning


def test_a_schedule_that_is_asked_for_is_computed_and_told(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    found = scheduled(client)
    assert (found["status"], found["progress_percentage"], found["failure"]) == ("proposed", 100, None)
    assert {each["run_id"] for each in found["operations"]} == {each for runs in shop.runs.values() for each in runs}
    assert {each["code"] for each in found["work_centers"]} == {f"{code}-{shop.name}" for code in ("P1", "P2", "L1")}
    assert found["inputs"]["runs"] == 6
    assert len(found["inputs"]["digest"]) == 64
    events = eventually(lambda: said(migrated, found["schedule_id"]), 20, "nobody heard of it")
    assert events == ["plan.schedule_finished"]


def test_an_accepted_schedule_gives_the_runs_their_times_once(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    found = scheduled(client)
    url = f"/api/v1/schedules/{found['schedule_id']}/accept"
    accepted = client.post(url)
    assert (accepted.status_code, accepted.json()["status"]) == (200, "accepted"), accepted.text
    again = client.post(url)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "The schedule is accepted: only a proposed one can be accepted.",
    )
    current = client.get("/api/v1/schedules/current").json()
    assert current["schedule_id"] == found["schedule_id"]
    with migrated.rows() as rows:
        rows.execute("SELECT id::text AS id, status, scheduled_start FROM production_runs")
        runs = {row["id"]: (row["status"], row["scheduled_start"].isoformat()) for row in rows.fetchall()}
    assert runs == {
        each["run_id"]: ("scheduled", each["start_at"].replace("Z", "+00:00")) for each in found["operations"]
    }
    events = eventually(lambda: said(migrated, found["schedule_id"])[1:], 20, "nobody heard of it")
    assert events == ["plan.schedule_accepted"]


def test_a_schedule_of_runs_that_were_changed_since_is_refused(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    first, second = scheduled(client), scheduled(client, seed=2)
    assert client.post(f"/api/v1/schedules/{first['schedule_id']}/accept").status_code == 200
    late = client.post(f"/api/v1/schedules/{second['schedule_id']}/accept")
    assert late.status_code == 409
    assert "was changed since the schedule was computed" in late.json()["detail"]
    assert ended(client, f"/api/v1/schedules/{second['schedule_id']}")["status"] == "proposed"


def downtime(machine: str, minutes: float, *, is_over: bool = False, ago: timedelta = timedelta()) -> Output:
    """What the agents say when a machine tells that it is down, or runs again."""
    at = datetime.now(UTC) - ago
    payload = DowntimeRecorded(
        machine_id=machine,
        downtime_id=f"DT-{machine}-{ago.total_seconds():.0f}",
        downtime_reason_code="MECH_FAULT",
        downtime_reason_description="Hydraulic pressure drop",
        severity="high",
        started_at=at,
        estimated_repair_time_minutes=minutes,
        ended_at=at if is_over else None,
    )
    return event(message("downtime.ended" if is_over else "downtime.started", payload, message_id=f"{uuid4().hex}"))


def break_down(plant: RunningPlant, machine: str, minutes: float, *, is_over: bool = False) -> None:
    """A machine is down, or runs again."""
    publish(plant.settings(), [downtime(machine, minutes, is_over=is_over)])


def proposals(client: TestClient, **wanted: str) -> list[dict[str, Any]]:
    """The proposals of some status."""
    found: list[dict[str, Any]] = client.get("/api/v1/proposals", params=wanted).json()["proposals"]
    return found


def test_a_machine_that_breaks_down_leads_to_a_proposal_that_one_click_accepts(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    before = accepted(client)
    press = next(each["work_center_id"] for each in before["operations"] if each["sequence_number"] == 10)
    code = next(each["code"] for each in before["work_centers"] if each["work_center_id"] == press)
    break_down(migrated, f"M-{code}", 240)
    (found,) = eventually(lambda: proposals(client, status="open"), 20, "nothing is proposed")
    assert (found["cause"], found["schedule_id"]) == ("breakdown", before["schedule_id"])
    assert found["cause_text"].startswith(f"{code} (M-{code}) is down since ")
    assert "Hydraulic pressure drop" in found["cause_text"]
    assert found["moves"]
    assert 0 <= found["cost_of_proposal_minutes"] <= found["cost_of_doing_nothing_minutes"]
    told = client.post(f"/api/v1/proposals/{found['proposal_id']}/accept")
    assert (told.status_code, told.json()["status"]) == (200, "accepted"), told.text
    current = client.get("/api/v1/schedules/current").json()
    assert current["schedule_id"] != before["schedule_id"]
    places = {each["run_id"]: each["start_at"] for each in current["operations"]}
    for move in found["moves"]:
        assert places[move["run_id"]] == move["to_start_at"]
    assert client.get(f"/api/v1/schedules/{before['schedule_id']}").json()["status"] == "superseded"


def test_a_proposal_is_outdated_when_the_machine_runs_again(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    accepted(client)
    break_down(migrated, f"M-L1-{shop.name}", 240)
    (found,) = eventually(lambda: proposals(client, status="open"), 20, "nothing is proposed")
    break_down(migrated, f"M-L1-{shop.name}", 240, is_over=True)
    (gone,) = eventually(lambda: proposals(client, status="outdated"), 20, "it is still open")
    assert gone["proposal_id"] == found["proposal_id"]
    late = client.post(f"/api/v1/proposals/{found['proposal_id']}/accept")
    assert (late.status_code, late.json()["detail"]) == (409, "The proposal is outdated: there is nothing to decide.")


def test_the_end_of_an_earlier_downtime_leaves_the_proposal_for_the_one_that_lasts(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    accepted(client)
    machine = f"M-L1-{shop.name}"
    earlier = downtime(machine, 240, is_over=True, ago=timedelta(hours=1))
    publish(migrated.settings(), [downtime(machine, 240), earlier])
    (found,) = eventually(lambda: proposals(client, status="open"), 20, "nothing is proposed")
    break_down(migrated, machine, 240, is_over=True)
    (gone,) = eventually(lambda: proposals(client, status="outdated"), 20, "it is still open")
    assert gone["proposal_id"] == found["proposal_id"]


def test_a_rush_order_and_late_material_are_told(client: TestClient, shop: Placed, migrated: RunningPlant) -> None:
    accepted(client)
    with migrated.rows() as rows:
        tenant = migrated.endpoints["TENANT_ID"]
        due = shop_rows.now() + timedelta(hours=2)
        order = shop_rows.order(rows, tenant, f"PO-{shop.name}-rush", due, priority="urgent")
        shop_rows.run(rows, tenant, order, 10, [shop.centers["P1"]], 45)
    body = {"cause": "rush", "production_order_id": f"PO-{shop.name}-rush"}
    told = client.post("/api/v1/proposals", json=body)
    assert told.status_code == 202, told.text
    rush = ended(client, told.json()["status_url"])
    assert (rush["status"], rush["failure"]) == ("open", None)
    assert [each["order_number"] for each in rush["moves"] if each["from_start_at"] is None] == [
        body["production_order_id"]
    ]
    assert client.post("/api/v1/proposals", json=body).status_code == 409
    dismissed = client.post(f"/api/v1/proposals/{rush['proposal_id']}/dismiss").json()
    assert (dismissed["status"], dismissed["decided_by"] is None) == ("dismissed", False)

    at = (shop_rows.now() + timedelta(hours=9)).isoformat()
    late = {"cause": "late_material", "production_order_id": f"PO-{shop.name}-0", "available_at": at}
    found = ended(client, client.post("/api/v1/proposals", json=late).json()["status_url"])
    assert (found["status"], found["failure"]) == ("open", None)
    (effect,) = [each for each in found["orders"] if each["order_number"] == f"PO-{shop.name}-0"]
    assert effect["late_minutes_after"] > 0
    assert effect["reason"]


def test_an_operation_is_dragged_where_it_may_be_and_not_elsewhere(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    found = accepted(client)
    first = min(
        (each for each in found["operations"] if each["sequence_number"] == 10), key=lambda its: its["start_at"]
    )
    body = {"run_id": first["run_id"], "work_center_id": shop.centers["L1"], "start_at": first["start_at"]}
    url = f"/api/v1/schedules/{found['schedule_id']}"
    wrong = client.post(f"{url}/check", json=body)
    assert (wrong.status_code, wrong.json()["detail"].startswith("This work centre cannot do operation 10")) == (
        409,
        True,
    )
    later = datetime.fromisoformat(first["end_at"]) + timedelta(hours=5)
    moved = body | {"work_center_id": first["work_center_id"], "start_at": later.isoformat()}
    told = client.post(f"{url}/check", json=moved).json()
    assert (told["is_allowed"], told["violations"]) == (True, [])
    assert told["moved"][0]["run_id"] == first["run_id"]
    assert first["order_number"] in {each["order_number"] for each in told["late_orders"]}
    made = client.post(f"{url}/moves", json=moved)
    assert made.status_code == 201, made.text
    current = client.get("/api/v1/schedules/current").json()
    assert current["schedule_id"] == made.json()["schedule_id"]
    assert {each["run_id"]: each["start_at"] for each in current["operations"]}[first["run_id"]] == told["moved"][0][
        "to_start_at"
    ]


def test_a_what_if_stands_beside_the_plan_and_cannot_be_accepted(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    plan = scheduled(client, rule="EDD")
    closed = {"from_at": shop_rows.now().isoformat(), "to_at": (shop_rows.now() + timedelta(days=2)).isoformat()}
    what_if = {"work_centers": [{"work_center_id": f"L1-{shop.name}", "closed": [closed]}]}
    other = scheduled(client, scenario="paint shop closed", rule="EDD", what_if=what_if)
    ids = f"{other['schedule_id']},{plan['schedule_id']}"
    told = client.get("/api/v1/schedules/compare", params={"ids": ids}).json()["schedules"]
    assert [each["scenario"] for each in told] == ["paint shop closed", "plan"]
    makespans = [each["objective"]["makespan_minutes"] for each in told]
    assert makespans[0] > 2 * 1440 > makespans[1]
    refused = client.post(f"/api/v1/schedules/{other['schedule_id']}/accept")
    assert (refused.status_code, refused.json()["detail"].startswith("It was computed for a shop that is not so")) == (
        409,
        True,
    )
    assert client.get("/api/v1/schedules/compare", params={"ids": str(uuid4())}).status_code == 404


def test_an_extra_order_without_a_routing_is_told(client: TestClient, shop: Placed) -> None:
    due = (shop_rows.now() + timedelta(days=1)).isoformat()
    extra = {"name": "rush", "product_id": "NOTHING-9", "quantity": 5, "due_date": due}
    found = scheduled(client, what_if={"extra_orders": [extra]})
    assert (found["status"], found["failure"]) == ("failed", "No active routing makes NOTHING-9.")


def test_the_same_request_is_computed_once(client: TestClient, shop: Placed) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = client.post("/api/v1/schedules", json={"rule": "SPT"}, headers=key)
    again = client.post("/api/v1/schedules", json={"rule": "SPT"}, headers=key)
    assert first.status_code == again.status_code == 202
    assert first.content == again.content
    assert client.post("/api/v1/schedules", json={"rule": "EDD"}, headers=key).status_code == 422


def test_the_load_of_work_centres_is_told_and_kept(client: TestClient, shop: Placed, migrated: RunningPlant) -> None:
    accepted(client, rule="EDD")
    until = (shop_rows.now() + timedelta(days=3)).isoformat()
    told = client.get("/api/v1/capacity", params={"to_at": until}).json()
    mine = [each for each in told["buckets"] if each["code"] == f"L1-{shop.name}"]
    assert sum(each["required_minutes"] for each in mine) == 3 * (10 + 30)
    assert all(each["available_minutes"] > 0 and not each["is_bottleneck"] for each in mine)
    assert client.get("/api/v1/capacity", params={"to_at": until}).status_code == 200
    with migrated.rows() as rows:
        rows.execute(
            "SELECT sum(required_minutes)::int AS kept FROM capacity_planning WHERE work_center_id = %s",
            [shop.centers["L1"]],
        )
        assert rows.fetchall() == [{"kept": 120}]
    wrong = client.get("/api/v1/capacity", params={"from_at": "9999-12-31T00:00:00Z"})
    assert (wrong.status_code, wrong.json()["detail"]) == (400, "from_at and to_at must lie within ten years from now.")
