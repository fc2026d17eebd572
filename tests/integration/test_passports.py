"""Passports: a figure opens to its formula and the exact messages it came from, and these give the same number."""

import subprocess
import sys
from collections.abc import Iterator
from os import environ
from typing import Any

import pytest

from connectors.gateway.records import Place, Records
from schemas.codec import decode
from streams.domain.passports import MACHINE, MATERIAL, ORDER
from tests.integration.pasts import Past, a_day, past
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

FIGURES = {"order": ORDER, "material": MATERIAL, "machine": MACHINE}


@pytest.fixture(scope="module")
def lived(plant: RunningPlant) -> Iterator[Past]:
    """A day that is over, of an order that used some of a material up; another order waits with its reservation."""
    with past(plant) as found:
        a_day(found)
        yield found


def passport(of: Past, kind: str, figure: str, **parameters: Any) -> dict[str, Any]:
    answer = of.ask(kind, "/passport", figure=figure, **parameters)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def all_of(of: Past) -> dict[tuple[str, str], dict[str, Any]]:
    return {(kind, figure): passport(of, kind, figure) for kind, known in FIGURES.items() for figure in known}


def wrong(of: Past) -> list[str]:
    """The figures whose messages do not give them."""
    return [
        f"{kind}.{name}: {each['value']} / {each['recomputed']} {each['differences']}"
        for (kind, name), each in all_of(of).items()
        if each["is_equal"] is not True or each["value"] != each["recomputed"]
    ]


def test_every_figure_is_what_its_messages_give(lived: Past) -> None:
    assert wrong(lived) == []
    found = all_of(lived)
    assert {name: found["order", name]["value"] for name in ORDER} == {
        "progress_percentage": 100,
        "quantity_produced": 10,
        "quantity_scrapped": 3,
        "quantity_good": 7,
    }
    assert {name: found["material", name]["value"] for name in MATERIAL} == {
        "available_quantity": 70,
        "on_hand_quantity": 70,
        "allocated_quantity": 0,
        "reserved_quantity": 0,
    }
    assert found["machine", "quality_percentage"]["value"] == 70


def test_its_messages_are_in_the_log_where_it_says_and_say_what_it_says(lived: Past, plant: RunningPlant) -> None:
    found = passport(lived, "order", "quantity_produced")
    places = [Place(each["topic"], each["partition"], each["offset"]) for each in found["messages"]]
    records = Records(plant.settings())
    try:
        read = records.read(places)
    finally:
        records.close()
    assert read.missing == {}
    told = [decode(read.records[place].value) for place in places]
    assert [each.message_id for each in told] == [each["message_id"] for each in found["messages"]]
    assert [each.payload.units for each in told] == [each["contributions"]["units"] for each in found["messages"]]
    assert sum(each.payload.units for each in told) == found["value"] == 10
    assert {each["came_from"]["topic"] for each in found["messages"]} == {"machine-inbox"}


def test_it_shows_formula_inputs_and_pages_of_messages(lived: Past) -> None:
    first = passport(lived, "order", "progress_percentage", limit=3)
    assert first["formula"] == "min(100, round(100 × produced ÷ ordered, 2))"
    assert [(each["name"], each["value"], each["unit"]) for each in first["inputs"]] == [
        ("quantity_produced", 10, "EA"),
        ("quantity_ordered", 10, "EA"),
    ]
    assert first["messages_total"] == 5
    rest = passport(lived, "order", "progress_percentage", limit=3, cursor=first["next_cursor"])
    assert rest["next_cursor"] is None
    offsets = [each["offset"] for each in (*first["messages"], *rest["messages"])]
    assert len(set(offsets)) == 5
    assert offsets == sorted(offsets)


def test_stock_is_explained_by_the_latest_count_and_what_came_after(lived: Past) -> None:
    found = passport(lived, "material", "on_hand_quantity")
    said = [(each["type"], each["contributions"]) for each in found["messages"]]
    assert ("inventory.stock_reported", {"counted_quantity": 90}) in said
    assert ("material.consume", {"used_quantity": 20}) in said


def test_an_open_reservation_and_what_others_hold_are_in_what_is_allocated(plant: RunningPlant) -> None:
    with past(plant) as other:
        other.begin(needed=30)
        other.say("assign", machine_id=other.machine)
        other.until("material", lambda shown: shown["reserved_quantity"] == 30)
        other.count_stock(80, allocated_quantity=45)
        other.until("material", lambda shown: shown["on_hand_quantity"] == 80)
        other.look()
        assert wrong(other) == []
        found = passport(other, "material", "available_quantity")
        assert {"reservation.changed", "inventory.stock_reported"} <= {each["type"] for each in found["messages"]}
        assert found["value"] == other.ask("material").json()["available_quantity"]


def test_they_hold_after_a_projector_was_killed_and_after_the_rows_were_made_again(
    lived: Past, plant: RunningPlant
) -> None:
    plant.kill("projector")
    lived.make(2)
    lived.until("order", lambda shown: shown["quantity_produced"] == lived.cumulative)
    assert wrong(lived) == []
    command = [sys.executable, "-m", "streams", "rebuild"]
    done = subprocess.run(command, env=environ | plant.endpoints, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert wrong(lived) == []


@pytest.mark.parametrize(
    ("damage", "kind", "figure", "complaint"),
    [
        ("UPDATE work_orders SET quantity_produced = 999", "order", "quantity_produced", "is shown as 999"),
        ("UPDATE work_orders SET progress_percentage = 12.5", "order", "progress_percentage", "is shown as 12.5"),
        ("UPDATE production_logs SET units = units + 1", "order", "quantity_produced", "the row made of it says"),
        ("DELETE FROM production_logs", "order", "quantity_produced", "have no row"),
        ("UPDATE materials SET on_hand_quantity = 71", "material", "on_hand_quantity", "is shown as 71"),
        ("UPDATE material_transactions SET quantity = 1", "material", "on_hand_quantity", "the row made of it says"),
        ("UPDATE production_logs SET scrapped_units = 0", "machine", "quality_percentage", "the row made of it says"),
    ],
)
def test_a_figure_that_was_changed_behind_its_back_is_found(
    lived: Past, plant: RunningPlant, damage: str, kind: str, figure: str, complaint: str
) -> None:
    key = "material_id" if "material" in damage else "work_order_id"
    with plant.rows() as rows:
        rows.execute(f"{damage} WHERE {key} = %s".encode(), [lived.ids()[kind] if kind != "machine" else lived.order])
    try:
        found = passport(lived, kind, figure)
        assert found["is_equal"] is False
        assert any(complaint in each for each in found["differences"]), found["differences"]
    finally:
        command = [sys.executable, "-m", "streams", "rebuild"]
        subprocess.run(command, env=environ | plant.endpoints, capture_output=True, check=True)
    assert passport(lived, kind, figure)["is_equal"] is True


@pytest.mark.parametrize(
    "parameters",
    [
        {"figure": "nonsense"},
        {"limit": "0"},
        {"limit": "999999"},
        {"cursor": "AAAA"},
        {"cursor": "WyItMSJd"},
        {"from": "2026-01-01T00:00:00", "figure": "x"},
    ],
)
def test_whatever_is_asked_is_answered_with_a_problem(lived: Past, parameters: dict[str, str]) -> None:
    for kind in FIGURES:
        answer = lived.ask(kind, "/passport", **parameters)
        assert answer.status_code == 400, answer.text
        assert answer.json()["detail"]


def test_a_machine_is_asked_about_a_stretch_of_time(lived: Past) -> None:
    for told, complaint in (
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-06-01T00:00:00Z"}, "31 days"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "must lie before"),
    ):
        answer = lived.ask("machine", "/passport", **told)
        assert answer.status_code == 400
        assert complaint in answer.json()["detail"]
