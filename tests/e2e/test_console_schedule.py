"""The schedule in a real browser over the whole plant: it moves when a machine breaks, and where somebody puts it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from sql.database import ensure_tenant
from tests import shop_rows
from tests.e2e.browsing import IN_A_BROWSER, Console, console_of
from tests.e2e.load import say
from tests.gateways import operator
from tests.plants import RunningPlant, eventually

pytestmark = IN_A_BROWSER
MACHINE = "M-207"
ORDERS = 6


@pytest.fixture(scope="module")
def client(plant: RunningPlant) -> Iterator[httpx2.Client]:
    with operator(plant) as client:
        yield client


@pytest.fixture
def name(plant: RunningPlant) -> str:
    """A shop of its own: two presses, one of them a machine of the plant, and a painting line; the orders' prefix."""
    tenant, name = plant.endpoints["TENANT_ID"], uuid4().hex[:6]
    with plant.rows() as rows:
        shop_rows.clear(rows)
        ensure_tenant(rows, tenant)
        press = shop_rows.center(rows, tenant, f"P1-{name}", MACHINE)
        other, line = (shop_rows.center(rows, tenant, f"{code}-{name}") for code in ("P2", "L1"))
        for number in range(ORDERS):
            due = shop_rows.now() + timedelta(hours=4 + number)
            order = shop_rows.order(rows, tenant, f"PO-{name}-{number}", due)
            shop_rows.run(rows, tenant, order, 10, [press, other], 60, family=f"F{number % 2}")
            shop_rows.run(rows, tenant, order, 20, [line], 30, predecessors=[10])
    return name


@pytest.fixture
def planner(browser: Browser, plant: RunningPlant) -> Iterator[Console]:
    with console_of(browser, plant, "planner") as console:
        yield console
    assert [each for each in console.complaints if "409" not in each and "404" not in each] == []
    assert console.strangers() == []


def scheduled(client: httpx2.Client, **wanted: Any) -> dict[str, Any]:
    """A schedule that the planner computed."""
    asked = client.post("/api/v1/schedules", json={"seconds": 0.5, **wanted})
    assert asked.status_code == 202, asked.text
    url = asked.json()["status_url"]

    def computed() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(url).json()
        return None if found["status"] in ("queued", "running") else found

    return eventually(computed, 60, "the schedule is not computed") or {}


def in_force(client: httpx2.Client, **wanted: Any) -> dict[str, Any]:
    """A schedule that holds."""
    found = scheduled(client, **wanted)
    told = client.post(f"/api/v1/schedules/{found['schedule_id']}/accept")
    assert told.status_code == 200, told.text
    return found


def breakdown(verb: Literal["started", "ended"]) -> tuple[str, bytes]:
    """A downtime, as in 002 section 4.2.1."""
    told = {
        "event_type": f"downtime.{verb}",
        "machine_id": MACHINE,
        "timestamp": datetime.now(UTC).isoformat(),
        "downtime_reason_code": "NOZZLE",
        "downtime_reason_description": "Nozzle blocked",
        "severity": "high",
        "estimated_repair_time_minutes": 240,
    }
    return f"mes/downtime/line3/machine/{MACHINE}/event", json.dumps(told).encode()


def choose(page: Page, operation: dict[str, Any]) -> None:
    """Find it in the table, and go to it on the chart."""
    listing = page.locator("#listing")
    if listing.get_attribute("open") is None:
        listing.locator("summary").click()
    page.get_by_label("Find").fill(operation["order_number"])
    button = listing.get_by_role("button", name=operation["order_number"])
    button.nth(0 if operation["sequence_number"] == 10 else 1).click()
    expect(page.locator("#gantt-told")).to_contain_text(operation["order_number"])


def test_a_schedule_that_is_accepted_elsewhere_appears_by_itself(
    planner: Console, client: httpx2.Client, name: str
) -> None:
    page = planner.open("/schedule")
    in_force(client, scenario=f"Morning {name}")
    expect(page.locator("#which")).to_contain_text(f"Morning {name}, accepted")
    expect(page.locator("#gantt-count")).to_contain_text(f"{2 * ORDERS} at ")
    expect(page.locator("[data-figure=late]")).to_contain_text(f"of {ORDERS} orders")


def test_a_machine_breaks_and_what_is_proposed_is_accepted_by_one_click(
    planner: Console, client: httpx2.Client, plant: RunningPlant, name: str
) -> None:
    before = in_force(client)
    page = planner.open("/schedule")
    expect(page.locator("#gantt[data-place]")).to_be_visible()
    try:
        say(plant.endpoints, breakdown("started"))
        box = page.locator(".proposal", has_text="Nozzle blocked")
        expect(box).to_contain_text(f"P1-{name}")
        expect(box).to_contain_text("doing nothing costs")
        proposed = client.get("/api/v1/proposals", params={"status": "open"}).json()["proposals"][0]
        expect(box).to_contain_text(proposed["moves"][0]["order_number"])
        box.get_by_role("button", name="Accept").click()
        expect(page.locator(".proposal")).to_have_count(0)
        after = client.get("/api/v1/schedules/current").json()
        assert after["schedule_id"] != before["schedule_id"]
        choose(page, next(each for each in after["operations"] if each["run_id"] == proposed["moves"][0]["run_id"]))
        expect(page.locator("#details")).to_contain_text("Baseline")
    finally:
        say(plant.endpoints, breakdown("ended"))


def test_an_operation_is_moved_by_keys_after_the_planner_was_asked(
    planner: Console, client: httpx2.Client, name: str
) -> None:
    before = in_force(client)
    page = planner.open("/schedule")
    last = max((each for each in before["operations"] if each["sequence_number"] == 20), key=lambda its: its["end_at"])
    choose(page, last)
    page.keyboard.press("m")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#verdict")).to_contain_text("Allowed.")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text("is moved")
    after = client.get("/api/v1/schedules/current").json()
    places = {each["run_id"]: each["start_at"] for each in after["operations"]}
    assert places[last["run_id"]] > last["start_at"]
    expect(page.locator("#gantt-told")).to_contain_text(last["order_number"])


def test_what_the_planner_refuses_is_said_in_its_words_and_nothing_moves(
    planner: Console, client: httpx2.Client, name: str
) -> None:
    before = in_force(client)
    page = planner.open("/schedule")
    second = next(each for each in before["operations"] if each["sequence_number"] == 20)
    choose(page, second)
    page.keyboard.press("m")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    verdict = page.locator("#verdict")
    expect(verdict).to_have_attribute("data-tone", "bad")
    page.keyboard.press("Enter")
    expect(verdict).to_contain_text("Not moved.")
    assert client.get("/api/v1/schedules/current").json()["schedule_id"] == before["schedule_id"]


def test_scenarios_are_compared_and_looked_at(planner: Console, client: httpx2.Client, name: str) -> None:
    in_force(client, scenario=f"As ever {name}")
    page = planner.open("/schedule")
    scheduled(client, scenario=f"By due date {name}", rule="EDD")
    table = page.get_by_role("region", name="Figures of the scenarios")
    expect(table).to_contain_text(f"By due date {name}")
    table.get_by_role("button", name=f"Show By due date {name} on the chart").click()
    expect(page.locator("#which")).to_contain_text(f"By due date {name}, proposed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820])
def test_the_schedule_of_a_plant_is_for_everybody(
    browser: Browser,
    plant: RunningPlant,
    client: httpx2.Client,
    name: str,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    in_force(client, scenario=name)
    with console_of(browser, plant, "viewer", scheme=scheme, width=width) as console:
        page = console.open("/schedule")
        expect(page.locator("#which")).to_contain_text(name)
        assert console.violations() == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "the page scrolls sideways"
