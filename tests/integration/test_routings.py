"""Routings over HTTP: operations, versions, what is judged and what is refused, and what a quantity takes of each."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg import errors

from schemas.ids import DEFAULT_TENANT
from sql.database import rows_of
from tests.planned import API, Document, make, neighbour, operation, routing, see, somebody, unique, work_center
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

NOBODY = "00000000-0000-4000-8000-00000000dead"
BROCHURE = (98, 99, 99.5, 100)


@pytest.fixture
def planner(plant: RunningPlant) -> Iterator[httpx2.Client]:
    with somebody(plant, "planner", "paula") as client:
        yield client


@pytest.fixture
def press(planner: httpx2.Client) -> Document:
    """An operation that is done at a work centre, by default."""
    center = make(planner, "work-centers", work_center())
    return make(planner, "operations", operation(default_work_center_id=center["id"]))


def step(number: int, of: Document, **fields: Any) -> Document:
    return {"sequence_number": number, "operation_id": of["id"]} | fields


def brochure(of: Document, **fields: Any) -> Document:
    """The routing of document 004, section 1.2."""
    steps = (step(10 * (place + 1), of, yield_percentage=share) for place, share in enumerate(BROCHURE))
    return routing(*steps, **fields)


def judged(client: httpx2.Client, identity: str) -> Document:
    told: Document = client.post(f"{API}/routings/{identity}/validate").raise_for_status().json()
    return told


def expanded(client: httpx2.Client, identity: str, target: Any) -> list[Document]:
    answer = client.post(f"{API}/routings/{identity}/expand", json={"targetQuantity": target})
    runs: list[Document] = answer.raise_for_status().json()["runs"]
    return runs


def test_a_routing_becomes_the_runs_of_the_document(planner: httpx2.Client, press: Document) -> None:
    made = make(planner, "routings", brochure(press))
    assert judged(planner, made["id"]) == {"isValid": True, "errors": []}
    runs = expanded(planner, made["id"], 10000)
    assert [run["quantity"] for run in runs] == [10359, 10152, 10051, 10000]
    assert [run["predecessors"] for run in runs] == [[], [10], [20], [30]]
    assert {run["work_center_id"] for run in runs} == {press["default_work_center_id"]}
    assert [run["setup_minutes"] for run in runs] == [20] * 4, "as the operation says"
    assert [run["run_minutes"] for run in runs] == [87, 85, 84, 84]


def test_what_an_operation_of_a_routing_says_holds_before_its_kind(planner: httpx2.Client, press: Document) -> None:
    other, third = (make(planner, "work-centers", work_center())["id"] for _ in range(2))
    own = step(
        10,
        press,
        setup_time_minutes=7.25,
        run_time_per_unit_seconds=0.0123,
        work_center_id=other,
        alternative_work_center_ids=[third],
        transfer_quantity=250.5,
        work_instructions="Wear gloves.",
    )
    made = make(planner, "routings", routing(own, step(20, press)))
    first, second = made["operations"]
    assert {name: first[name] for name in own} == own
    assert (first["effective_work_center_id"], first["effective_setup_time_minutes"]) == (other, 7.25)
    assert (second["setup_time_minutes"], second["effective_setup_time_minutes"]) == (None, 20)
    run = expanded(planner, made["id"], 1000)[0]
    assert (run["setup_minutes"], run["run_minutes"], run["instructions"]) == (8, 1, "Wear gloves.")
    assert (run["alternative_work_center_ids"], run["transfer_quantity"]) == ([third], 250.5)


def test_operations_that_wait_for_each_other_are_kept_and_judged(planner: httpx2.Client, press: Document) -> None:
    steps = (step(10, press, predecessor_sequence_number=20), step(20, press, predecessor_sequence_number=10))
    made = make(planner, "routings", routing(*steps))
    told = judged(planner, made["id"])
    assert (told["isValid"], len(told["errors"])) == (False, 1)
    assert "wait for each other" in told["errors"][0]
    refused = planner.post(f"{API}/routings/{made['id']}/expand", json={"target_quantity": 5})
    assert (refused.status_code, refused.json()["detail"]) == (422, told["errors"][0])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"yield_percentage": 0}, "Operation 10 must yield more than 0 % and at most 100 %, not 0.00 %."),
        ({"scrap_percentage": 100}, "Operation 10 must scrap 0 % at least and less than 100 %, not 100.00 %."),
    ],
)
def test_what_can_be_kept_and_not_be_made_is_judged(
    planner: httpx2.Client, press: Document, fields: Document, sentence: str
) -> None:
    made = make(planner, "routings", routing(step(10, press, **fields)))
    assert judged(planner, made["id"]) == {"isValid": False, "errors": [sentence]}


def test_a_routing_without_operations_or_place_is_not_valid(planner: httpx2.Client) -> None:
    empty = make(planner, "routings", routing())
    assert judged(planner, empty["id"])["errors"] == ["The routing has no operations."]
    homeless = make(planner, "operations", operation())
    made = make(planner, "routings", routing(step(10, homeless)))
    assert judged(planner, made["id"])["errors"] == ["Operation 10 has no work centre."]


def test_an_operation_that_follows_one_of_another_routing_is_judged(
    plant: RunningPlant, planner: httpx2.Client, press: Document
) -> None:
    """Nobody can say so over HTTP; who writes rows can."""
    one, other = (make(planner, "routings", routing(step(10, press))) for _ in range(2))
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        rows.execute(
            "UPDATE routing_operations SET predecessor_operation_id = %s WHERE routing_id = %s",
            [other["operations"][0]["id"], one["id"]],
        )
    told = judged(planner, one["id"])
    assert told["errors"] == ["Operation 10 follows an operation that the routing does not have."]


@pytest.mark.parametrize(
    ("numbers", "fields", "path"),
    [
        ((10, 10), {}, "operations.1.sequence_number"),
        ((10, 20), {"predecessor_sequence_number": 15}, "operations.0.predecessor_sequence_number"),
        ((10, 0), {}, "operations.1.sequence_number"),
        ((10, 20), {"yield_percentage": 100.01}, "operations.0.yield_percentage"),
        ((10, 20), {"yield_percentage": -1}, "operations.0.yield_percentage"),
        ((10, 20), {"scrap_percentage": 101}, "operations.0.scrap_percentage"),
        ((10, 20), {"scrap_percentage": 1.234}, "operations.0.scrap_percentage"),
        ((10, 20), {"operation_id": NOBODY}, "operations.0.operation_id"),
        ((10, 20), {"work_center_id": NOBODY}, "operations.0.work_center_id"),
        ((10, 20), {"alternative_work_center_ids": [NOBODY]}, "operations.0.alternative_work_center_ids"),
        ((10, 20), {"transfer_quantity": 0}, "operations.0.transfer_quantity"),
        ((10, 20), {"is_concurrent": "perhaps"}, "operations.0.is_concurrent"),
        ((10, 20), {"colour": "red"}, "operations.0.colour"),
    ],
)
def test_what_can_never_be_kept_is_refused_with_its_field(
    planner: httpx2.Client, press: Document, numbers: tuple[int, int], fields: Document, path: str
) -> None:
    good = make(planner, "routings", brochure(press))
    first, second = step(numbers[0], press, **fields), step(numbers[1], press)
    told = {"operations": [first, second]}
    created = planner.post(f"{API}/routings", json=routing(first, second))
    changed = planner.patch(f"{API}/routings/{good['id']}", json=told | {"version": 1})
    for answer in (created, changed):
        assert (answer.status_code, answer.json()["path"]) == (400, path), answer.text
    assert see(planner, "routings", good["id"]) == good


def test_a_work_centre_is_no_operation(planner: httpx2.Client, press: Document) -> None:
    place = press["default_work_center_id"]
    steps = step(10, press, work_center_id=place), {"sequence_number": 20, "operation_id": place}
    refused = planner.post(f"{API}/routings", json=routing(*steps))
    assert (refused.status_code, refused.json()["path"]) == (400, "operations.1.operation_id")


def test_too_many_operations_are_refused_and_many_are_kept(planner: httpx2.Client, press: Document) -> None:
    steps = [step(10 * place, press) for place in range(1, 502)]
    refused = planner.post(f"{API}/routings", json=routing(*steps))
    assert (refused.status_code, refused.json()["path"]) == (400, "operations")
    made = make(planner, "routings", routing(*(each | {"yield_percentage": 99.5} for each in steps[:100])))
    begin = time.perf_counter()
    runs = expanded(planner, made["id"], 10000)
    print(f"100 operations expand over HTTP in {1000 * (time.perf_counter() - begin):.0f} ms")
    assert [run["quantity"] for run in runs][-2:] == [10101, 10051]
    assert runs[0]["quantity"] == 16508


def test_operations_are_replaced_as_a_whole_and_keep_their_ids_by_place(
    planner: httpx2.Client, press: Document
) -> None:
    made = make(planner, "routings", brochure(press))
    ids = {each["sequence_number"]: each["id"] for each in made["operations"]}
    wanted = [step(40, press), step(15, press), step(10, press, predecessor_sequence_number=40)]
    told = planner.patch(f"{API}/routings/{made['id']}", json={"operations": wanted, "version": 1}).json()
    found = told["operations"]
    assert [each["sequence_number"] for each in found] == [10, 15, 40]
    assert (found[0]["id"], found[2]["id"]) == (ids[10], ids[40])
    assert found[0]["predecessor_operation_id"] == ids[40]
    kept = planner.patch(f"{API}/routings/{made['id']}", json={"description": "x", "version": 2}).json()
    assert kept["operations"] == found, "what is not named stays"


def test_a_new_version_copies_the_operations_and_is_the_active_one(planner: httpx2.Client, press: Document) -> None:
    body = brochure(press, product_id=unique("P"))
    body["operations"][2]["predecessor_sequence_number"] = 10
    first = make(planner, "routings", body)
    second = make(planner, f"routings/{first['id']}/versions", {"description": "new die", "version": 1})
    assert (second["routing_code"], second["routing_version"], second["is_active"]) == (body["routing_code"], 2, True)
    ids = {"id", "predecessor_operation_id"}
    copied = [{name: value for name, value in each.items() if name not in ids} for each in second["operations"]]
    assert copied == [{name: value for name, value in each.items() if name not in ids} for each in first["operations"]]
    assert second["operations"][2]["predecessor_operation_id"] == second["operations"][0]["id"]
    before = see(planner, "routings", first["id"])
    assert (before["is_active"], before["version"], before["operations"]) == (False, 2, first["operations"])
    third = make(planner, f"routings/{first['id']}/versions", {"keep_others_active": True})
    assert third["routing_version"] == 3
    assert see(planner, "routings", second["id"])["is_active"] is True
    again = planner.patch(f"{API}/routings/{first['id']}", json={"is_active": True, "version": 2}).json()
    assert again["is_active"] is True
    assert [see(planner, "routings", each["id"])["is_active"] for each in (second, third)] == [False, False]
    late = planner.post(f"{API}/routings/{first['id']}/versions", json={"version": 1})
    assert late.status_code == 409


def test_of_versions_made_at_once_each_has_a_number(planner: httpx2.Client, press: Document) -> None:
    first = make(planner, "routings", brochure(press))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: make(planner, f"routings/{first['id']}/versions", {}), range(4)))
    assert sorted(each["routing_version"] for each in made) == [2, 3, 4, 5]
    asked = {"routing_code": first["routing_code"]}
    found = planner.get(f"{API}/routings", params=asked).json()["routings"]
    assert [each["routing_version"] for each in found] == [1, 2, 3, 4, 5]
    assert [each["is_active"] for each in found].count(True) == 1


def test_a_product_is_made_by_its_own_routing_or_that_of_its_category(planner: httpx2.Client, press: Document) -> None:
    product, category = unique("P"), unique("C")
    asked = {"product_id": product, "product_category": category}

    def holding() -> Any:
        return planner.get(f"{API}/routings/for-product", params=asked)

    assert holding().status_code == 404
    of_category = make(planner, "routings", brochure(press, product_category=category))
    assert holding().json()["id"] == of_category["id"]
    own = make(planner, "routings", brochure(press, product_id=product))
    assert holding().json()["id"] == own["id"]
    newer = make(planner, f"routings/{own['id']}/versions", {})
    assert holding().json()["id"] == newer["id"]
    draft = make(planner, f"routings/{own['id']}/versions", {"is_active": False})
    assert (holding().json()["id"], draft["is_active"]) == (newer["id"], False)
    planner.delete(f"{API}/routings/{newer['id']}").raise_for_status()
    assert holding().json()["id"] == of_category["id"]
    assert planner.get(f"{API}/routings/for-product").status_code == 400


def test_what_nobody_uses_any_more_is_not_for_new_routings(planner: httpx2.Client, press: Document) -> None:
    made = make(planner, "routings", brochure(press))
    planner.patch(f"{API}/operations/{press['id']}", json={"is_active": False, "version": 1}).raise_for_status()
    refused = planner.post(f"{API}/routings", json=brochure(press))
    assert (refused.status_code, refused.json()["path"]) == (400, "operations.0.operation_id")
    body = {"routing_name": "still made", "version": 1}
    assert planner.patch(f"{API}/routings/{made['id']}", json=body).status_code == 200, "what has it keeps it"


def test_another_tenant_names_nothing_of_ours(plant: RunningPlant, planner: httpx2.Client, press: Document) -> None:
    made = make(planner, "routings", brochure(press))
    with neighbour(plant) as other:
        refused = other.post(f"{API}/routings", json=routing(step(10, press)))
        assert (refused.status_code, refused.json()["path"]) == (400, "operations.0.operation_id")
        for verb, body in (("validate", None), ("expand", {"target_quantity": 1}), ("versions", {})):
            assert other.post(f"{API}/routings/{made['id']}/{verb}", json=body).status_code == 404, verb


def test_the_database_deletes_operations_with_their_routing(
    plant: RunningPlant, planner: httpx2.Client, press: Document
) -> None:
    made = make(planner, "routings", brochure(press))
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        rows.execute("DELETE FROM routing_templates WHERE id = %s", [made["id"]])
        rows.execute("SELECT 1 FROM routing_operations WHERE routing_id = %s", [made["id"]])
        assert rows.fetchall() == []


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("yield_percentage = 100.01", errors.CheckViolation),
        ("yield_percentage = -0.01", errors.CheckViolation),
        ("scrap_percentage = 101", errors.CheckViolation),
        ("sequence_number = 10", errors.UniqueViolation),
        (f"operation_id = '{NOBODY}'", errors.ForeignKeyViolation),
        (f"work_center_id = '{NOBODY}'", errors.ForeignKeyViolation),
    ],
)
def test_the_database_itself_refuses_what_cannot_be(
    plant: RunningPlant, planner: httpx2.Client, press: Document, change: str, refusal: type[psycopg.Error]
) -> None:
    made = make(planner, "routings", brochure(press))
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows, pytest.raises(refusal):
        rows.execute(f"UPDATE routing_operations SET {change} WHERE routing_id = %s".encode(), [made["id"]])


@pytest.mark.parametrize("target", [0, -1, 1e13, "many", None, 0.0000001])
def test_a_target_that_is_no_quantity_is_refused(planner: httpx2.Client, press: Document, target: Any) -> None:
    made = make(planner, "routings", brochure(press))
    answer = planner.post(f"{API}/routings/{made['id']}/expand", json={"target_quantity": target})
    assert (answer.status_code, "target_quantity" in answer.json()["path"]) == (400, True), answer.text
