"""The floor in a real browser: it signs in, shows the plant, moves by itself, and loads nothing from elsewhere."""

import re
import time
from collections.abc import Iterator
from typing import Any, Literal

import paho.mqtt.client as mqtt
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.browsing import IN_A_BROWSER, Console, console_of, machines_of
from tests.e2e.load import count_message, create_orders, mqtt_client
from tests.plants import RunningPlant

pytestmark = IN_A_BROWSER


@pytest.fixture
def opened(browser: Browser, plant: RunningPlant) -> Iterator[Console]:
    """The floor, signed in with a link as the operator gets one."""
    with console_of(browser, plant, "viewer") as console:
        console.page.context.clear_cookies()
        console.page.goto(f"/login#token={plant.endpoints['ADMIN_TOKEN']}")
        expect(console.page.locator("#link")).to_have_text("live")
        yield console


@pytest.fixture
def machine(plant: RunningPlant) -> Iterator[mqtt.Client]:
    """Something that speaks as machines do."""
    client = mqtt_client(plant.endpoints, f"console-test-{time.time_ns()}")
    yield client
    client.disconnect()
    client.loop_stop()


def say(client: mqtt.Client, told: tuple[str, bytes]) -> None:
    client.publish(*told, qos=1).wait_for_publish(10)


def test_whoever_is_not_signed_in_is_asked_to(browser: Browser, plant: RunningPlant) -> None:
    context = browser.new_context(base_url=plant.endpoints["GATEWAY_URL"])
    page = context.new_page()
    page.goto("/")
    expect(page).to_have_url(re.compile("/login$"))
    page.get_by_label("Token").fill("guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not known here.")
    context.close()


def test_the_floor_shows_every_machine(opened: Console, plant: RunningPlant) -> None:
    names = machines_of(plant)
    expect(opened.page.locator(".machine")).to_have_count(len(names))
    for name in names:
        expect(opened.page.locator("#floor")).to_contain_text(name)
    expect(opened.page.locator("[data-figure=machines]")).to_contain_text(f"/ {len(names)}")
    expect(opened.page.locator("[data-hop=rows]")).to_contain_text("current")


def test_an_order_appears_and_moves_by_itself_and_opens(
    opened: Console, plant: RunningPlant, machine: mqtt.Client
) -> None:
    (order,) = create_orders(plant.endpoints, [f"CONSOLE-{time.time_ns()}"], quantity=10)
    row = opened.page.locator(f"tr[data-order={order}]")
    expect(row).to_contain_text("0 / 10")
    say(machine, count_message("M-201", order, 4, units_produced=4))
    expect(row).to_contain_text("40 %")
    expect(row.get_by_role("meter", name=f"Progress of {order}")).to_have_js_property("value", 40)
    expect(opened.page.locator(".machine[data-machine=M-201]")).to_contain_text("40 %")
    row.get_by_role("link", name=order).click()
    expect(opened.page.locator("#order-head")).to_contain_text("4 of 10 EA")
    expect(opened.page.locator("#order-lists")).to_contain_text("work-orders/")


def test_a_machine_that_is_silent_looks_silent(opened: Console, plant: RunningPlant, machine: mqtt.Client) -> None:
    """The page's clock goes three minutes ahead: what the machine said last is old by then."""
    page, card = opened.page, opened.page.locator(".machine[data-machine=M-201]")
    (order,) = create_orders(plant.endpoints, [f"SILENT-{time.time_ns()}"])
    page.clock.install()
    page.reload()
    say(machine, count_message("M-201", order, 1))
    expect(card).to_have_class("machine")
    expect(card).to_contain_text("running")
    page.clock.fast_forward("03:00")
    expect(card).to_have_class("machine stale")
    expect(card).to_contain_text("silent 3 min")


def test_a_dead_letter_appears_by_itself_and_leads_to_its_repair(opened: Console, machine: mqtt.Client) -> None:
    hostile = b'{"machine_id": "<img src=x onerror=alert(1)>'
    say(machine, ("mes/production/line1/machine/M-201/count", hostile))
    cause = opened.page.locator(".cause", has_text="TRUNCATED_JSON")
    expect(cause).to_be_visible()
    expect(opened.page.locator("[data-figure=dead_letters]")).not_to_have_text("0")
    expect(opened.page.locator("main img")).to_have_count(0)
    cause.click()
    expect(opened.page).to_have_url(re.compile("/failures/"))
    expect(opened.page.locator("main img")).to_have_count(0)


def test_a_lost_connection_is_said_and_what_was_missed_is_there_afterwards(
    opened: Console, plant: RunningPlant, machine: mqtt.Client
) -> None:
    page = opened.page
    (order,) = create_orders(plant.endpoints, [f"LOST-{time.time_ns()}"], quantity=10)
    row = page.locator(f"tr[data-order={order}]")
    expect(row).to_be_visible()
    page.route("**/api/v1/**", lambda route: route.abort())
    page.reload()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#link")).to_have_text("connection lost")
    say(machine, count_message("M-201", order, 3, units_produced=3))
    page.unroute("**/api/v1/**")
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#lost")).to_be_hidden()
    expect(row).to_contain_text("30 %")


def test_nothing_that_failed_to_load_is_shown_as_quiet(opened: Console) -> None:
    """A floor that cannot ask says so; it does not say that all is well."""

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"detail": "Postgres is not reachable; nothing was accepted. Try again."})

    opened.page.route("**/api/v1/machines", refuse)
    opened.page.reload()
    expect(opened.page.locator("#said")).to_contain_text("Postgres is not reachable")


WATCH = """([place, wanted]) => {
  delete document.body.dataset.shownAt;
  const look = () => {
    if (document.querySelector(place)?.textContent.includes(wanted)) document.body.dataset.shownAt ??= Date.now();
  };
  window.watch?.disconnect();
  window.watch = new MutationObserver(look);
  window.watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}"""


def seconds_until_shown(page: Page, place: str, wanted: str, act: Any) -> float:
    """From the moment the machine spoke until the page shows it, by a watch that the page itself stops."""
    page.evaluate(WATCH, [place, wanted])
    began = time.time()
    act()
    shown_at = page.locator("body[data-shown-at]").get_attribute("data-shown-at")
    return float(shown_at or "nan") / 1000 - began


def test_what_a_machine_says_is_soon_on_the_floor_and_on_the_orders_page(
    opened: Console, plant: RunningPlant, machine: mqtt.Client
) -> None:
    """The figures are printed; on an idle machine they are below a second."""
    (order,) = create_orders(plant.endpoints, [f"SPEED-{time.time_ns()}"], quantity=100)
    page = opened.page
    told: dict[str, float] = {}
    expect(page.locator(f"tr[data-order={order}]")).to_be_visible()
    for name, address, place in (
        ("floor", "/", f"tr[data-order={order}]"),
        ("order", f"/orders/{order}", "#order-head"),
    ):
        opened.open(address)
        expect(page.locator(place)).to_be_visible()
        for step in (1, 2, 3):
            units = step + 10 * len(told)
            told[f"{name} {step}"] = seconds_until_shown(
                page, place, f"{units} %", lambda units=units: say(machine, count_message("M-202", order, units))
            )
    print("\nfrom the machine to the page, seconds:", {name: round(took, 3) for name, took in told.items()})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820])
def test_the_floor_is_for_everybody(
    browser: Browser, plant: RunningPlant, scheme: Literal["light", "dark"], width: int
) -> None:
    with console_of(browser, plant, "viewer", scheme=scheme, width=width) as console:
        console.open("/")
        expect(console.page.locator(".machine")).to_have_count(len(machines_of(plant)))
        assert console.violations() == []
        is_wider = console.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not is_wider, "the page scrolls sideways"


def test_a_viewer_is_offered_nothing_to_change(browser: Browser, plant: RunningPlant) -> None:
    with console_of(browser, plant, "viewer") as console:
        page = console.open("/")
        expect(page.locator(".machine")).to_have_count(len(machines_of(plant)))
        assert page.locator("main button").all_inner_texts() == []


def test_the_page_complains_of_nothing_and_asks_nobody_else(opened: Console) -> None:
    opened.page.goto("/docs")
    expect(opened.page.locator(".opblock").first).to_be_visible()
    assert opened.complaints == []
    assert opened.strangers() == []


def test_signing_out_ends_the_session(opened: Console) -> None:
    opened.page.get_by_role("button", name="Sign out").click()
    expect(opened.page).to_have_url(re.compile("/login$"))
    opened.page.goto("/")
    expect(opened.page).to_have_url(re.compile("/login$"))
