"""Orders in a real browser: found, followed, told what to become, written to."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import IN_A_BROWSER, Console, console_of
from tests.e2e.load import count_message, create_orders, say
from tests.plants import RunningPlant

pytestmark = IN_A_BROWSER


@pytest.fixture
def desk(browser: Browser, plant: RunningPlant) -> Iterator[Console]:
    """The console of somebody who runs the floor."""
    with console_of(browser, plant, "operator", name="Olga") as console:
        yield console
    # A refusal that a test provokes is no complaint about the page.
    assert [each for each in console.complaints if "status of 409" not in each] == []
    assert console.strangers() == []


def new_order(plant: RunningPlant, quantity: int = 50) -> str:
    (order,) = create_orders(plant.endpoints, [f"DESK-{time.time_ns()}"], quantity)
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", order)
    return order


def count(plant: RunningPlant, order: str, *totals: int) -> None:
    """Readings of a machine, a second apart, the last of them now."""
    first = datetime.now(UTC) - timedelta(seconds=len(totals) - 1)
    moments = [(first + timedelta(seconds=nth)).isoformat() for nth in range(len(totals))]
    readings = zip(totals, moments, strict=True)
    say(plant.endpoints, *(count_message("M-202", order, total, timestamp=moment) for total, moment in readings))


def tell(page: Page, verb: str, why: str = "") -> None:
    """Say something to the order on the page, as people do."""
    page.get_by_role("button", name=verb, exact=True).click()
    dialog = page.get_by_role("dialog")
    if why:
        dialog.get_by_label("Why").fill(why)
    dialog.get_by_role("button", name=verb, exact=True).click()


def test_an_order_is_found_and_its_row_moves(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    page = desk.open("/orders")
    page.get_by_label("Find").fill(order)
    expect(page.locator("#orders tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{desk.home}/orders?q={order}")
    row = page.locator(f"tr[data-order={order}]")
    count(plant, order, 5)
    expect(row).to_contain_text("10 %")
    expect(row).to_contain_text("5 / 50")
    expect(row).to_contain_text("in progress")


def test_filters_stay_in_the_address_and_come_back_with_it(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    page = desk.open(f"/orders?status=received&q={order}")
    expect(page.locator(f"tr[data-order={order}]")).to_be_visible()
    page.get_by_label("received", exact=True).press("Space")
    page.get_by_label("completed", exact=True).press("Space")
    expect(page).to_have_url(re.compile(r"status=completed"))
    expect(page.locator("#orders")).to_contain_text("No order is like that.")
    page.reload()
    expect(page.get_by_label("completed", exact=True)).to_be_checked()
    expect(page.locator("#orders")).to_contain_text("No order is like that.")


def test_the_next_page_comes_by_scrolling(desk: Console, plant: RunningPlant) -> None:
    prefix = f"MANY-{time.time_ns()}"
    orders = create_orders(plant.endpoints, [f"{prefix}-{number}" for number in range(70)])
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", orders[-1])
    page = desk.open(f"/orders?q={prefix}")
    expect(page.locator("#orders tbody tr[data-order]")).to_have_count(60)
    page.locator(".more-rows").scroll_into_view_if_needed()
    expect(page.locator("#orders tbody tr[data-order]")).to_have_count(70)
    ids = page.locator("#orders tbody tr[data-order]").evaluate_all("rows => rows.map((row) => row.dataset.order)")
    assert sorted(ids) == sorted(orders)


def test_an_order_goes_its_way_from_its_page(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    page = desk.open(f"/orders/{order}")
    head = page.locator("#order-head")
    expect(page.get_by_role("button", name="Hold", exact=True)).to_be_disabled()
    for verb, why, state in (
        ("Release", "", "released"),
        ("Start", "the line is free", "in progress"),
        ("Hold", "no gauges", "on hold"),
        ("Start", "", "in progress"),
        ("Complete", "that is enough", "completed"),
    ):
        tell(page, verb, why)
        expect(head.locator(".light")).to_have_text(state)
    for verb in ("Release", "Assign", "Start", "Hold", "Complete", "Cancel"):
        expect(page.get_by_role("button", name=verb, exact=True)).to_be_disabled()
    story = page.locator(".story")
    expect(story).to_contain_text("no gauges")
    expect(story.locator("li", has_text="now on hold")).to_contain_text("by Olga")


def test_an_order_is_given_to_a_machine(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    page = desk.open(f"/orders/{order}")
    page.get_by_role("button", name="Assign", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Machine").select_option("M-203")
    dialog.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#order-head")).to_contain_text("given to M-203")
    expect(page.locator("#said")).to_contain_text("is assigned")


def test_what_the_order_refuses_is_said_as_a_sentence(desk: Console, browser: Browser, plant: RunningPlant) -> None:
    """Two people before the same order: who comes second hears why."""
    order = new_order(plant)
    page = desk.open(f"/orders/{order}")
    page.get_by_role("button", name="Release", exact=True).click()
    with console_of(browser, plant, "operator", name="Ole") as other:
        tell(other.open(f"/orders/{order}"), "Release")
        expect(other.page.locator("#order-head .light")).to_have_text("released")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Release", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text(f"{order} is already released.")


def test_a_hold_asks_for_its_reason(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    count(plant, order, 1)
    page = desk.open(f"/orders/{order}")
    tell(page, "Hold")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.get_by_label("Why").evaluate("area => area.validity.valueMissing")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#order-head .light")).to_have_text("in progress")


def test_notes_and_tasks_are_written_and_done(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    page = desk.open(f"/orders/{order}")
    page.get_by_label("Note", exact=True).fill("Left hinge <b>sticks</b>.")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator(".notes")).to_contain_text("Left hinge <b>sticks</b>.")
    expect(page.locator(".notes")).to_contain_text("Olga")
    page.get_by_label("Task", exact=True).fill("Bring new gauges")
    page.get_by_label("For", exact=True).fill("Ole")
    page.get_by_role("button", name="Add the task").click()
    expect(page.locator(".tasks")).to_contain_text("for Ole")
    page.get_by_role("button", name="Done: Bring new gauges").press("Enter")
    expect(page.locator(".tasks")).to_contain_text("done by Olga")


def test_what_somebody_types_stays_while_the_page_moves(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    page = desk.open(f"/orders/{order}")
    page.get_by_label("Note", exact=True).fill("half a sent")
    count(plant, order, 3)
    expect(page.locator("#order-head")).to_contain_text("3 of 50")
    expect(page.locator("#order-lists")).to_contain_text("+3")
    expect(page.get_by_label("Note", exact=True)).to_have_value("half a sent")


def test_a_finish_is_predicted_once_enough_was_counted(desk: Console, plant: RunningPlant) -> None:
    order = new_order(plant)
    page = desk.open(f"/orders/{order}")
    tile = page.locator(".tile", has_text="predicted finish")
    expect(tile).to_contain_text("not known")
    count(plant, order, 1, 2, 3, 4)
    expect(tile).to_contain_text("nine times in ten")
    page.get_by_text("How the finish is predicted").click()
    expect(page.locator(".how p")).to_contain_text("46 units left")


def test_a_viewer_sees_an_order_and_no_command(browser: Browser, plant: RunningPlant) -> None:
    order = new_order(plant)
    with console_of(browser, plant, "viewer") as console:
        page = console.open(f"/orders/{order}")
        expect(page.locator("#order-head")).to_contain_text("0 of 50")
        assert page.locator("main button, main form, dialog").count() == 0
        answer = page.request.post(
            f"/api/v1/work-orders/{order}/notes", data='{"body":"x"}', headers={"Origin": console.home}
        )
        assert answer.status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820])
def test_orders_are_for_everybody(
    browser: Browser, plant: RunningPlant, scheme: Literal["light", "dark"], width: int
) -> None:
    order = new_order(plant)
    count(plant, order, 1, 2, 3)
    with console_of(browser, plant, "operator", scheme=scheme, width=width) as console:
        for address in ("/orders", f"/orders/{order}"):
            page = console.open(address)
            assert console.violations() == [], address
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{address} scrolls sideways"
        page.get_by_role("button", name="Cancel", exact=True).click()
        assert console.violations() == [], "the dialog"
