"""Integrations, deliveries, alerts, audit log and materials in a real browser, while systems fail and heal."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, expect

from connectors.gateway.auth import Tokens
from connectors.gateway.roles import scopes_of
from tests.e2e.browsing import IN_A_BROWSER, Console, console_of
from tests.e2e.load import create_orders, say
from tests.gateways import MATERIALS, STOCK, anybody, erp, material, operator
from tests.plants import RunningPlant

pytestmark = IN_A_BROWSER
DEEDS = "button[data-post], button[data-take], #take-chosen, #take-like, #reconcile, form.decide"
PAGES = ("/integrations", "/deliveries", "/alerts?show=all", "/audit", "/materials", "/reconciliations")


@pytest.fixture
def admin(browser: Browser, plant: RunningPlant) -> Iterator[Console]:
    """The console of somebody who administers the integrations."""
    with console_of(browser, plant, "integration_admin") as console:
        yield console
    assert console.complaints == []
    assert console.strangers() == []


@pytest.fixture
def healed(plant: RunningPlant) -> Iterator[RunningPlant]:
    """The plant; whatever its systems were told to do is over afterwards."""
    try:
        yield plant
    finally:
        plant.systems.heal()


@pytest.fixture(scope="module")
def part(plant: RunningPlant) -> str:
    """A material with stock below its safety stock."""
    name = f"MAT-CONSOLE-{uuid.uuid4().hex[:6].upper()}"
    with erp(plant) as client:
        told = material(name, unit_of_measure="KG", safety_stock=50)
        client.post(MATERIALS, json={"materials": [told]}).raise_for_status()
        plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s", name)
        stock = {"material_id": name, "on_hand_quantity": 12.5, "last_updated": "2026-01-02T03:04:05Z"}
        client.post(STOCK, json={"materials": [stock]}).raise_for_status()
    plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s AND on_hand_quantity = 12.5", name)
    return name


@dataclass
class Breakdowns:
    """Machines that were told to break down, and come back afterwards."""

    plant: RunningPlant
    down: set[str] = field(default_factory=set)

    def of(self, machine: str) -> str:
        """A machine breaks down; the words of its alert."""
        words = f"Belt torn {uuid.uuid4().hex[:6]}"
        more = {"downtime_reason_description": words, "severity": "critical", "estimated_repair_time_minutes": 45}
        self._say(machine, "started", more)
        self.down.add(machine)
        return words

    def over(self) -> None:
        """All of them are back."""
        for machine in self.down:
            self._say(machine, "ended", {})

    def _say(self, machine: str, what: str, more: dict[str, Any]) -> None:
        told = {
            "event_type": f"downtime.{what}",
            "machine_id": machine,
            "timestamp": datetime.now(UTC).isoformat(),
            "downtime_reason_code": "MECH-04",
        }
        say(self.plant.endpoints, (f"mes/downtime/line1/machine/{machine}/event", json.dumps(told | more)))


@pytest.fixture
def breakdown(plant: RunningPlant) -> Iterator[Breakdowns]:
    """Machines break down when they are told to."""
    breakdowns = Breakdowns(plant)
    try:
        yield breakdowns
    finally:
        breakdowns.over()


def failed_deliveries(plant: RunningPlant, system: str) -> list[str]:
    """The deliveries to a system that were given up."""
    with operator(plant) as client:
        found = client.get("/api/v1/deliveries", params={"system": system, "status": "failed"}).raise_for_status()
    return [row["delivery_id"] for row in found.json()["deliveries"]]


def as_role(plant: RunningPlant, role: str) -> httpx2.Client:
    """A client of the API with the scopes of a role."""
    client = anybody(plant)
    client.headers["Authorization"] = f"Bearer {Tokens(plant.settings()).issue(role, scopes_of([role]), 600)}"
    return client


def row_with(console: Console, text: str) -> Locator:
    """The row of the list that says this."""
    return console.page.locator("#rows tr", has_text=text)


def test_a_system_that_fails_turns_red_with_its_reason_and_recovers(admin: Console, healed: RunningPlant) -> None:
    before = set(failed_deliveries(healed, "ERP"))
    page = admin.open("/integrations")
    erp_light = page.locator("[data-system=ERP]")
    expect(erp_light).to_be_visible()
    healed.systems.fault("erp", "status:503")
    for job in ("erp_materials", "reconciliation"):
        page.locator(f"[data-job={job}]").get_by_role("button").click()
    expect(erp_light).to_have_attribute("data-tone", "bad")
    expect(erp_light).to_contain_text("The circuit breaker is open: ERP answered 503")
    expect(erp_light).to_contain_text("open")
    expect(erp_light).to_contain_text("opens at 5")
    expect(page.locator(".verdict")).to_contain_text("ERP")
    # A third one finds the circuit open: it waits, and says so with its next attempt.
    page.locator("[data-job=erp_materials]").get_by_role("button").click()
    expect(erp_light.locator(".waits")).to_contain_text("wait")
    expect(erp_light.locator("table.next")).to_contain_text(re.compile(r"(in \d+ (s|ms)|now)"))
    healed.systems.heal()
    expect(erp_light).to_contain_text("closed")
    for delivery in set(failed_deliveries(healed, "ERP")) - before:
        page = admin.open(f"/deliveries/{delivery}")
        expect(page.locator("#attempts tr")).not_to_have_count(0)
        expect(page.locator("#attempts")).to_contain_text("503")
        page.get_by_role("button", name="Retry now").click()
        expect(page.locator(".standing")).to_contain_text("It was accepted")
    page = admin.open("/integrations")
    expect(page.locator("[data-system=ERP]")).to_have_attribute("data-tone", "good")
    expect(page.locator("[data-job=erp_materials]")).to_contain_text("done")


def test_deliveries_are_narrowed_and_the_address_says_how(admin: Console, plant: RunningPlant) -> None:
    page = admin.open("/deliveries")
    page.get_by_label("System").select_option("ERP")
    page.wait_for_url(re.compile(r"/deliveries\?system=ERP$"))
    page.get_by_label("Text").fill("nothing is called like this")
    expect(page.locator("#list")).to_contain_text("No delivery is like that.")
    expect(page.locator("#list")).to_contain_text("Export")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/deliveries(\?system=ERP)?$"))
    expect(page.get_by_label("Text")).to_have_value("")
    expect(page.get_by_label("System")).to_have_value("ERP" if "ERP" in page.url else "")


def test_an_alert_arrives_by_itself_and_is_taken_on_with_one_click(admin: Console, breakdown: Breakdowns) -> None:
    page = admin.open("/alerts")
    words = breakdown.of("M-201")
    row = row_with(admin, words)
    expect(row).to_be_visible()
    expect(row.get_by_role("link", name="M-201")).to_have_attribute("href", "/machines/M-201")
    row.get_by_role("button", name=re.compile("^Acknowledge")).click()
    expect(row).to_have_count(0)
    page.get_by_label("Taken on", exact=True).check()
    page.wait_for_url(re.compile("show=taken"))
    expect(row_with(admin, words)).to_contain_text("Robin")


def test_what_is_chosen_stays_chosen_while_new_alerts_arrive(admin: Console, breakdown: Breakdowns) -> None:
    page = admin.open("/alerts")
    first = breakdown.of("M-202")
    expect(row_with(admin, first)).to_be_visible()
    row_with(admin, first).get_by_role("checkbox").check()
    second = breakdown.of("M-207")
    expect(row_with(admin, second)).to_be_visible()
    expect(row_with(admin, first).get_by_role("checkbox")).to_be_checked()
    expect(row_with(admin, second).get_by_role("checkbox")).not_to_be_checked()
    page.get_by_role("button", name="Acknowledge 1 chosen").click()
    expect(row_with(admin, first)).to_have_count(0)
    expect(row_with(admin, second)).to_be_visible()


def test_the_audit_log_is_looked_through_and_a_line_opens_in_its_place(admin: Console, plant: RunningPlant) -> None:
    name = f"AUDIT-{uuid.uuid4().hex[:8]}"
    create_orders(plant.endpoints, [name], quantity=7)
    page = admin.open("/audit")
    page.get_by_label("Text").fill(name)
    page.wait_for_url(re.compile(f"q={name}"))
    expect(page.locator("#rows > tr").first).to_contain_text("ERP")
    expect(page.locator("#list")).to_contain_text("the last seven days")
    lists = [url for url in admin.asked if "/audit?" in url]
    line = page.locator("#rows a[data-opens]").first
    line.click()
    opened = page.locator("tr.opened")
    expect(opened).to_contain_text(name)
    assert [url for url in admin.asked if "/audit?" in url] == lists, "leaving the field drew the list anew"
    expect(opened).to_contain_text("mraos_work_order_id")
    expect(line).to_have_attribute("aria-expanded", "true")
    line.press("Enter")
    expect(opened).to_have_count(0)


def test_secrets_are_not_in_the_audit_log(admin: Console, plant: RunningPlant) -> None:
    page = admin.open(f"/audit?q={plant.endpoints['OAUTH_CLIENT_SECRET']}")
    expect(page.locator("#list")).to_contain_text("No call is like that.")


def test_materials_that_run_short_are_found_and_open_with_their_units(
    admin: Console, plant: RunningPlant, part: str
) -> None:
    page = admin.open("/materials")
    page.get_by_label("Only what runs short").check()
    page.get_by_label("Text").fill(part)
    expect(page).to_have_url(re.compile(f"q={part}"))
    expect(page.locator("[data-material]")).to_have_count(1)
    row = page.locator(f"[data-material={part}]")
    expect(row).to_contain_text("below safety")
    row.get_by_role("link").click()
    tiles = page.locator(".tiles")
    expect(tiles).to_contain_text("12.5 KG")
    expect(tiles).to_contain_text("50 KG")
    expect(page.get_by_role("link", name="Passport")).to_have_attribute("href", f"/materials/{part}/passport")
    expect(page.locator("#stock-words")).to_contain_text("on hand")
    expect(page.locator("#stock-chart canvas")).to_be_visible()


def test_who_only_looks_is_offered_nothing_to_do_and_refused_if_forced(
    browser: Browser, plant: RunningPlant, breakdown: Breakdowns
) -> None:
    breakdown.of("M-208")
    with console_of(browser, plant, "viewer", name="Vera") as console:
        for path in PAGES:
            page = console.open(path)
            expect(
                page.locator("button[data-post], button[data-take], #take-chosen, #reconcile, form.decide")
            ).to_have_count(0)
            expect(page.locator("main input[type=checkbox][name=alert]")).to_have_count(0)
    with as_role(plant, "viewer") as client:
        assert client.post("/api/v1/jobs/watch/run").status_code == 403
        assert client.post("/api/v1/alerts/acknowledge", json={"alert_ids": ["a"]}).status_code == 403


@pytest.mark.parametrize("path", ["jobs/watch/run", "deliveries/DLV-0/retry", "reconciliations", "api-keys"])
def test_an_operator_does_not_administer_the_integrations(plant: RunningPlant, path: str) -> None:
    with as_role(plant, "operator") as client:
        answer = client.post(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["needed_scope"]) == (403, "plant.repair")


def test_an_operator_takes_alerts_on_but_is_not_offered_jobs(
    browser: Browser, plant: RunningPlant, breakdown: Breakdowns
) -> None:
    words = breakdown.of("M-205")
    with console_of(browser, plant, "operator", name="Olga") as console:
        console.open("/alerts")
        expect(row_with(console, words).get_by_role("button")).to_be_visible()
        page = console.open("/integrations")
        expect(page.locator("[data-job=watch]")).to_be_visible()
        expect(page.locator("[data-job] button")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_these_pages(
    browser: Browser, plant: RunningPlant, part: str, scheme: Literal["light", "dark"]
) -> None:
    delivery = plant.await_rows("SELECT delivery_id FROM deliveries ORDER BY created_at DESC LIMIT 1")[0][0]
    line = plant.await_rows("SELECT max(log_id) FROM integration_audit_log")[0][0]
    with console_of(browser, plant, "admin", scheme=scheme) as console:
        found = {}
        for path in (*PAGES, f"/materials/{part}", f"/deliveries/{delivery}", f"/audit/{line}"):
            console.open(path)
            found[path] = console.violations()
        assert {path: told for path, told in found.items() if told} == {}


@pytest.mark.parametrize("width", [1440, 820])
def test_no_page_is_wider_than_the_window(browser: Browser, plant: RunningPlant, part: str, width: int) -> None:
    with console_of(browser, plant, "admin", width=width) as console:
        for path in (*PAGES, f"/materials/{part}"):
            page = console.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
