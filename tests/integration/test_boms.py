"""Bills of materials over HTTP, on a real Postgres: kept, changed, revised, computed with, refused with the reason."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from connectors.gateway.auth import Tokens
from connectors.gateway.roles import scopes_of
from schemas.settings import DEFAULT_TENANT
from sql.database import rows_of
from tests.bills import BOMS, fresh, items, line, make, post, totals
from tests.facts import put
from tests.gateways import own_gateway
from tests.integration.events import NEIGHBOUR
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def client(migrated: RunningPlant) -> Iterator[TestClient]:
    """A planner, at a gateway over a real Postgres."""
    with own_gateway(migrated) as (client, _):
        client.headers["Authorization"] = f"Bearer {migrated.endpoints['ADMIN_TOKEN']}"
        yield client


def at(bill: dict[str, Any], *rest: str) -> str:
    return "/".join((BOMS, bill["id"], *rest))


def read(client: TestClient, bill: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = client.get(at(bill)).raise_for_status().json()
    return told


def history(client: TestClient, bill: dict[str, Any]) -> list[str]:
    return [each["event_type"] for each in client.get(at(bill, "audit")).json()["audit"]]


def test_a_bill_is_kept_as_it_was_told(client: TestClient) -> None:
    product, screw, steel = fresh(), *items(client, fresh("S"), fresh("ST"))
    answer = post(
        client,
        product,
        line(screw, 4, position="7", scrap_percentage=2.5, notes="torque 3 Nm"),
        line(steel, "0.125", unit="EA"),
        product_name="Hinge",
        metadata={"drawing": "D-7"},
    )
    made = answer.json()
    assert (answer.status_code, made["version"], made["revision"], made["product_name"]) == (201, 1, "A", "Hinge")
    assert made["bom_number"] == f"BOM-{product}-A"
    assert [(each["item_code"], each["quantity"], each["position"]) for each in made["components"]] == [
        (screw, 4, "7"),
        (steel, 0.125, "20"),
    ]
    again = client.get(at(made))
    assert again.json() == made
    assert again.headers["etag"] == '"1"'
    assert history(client, made) == ["created"]


def test_what_one_key_asks_for_twice_is_made_once(client: TestClient) -> None:
    key, body = {"Idempotency-Key": uuid4().hex}, {"product_id": fresh()}
    first, again = (client.post(BOMS, json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.content) == (201, first.content)
    assert client.post(BOMS, json=body | {"revision": "B"}, headers=key).status_code == 422


def test_a_revision_exists_once_even_when_it_was_deleted(client: TestClient) -> None:
    product = fresh()
    made = make(client, product)
    refused = post(client, product)
    assert (refused.status_code, refused.json()["bom_id"]) == (409, made["id"])
    assert refused.json()["detail"] == f"{product} has a revision A already: {made['id']}."
    assert client.delete(at(made)).status_code == 204
    assert post(client, product).json()["detail"] == f"{product} has a revision A already (deleted): {made['id']}."
    number = make(client, fresh(), bom_number=fresh("N"))["bom_number"]
    assert post(client, fresh(), bom_number=number).status_code == 409


def test_a_change_needs_the_version_that_somebody_saw(client: TestClient) -> None:
    made = make(client, fresh(), *items(client, fresh()))
    assert client.patch(at(made), json={"description": "x"}).status_code == 428
    changed = client.patch(at(made), json={"version": 1, "description": "x"})
    assert (changed.status_code, changed.json()["version"], changed.headers["content-type"]) == (
        200,
        2,
        "application/json",
    )
    late = client.patch(at(made), json={"description": "y"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["version"]) == (409, 2)
    assert late.json()["detail"].startswith("It was changed by admin at ")
    assert client.patch(at(made), json={"description": "y"}, headers={"If-Match": '"2"'}).status_code == 200
    assert client.patch(at(made), json={"version": 3}, headers={"If-Match": '"2"'}).status_code == 400
    same = client.patch(at(made), json={"version": 3, "description": "y"})
    assert same.json()["version"] == 3, "nothing changed"
    assert history(client, made) == ["updated", "updated", "created"]
    entry = client.get(at(made, "audit")).json()["audit"][0]
    assert (entry["user_id"], entry["changes"]) == ("admin", {"description": ["x", "y"]})


def test_a_bill_is_put_as_a_whole(client: TestClient) -> None:
    product, (one, two) = fresh(), items(client, fresh(), fresh())
    made = make(client, product, one, description="old")
    body = {"version": 1, "product_id": product, "revision": "A", "components": [line(two, 3)]}
    put_answer = client.put(at(made), json=body)
    told = put_answer.json()
    assert (put_answer.status_code, told["description"], told["effective_from"]) == (200, None, "2026-01-01")
    assert [each["item_code"] for each in told["components"]] == [two]
    assert client.put(at(made), json=body).status_code == 409
    assert client.put(at(made), json=body | {"version": 2, "revision": "B"}).status_code == 400
    assert client.put(at(made), json=body | {"version": 2, "product_id": one}).status_code == 400


def test_a_new_revision_ends_the_one_that_held_until_further_notice(client: TestClient) -> None:
    product, (part,) = fresh(), items(client, fresh())
    first = make(client, product, line(part, 2))
    draft = client.post(at(first, "revisions"), json={"revision": "B"}).json()
    assert (draft["lifecycle_status"], [each["quantity"] for each in draft["components"]]) == ("draft", [2])
    active = {"version": 1, "lifecycle_status": "active", "effective_from": "2027-01-01"}
    second = client.patch(at(draft), json=active | {"components": [line(part, 3)]}).json()
    assert (second["lifecycle_status"], second["effective_from"]) == ("active", "2027-01-01")
    assert read(client, first)["effective_to"] == "2027-01-01"
    assert history(client, first) == ["superseded", "created"]
    assert history(client, draft) == ["updated", "revised"]
    clash = client.post(
        at(first, "revisions"), json={"revision": "C", "lifecycle_status": "active", "effective_from": "2026-06-01"}
    )
    assert clash.status_code == 409
    assert "two revisions cannot hold on the same day" in clash.json()["detail"]
    on = {
        day: client.get(BOMS, params={"product": product, "effective_on": day}).json()["boms"]
        for day in ("2026-12-31", "2027-01-01")
    }
    assert {day: [each["revision"] for each in found] for day, found in on.items()} == {
        "2026-12-31": ["A"],
        "2027-01-01": ["B"],
    }


def test_an_explosion_follows_the_day(client: TestClient) -> None:
    top, middle, (part,) = fresh("TOP"), fresh("MID"), items(client, fresh())
    old = make(client, middle, line(part, 2))
    make(client, middle, line(part, 5), revision="B", effective_from="2027-01-01")
    bill = make(client, top, line(middle, 10))
    assert totals(client, bill["id"], quantity=3, effective_on="2026-12-31") == {middle: 30, part: 60}
    assert totals(client, bill["id"], quantity=3, effective_on="2027-01-01") == {middle: 30, part: 150}
    assert totals(client, bill["id"], quantity=3, levels=1, effective_on="2027-01-01")[part] == 150
    assert totals(client, old["id"], quantity=3, effective_on="2027-01-01") == {part: 6}, "its own revision"


def test_an_explosion_converts_units_and_adds_what_is_spoiled(client: TestClient) -> None:
    paint, (screw,), (resin,) = fresh("PAINT"), items(client, fresh("S")), items(client, fresh("R"), unit="KG")
    box = {"unit": "BOX", "into": "EA", "factor": 200, "item_code": screw}
    assert client.post("/api/v1/units/conversions", json=box).status_code == 201
    bill = make(
        client,
        paint,
        line(screw, "0.5", unit="BOX"),
        line(resin, 250, unit="G", scrap_percentage=20),
        output_quantity=10,
    )
    told = client.get(at(bill, "explode"), params={"quantity": 40}).json()
    assert [(each["item_code"], each["quantity"], each["unit"]) for each in told["lines"]] == [
        (screw, 400, "EA"),
        (resin, 1.25, "KG"),
    ]
    disagrees = client.post("/api/v1/units/conversions", json=box | {"factor": 100})
    assert (disagrees.status_code, disagrees.json()["detail"]) == (409, "One BOX is 200 EA already.")
    turned = client.post(
        "/api/v1/units/conversions", json={"unit": "EA", "into": "BOX", "factor": 1, "item_code": screw}
    )
    assert turned.status_code == 409
    assert turned.json()["detail"].startswith(f"One EA of {screw} is 1 BOX by one conversion")
    impossible = post(client, fresh(), line(resin, 1, unit="M"))
    assert (impossible.status_code, impossible.json()["detail"]) == (
        409,
        f"There is no conversion from M to KG for {resin}.",
    )


def test_thirty_levels_explode_and_are_found_from_below(client: TestClient) -> None:
    (bottom,) = items(client, fresh("L"))
    below, codes, bill = bottom, [], {}
    for level in range(30):
        codes.append(fresh(f"L{level}"))
        bill = make(client, codes[-1], line(below, 2))
        below = codes[-1]
    assert totals(client, bill["id"])[bottom] == Decimal(2**30)
    used = client.get(f"{BOMS}/where-used", params={"item_code": bottom}).json()["usages"]
    assert [each["item_code"] for each in used] == codes
    assert used[-1]["path"] == [*reversed(codes), bottom]
    assert client.get(at(bill, "where-used")).json()["usages"] == []


def test_a_phantom_is_no_level(client: TestClient) -> None:
    kit, (part,) = fresh("KIT"), items(client, fresh())
    make(client, kit, line(part, 3), is_phantom=True)
    bill = make(client, fresh("TOP"), line(kit, 2))
    (told,) = client.get(at(bill, "explode")).json()["lines"]
    assert (told["level"], told["item_code"], told["quantity"]) == (1, part, 6)
    assert told["path"] == [bill["item_code"], kit, part]


def test_a_circle_is_refused_with_its_path_and_nothing_is_kept(client: TestClient) -> None:
    a, b, c = fresh("A"), fresh("B"), fresh("C")
    first = make(client, a)
    make(client, b, a)
    make(client, c, b)
    refused = client.patch(at(first), json={"version": 1, "components": [line(c)]})
    told = refused.json()
    assert (refused.status_code, told["reason"]) == (409, "BOM_CYCLE")
    assert told["cycle"][0] == told["cycle"][-1]
    assert set(told["cycle"]) == {a, b, c}
    assert " > ".join(told["cycle"]) in told["detail"]
    assert (read(client, first)["version"], history(client, first)) == (1, ["created"])
    itself = client.patch(at(first), json={"version": 1, "components": [line(a)]})
    assert itself.json()["cycle"] == [a, a]


def test_an_item_may_contain_what_contained_it_on_other_days(client: TestClient) -> None:
    a, b = fresh("A"), fresh("B")
    first = make(client, a, effective_to="2026-06-01")
    make(client, b, a, effective_to="2026-06-01")
    later = make(client, a, b, revision="B", effective_from="2026-06-01")
    assert totals(client, later["id"], effective_on="2026-07-01") == {b: 1}
    assert post(client, b, a, revision="B", effective_from="2026-06-01").json()["reason"] == "BOM_CYCLE"
    assert history(client, first) == ["created"]


def test_costs_roll_up_and_say_what_is_missing(migrated: RunningPlant, client: TestClient) -> None:
    steel, glue = fresh("M"), fresh("M")
    with rows_of(migrated.app_url, DEFAULT_TENANT) as rows:
        for code, cost in ((steel, "2.5"), (glue, None)):
            put(rows, "materials", material_id=code, part_name=code, unit_of_measure="EA", standard_cost=cost)
    half = fresh("HALF")
    make(client, half, line(steel, 4))
    bill = make(client, fresh("TOP"), line(half, 2), line(steel, 1))
    told = client.get(at(bill, "cost")).json()
    assert (told["material_cost"], told["total_cost"], told["missing"]) == (22.5, 22.5, [])
    sticky = client.patch(at(bill), json={"version": 1, "components": [line(half, 2), line(glue)]}).json()
    told = client.get(at(sticky, "cost")).json()
    assert (told["total_cost"], told["missing"]) == (None, [glue])


def test_lists_are_filtered_and_paged(client: TestClient) -> None:
    tag = uuid4().hex[:8]
    made = [make(client, f"LIST-{tag}-{number}", lifecycle_status="draft") for number in range(5)]
    make(client, f"LIST-{tag}-9")
    seen, cursor = [], None
    while True:
        asked: dict[str, Any] = {"q": f"list-{tag}", "status": "draft", "limit": 2} | (
            {"cursor": cursor} if cursor else {}
        )
        told = client.get(BOMS, params=asked).json()
        seen += [each["id"] for each in told["boms"]]
        if (cursor := told["next_cursor"]) is None:
            break
    assert seen == [each["id"] for each in reversed(made)]
    found = client.get(BOMS, params={"product": f"LIST-{tag}-9"}).json()["boms"]
    assert [each["lifecycle_status"] for each in found] == ["active"]
    assert client.get(BOMS, params={"status": "frozen"}).status_code == 400
    assert client.get(BOMS, params={"cursor": "nonsense"}).status_code == 400


def test_a_deleted_bill_is_gone_and_its_audit_stays(client: TestClient) -> None:
    made = make(client, fresh())
    assert client.delete(at(made), headers={"If-Match": '"7"'}).status_code == 409
    assert client.delete(at(made), params={"reason": "made by mistake"}, headers={"If-Match": '"1"'}).status_code == 204
    assert client.get(at(made)).status_code == 404
    assert client.delete(at(made)).status_code == 404
    assert client.patch(at(made), json={"version": 2, "description": "x"}).status_code == 404
    (entry, _) = client.get(at(made, "audit")).json()["audit"]
    assert (entry["event_type"], entry["notes"]) == ("deleted", "made by mistake")


WRONG: dict[str, tuple[dict[str, Any], str | None]] = {
    "no product": ({}, "product_id"),
    "unknown number": ({"item_id": 2**40}, "product_id"),
    "unknown uuid": ({"product_id": str(uuid4())}, "product_id"),
    "quantity in words": ({"product_id": "P-1", "components": [line("S", "many")]}, "components.0.quantity"),
    "nothing of it": ({"product_id": "P-1", "components": [line("S", 0)]}, "components.0.quantity"),
    "too exact": ({"product_id": "P-1", "components": [line("S", "0.0000001")]}, "components.0.quantity"),
    "all spoiled": (
        {"product_id": "P-1", "components": [line("S", scrap_percentage=100)]},
        "components.0.scrap_percentage",
    ),
    "unknown item": ({"product_id": "P-1", "components": [line("NOBODY-KNOWS")]}, "components"),
    "unknown unit": ({"product_id": "P-1", "unit": "FURLONG"}, None),
    "unknown field": ({"product_id": "P-1", "colour": "red"}, "colour"),
    "ends before it begins": (
        {"product_id": "P-1", "effective_from": "2026-02-01", "effective_to": "2026-02-01"},
        "effective_to",
    ),
    "no day": ({"product_id": "P-1", "effective_from": "tomorrow"}, "effective_from"),
    "status": ({"product_id": "P-1", "lifecycle_status": "frozen"}, "lifecycle_status"),
    "too many lines": ({"product_id": "P-1", "components": [line("S")] * 501}, "components"),
    "text for lines": ({"product_id": "P-1", "components": "S"}, "components"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input_is_answered_with_its_field(client: TestClient, wrong: str) -> None:
    body, path = WRONG[wrong]
    answer = client.post(BOMS, json=body)
    assert (answer.status_code, answer.json().get("path")) == (400, path), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_no_json_or_too_large_is_refused(client: TestClient) -> None:
    for body in (b"", b"{", b"[]", b'"bill"', b'{"product_id": "\\u0000"}', b"[" * 100, b'{"product_id": 1e999}'):
        assert client.post(BOMS, content=body).status_code == 400, body
    assert client.post(BOMS, content=b'{"description": "' + b"x" * 300_000 + b'"}').status_code == 413
    heavy = [line(f"{'I' * 120}{number}") for number in range(3)]
    assert client.post(BOMS, json={"product_id": "P-1", "components": heavy}).json()["missing_items"] == [
        each["item_code"] for each in heavy
    ]


def test_unknown_ids_are_not_found(client: TestClient) -> None:
    nobody = str(uuid4())
    for path in ("", "/explode", "/where-used", "/audit", "/cost"):
        assert client.get(f"{BOMS}/{nobody}{path}").status_code == 404, path
    assert client.get(f"{BOMS}/BOM-1").status_code == 400
    assert client.patch(f"{BOMS}/{nobody}", json={"version": 1}).status_code == 404
    assert client.post(f"{BOMS}/{nobody}/revisions", json={"revision": "B"}).status_code == 404
    assert client.get(f"{BOMS}/where-used", params={"item_code": "NOBODY"}).status_code == 404


def test_another_tenant_sees_nothing_and_can_have_the_same(migrated: RunningPlant, client: TestClient) -> None:
    product = fresh()
    made = make(client, product)
    with own_gateway(migrated, tenant_id=NEIGHBOUR) as (neighbour, _):
        neighbour.headers["Authorization"] = f"Bearer {migrated.endpoints['ADMIN_TOKEN']}"
        for path in ("", "/explode", "/where-used", "/audit", "/cost"):
            assert neighbour.get(f"{BOMS}/{made['id']}{path}").status_code == 404, path
        assert neighbour.patch(at(made), json={"version": 1, "description": "x"}).status_code == 404
        assert neighbour.delete(at(made)).status_code == 404
        assert neighbour.get(BOMS, params={"product": product}).json()["boms"] == []
        theirs = make(neighbour, product)
        assert theirs["id"] != made["id"]
    assert read(client, made) == made


def test_who_may_only_look_changes_nothing(migrated: RunningPlant, client: TestClient) -> None:
    made = make(client, fresh())
    token = Tokens(migrated.settings()).issue("otto", scopes_of(["operator"]))
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(at(made), headers=headers).status_code == 200
    assert client.post(BOMS, json={"product_id": fresh()}, headers=headers).status_code == 403
    assert client.delete(at(made), headers=headers).status_code == 403


@st.composite
def plants(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    """Of each product the items below it, by place, and how many of each."""
    count = draw(st.integers(2, 6))
    return [
        draw(
            st.lists(st.tuples(st.integers(place + 1, count), st.integers(1, 9)), max_size=3, unique_by=lambda x: x[0])
        )
        for place in range(count)
    ]


@settings(max_examples=10)
@given(plants())
def test_explosion_and_where_used_agree(client: TestClient, plant: list[list[tuple[int, int]]]) -> None:
    codes = [fresh(f"H{place}") for place in range(len(plant) + 1)]
    items(client, codes[-1])
    bills = {
        codes[place]: make(client, codes[place], *(line(codes[below], many) for below, many in plant[place]))
        for place in reversed(range(len(plant)))
    }
    exploded = {
        (product, each["item_code"], tuple(each["path"]), each["quantity"])
        for product, bill in bills.items()
        for each in client.get(at(bill, "explode")).json()["lines"]
    }
    used = {
        (each["item_code"], item, tuple(each["path"]), each["quantity"])
        for item in codes
        for each in client.get(f"{BOMS}/where-used", params={"item_code": item}).json()["usages"]
    }
    assert exploded == used
