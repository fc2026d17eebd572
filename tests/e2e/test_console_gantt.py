"""The chart of the schedule in a real browser, over a planner that answers from memory: no plant is needed."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import CHROMIUM, console_at
from tests.e2e.canned_planner import CannedPlanner, proposal_for, served
from tests.e2e.desks import HEAD, Desk, drag, midday, ms_of, opened
from tests.plants import eventually
from tests.schedules import schedule

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `apt-get install chromium` brings one")
SECONDS: Final = 30


@pytest.fixture
def planner() -> CannedPlanner:
    now = midday()
    other = schedule(now, seed=8, scenario="Saturday shift") | {"status": "proposed"}
    return CannedPlanner(schedule(now), other)


@pytest.fixture
def desk(browser: Browser, planner: CannedPlanner) -> Iterator[Desk]:
    """A planner at work."""
    with (
        served(planner) as home,
        console_at(browser, home.home, home.token("planner")) as console,
    ):
        console.page.clock.set_system_time(midday())
        opened(console)
        yield Desk(console, planner)
    assert [each for each in console.complaints if "409" not in each] == []
    assert console.strangers() == []


def test_the_schedule_in_force_is_shown_with_its_figures(desk: Desk) -> None:
    expect(desk.page.locator("#gantt-count")).to_have_text("240 at 10 work centres")
    late = desk.planner.shown["objective"]["late_orders"]
    expect(desk.page.locator("[data-figure=late]")).to_contain_text(f"{late}")
    expect(desk.page.locator("#which")).to_contain_text("Plan of the day, accepted")


def test_arrow_keys_go_from_operation_to_operation_and_say_each(desk: Desk) -> None:
    desk.chart.focus()
    page = desk.page
    page.keyboard.press("ArrowRight")
    expect(desk.told).not_to_contain_text("No operation")
    first = desk.told.inner_text()
    page.keyboard.press("ArrowRight")
    expect(desk.told).not_to_have_text(first)
    row = desk.planner.shown["work_centers"][0]
    assert f"at {row['code']} {row['name']}" in desk.told.inner_text()
    page.keyboard.press("ArrowDown")
    expect(desk.told).to_contain_text(f"at {desk.planner.shown['work_centers'][1]['code']}")
    page.keyboard.press("Escape")
    expect(desk.told).to_have_text("No operation is selected.")


def test_brackets_go_along_the_order(desk: Desk) -> None:
    each = desk.open_operation()
    those = [
        other
        for other in desk.planner.shown["operations"]
        if other["production_order_id"] == each["production_order_id"]
    ]
    desk.choose(those[0])
    desk.page.keyboard.press("]")
    expect(desk.told).to_contain_text(f"{each['order_number']}, {those[1]['operation']},")
    desk.page.keyboard.press("[")
    expect(desk.told).to_contain_text(f"{each['order_number']}, {those[0]['operation']},")


def test_enter_opens_the_details_with_reason_and_predecessors(desk: Desk) -> None:
    each = next(other for other in desk.planner.shown["operations"] if other["reason"] and other["predecessors"])
    desk.choose(each)
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("#details-title")).to_be_focused()
    details = desk.page.locator("#details")
    expect(details).to_contain_text(each["reason"])
    expect(details.locator(".risk-of")).to_contain_text("Late with 37 %. Finished ")
    expect(details.locator(".risk-of")).to_have_attribute("data-tone", "warn")
    (before,) = (other for other in desk.planner.shown["operations"] if other["run_id"] in each["predecessors"])
    waits = details.locator("h3", has_text="Waits for").locator("+ ol")
    expect(waits).to_contain_text(before["operation"])
    waits.get_by_role("button").click()
    expect(desk.told).to_contain_text(f"{before['order_number']}, {before['operation']},")


def test_the_wheel_zooms_where_it_is_and_pulling_pans(desk: Desk) -> None:
    box = desk.chart.bounding_box()
    assert box is not None
    before = desk.place()
    x, y = box["x"] + box["width"] * 0.7, box["y"] + HEAD / 2
    at = before[0] + (x - box["x"] - before[2]) * before[1]
    desk.page.mouse.move(x, y)
    desk.page.mouse.wheel(0, -300)
    eventually(lambda: desk.place()[1] < before[1] * 0.9, SECONDS, "the chart is not zoomed")
    after = desk.place()
    assert abs(after[0] + (x - box["x"] - after[2]) * after[1] - at) < 2 * after[1], "the moment under the wheel moved"
    desk.page.mouse.down()
    desk.page.mouse.move(x - 150, y, steps=4)
    desk.page.mouse.up()
    eventually(lambda: desk.place()[0] > after[0] + 140 * after[1], SECONDS, "the chart is not pulled along")


def test_a_click_on_a_bar_chooses_it(desk: Desk) -> None:
    each = desk.open_operation()
    desk.page.mouse.click(*desk.spot(each))
    expect(desk.told).to_contain_text(f"{each['order_number']}, {each['operation']},")
    expect(desk.page.locator("#details-title")).to_have_text(f"{each['order_number']} · {each['operation']}")


def test_an_operation_that_is_dragged_to_free_time_is_checked_and_stays_there(desk: Desk) -> None:
    each = desk.open_operation()
    desk.planner.put_in_force(desk.planner.shown | {"operations": [each]})
    expect(desk.page.locator("#gantt-count")).to_contain_text("1 at")
    other = next(name for name in each["alternatives"] if name != each["work_center_id"])
    start, goal = desk.spot(each), desk.spot(each, center=other)
    drag(desk, start, (goal[0] + 60, goal[1]))
    expect(desk.verdict).to_contain_text("Allowed. Nothing else moves.")
    before = desk.planner.current
    desk.page.mouse.up()
    expect(desk.verdict).to_contain_text("is moved")
    assert desk.planner.current != before
    (moved,) = desk.planner.shown["operations"]
    assert moved["work_center_id"] == other
    assert ms_of(moved["start_at"]) > ms_of(each["start_at"])
    code = next(row["code"] for row in desk.planner.shown["work_centers"] if row["work_center_id"] == other)
    expect(desk.told).to_contain_text(f"{each['order_number']}, {each['operation']}, at {code} ")


def test_an_operation_that_is_dropped_where_another_is_goes_back_and_the_reason_is_said(desk: Desk) -> None:
    each = desk.open_operation()
    those = [o for o in desk.planner.shown["operations"] if o["work_center_id"] == each["work_center_id"]]
    following = those[those.index(each) + 1]
    before = desk.planner.current
    drag(desk, desk.spot(each), desk.spot(each, at=following["start_at"]))
    expect(desk.verdict).to_contain_text(f"{following['order_number']} is there until")
    expect(desk.verdict).to_have_attribute("data-tone", "bad")
    desk.page.mouse.up()
    expect(desk.verdict).to_contain_text("Not moved.")
    assert desk.planner.current == before


def test_a_work_centre_that_cannot_do_it_is_refused_without_asking(desk: Desk) -> None:
    each = desk.open_operation()
    unable = next(
        row for row in desk.planner.shown["work_centers"] if row["work_center_id"] not in each["alternatives"]
    )
    drag(desk, desk.spot(each), desk.spot(each, center=unable["work_center_id"]))
    expect(desk.verdict).to_contain_text(f"{unable['code']} cannot do this operation")
    desk.page.mouse.up()
    assert all(check.work_center_id != unable["work_center_id"] for check in desk.planner.checks)


def test_an_operation_that_has_begun_cannot_be_taken(desk: Desk) -> None:
    each = next(o for o in desk.planner.shown["operations"] if o["actual"] and o["actual"]["status"] == "in_progress")
    desk.choose(each)
    desk.page.keyboard.press("m")
    expect(desk.verdict).to_contain_text("stays where it is")
    expect(desk.page.locator("#details").get_by_role("button", name="Move it")).to_have_count(0)


def test_a_move_by_keys_is_checked_at_each_place_and_escape_leaves_it(desk: Desk) -> None:
    each = desk.open_operation()
    desk.choose(each)
    before = desk.planner.current
    desk.page.keyboard.press("m")
    expect(desk.verdict).to_contain_text(f"{each['order_number']} {each['operation']} to ")
    desk.page.keyboard.press("Shift+ArrowRight")
    expect(desk.verdict).to_have_attribute("data-tone", re.compile("good|bad"))
    assert desk.planner.checks[-1].run_id == each["run_id"]
    assert desk.planner.checks[-1].start_at > datetime.fromisoformat(each["start_at"])
    desk.page.keyboard.press("Escape")
    expect(desk.verdict).to_be_hidden()
    assert desk.planner.current == before


def test_a_move_by_keys_to_free_time_is_accepted(desk: Desk) -> None:
    each = desk.open_operation()
    desk.planner.shown["operations"] = [each]
    desk.planner.put_in_force(dict(desk.planner.shown))
    expect(desk.page.locator("#gantt-count")).to_contain_text("1 at")
    desk.choose(each)
    desk.page.keyboard.press("m")
    desk.page.keyboard.press("ArrowRight")
    expect(desk.verdict).to_contain_text("Allowed")
    desk.page.keyboard.press("Enter")
    expect(desk.verdict).to_contain_text("is moved")
    assert ms_of(desk.planner.shown["operations"][0]["start_at"]) > ms_of(each["start_at"])


def test_a_proposal_tells_what_moves_and_what_doing_nothing_costs_and_is_accepted_by_one_click(desk: Desk) -> None:
    desk.planner.propose(proposal_for(desk.planner.shown, midday()))
    box = desk.page.locator(".proposal")
    expect(box).to_contain_text("nozzle blocked")
    expect(box).to_contain_text("doing nothing costs10.7 h")
    expect(box).to_contain_text("no other work centre is free before")
    moves = desk.planner.proposals[0]["moves"]
    expect(box).to_contain_text(moves[0]["order_number"])
    box.get_by_role("button", name="See it on the chart").click()
    expect(box.get_by_role("button", name="See it on the chart")).to_have_attribute("aria-pressed", "true")
    place = desk.place()
    box.get_by_role("button", name="Accept").click()
    expect(box).to_have_count(0)
    expect(desk.page.locator("#said")).to_contain_text("The schedule is being changed.")
    assert desk.planner.proposals[0]["status"] == "accepted"
    (moved,) = (each for each in desk.planner.shown["operations"] if each["run_id"] == moves[0]["run_id"])
    assert ms_of(moved["start_at"]) == ms_of(moves[0]["to_start_at"])
    assert desk.place()[:2] == place[:2], "the chart has jumped"


def test_a_proposal_can_be_dismissed(desk: Desk) -> None:
    desk.planner.propose(proposal_for(desk.planner.shown, midday()))
    before = desk.planner.current
    desk.page.get_by_role("button", name="Dismiss").click()
    expect(desk.page.locator(".proposal")).to_have_count(0)
    assert (desk.planner.proposals[0]["status"], desk.planner.current) == ("dismissed", before)


def test_a_new_schedule_is_seen_at_once_and_zoom_and_selection_stay(desk: Desk) -> None:
    each = desk.open_operation()
    desk.choose(each)
    first = desk.place()
    desk.page.keyboard.press("+")
    eventually(lambda: desk.place()[1] < first[1], SECONDS, "the chart is not zoomed")
    place, told = desk.place(), desk.told.inner_text()
    other = schedule(midday(), scenario="After lunch") | {"schedule_id": "11111111-1111-4111-8111-111111111111"}
    desk.planner.put_in_force(other)
    expect(desk.page.locator("#which")).to_contain_text("After lunch")
    expect(desk.told).to_have_text(told)
    assert desk.place()[1:] == place[1:]


def test_scenarios_stand_side_by_side_and_another_can_be_shown(desk: Desk) -> None:
    table = desk.page.get_by_role("region", name="Figures of the scenarios")
    expect(table).to_contain_text("Saturday shift")
    expect(table.locator("tr", has_text="Weighted tardiness").locator(".tag")).to_have_text("best")
    table.get_by_role("button", name="Show Saturday shift on the chart").click()
    expect(desk.page.locator("#which")).to_contain_text("Saturday shift, proposed")
    desk.page.go_back()
    expect(desk.page.locator("#which")).to_contain_text("Plan of the day")


def test_another_scenario_is_asked_for_on_the_plants_clock(desk: Desk) -> None:
    page, center = desk.page, desk.planner.shown["work_centers"][1]
    page.get_by_text("What if…").click()
    page.get_by_label("Name").fill("Press two stands")
    page.get_by_label("And if").select_option("closed")
    page.locator("#ask [name=center]").select_option(center["work_center_id"])
    page.locator("#ask [name=from]").fill("2026-11-19T06:00")
    page.locator("#ask [name=to]").fill("2026-11-19T14:00")
    page.get_by_role("button", name="Compute").click()
    expect(page.locator("#said")).to_contain_text("The planner computes it")
    (asked,) = desk.planner.asked
    span = {"from_at": "2026-11-19T06:00:00.000Z", "to_at": "2026-11-19T14:00:00.000Z"}
    assert asked["scenario"] == "Press two stands"
    assert asked["what_if"]["work_centers"] == [{"work_center_id": center["work_center_id"], "closed": [span]}]


def test_the_table_holds_what_the_chart_holds(desk: Desk) -> None:
    desk.page.locator("#listing summary").click()
    expect(desk.page.locator("#listing-count")).to_have_text("240 operations, the first 100 of them")
    desk.page.get_by_role("button", name="More").click()
    expect(desk.page.locator("#listing-rows tr")).to_have_count(200)
    late = sum(1 for each in desk.planner.shown["operations"] if each["late_minutes"])
    desk.page.get_by_label("only late orders").check()
    expect(desk.page.locator("#listing-count")).to_have_text(f"{late} operations")


def test_a_viewer_can_look_but_not_move(browser: Browser, planner: CannedPlanner) -> None:
    with served(planner) as home, console_at(browser, home.home, home.token("viewer")) as console:
        planner.propose(proposal_for(planner.shown, midday()))
        page = opened(console)
        desk = Desk(console, planner)
        expect(page.locator(".proposal")).to_be_visible()
        expect(page.get_by_role("button", name="Accept")).to_have_count(0)
        desk.choose(desk.planner.shown["operations"][-1])
        page.keyboard.press("m")
        expect(page.get_by_role("button", name="Move it")).to_have_count(0)
        expect(desk.verdict).to_be_hidden()


def test_where_no_schedule_is_in_force_the_page_says_so(browser: Browser) -> None:
    with served(CannedPlanner()) as home, console_at(browser, home.home, home.token("viewer")) as console:
        page = console.open("/schedule")
        expect(page.locator("#none")).to_contain_text("No schedule is in force.")
        expect(page.locator("#plan")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820])
def test_the_schedule_is_for_everybody(
    browser: Browser, planner: CannedPlanner, scheme: Literal["light", "dark"], width: int
) -> None:
    with (
        served(planner) as home,
        console_at(browser, home.home, home.token("planner"), scheme=scheme, width=width) as console,
    ):
        planner.propose(proposal_for(planner.shown, midday()))
        page = opened(console)
        desk = Desk(console, planner)
        desk.choose(planner.shown["operations"][-1])
        expect(page.locator(".proposal")).to_be_visible()
        assert console.violations() == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "the page scrolls sideways"
