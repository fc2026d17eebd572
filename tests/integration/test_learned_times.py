"""What was learned of operations: suggested for routings, scheduled with where it is wanted, promised of orders."""

from datetime import datetime
from math import log
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from schemas.settings import DEFAULT_TENANT
from sql.database import Rows
from tests.integration.planners import accepted, scheduled
from tests.plants import RunningPlant
from tests.shop_rows import Placed
from tests.workshops import Shop
from tests.workshops import shop as workshop

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

LANE = "op-PROD-WD-100.PRESSING"
SETUP_LANE = "setup-PROD-WD-100.PRESSING"
VERSION = """
INSERT INTO estimate_versions (tenant_id, lane_id, provider, version, is_latest, observations, tokens_mean, tokens_std,
  duration_mean, duration_std, cost_mean, cost_std, is_converged, is_restated, learned, hits, drift, observation_id,
  changed_at, event_topic, event_partition, event_offset, caused_by)
VALUES (%(tenant)s, %(lane)s, %(provider)s, 7, true, %(count)s, 1, 1, %(minutes)s, 1, 1, 1, true, false, %(learned)s,
  %(hits)s, '{}', 'o', now(), 'calibration-priors', 0, 1, 'test')
"""


def learn(rows: Rows, lane: str, provider: str, minutes: float, count: int = 20) -> None:
    """As if a work centre had done it so often, in about so many minutes a unit."""
    learned = {"mean": minutes, "std": 1, "weight": float(count), "mean_log": log(minutes), "square_log": count * 0.01}
    hits = {"promised": 10, "within_50": 5, "within_90": 9, "pinball": 0.1, "pinball_smoothing": 0.1}
    told = {"learned": learned | {"widening": 1.0}, "hits": hits}
    rows.execute(
        VERSION,
        {
            "tenant": DEFAULT_TENANT,
            "lane": lane,
            "provider": provider,
            "count": count,
            "minutes": minutes,
            **{name: Jsonb({"duration_minutes": each}) for name, each in told.items()},
        },
    )


@pytest.fixture
def client(planning: TestClient, migrated: RunningPlant) -> TestClient:
    with migrated.rows() as rows:
        rows.execute("DELETE FROM estimate_versions")
        rows.execute("UPDATE tenants SET schedule_durations = 'routing'")
        rows.execute("DELETE FROM edit_audits WHERE subject = 'schedule_settings'")
    return planning


class Pressed:
    """A product that is pressed and packed, and its routing; thirty seconds a unit each."""

    def __init__(self, plant: RunningPlant, client: TestClient) -> None:
        with plant.rows() as rows:
            self.shop: Shop = workshop(rows, (("PRESSING", 100), ("PACKAGING", 100)), run_seconds=30)
        self.url, self.client = f"/api/v1/routings/{self.shop.routing_id}", client
        self.lane = f"op-{self.shop.product_id}.PRESSING"
        self.code = str(self.suggestions()[0]["work_center_code"])

    def suggestions(self) -> list[dict[str, Any]]:
        told = self.client.get(f"{self.url}/suggestions")
        assert told.status_code == 200, told.text
        found: list[dict[str, Any]] = told.json()["suggestions"]
        return found

    def accept(self, *operations: dict[str, Any], version: int = 1, key: str | None = None) -> Any:
        body = {"version": version, "reason": "measured for a month", "operations": list(operations)}
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(f"{self.url}/suggestions/accept", json=body, headers=headers)


@pytest.fixture
def pressed(migrated: RunningPlant, client: TestClient) -> Pressed:
    return Pressed(migrated, client)


def test_a_routing_is_shown_beside_what_was_learned(migrated: RunningPlant, pressed: Pressed) -> None:
    before, _ = pressed.suggestions()
    assert (before["run"]["lane_id"], before["run"]["observations"]) == (pressed.lane, 0)
    assert (before["run"]["is_learned"], before["run_time_per_unit_seconds"]) == (False, None)
    assert before["run"]["p10"] < before["run"]["planned_minutes"] == 0.5 < before["run"]["p90"]
    with migrated.rows() as rows:
        learn(rows, pressed.lane, pressed.code, 0.8)
    pressing, packing = pressed.suggestions()
    assert pressing["run"]["p50"] == pytest.approx(0.8, rel=0.05)
    assert (pressing["run"]["coverage"], pressing["run"]["is_plan_outside"]) == (0.9, True)
    assert pressing["run_time_per_unit_seconds"] == pytest.approx(48, rel=0.05)
    assert pressing["is_planned_here"]
    assert (packing["run"]["is_learned"], packing["setup"]["planned_minutes"]) == (False, 30)


def test_what_a_person_accepts_is_an_edit_with_its_reason(migrated: RunningPlant, pressed: Pressed) -> None:
    with migrated.rows() as rows:
        learn(rows, pressed.lane, pressed.code, 0.8)
    seconds = pressed.suggestions()[0]["run_time_per_unit_seconds"]
    wanted = {"sequence_number": 10, "run_time_per_unit_seconds": seconds}
    key = uuid4().hex
    told = pressed.accept(wanted, key=key)
    assert told.status_code == 200, told.text
    assert pressed.accept(wanted, key=key).json() == told.json()
    routing = pressed.client.get(pressed.url).json()
    assert routing["version"] == 2
    assert [each["run_time_per_unit_seconds"] for each in routing["operations"]] == [seconds, 30]
    assert [each["setup_time_minutes"] for each in routing["operations"]] == [30, 30]
    (change,) = pressed.client.get(f"{pressed.url}/audit").json()["changes"]
    assert change["changes"]["reason"]["after"] == "measured for a month"
    assert change["changes"]["operations"]["after"][0]["run_time_per_unit_seconds"] == seconds
    stale = pressed.accept(wanted, version=1)
    assert (stale.status_code, "was changed" in stale.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("operations", "status", "words"),
    [
        ([{"sequence_number": 20, "run_time_per_unit_seconds": 30}], 409, "0 observations are too few"),
        ([{"sequence_number": 10, "run_time_per_unit_seconds": 480}], 409, "is not what was learned of operation 10"),
        ([{"sequence_number": 10, "setup_time_minutes": 3}], 409, "Nothing is suggested for operation 10"),
        ([{"sequence_number": 77, "run_time_per_unit_seconds": 48}], 409, "has no operation 77"),
        ([{"sequence_number": 10, "run_time_per_unit_seconds": 48}] * 2, 400, "named twice"),
        ([{"sequence_number": 10}], 400, "name run_time_per_unit_seconds, setup_time_minutes or both"),
        ([{"sequence_number": 10, "run_time_per_unit_seconds": -1}], 400, "greater than 0"),
        ([], 400, "at least 1 item"),
    ],
)
def test_what_is_not_learned_cannot_be_accepted(
    migrated: RunningPlant, pressed: Pressed, operations: list[dict[str, Any]], status: int, words: str
) -> None:
    with migrated.rows() as rows:
        learn(rows, pressed.lane, pressed.code, 0.8)
    told = pressed.accept(*operations)
    assert (told.status_code, words in told.json()["detail"]) == (status, True), told.text
    assert pressed.client.get(pressed.url).json()["version"] == 1


def test_a_routing_that_nobody_knows_has_no_suggestions(client: TestClient) -> None:
    assert client.get(f"/api/v1/routings/{uuid4()}/suggestions").status_code == 404


def minutes(found: dict[str, Any], run_id: str) -> float:
    (told,) = (each for each in found["operations"] if each["run_id"] == run_id)
    return (datetime.fromisoformat(told["end_at"]) - datetime.fromisoformat(told["start_at"])).total_seconds() / 60


def setups(found: dict[str, Any], runs: set[str]) -> list[float]:
    """What the setups of these runs take, in minutes, by start."""
    told = sorted(found["operations"], key=lambda each: str(each["start_at"]))
    return [each["changeover_minutes"] for each in told if each["run_id"] in runs]


def test_schedules_take_what_was_learned_where_the_setting_says_so(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    with migrated.rows() as rows:
        for press in ("P1", "P2"):
            learn(rows, LANE, f"{press}-{shop.name}", 0.9)
    pressing = [runs[0] for runs in shop.runs.values()]
    planned = scheduled(client)
    assert (planned["inputs"]["durations"], planned["inputs"]["learned_runs"]) == ("routing", 0)
    assert {minutes(planned, each) for each in pressing} == {60}
    assert client.put("/api/v1/schedule-settings", json={"schedule_durations": "learned"}).status_code == 200
    assert client.get("/api/v1/schedule-settings").json()["schedule_durations"] == "learned"
    learned = accepted(client)
    assert (learned["inputs"]["durations"], learned["inputs"]["learned_runs"]) == ("learned", 3)
    assert all(88 <= minutes(learned, each) <= 92 for each in pressing)
    asked = scheduled(client, durations="routing")
    assert {minutes(asked, each) for each in pressing} == {60}

    (last,) = sorted(shop.runs)[-1:]
    body = next(each for each in learned["operations"] if each["run_id"] == shop.runs[last][1])
    move = {name: body[name] for name in ("run_id", "work_center_id", "start_at")}
    told = client.post(f"/api/v1/schedules/{learned['schedule_id']}/check", json=move).json()
    assert told["violations"] == [], "its runs are as long as they were scheduled"


def test_setups_take_what_was_learned_unless_the_changeover_matrix_says_it(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    with migrated.rows() as rows:
        learn(rows, SETUP_LANE, f"L1-{shop.name}", 25)
    painting = {runs[1] for runs in shop.runs.values()}
    assert setups(scheduled(client), painting) == [10, 10, 10], "as planned"
    learned = accepted(client, durations="learned")
    assert (learned["inputs"]["learned_runs"], learned["inputs"]["learned_setups"]) == (0, 3)
    assert all(24 <= each <= 26 for each in setups(learned, painting))
    line = next(each for each in learned["operations"] if each["run_id"] in painting)
    move = {name: line[name] for name in ("run_id", "work_center_id", "start_at")}
    told = client.post(f"/api/v1/schedules/{learned['schedule_id']}/check", json=move).json()
    assert told["violations"] == [], "its setups are as long as they were scheduled"
    with migrated.rows() as rows:
        rows.execute(
            "INSERT INTO changeover_details (tenant_id, work_center_id, setup_minutes) VALUES (%s, %s, 3)",
            [DEFAULT_TENANT, shop.centers["L1"]],
        )
        rows.execute("UPDATE production_runs SET setup_family = id::text WHERE id = ANY(%s::uuid[])", [[*painting]])
    first, *others = setups(scheduled(client, durations="learned"), painting)
    assert 24 <= first <= 26, "nobody knows what stands there"
    assert others == [3, 3]


def test_who_changed_what_schedules_are_made_with_is_kept_once_a_change(client: TestClient) -> None:
    url = "/api/v1/schedule-settings"
    for wanted in ("routing", "learned", "learned", "routing"):
        assert client.put(url, json={"schedule_durations": wanted}).status_code == 200
    later, first = client.get(f"{url}/audit").json()["changes"]
    assert first["changes"] == {"schedule_durations": {"before": "routing", "after": "learned"}}
    assert later["changes"] == {"schedule_durations": {"before": "learned", "after": "routing"}}
    assert [(each["version"], each["event_type"]) for each in (first, later)] == [(1, "updated"), (2, "updated")]
    told = client.get(url).json()
    assert (later["said_by"], later["happened_at"] >= told["changed_at"]) == (told["changed_by"], True)
    refused = client.put(url, json={"schedule_durations": "guessed"})
    assert (refused.status_code, len(client.get(f"{url}/audit").json()["changes"])) == (400, 2)


def test_a_schedule_promises_when_its_orders_are_finished(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    with migrated.rows() as rows:
        learn(rows, LANE, f"P1-{shop.name}", 0.6)
    found = accepted(client)
    url = f"/api/v1/schedules/{found['schedule_id']}/promises"
    told = client.get(url).json()
    assert {each["production_order_number"] for each in told["orders"]} == set(shop.orders)
    assert (told["operations"], told["samples"]) == (6, 500)
    assert told["learned_operations"] > 0
    assert all(each["p10"] < each["p50"] < each["p90"] for each in told["orders"])
    risks = [each["late_probability"] for each in told["orders"]]
    assert risks == sorted(risks, reverse=True)
    assert told["expected_late_orders"] == pytest.approx(sum(risks))

    first = told["orders"][0]["production_order_id"]
    one = client.get(f"/api/v1/production-orders/{first}/promise").json()
    assert one["schedule_id"] == found["schedule_id"]
    assert one["production_order_id"] == first
    assert client.get(f"/api/v1/production-orders/{uuid4()}/promise").status_code == 404
    assert client.get(f"/api/v1/schedules/{uuid4()}/promises").status_code == 404
    assert client.get(url, params={"samples": 0}).status_code in (400, 422)

    what_if = scheduled(client, what_if={"priorities": {sorted(shop.orders)[0]: "urgent"}})
    refused = client.get(f"/api/v1/schedules/{what_if['schedule_id']}/promises")
    assert (refused.status_code, "a shop that is not so" in refused.json()["detail"]) == (409, True)


def test_an_order_that_is_due_later_is_less_likely_late(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    found = accepted(client)
    url = f"/api/v1/schedules/{found['schedule_id']}/promises"
    before = {each["production_order_id"]: each["late_probability"] for each in client.get(url).json()["orders"]}
    with migrated.rows() as rows:
        rows.execute("UPDATE production_orders SET due_date = planned.end + interval '5 minutes' FROM "
                     "(SELECT production_order_id AS id, max(scheduled_end) AS end FROM production_runs GROUP BY 1) "
                     "AS planned WHERE planned.id = production_orders.id")  # fmt: skip
    tight = {each["production_order_id"]: each["late_probability"] for each in client.get(url).json()["orders"]}
    with migrated.rows() as rows:
        rows.execute("UPDATE production_orders SET due_date = due_date + interval '30 days'")
    later = {each["production_order_id"]: each["late_probability"] for each in client.get(url).json()["orders"]}
    assert set(before) == set(tight) == set(later)
    assert all(risk > 0.05 for risk in tight.values())
    assert max(later.values()) < 0.02, "operations that nobody measured have long tails"
