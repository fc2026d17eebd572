"""Dead letters by the hundred: one edit for all, a cause as a whole, whoever dies on the way, and what figures tell."""

from typing import Any

import httpx2
import psycopg
import pytest

from streams.rebuild import rebuild
from tests.gateways import operator
from tests.integration.events import publish
from tests.letters import (
    FAILURES,
    bulk,
    counted,
    crafted,
    detail,
    do,
    found,
    keys,
    make_letter,
    make_letters,
    name,
    new_order,
    produced,
    repaired,
    settled,
    to_order,
)
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


def test_many_letters_are_repaired_by_one_edit_and_each_counts_once(plant: RunningPlant, client: httpx2.Client) -> None:
    order, letters = new_order(client), make_letters(plant, client, 60)
    gone, kept = letters[0], letters[1]
    assert do(client, gone["failure_id"], "discard", reason="it never was").status_code == 200
    assert do(client, kept["failure_id"], "resolve", reason="counted by hand").status_code == 200
    ids = [*keys(letters), "FAIL-NOBODY"]
    begun, done = bulk(client, action="edit_retry", failure_ids=ids, edits=to_order(order), reason="wrong order")
    assert (begun["selected"], begun["accepted"], begun["refused_count"]) == (61, 58, 3)
    assert {each["failure_id"] for each in begun["refused"]} == {gone["failure_id"], kept["failure_id"], "FAIL-NOBODY"}
    assert (done["total"], done["applied"], done["refused"], done["actor"]) == (58, 58, 0, "admin")
    eventually(lambda: produced(client, order) == 58, 60, "the units do not count")
    again, _ = bulk(client, action="edit_retry", failure_ids=keys(letters), edits=to_order(order))
    assert again["accepted"] == 0
    assert produced(client, order) == 58


def test_a_cause_is_discarded_as_a_whole(plant: RunningPlant, client: httpx2.Client) -> None:
    text = name()
    data = [f'{{"machine_id":"{text}-{number}"}}'.encode() for number in range(20)]
    told = [
        crafted(each, inbox="machine-inbox", address="mes/x", integration=f"mes_unknown_{text.lower()}")
        for each in data
    ]
    publish(plant.settings(), told)
    found(client, text, 20)
    (group,) = client.get(FAILURES, params={"q": text}).json()["groups"]
    assert (group["failures"], group["cause"]) == (20, "It was refused.")
    begun, done = bulk(client, action="discard", cause_key=group["cause_key"], reason="a test")
    assert (begun["accepted"], done["applied"], done["is_done"]) == (20, 20, True)
    assert client.get(FAILURES, params={"cause": group["cause_key"], "status": "discarded"}).json()["groups"] == [group]


def test_open_consoles_hear_of_letters_that_are_closed_though_nothing_is_sent(
    plant: RunningPlant, client: httpx2.Client
) -> None:
    first, second, third = make_letters(plant, client, 3)
    with client.stream("GET", "/api/v1/live") as console:
        heard = console.iter_lines()
        assert any("hello" in line for line in heard)
        with operator(plant) as other:
            assert do(other, first["failure_id"], "discard", reason="it never was").status_code == 200
            bulk(other, action="resolve", failure_ids=keys([second, third]), reason="counted by hand")
        missing = {each["failure_key"] for each in (first, second, third)}
        for line in heard:
            missing = {key for key in missing if not ("repair.settled" in line and key in line)}
            if not missing:
                break
    assert missing == set()


@pytest.mark.parametrize(
    "told",
    [
        {"action": "retry"},
        {"action": "retry", "failure_ids": []},
        {"action": "retry", "failure_ids": ["a"], "cause_key": "b"},
        {"action": "retry", "cause_key": "b", "edits": [{}]},
        {"action": "edit_retry", "cause_key": "b"},
        {"action": "discard", "cause_key": "b"},
        {"action": "dance", "cause_key": "b"},
    ],
)
def test_a_bulk_that_makes_no_sense_is_refused(client: httpx2.Client, told: dict[str, Any]) -> None:
    assert client.post(f"{FAILURES}/bulk", json=told).status_code == 400


@pytest.mark.chaos
def test_killed_between_publishing_and_marking_nothing_counts_twice(plant: RunningPlant, client: httpx2.Client) -> None:
    order, letters = new_order(client), make_letters(plant, client, 400)
    answer = client.post(
        f"{FAILURES}/bulk", json={"action": "edit_retry", "failure_ids": keys(letters), "edits": to_order(order)}
    )
    plant.kill("jobs")
    path = f"{FAILURES}/bulk/{answer.json()['bulk_id']}"
    eventually(lambda: client.get(path).json()["is_done"], 180, client.get(path).text)
    assert client.get(path).json()["applied"] == 400
    eventually(lambda: produced(client, order) == 400, 60, "the units do not count")
    publish(plant.settings(), [counted(order, f"last-{order}")])
    eventually(lambda: produced(client, order) == 401, 60, "more was counted than was sent")


def test_a_rebuild_comes_to_the_same_and_gives_lost_letters_back(plant: RunningPlant, client: httpx2.Client) -> None:
    letters = [make_letter(plant, client) for _ in range(3)]
    order = new_order(client)
    repaired(client, letters[0]["failure_id"], "edit-retry", edits=to_order(order))
    do(client, letters[1]["failure_id"], "discard", reason="a test")
    do(client, letters[2]["failure_id"], "retry")
    before = [settled(client, each["failure_id"]) for each in letters]
    assert [each["status"] for each in before] == ["resolved", "discarded", "pending_manual_review"]
    with psycopg.connect(plant.owner_url) as connection:
        connection.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
        lost = [each["failure_key"] for each in letters]
        connection.execute("DELETE FROM integration_failures WHERE failure_key = ANY(%s)", [lost])
    assert rebuild(plant.settings(), plant.owner_url).rows >= 3
    after = [detail(client, each["failure_id"]) for each in letters]
    for one, other in zip(before, after, strict=True):
        assert {**one, "recorded_at": None} == {**other, "recorded_at": None}


def test_the_figures_tell_how_many_and_how_fast(plant: RunningPlant, client: httpx2.Client) -> None:
    letter = make_letter(plant, client)
    before = figures(client)
    do(client, letter["failure_id"], "resolve", reason="counted by hand")
    after = figures(client)
    assert after["resolved"] == before["resolved"] + 1
    assert after["pending"] == before["pending"] - 1
    assert after["mean_seconds_to_resolution"] > 0
    assert after["per_hour"] == pytest.approx(after["failures"] / 24)
    trend = client.get(f"{FAILURES}/metrics", params={"hours": 1}).json()["trend"]
    assert sum(each["resolved"] for each in trend) >= 1
    assert len({each["at"] for each in trend}) <= 49


def figures(client: httpx2.Client) -> dict[str, Any]:
    told = client.get(f"{FAILURES}/metrics").json()["integrations"]
    (found,) = [each for each in told if each["integration_type"] == "production_counted"]
    return dict(found)
