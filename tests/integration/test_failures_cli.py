"""Dead letters from a terminal: the same rules as the API, for people and for scripts."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner, Result

from connectors.__main__ import app
from tests.gateways import operator
from tests.integration.events import publish
from tests.letters import counted, detail, found, keys, name, new_order
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
Say = Callable[..., Result]


@pytest.fixture
def client(plant: RunningPlant) -> Iterator[httpx2.Client]:
    with operator(plant) as signed_in:
        yield signed_in


@pytest.fixture
def say(plant: RunningPlant) -> Say:
    """`python -m connectors failures ...`, for the plant."""
    told = {name: plant.endpoints[name] for name in ("GATEWAY_URL", "ADMIN_TOKEN")}

    def run(*words: str, **env: str) -> Result:
        return CliRunner(env=told | env | {"COLUMNS": "200"}).invoke(app, ["failures", *words])

    return run


def letters(plant: RunningPlant, client: httpx2.Client, count: int = 1) -> tuple[str, list[str]]:
    """Letters about an order that nobody knows; the order and their ids."""
    order = f"WO-{name()}"
    publish(plant.settings(), [counted(order, f"log-{order}-{number}") for number in range(count)])
    return order, keys(found(client, order, count))


def test_letters_are_listed_with_their_causes_and_shown(plant: RunningPlant, client: httpx2.Client, say: Say) -> None:
    order, (letter,) = letters(plant, client)
    listed = say("list", "--q", order)
    assert listed.exit_code == 0
    assert letter in listed.stdout
    assert "No open work order <id> is known." in listed.stdout
    assert json.loads(say("list", "--q", order, "--json").stdout)["failures"][0]["failure_id"] == letter
    shown = say("show", letter)
    assert order in shown.stdout
    assert json.loads(say("show", letter, "--json").stdout)["can"]["retry"] is None


def test_a_refusal_and_a_conflict_are_told_and_fail_the_command(
    plant: RunningPlant, client: httpx2.Client, say: Say
) -> None:
    order, (letter,) = letters(plant, client)
    refused = say("retry", letter, "--reason", "again")
    assert refused.exit_code == 1
    assert f"refused: No open work order {order} is known." in refused.stdout
    assert say("discard", letter, "--reason", "old").exit_code == 0
    conflict = say("retry", letter)
    assert conflict.exit_code == 1
    assert "It was discarded by admin" in conflict.stderr
    assert "No dead letter F-404 is known." in say("show", "F-404").stderr


def test_a_letter_is_edited_by_assignments_by_a_file_and_in_an_editor(
    plant: RunningPlant, client: httpx2.Client, say: Say, tmp_path: Path
) -> None:
    target = new_order(client)
    _, (one,) = letters(plant, client)
    done = say("edit", one, "--set", f"/payload/work_order_id={target}", "--set", "/payload/units=2", "--json")
    assert json.loads(done.stdout)["outcome"] == "applied", done.output
    _, (two,) = letters(plant, client)
    edits = tmp_path / "edits.json"
    edits.write_text(json.dumps([{"op": "replace", "path": "/payload/work_order_id", "value": target}]))
    assert say("edit", two, "--edits", str(edits)).exit_code == 0
    wrong, (three,) = letters(plant, client)
    script = tmp_path / "editor.py"
    # The name of the order stands in the message's id and correlation too, which stay.
    field = '"work_order_id": "{}"'
    changed = f"t.replace({field.format(wrong)!r}, {field.format(target)!r})"
    script.write_text(f"import sys; p = sys.argv[1]; t = open(p).read(); open(p, 'w').write({changed})")
    assert say("edit", three, EDITOR=f"{sys.executable} {script}").exit_code == 0
    assert [change["path"] for change in detail(client, three)["attempts"][0]["difference"]] == [
        "/payload/work_order_id"
    ]
    _, (four,) = letters(plant, client)
    unchanged = say("edit", four, EDITOR="true")
    assert (unchanged.exit_code, "Nothing was edited" in unchanged.stderr) == (1, True)
    bad = say("edit", four, "--set", "/payload/units=-1")
    assert "payload.units" in bad.stderr
    path = f"/api/v1/work-orders/{target}"
    eventually(lambda: client.get(path).json()["quantity_produced"] == 4, 30, "the units do not count")


def test_many_are_done_at_once_and_what_was_left_out_is_named(
    plant: RunningPlant, client: httpx2.Client, say: Say
) -> None:
    target = new_order(client)
    order, ids = letters(plant, client, 12)
    assert say("discard", ids[0], "--reason", "a test").exit_code == 0
    told = say("edit", *ids, "--set", f"/payload/work_order_id={target}", "--yes")
    assert told.exit_code == 1
    assert f"{ids[0]}: It was discarded by admin" in told.stderr
    assert "11 done, 0 refused again, 0 failed; 1 of 12 were left out." in told.stdout
    order, ids = letters(plant, client, 5)
    asked = say("resolve", "--reason", "a test", "--all", "--q", order)
    assert "resolve 5 letters?" in asked.stdout
    assert asked.exit_code == 1, "nobody said yes"
    done = say("resolve", "--reason", "a test", "--all", "--q", order, "--json")
    assert json.loads(done.stdout)["progress"]["applied"] == 5


@pytest.mark.parametrize(
    "words",
    [
        ("retry",),
        ("retry", "F-1", "--all"),
        ("edit", "F-1", "F-2"),
        ("edit", "F-1", "--set", "units=3"),
        ("edit", "F-1", "--edits", "/nowhere/at/all.json"),
        ("discard", "F-1"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake_of_the_command_line(say: Say, words: tuple[str, ...]) -> None:
    assert say(*words).exit_code == 2


def test_without_a_plant_the_command_says_what_it_needs(tmp_path: Path) -> None:
    alone = CliRunner(env={"GATEWAY_URL": "", "ADMIN_TOKEN": "", "RUN_DIR": str(tmp_path)})
    told = alone.invoke(app, ["failures", "list"])
    assert told.exit_code == 2
    assert "GATEWAY_URL and ADMIN_TOKEN must be set" in told.stderr
    (tmp_path / "endpoints.env").write_text("GATEWAY_URL=http://127.0.0.1:9\nADMIN_TOKEN=x\n")
    alone = CliRunner(env={"GATEWAY_URL": None, "ADMIN_TOKEN": None, "RUN_DIR": str(tmp_path)})
    told = alone.invoke(app, ["failures", "list"])
    assert told.exit_code == 1
    assert "The gateway does not answer" in told.stderr


def test_completion_can_be_installed() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
