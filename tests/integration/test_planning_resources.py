"""What planners edit is kept with who changed what, refuses what cannot be, and is seen by its tenant only."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
from psycopg import errors

from schemas.codec import decode
from sql.database import rows_of
from tests.integration.bridges import Ear
from tests.integration.events import NEIGHBOUR
from tests.planned import (
    API,
    EARLY,
    Document,
    calendar,
    make,
    neighbour,
    operation,
    routing,
    see,
    somebody,
    unique,
    work_center,
)
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

NOBODY = "00000000-0000-4000-8000-00000000dead"
MAINTENANCE = {
    "maintenance_type": "preventive",
    "begins_at": "2026-03-02T07:00:00Z",
    "ends_at": "2026-03-02T09:00:00Z",
}


def shifts(**fields: Any) -> Document:
    """The definition of a calendar with one shift."""
    return {"zone": "UTC", "shifts": [EARLY | fields]}


@pytest.fixture
def planner(plant: RunningPlant) -> Iterator[httpx2.Client]:
    with somebody(plant, "planner", "paula") as client:
        yield client


def examples(client: httpx2.Client) -> dict[str, Document]:
    """A valid body for each subject."""
    center = make(client, "work-centers", work_center())["id"]
    return {
        "calendars": calendar(),
        "work-centers": work_center(calendar_id=make(client, "calendars", calendar())["id"], hourly_rate=85.5),
        "operations": operation(default_work_center_id=center),
        "routings": routing(product_id="P-1"),
        "changeovers": {"work_center_id": center, "from_family": unique("F"), "setup_minutes": 30},
        "maintenance": MAINTENANCE | {"work_center_id": center},
        "assets": {"asset_code": unique("A"), "asset_name": "Hall 2", "asset_type": "site"},
    }


SUBJECTS = ["calendars", "work-centers", "operations", "routings", "changeovers", "maintenance", "assets"]
# A change that is good for each subject, and what it is then.
CHANGES: dict[str, Document] = {
    "calendars": {"calendar_name": "Late"},
    "work-centers": {"line": "line7"},
    "operations": {"setup_time_minutes": 12.5},
    "routings": {"description": "with a new die"},
    "changeovers": {"setup_minutes": 45},
    "maintenance": {"status": "done"},
    "assets": {"asset_name": "Hall 3"},
}


@pytest.mark.parametrize("what", SUBJECTS)
def test_it_is_made_read_listed_changed_and_deleted(planner: httpx2.Client, what: str) -> None:
    body = examples(planner)[what]
    made = make(planner, what, body)
    assert (made["version"], made["created_by"]) == (1, "paula")
    assert body.keys() - {"definition"} <= {name for name in made if body.get(name) == made[name]} | {"begins_at"} | {
        "ends_at"
    }
    assert see(planner, what, made["id"]) == made
    changed = planner.patch(f"{API}/{what}/{made['id']}", json=CHANGES[what] | {"version": 1}).json()
    assert (changed["version"], changed["updated_by"]) == (2, "paula")
    assert changed | made == made | {name: made[name] for name in changed}
    assert all(changed[name] == value for name, value in CHANGES[what].items())
    whole = planner.put(f"{API}/{what}/{made['id']}", json=body, headers={"If-Match": '"2"'})
    assert (whole.status_code, whole.json()["version"]) == (200, 3)
    assert all(whole.json()[name] == made[name] for name in CHANGES[what])
    gone = planner.delete(f"{API}/{what}/{made['id']}", params={"version": 3})
    assert gone.json() == {"id": made["id"], "version": 4, "deleted_by": "paula"}
    assert planner.get(f"{API}/{what}/{made['id']}").status_code == 404
    audit = planner.get(f"{API}/{what}/{made['id']}/audit").json()["changes"]
    assert [each["event_type"] for each in audit] == ["deleted", "updated", "updated", "created"]
    (name,) = CHANGES[what]
    assert audit[2]["changes"][name] == {"before": made[name], "after": CHANGES[what][name]}


@pytest.mark.parametrize("what", SUBJECTS)
def test_what_was_deleted_comes_back(plant: RunningPlant, planner: httpx2.Client, what: str) -> None:
    made = make(planner, what, examples(planner)[what])
    path = f"{API}/{what}/{made['id']}"
    early = planner.post(f"{path}/restore")
    assert (early.status_code, "is not deleted" in early.json()["detail"]) == (409, True)
    planner.delete(path).raise_for_status()
    with neighbour(plant) as other:
        assert other.post(f"{path}/restore").status_code == 404
    back = planner.post(f"{path}/restore").raise_for_status().json()
    assert (back["version"], back["updated_by"]) == (3, "paula")
    silent = {"version", "updated_at", "is_active"}
    assert {name: back[name] for name in back if name not in silent} == {
        name: made[name] for name in made if name not in silent
    }
    assert see(planner, what, made["id"]) == back
    audit = planner.get(f"{path}/audit").json()["changes"]
    assert [each["event_type"] for each in audit] == ["restored", "deleted", "created"]


def test_nothing_comes_back_that_names_what_is_gone(planner: httpx2.Client) -> None:
    followed = make(planner, "calendars", calendar())["id"]
    press = make(planner, "work-centers", work_center(calendar_id=followed))["id"]
    kind = make(planner, "operations", operation())["id"]
    made = make(planner, "routings", routing({"sequence_number": 10, "operation_id": kind, "work_center_id": press}))
    order = [("routings", made["id"]), ("operations", kind), ("work-centers", press), ("calendars", followed)]
    for what, identity in order:
        planner.delete(f"{API}/{what}/{identity}").raise_for_status()
    for what, identity in (order[0], order[2]):
        refused = planner.post(f"{API}/{what}/{identity}/restore")
        assert (refused.status_code, "cannot come back" in refused.json()["detail"]) == (409, True), refused.text
    for what, identity in order[::-1]:
        assert planner.post(f"{API}/{what}/{identity}/restore").status_code == 200, what
    assert see(planner, "routings", made["id"])["is_active"] is False, "it may be another one that is active now"


@pytest.mark.parametrize("what", SUBJECTS)
def test_what_is_sent_twice_with_one_key_is_made_once(planner: httpx2.Client, what: str) -> None:
    body, headers = examples(planner)[what], {"Idempotency-Key": uuid4().hex}
    first, again = (planner.post(f"{API}/{what}", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)


@pytest.mark.parametrize("what", SUBJECTS)
def test_a_change_of_nothing_makes_no_version(planner: httpx2.Client, what: str) -> None:
    body = examples(planner)[what]
    made = make(planner, what, body)
    answer = planner.put(f"{API}/{what}/{made['id']}", json=body | {"version": 1})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


@pytest.mark.parametrize("what", SUBJECTS)
def test_of_two_who_change_at_once_one_is_told_who_was_quicker(plant: RunningPlant, what: str) -> None:
    with somebody(plant, "planner", "paula") as paula, somebody(plant, "planner", "paul") as paul:
        made = make(paula, what, examples(paula)[what])
        told = CHANGES[what] | {"version": 1}
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(who.patch, f"{API}/{what}/{made['id']}", json=told) for who in (paula, paul)]
            answers = sorted((each.result() for each in asked), key=lambda each: int(each.status_code))
    assert [each.status_code for each in answers] == [200, 409]
    quicker = answers[0].json()["updated_by"]
    assert f"It was changed by {quicker} at " in answers[1].json()["detail"]
    assert answers[1].json()["version"] == 2


@pytest.mark.parametrize("what", SUBJECTS)
def test_another_tenant_sees_and_changes_nothing(plant: RunningPlant, planner: httpx2.Client, what: str) -> None:
    made = make(planner, what, examples(planner)[what])
    path = f"{API}/{what}/{made['id']}"
    with neighbour(plant) as other:
        answers = [
            other.get(path),
            other.get(f"{path}/audit"),
            other.patch(path, json=CHANGES[what] | {"version": 1}),
            other.delete(path),
        ]
        assert [each.status_code for each in answers] == [404] * 4
        listed = other.get(f"{API}/{what}", params={"limit": 500}).json()[what.replace("-", "_")]
        assert made["id"] not in [each["id"] for each in listed]
    assert see(planner, what, made["id"]) == made


@pytest.mark.parametrize("what", SUBJECTS)
def test_who_may_only_look_changes_nothing(plant: RunningPlant, planner: httpx2.Client, what: str) -> None:
    body = examples(planner)[what]
    with somebody(plant, "viewer") as viewer:
        assert viewer.post(f"{API}/{what}", json=body).status_code == 403
        assert viewer.get(f"{API}/{what}").status_code == 200


@pytest.mark.parametrize("what", SUBJECTS)
def test_what_is_no_object_is_answered_and_not_kept(planner: httpx2.Client, what: str) -> None:
    for body in (b"", b"{", b"[]", b'"x"', b"7", b'{"a": "\\u0000"}', b"[" * 40 + b"]" * 40):
        assert planner.post(f"{API}/{what}", content=body).status_code == 400, body
    assert planner.post(f"{API}/{what}", content=b" " * 300_000).status_code == 413
    made = make(planner, what, examples(planner)[what])
    for told, status in (
        ({}, 428),
        ({"version": 0}, 400),
        ({"version": "1"}, 400),
        ({"version": 1, "nonsense": 1}, 400),
    ):
        assert planner.patch(f"{API}/{what}/{made['id']}", json=told).status_code == status, told


@pytest.mark.parametrize(
    ("what", "told", "path"),
    [
        ("calendars", {"calendar_code": ""}, "calendar_code"),
        ("calendars", {"definition": {"zone": "UTC", "lunch": "noon"}}, "definition.lunch"),
        ("calendars", {"definition": {"zone": "Mars/Olympus"}}, "definition"),
        ("calendars", {"definition": shifts(weekdays=[8])}, "definition.shifts.0.weekdays.0"),
        ("calendars", {"definition": shifts(begins="06:00:30")}, "definition.shifts.0.begins"),
        ("calendars", {"definition": shifts(breaks=[{"begins": "20:00", "minutes": 9}])}, "definition"),
        ("work-centers", {"calendar_id": NOBODY}, "calendar_id"),
        ("work-centers", {"calendar_id": "press"}, "calendar_id"),
        ("work-centers", {"hourly_rate": -1}, "hourly_rate"),
        ("work-centers", {"hourly_rate": 1e300}, "hourly_rate"),
        ("work-centers", {"work_center_name": None}, "work_center_name"),
        ("operations", {"default_work_center_id": NOBODY}, "default_work_center_id"),
        ("operations", {"run_time_per_unit_seconds": "fast"}, "run_time_per_unit_seconds"),
        ("changeovers", {"setup_minutes": 10, "external_minutes": 11}, ""),
        ("changeovers", {"work_center_id": NOBODY}, "work_center_id"),
        ("changeovers", {"setup_minutes": 1.5}, "setup_minutes"),
        ("maintenance", {"ends_at": "2026-03-02T07:00:00Z"}, ""),
        ("maintenance", {"ends_at": "2026-03-02T09:00:00"}, "ends_at"),
        ("maintenance", {"begins_at": "0001-01-01T00:00:00+14:00"}, "begins_at"),
        ("maintenance", {"maintenance_type": "prayer"}, "maintenance_type"),
        ("assets", {"asset_type": "galaxy"}, "asset_type"),
        ("assets", {"parent_asset_id": NOBODY}, "parent_asset_id"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_answered_with_its_field(planner: httpx2.Client, what: str, told: Document, path: str) -> None:
    made = make(planner, what, examples(planner)[what])
    created = planner.post(f"{API}/{what}", json=examples(planner)[what] | told)
    changed = planner.patch(f"{API}/{what}/{made['id']}", json=told | {"version": 1})
    for answer in (created, changed):
        assert (answer.status_code, answer.json().get("path", "")) == (400, path), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"].endswith(".")
    assert see(planner, what, made["id"]) == made


@pytest.mark.parametrize(
    ("what", "code"),
    [("calendars", "calendar_code"), ("work-centers", "work_center_code"), ("operations", "operation_code"),
     ("routings", "routing_code"), ("changeovers", "from_family"), ("assets", "asset_code")],
)  # fmt: skip
def test_a_code_is_of_one_thing_only(plant: RunningPlant, planner: httpx2.Client, what: str, code: str) -> None:
    body = examples(planner)[what]
    made = make(planner, what, body)
    again = planner.post(f"{API}/{what}", json=body)
    assert (again.status_code, again.json()["existing_id"]) == (409, made["id"])
    assert body[code] in again.json()["detail"]
    assert "exists already" in again.json()["detail"]
    planner.delete(f"{API}/{what}/{made['id']}").raise_for_status()
    assert "was deleted" in planner.post(f"{API}/{what}", json=body).json()["detail"]
    if what not in ("changeovers", "operations"):
        with neighbour(plant) as other:
            make(other, what, {name: value for name, value in body.items() if name != "calendar_id"})


def test_of_many_who_make_one_code_at_once_one_does(planner: httpx2.Client) -> None:
    body = work_center()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: planner.post(f"{API}/work-centers", json=body).status_code, range(6)))
    assert sorted(answers) == [201] + [409] * 5


def test_what_is_in_use_stays(planner: httpx2.Client) -> None:
    followed = make(planner, "calendars", calendar())["id"]
    press = make(planner, "work-centers", work_center(calendar_id=followed))
    other = make(planner, "work-centers", work_center())
    folding = make(planner, "operations", operation(default_work_center_id=press["id"]))
    step = {"sequence_number": 10, "operation_id": folding["id"], "alternative_work_center_ids": [other["id"]]}
    made = make(planner, "routings", routing(step))
    site = make(planner, "assets", {"asset_code": unique("A"), "asset_name": "Hall", "asset_type": "site"})
    line = {"asset_code": unique("A"), "asset_name": "Line", "asset_type": "line", "parent_asset_id": site["id"]}
    below = make(planner, "assets", line)
    used = [
        ("calendars", followed, press["work_center_code"]),
        ("work-centers", press["id"], folding["operation_code"]),
        ("work-centers", other["id"], made["routing_code"]),
        ("operations", folding["id"], made["routing_code"]),
        ("assets", site["id"], below["asset_code"]),
    ]
    for what, identity, by in used:
        answer = planner.delete(f"{API}/{what}/{identity}")
        assert (answer.status_code, by in answer.json()["detail"]) == (409, True), answer.text
    planner.delete(f"{API}/assets/{below['id']}").raise_for_status()
    planner.delete(f"{API}/routings/{made['id']}").raise_for_status()
    for what, identity, _ in [*used[2:], used[1], used[0]]:
        assert planner.delete(f"{API}/{what}/{identity}").status_code == 200, what


def test_who_names_what_is_deleted_at_the_same_moment_gets_no_dangling_name(planner: httpx2.Client) -> None:
    for _ in range(4):
        followed = make(planner, "calendars", calendar())["id"]
        body = work_center(calendar_id=followed)
        with ThreadPoolExecutor(2) as pool:
            named = pool.submit(planner.post, f"{API}/work-centers", json=body)
            gone = pool.submit(planner.delete, f"{API}/calendars/{followed}")
        assert (named.result().status_code, gone.result().status_code) in ((201, 409), (400, 200))


def test_an_asset_belongs_to_something_larger(planner: httpx2.Client) -> None:
    def asset(kind: str, parent: str | None = None) -> Any:
        body = {"asset_code": unique("A"), "asset_name": kind, "asset_type": kind, "parent_asset_id": parent}
        return planner.post(f"{API}/assets", json=body)

    site = asset("site").json()
    line = asset("line", site["id"]).json()
    for wrong in (asset("site", line["id"]), asset("line", line["id"])):
        assert (wrong.status_code, wrong.json()["path"]) == (400, "parent_asset_id")
    smaller = planner.patch(f"{API}/assets/{site['id']}", json={"asset_type": "machine", "version": 1})
    assert (smaller.status_code, smaller.json()["path"]) == (400, "asset_type")
    itself = planner.patch(f"{API}/assets/{site['id']}", json={"parent_asset_id": site["id"], "version": 1})
    assert itself.status_code == 400


def test_pages_and_filters_show_each_once(planner: httpx2.Client) -> None:
    line = unique("line")
    codes = sorted(make(planner, "work-centers", work_center(line=line))["work_center_code"] for _ in range(7))
    seen: list[str] = []
    cursor: str | None = None
    while cursor is not None or not seen:
        asked: dict[str, str] = {"line": line, "limit": "3"} | ({"cursor": cursor} if cursor else {})
        told = planner.get(f"{API}/work-centers", params=asked).json()
        seen += [each["work_center_code"] for each in told["work_centers"]]
        cursor = told["next_cursor"]
    assert seen == codes
    found = planner.get(f"{API}/work-centers", params={"q": codes[3][3:].upper()}).json()["work_centers"]
    assert [each["work_center_code"] for each in found] == [codes[3]]
    assert planner.get(f"{API}/work-centers", params={"cursor": "nonsense"}).status_code == 400
    assert planner.get(f"{API}/work-centers", params={"calendar_id": "nonsense"}).status_code == 400


def test_operations_of_everybody_are_seen_by_all_and_changed_by_nobody(plant: RunningPlant) -> None:
    for client in (somebody(plant, "planner", "paula"), neighbour(plant)):
        with client:
            shared = client.get(f"{API}/operations?is_shared=true").json()["operations"]
            assert "PRINTING" in [each["operation_code"] for each in shared]
            path = f"{API}/operations/{shared[0]['id']}"
            for answer in (client.patch(path, json={"operation_name": "Mine", "version": 1}), client.delete(path)):
                assert (answer.status_code, "everybody's catalogue" in answer.json()["detail"]) == (409, True)
            assert see(client, "operations", shared[0]["id"]) == shared[0]
    with psycopg.connect(plant.app_url) as connection:
        assert connection.execute("SELECT count(*) FROM operations WHERE tenant_id IS NULL").fetchone() == (10,)
        assert connection.execute("SELECT count(*) FROM operations WHERE tenant_id IS NOT NULL").fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM operations WHERE tenant_id IS NULL",
        f"UPDATE operations SET tenant_id = '{NEIGHBOUR}' WHERE tenant_id IS NULL",
        "UPDATE operations SET operation_name = 'mine' WHERE tenant_id IS NULL",
    ],
)
def test_the_database_itself_keeps_what_is_everybodys(plant: RunningPlant, statement: str) -> None:
    with rows_of(plant.app_url, NEIGHBOUR) as rows:
        rows.execute(statement.encode())
        assert rows.rowcount == 0
    with rows_of(plant.app_url, NEIGHBOUR) as rows, pytest.raises(errors.InsufficientPrivilege):
        rows.execute("INSERT INTO operations (operation_code, operation_name) VALUES ('X', 'X')")


def test_each_change_is_told_once_committed(plant: RunningPlant, planner: httpx2.Client) -> None:
    ear = Ear(plant.settings(), "plans")
    made = make(planner, "calendars", calendar())
    planner.patch(f"{API}/calendars/{made['id']}", json={"calendar_name": "Late", "version": 1}).raise_for_status()
    planner.patch(f"{API}/calendars/{made['id']}", json={"calendar_name": "Later", "version": 1})
    planner.delete(f"{API}/calendars/{made['id']}").raise_for_status()

    def told() -> list[tuple[Any, ...]] | None:
        said = [decode(record.value()).payload for record in ear.records]
        found = [
            (each.change, each.version, each.fields, each.changed_by)
            for each in said
            if getattr(each, "subject_id", None) == made["id"]
        ]
        return found if len(found) >= 3 else None

    assert ear.until(told) == [
        ("created", 1, ("calendar_code", "calendar_name", "definition"), "paula"),
        ("updated", 2, ("calendar_name",), "paula"),
        ("deleted", 3, (), "paula"),
    ]
    ear.close()
