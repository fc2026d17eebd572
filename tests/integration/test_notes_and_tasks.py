"""What people write to an order is kept with who and when, once, and bad input is answered clearly."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from connectors.gateway.auth import Tokens
from connectors.gateway.roles import scopes_of
from tests.gateways import ORDERS, anybody, erp, operator, order_event
from tests.plants import RunningPlant

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def order(plant: RunningPlant) -> str:
    """An order that is in Postgres."""
    with erp(plant) as client:
        answer = client.post(ORDERS, json=order_event(f"WO-ERP-{uuid4().hex[:10]}"))
    identity = str(answer.json()["mraos_work_order_id"])
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", identity)
    return identity


def at(order: str, *rest: str) -> str:
    return "/".join(("/api/v1/work-orders", order, *rest))


def aggregate(person: httpx2.Client, order: str) -> dict[str, Any]:
    told: dict[str, Any] = person.get(at(order)).raise_for_status().json()
    return told


def test_a_note_is_kept_with_who_wrote_it(plant: RunningPlant, order: str) -> None:
    with operator(plant) as person:
        answer = person.post(at(order, "notes"), json={"body": "  Left hinge sticks.  "})
        kept = answer.json()
        assert (answer.status_code, kept["body"], kept["written_by"]) == (201, "Left hinge sticks.", "admin")
        assert kept in aggregate(person, order)["notes"]


def test_a_task_is_open_until_somebody_says_that_it_is_done(plant: RunningPlant, order: str) -> None:
    asked: dict[str, Any] = {"title": "Bring gauges", "assigned_to": "Ole", "due_at": "2030-01-01T10:00:00+01:00"}
    asked["estimated_hours"] = 1.5
    with operator(plant) as person:
        task = person.post(at(order, "tasks"), json=asked).json()
        assert (task["status"], task["assigned_to"], task["due_at"]) == ("open", "Ole", "2030-01-01T09:00:00Z")
        done = person.patch(at(order, "tasks", task["task_id"]), json={"status": "done"}).json()
        assert (done["status"], done["done_by"], done["title"]) == ("done", "admin", "Bring gauges")
        took = person.patch(at(order, "tasks", task["task_id"]), json={"actual_hours": 2}).json()
        assert (took["estimated_hours"], took["actual_hours"], took["status"]) == (1.5, 2, "done")
        assert aggregate(person, order)["task_state"]["actual_hours"] >= 2
        again = person.patch(at(order, "tasks", task["task_id"]), json={"status": "done"}).json()
        assert again["done_at"] == done["done_at"], "who was first stays named"
        opened = person.patch(at(order, "tasks", task["task_id"]), json={"status": "open", "due_at": None}).json()
        assert (opened["done_by"], opened["done_at"], opened["due_at"]) == (None, None, None)
        assert opened in aggregate(person, order)["tasks"]


def test_open_tasks_come_before_those_that_are_done(plant: RunningPlant, order: str) -> None:
    with operator(plant) as person:
        first, second = (person.post(at(order, "tasks"), json={"title": name}).json() for name in ("one", "two"))
        person.patch(at(order, "tasks", first["task_id"]), json={"status": "done"})
        ids = [each["task_id"] for each in aggregate(person, order)["tasks"]]
    assert ids.index(second["task_id"]) < ids.index(first["task_id"])


@pytest.mark.parametrize("what", ["notes", "tasks"])
def test_what_is_sent_twice_with_one_key_is_kept_once(plant: RunningPlant, order: str, what: str) -> None:
    told = {"body": "once"} if what == "notes" else {"title": "once"}
    headers = {"Idempotency-Key": uuid4().hex}
    with operator(plant) as person:
        first, again = (person.post(at(order, what), json=told, headers=headers) for _ in range(2))
        other = person.post(at(order, what), json=dict.fromkeys(told, "other"), headers=headers)
        assert first.content == again.content
        assert other.status_code == 422
        assert len([each for each in aggregate(person, order)[what] if "once" in each.values()]) == 1


@pytest.mark.parametrize(
    ("what", "told", "path"),
    [
        ("notes", {"body": "   "}, "body"),
        ("notes", {}, "body"),
        ("notes", {"body": "x" * 4001}, "body"),
        ("notes", {"body": "x", "author": "me"}, "author"),
        ("tasks", {"title": ""}, "title"),
        ("tasks", {"title": "x", "due_at": "tomorrow"}, "due_at"),
        ("tasks", {"title": "x", "due_at": "2030-01-01T10:00:00"}, "due_at"),
        ("tasks", {"title": "x", "assigned_to": 7}, "assigned_to"),
    ],
)
def test_bad_input_is_answered_with_its_field(
    plant: RunningPlant, order: str, what: str, told: dict[str, Any], path: str
) -> None:
    with operator(plant) as person:
        answer = person.post(at(order, what), json=told)
    assert (answer.status_code, answer.json()["path"]) == (400, path)
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_no_json_is_answered_and_not_kept(plant: RunningPlant, order: str) -> None:
    with operator(plant) as person:
        for body in (b"", b"{", b"[]", b'"note"', b'{"body": "\\u0000"}'):
            assert person.post(at(order, "notes"), content=body).status_code == 400, body


def test_a_change_that_names_nothing_or_nonsense_is_refused(plant: RunningPlant, order: str) -> None:
    with operator(plant) as person:
        task = person.post(at(order, "tasks"), json={"title": "x"}).json()
        for told in ({}, {"status": "half"}, {"title": None}, {"done_by": "me"}):
            assert person.patch(at(order, "tasks", task["task_id"]), json=told).status_code == 400, told


def test_who_and_what_is_not_known_is_not_found(plant: RunningPlant, order: str) -> None:
    with operator(plant) as person:
        assert person.post(at("WO-NOBODY", "notes"), json={"body": "x"}).status_code == 404
        assert person.post(at("WO-NOBODY", "tasks"), json={"title": "x"}).status_code == 404
        assert person.patch(at(order, "tasks", "TASK-NONE"), json={"status": "done"}).status_code == 404
        task = person.post(at(order, "tasks"), json={"title": "x"}).json()
        assert person.patch(at("WO-OTHER", "tasks", task["task_id"]), json={"status": "done"}).status_code == 404


def test_who_may_only_look_may_not_write(plant: RunningPlant, order: str) -> None:
    with anybody(plant) as viewer:
        viewer.headers["Authorization"] = f"Bearer {Tokens(plant.settings()).issue('vera', scopes_of(['viewer']))}"
        assert viewer.post(at(order, "notes"), json={"body": "x"}).status_code == 403
        assert viewer.post(at(order, "tasks"), json={"title": "x"}).status_code == 403
        assert viewer.patch(at(order, "tasks", "TASK-1"), json={"status": "done"}).status_code == 403
        assert aggregate(viewer, order)["work_order_id"] == order


def test_the_history_of_an_order_names_who_wanted_what(plant: RunningPlant, order: str) -> None:
    with operator(plant) as person:
        person.post(at(order, "release"), json={"reason": "the floor is free"}).raise_for_status()
        person.post(at(order, "cancel"), json={"reason": "no longer wanted"}).raise_for_status()
        assert person.post(at(order, "start")).status_code == 409
    told = plant.await_rows(
        "SELECT p.verb, p.said_by, p.reason, c.status FROM work_order_commands p JOIN work_order_changes c "
        "ON c.work_order_id = p.work_order_id AND c.version = p.order_version "
        "WHERE p.work_order_id = %s AND 2 = (SELECT count(*) FROM work_order_changes n "
        "  JOIN work_order_commands m ON m.work_order_id = n.work_order_id AND m.order_version = n.version "
        "  WHERE n.work_order_id = p.work_order_id) ORDER BY p.said_at",
        order,
    )
    assert told == [
        ("release", "admin", "the floor is free", "released"),
        ("cancel", "admin", "no longer wanted", "cancelled"),
    ]
