"""Bills of materials and the orders made by them, in a plant that runs: events, orders, and two people at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from schemas.codec import decode
from schemas.envelope import Message
from tests.bills import BOMS, fresh, items, line, make
from tests.gateways import MATERIALS, ORDERS, STOCK, erp, material, operator, order_event
from tests.integration.bridges import Ear
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]
WORK_ORDERS = "/api/v1/work-orders"


@pytest.fixture
def person(plant: RunningPlant) -> Iterator[httpx2.Client]:
    """A planner of the running plant."""
    with operator(plant) as signed_in:
        yield signed_in


@pytest.fixture
def plans(plant: RunningPlant) -> Iterator[Ear]:
    """Hears what is said of plans."""
    with closing(Ear(plant.settings(), "plans")) as listening:
        yield listening


def at_once(*asks: Callable[[], httpx2.Response]) -> list[httpx2.Response]:
    """The answers of people who ask at the same moment, in the order of the asking."""
    answers: dict[int, httpx2.Response] = {}
    barrier = threading.Barrier(len(asks))

    def one(place: int) -> None:
        barrier.wait()
        answers[place] = asks[place]()

    threads = [threading.Thread(target=one, args=[place]) for place in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[place] for place in range(len(asks))]


def of_bill(ear: Ear, bom_id: str) -> list[Message[Any]]:
    """What was heard of a bill, each message once."""
    said = [decode(record.value()) for record in ear.records if record.key().decode().endswith(bom_id)]
    return list({each.message_id: each for each in said}.values())


def stocked(plant: RunningPlant, *quantities: int) -> list[str]:
    """Materials with so much on hand."""
    names = [fresh("MAT") for _ in quantities]
    with erp(plant) as client:
        client.post(MATERIALS, json={"materials": [material(name) for name in names]}).raise_for_status()
        stock = [{"material_id": name, "on_hand_quantity": many} for name, many in zip(names, quantities, strict=True)]
        client.post(STOCK, json={"materials": stock}).raise_for_status()
    plant.await_rows(
        "SELECT 1 FROM materials WHERE material_id = ANY(%s) AND on_hand_quantity > 0 HAVING count(*) = %s",
        names,
        len(names),
    )
    return names


def due(days: float = 7) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def order(person: httpx2.Client, product: str, quantity: float, **fields: Any) -> httpx2.Response:
    body = {"product_id": product, "quantity_ordered": quantity, "due_date": due()} | fields
    return person.post(WORK_ORDERS, json=body)


def test_each_change_is_said_once_and_in_order(person: httpx2.Client, plans: Ear) -> None:
    (part,) = items(person, fresh())
    made = make(person, fresh(), line(part, 2))
    person.patch(f"{BOMS}/{made['id']}", json={"version": 1, "components": [line(part, 3)]}).raise_for_status()
    person.patch(f"{BOMS}/{made['id']}", json={"version": 1, "description": "too late"})
    person.delete(f"{BOMS}/{made['id']}").raise_for_status()
    said = plans.until(lambda: len(of_bill(plans, made["id"])) == 3 and of_bill(plans, made["id"]))
    assert [(each.type, each.payload.version) for each in said] == [
        ("bom.created", 1),
        ("bom.updated", 2),
        ("bom.updated", 3),
    ]
    assert [[int(each.quantity) for each in told.payload.components] for told in said] == [[2], [3], []]
    assert [told.payload.is_deleted for told in said] == [False, False, True]


def test_what_is_kept_is_said_though_the_process_that_says_it_is_killed(
    plant: RunningPlant, person: httpx2.Client, plans: Ear
) -> None:
    made = []
    for number in range(30):
        made.append(make(person, fresh(f"K{number}"))["id"])
        if number in (5, 20):
            plant.kill("jobs")
    plans.until(lambda: all(of_bill(plans, each) for each in made), 60, "not all bills were told of")
    assert [len(of_bill(plans, each)) for each in made] == [1] * 30


def test_of_two_changes_at_once_one_is_told_to_look_again(person: httpx2.Client) -> None:
    made = make(person, fresh())
    path = f"{BOMS}/{made['id']}"
    answers = at_once(*(lambda n=n: person.patch(path, json={"version": 1, "description": str(n)}) for n in range(6)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409, 409, 409]
    (winner,) = [each.json() for each in answers if each.status_code == 200]
    assert person.get(path).json()["description"] == winner["description"]


def test_of_six_people_who_make_the_same_revision_one_does(person: httpx2.Client) -> None:
    product = fresh()
    answers = at_once(*(lambda: person.post(BOMS, json={"product_id": product}) for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409, 409]


def test_two_people_cannot_close_a_circle_between_them(person: httpx2.Client) -> None:
    for _ in range(5):
        a, b = make(person, fresh("A")), make(person, fresh("B"))

        def contain(one: dict[str, Any], other: dict[str, Any]) -> Callable[[], httpx2.Response]:
            body = {"version": 1, "components": [line(other["item_code"])]}
            return lambda: person.patch(f"{BOMS}/{one['id']}", json=body)

        answers = at_once(contain(a, b), contain(b, a))
        assert sorted(each.status_code for each in answers) == [200, 409]
        (refused,) = [each.json() for each in answers if each.status_code == 409]
        assert refused["reason"] == "BOM_CYCLE"


def test_an_order_keeps_the_revision_that_held_when_it_was_made(plant: RunningPlant, person: httpx2.Client) -> None:
    product, (steel, glue) = fresh("PROD"), stocked(plant, 1000, 5)
    bill = make(person, product, line(steel, 2), line(glue, "0.1"), product_name="Hinge")
    answer = order(person, product, 100, work_order_number=fresh("N"), priority="high", reason="rush")
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (made["status"], made["bom_id"], made["bom_revision"]) == ("done", bill["id"], "A")
    assert [each.partition(" has only ")[0] for each in made["validation_warnings"]] == [f"Part {glue}"]
    active = {"revision": "B", "lifecycle_status": "active", "components": [line(steel, 9)]}
    person.post(f"{BOMS}/{bill['id']}/revisions", json=active).raise_for_status()
    identity = made["work_order_id"]
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", identity)
    shown = person.get(f"{WORK_ORDERS}/{identity}").json()
    assert (shown["bom_revision"], shown["origin"], shown["priority"]) == ("A", "plant", "high")
    assert {each["material_id"]: each["quantity_required"] for each in shown["bill_of_materials"]} == {
        steel: 200,
        glue: 10,
    }
    assert {each["material_id"]: each["is_available"] for each in shown["bill_of_materials"]} == {
        steel: True,
        glue: False,
    }
    assert shown["are_components_available"] is False
    assert (shown["product"]["name"], shown["bom"]["revision"]) == ("Hinge", "A")
    assert [(each["verb"], each["said_by"], each["reason"]) for each in shown["audit"]] == [("create", "admin", "rush")]
    view = "SELECT bom_id::text, quantity_to_build FROM manufacturing_work_orders WHERE work_order_number = %s"
    assert plant.await_rows(view, shown["work_order_number"]) == [(bill["id"], 100)]
    parts = plant.await_rows(
        "SELECT m.component_id::text FROM manufacturing_work_order_materials m "
        "JOIN manufacturing_work_orders o ON o.id = m.work_order_id WHERE o.work_order_number = %s",
        shown["work_order_number"],
    )
    assert {each for (each,) in parts} == {each["id"] for each in bill["components"]}


def test_an_order_changes_with_its_bill_until_it_is_closed(plant: RunningPlant, person: httpx2.Client) -> None:
    product, (steel,) = fresh("PROD"), stocked(plant, 1000)
    make(person, product, line(steel, 3))
    identity = order(person, product, 10).json()["work_order_id"]
    path = f"{WORK_ORDERS}/{identity}"
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", identity)
    changed = person.patch(path, json={"quantity_ordered": 20, "priority": "urgent", "instructions": "mind the edge"})
    assert (changed.status_code, changed.json()["order"]["quantity_ordered"]) == (200, 20)
    bill = "SELECT quantity_required::int FROM work_order_bom WHERE work_order_id = %s AND quantity_required = 60"
    assert plant.await_rows(bill, identity) == [(60,)]
    shown = person.get(path).json()
    assert (shown["priority"], shown["special_instructions"], shown["bom_revision"]) == ("urgent", "mind the edge", "A")
    assert shown["audit"][0]["verb"] == "update"
    person.post(f"{path}/cancel", json={"reason": "no more wanted"}).raise_for_status()
    refused = person.patch(path, json={"priority": "low"})
    assert (refused.status_code, refused.json()["detail"]) == (409, f"{identity} is already cancelled.")


def test_orders_that_make_no_sense_are_refused_with_the_reason(plant: RunningPlant, person: httpx2.Client) -> None:
    product, number = fresh("PROD"), fresh("N")
    draft = make(person, product, lifecycle_status="draft")
    first = order(person, product, 1, work_order_number=number).json()
    assert first["validation_warnings"] == [f"{product} has no bill of materials that holds; no materials are planned."]
    taken = order(person, product, 1, work_order_number=number)
    assert (taken.status_code, taken.json()["work_order_id"]) == (409, first["work_order_id"])
    assert order(person, product, 1, bom_id=draft["id"]).status_code == 409
    assert order(person, fresh(), 1, bom_id=draft["id"]).json()["path"] == "bom_id"
    assert order(person, str(uuid4()), 1).json()["path"] == "product_id"
    for wrong in ({"quantity_ordered": 0}, {"due_date": "soon"}, {"priority": "asap"}, {"colour": "red"}):
        answer = order(person, product, 1, **wrong) if "quantity_ordered" not in wrong else order(person, product, 0)
        assert (answer.status_code, answer.json()["path"]) == (400, *wrong)
    path = f"{WORK_ORDERS}/{first['work_order_id']}"
    for nonsense in ({}, {"priority": None}, {"status": "completed"}, {"quantity_ordered": "many"}):
        assert person.patch(path, json=nonsense).status_code == 400, nonsense
    assert person.patch(f"{WORK_ORDERS}/WO-NOBODY", json={"priority": "low"}).status_code == 404


def test_an_order_asked_for_twice_with_one_key_is_made_once(person: httpx2.Client) -> None:
    product, headers = fresh("PROD"), {"Idempotency-Key": uuid4().hex}
    body = {"product_id": product, "quantity_ordered": 2, "due_date": due()}
    first, again = (person.post(WORK_ORDERS, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.content) == (201, first.content)


def test_the_erp_hears_of_its_own_orders_only(plant: RunningPlant, person: httpx2.Client) -> None:
    ours = order(person, fresh("PROD"), 1).json()["work_order_id"]
    with erp(plant) as client:
        theirs = client.post(ORDERS, json=order_event(fresh("WO-ERP"), quantity_ordered=1)).json()
    for identity in (ours, str(theirs["mraos_work_order_id"])):
        plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", identity)
        for verb in ("release", "start", "complete"):
            person.post(f"{WORK_ORDERS}/{identity}/{verb}").raise_for_status()
    plant.await_rows("SELECT 1 FROM deliveries WHERE subject = %s", theirs["mraos_work_order_id"])
    with plant.rows() as rows:
        rows.execute(
            "SELECT 1 FROM deliveries WHERE subject = %s AND kind = 'erp.work_order_completion'",
            [ours],
        )
        assert rows.fetchone() is None
