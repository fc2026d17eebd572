"""The console in a real browser: it signs in, shows the plant, moves by itself, and loads nothing from elsewhere."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.load import count_message, create_orders, mqtt_client
from tests.plants import RunningPlant

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `apt-get install chromium` brings one"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


@dataclass
class Watched:
    """A page, and whatever went wrong on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def opened(browser: Browser, plant: RunningPlant) -> Iterator[Watched]:
    """The console, signed in."""
    context = browser.new_context(base_url=plant.endpoints["GATEWAY_URL"], viewport={"width": 1440, "height": 900})
    watched = Watched(context.new_page())
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on(
        "console", lambda told: watched.complaints.append(told.text) if told.type in ("error", "warning") else None
    )
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.goto(f"/login#token={plant.endpoints['ADMIN_TOKEN']}")
    expect(watched.page.locator("#link")).to_have_text("live", timeout=15_000)
    yield watched
    context.close()


def test_whoever_is_not_signed_in_is_asked_to(browser: Browser, plant: RunningPlant) -> None:
    context = browser.new_context(base_url=plant.endpoints["GATEWAY_URL"])
    page = context.new_page()
    page.goto("/")
    expect(page).to_have_url(re.compile("/login$"))
    page.get_by_label("Operator's token").fill("guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not known here.")
    context.close()


def test_the_floor_shows_every_machine(opened: Watched) -> None:
    expect(opened.page.locator(".machine")).to_have_count(8)
    expect(opened.page.locator("[data-figure=machines]")).to_contain_text("/ 8")
    expect(opened.page.locator("[data-hop=rows]")).to_contain_text("current")


def test_an_order_appears_and_moves_by_itself(opened: Watched, plant: RunningPlant) -> None:
    (order,) = create_orders(plant.endpoints, ["CONSOLE-1"], quantity=10)
    row = opened.page.locator(f"tr[data-order={order}]")
    expect(row).to_contain_text("0 / 10", timeout=10_000)
    client = mqtt_client(plant.endpoints, "console-test")
    client.publish(*count_message("M-201", order, 4, units_produced=4), qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    expect(row).to_contain_text("40 %", timeout=10_000)
    row.click()
    expect(opened.page.locator("#sheet")).to_contain_text("4 of 10 EA")
    expect(opened.page.locator("#sheet")).to_contain_text("work-orders/")


def test_a_dead_letter_appears_by_itself_and_opens_with_its_reason(opened: Watched, plant: RunningPlant) -> None:
    client = mqtt_client(plant.endpoints, "console-test-2")
    hostile = b'{"machine_id": "<img src=x onerror=alert(1)>'
    client.publish("mes/production/line1/machine/M-201/count", hostile, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    cause = opened.page.locator(".cause", has_text="TRUNCATED_JSON")
    expect(cause).to_be_visible(timeout=10_000)
    cause.click()
    sheet = opened.page.locator("#sheet")
    expect(sheet).to_contain_text("<img src=x onerror=alert(1)>")
    expect(sheet.locator("img")).to_have_count(0)
    expect(sheet).to_contain_text("machine-inbox")


def test_the_page_complains_of_nothing_and_asks_nobody_else(opened: Watched, plant: RunningPlant) -> None:
    opened.page.goto("/docs")
    expect(opened.page.locator(".opblock").first).to_be_visible(timeout=15_000)
    assert opened.complaints == []
    home = plant.endpoints["GATEWAY_URL"]
    assert [url for url in opened.asked if not url.startswith((home, "data:", "blob:"))] == []


def test_signing_out_ends_the_session(opened: Watched) -> None:
    opened.page.get_by_role("button", name="Sign out").click()
    expect(opened.page).to_have_url(re.compile("/login$"))
    opened.page.goto("/")
    expect(opened.page).to_have_url(re.compile("/login$"))
