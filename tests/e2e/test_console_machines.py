"""Machines in a real browser: what they do, what they did, and how good that was."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from schemas.definitions import OEE
from tests.e2e.browsing import IN_A_BROWSER, Console, console_of, machines_of
from tests.e2e.load import count_message, create_orders, say
from tests.gateways import operator
from tests.plants import RunningPlant

pytestmark = IN_A_BROWSER
MACHINE = "M-207"


@pytest.fixture
def viewer(browser: Browser, plant: RunningPlant) -> Iterator[Console]:
    with console_of(browser, plant, "viewer") as console:
        yield console
    assert console.complaints == []
    assert console.strangers() == []


@pytest.fixture(scope="module")
def order(plant: RunningPlant) -> str:
    """An order that the machine has counted ten units for, one of them scrap."""
    (order,) = create_orders(plant.endpoints, [f"MACHINE-{time.time_ns()}"], 1_000)
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", order)
    told = [
        count_message(
            MACHINE, order, total, quality_status="fail" if total == 5 else "pass", cycle_time_seconds=50 + total
        )
        for total in range(1, 11)
    ]
    say(plant.endpoints, *told)
    plant.await_rows("SELECT 1 FROM production_logs WHERE work_order_id = %s AND cumulative_units >= 10 LIMIT 1", order)
    return order


def breakdown(order: str) -> bytes:
    """A downtime begins, as in 002 section 4.2.1."""
    told = {
        "event_type": "downtime.started",
        "machine_id": MACHINE,
        "timestamp": datetime.now(UTC).isoformat(),
        "downtime_reason_code": "NOZZLE",
        "downtime_reason_description": "Nozzle blocked",
        "severity": "high",
        "work_order_affected": order,
    }
    return json.dumps(told).encode()


def test_every_machine_is_listed_with_its_hour(viewer: Console, plant: RunningPlant) -> None:
    names = machines_of(plant)
    page = viewer.open("/machines")
    expect(page.locator(".unit")).to_have_count(len(names))
    expect(page.locator("svg.band")).to_have_count(len(names))
    page.get_by_role("link", name="Paint Robot").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Paint Robot")


def test_a_machine_shows_its_factors_and_where_they_come_from(viewer: Console, order: str) -> None:
    page = viewer.open(f"/machines/{MACHINE}?range=1h")
    expect(page.locator("#machine-head")).to_contain_text(order)
    factor = page.locator(".factor", has=page.get_by_text("quality", exact=True))
    expect(factor).to_contain_text("90 %")
    expect(factor).to_contain_text("9 good of 10 units")
    passport = factor.get_by_role("link", name="How quality was computed").get_attribute("href") or ""
    assert passport.startswith(f"/machines/{MACHINE}/passport?from=")
    assert "&to=" in passport
    expect(page.get_by_role("link", name="As it was at a moment")).to_have_attribute(
        "href", f"/time-machine?kind=machine&id={MACHINE}"
    )


def test_the_six_losses_lead_from_planned_to_productive_time(viewer: Console, order: str) -> None:
    page = viewer.open(f"/machines/{MACHINE}?range=1h")
    steps = page.locator(".waterfall li")
    expect(steps).to_have_count(8)
    expect(steps.first).to_contain_text("Planned time")
    expect(steps.last).to_contain_text("Fully productive time")
    page.get_by_text("What OEE means here").click()
    expect(page.get_by_text(OEE[:60])).to_be_visible()


@pytest.fixture
def computed(plant: RunningPlant, order: str) -> None:
    """The process `jobs` has computed what the machine made."""
    with operator(plant) as client:
        assert client.post("/api/v1/jobs/oee/run").status_code == 202
    plant.await_rows(
        "SELECT 1 FROM oee_calculations WHERE subject_id = %s AND (inputs->>'units')::int >= 10", MACHINE, seconds=60
    )


def test_lines_and_shifts_have_their_oee(viewer: Console, computed: None) -> None:
    page = viewer.open("/machines")
    page.get_by_role("link", name="OEE by line and shift").click()
    row = page.locator("#rows tr", has=page.get_by_role("link", name="line3"))
    expect(row.first).to_contain_text("under way")
    row.first.get_by_role("link", name="line3").click()
    expect(page.locator("#rows tr", has=page.get_by_role("link", name=MACHINE)).first).to_contain_text("of 10")
    expect(page.get_by_text(OEE[:60])).to_be_visible()


def test_cycle_times_are_drawn_and_told_as_figures(viewer: Console, order: str) -> None:
    page = viewer.open(f"/machines/{MACHINE}?range=1h")
    expect(page.locator("#cycle canvas")).to_be_visible()
    expect(page.locator("#cycle .u-legend")).to_contain_text("ideal")
    page.get_by_text("As figures").click()
    table = page.get_by_role("region", name="Cycle times as figures")
    expect(table.locator("tbody tr").first).to_contain_text("s")


def test_the_range_is_chosen_and_stays_in_the_address(viewer: Console, order: str) -> None:
    page = viewer.open(f"/machines/{MACHINE}")
    expect(page.locator(".ranges [aria-current]")).to_have_text("8 h shift")
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(f"{viewer.home}/machines/{MACHINE}?range=7d")
    expect(page.locator(".ranges [aria-current]")).to_have_text("7 days")


def test_a_breakdown_is_seen_at_once_and_counts_as_a_reason(viewer: Console, plant: RunningPlant, order: str) -> None:
    page = viewer.open(f"/machines/{MACHINE}?range=1h")
    say(plant.endpoints, (f"mes/downtime/line3/machine/{MACHINE}/event", breakdown(order)))
    expect(page.locator("#machine-head .light").first).to_have_text("breakdown")
    expect(page.locator(".pareto")).to_contain_text("Nozzle blocked")
    expect(page.locator(".bar-of[data-status=breakdown]").first).to_be_attached()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820])
def test_machines_are_for_everybody(
    browser: Browser, plant: RunningPlant, computed: None, scheme: Literal["light", "dark"], width: int
) -> None:
    with console_of(browser, plant, "viewer", scheme=scheme, width=width) as console:
        for address in ("/machines", f"/machines/{MACHINE}?range=1h", "/oee", "/oee?level=machine&bucket=day"):
            page = console.open(address)
            assert console.violations() == [], address
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{address} scrolls sideways"
