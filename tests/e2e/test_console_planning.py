"""What plans stand on, in a real browser: work centres with their hours, routings, the changeover matrix."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import IN_A_BROWSER, Console, console_of
from tests.planned import Document, calendar, make, operation, routing, somebody, unique, work_center
from tests.plants import RunningPlant

pytestmark = IN_A_BROWSER


@pytest.fixture
def viewer(browser: Browser, plant: RunningPlant) -> Iterator[Console]:
    with console_of(browser, plant, "viewer") as console:
        yield console
    assert console.complaints == []
    assert console.strangers() == []


@pytest.fixture(scope="module")
def press(plant: RunningPlant) -> Document:
    """A work centre with a calendar, changeovers, and a routing that goes over it."""
    with somebody(plant, "planner", "paula") as planner:
        followed = make(planner, "calendars", calendar())
        made = make(planner, "work-centers", work_center(calendar_id=followed["id"]))
        kind = make(planner, "operations", operation(default_work_center_id=made["id"]))
        steps = ({"sequence_number": 10, "operation_id": kind["id"], "yield_percentage": 0},)
        routed = make(planner, "routings", routing(*steps, routing_name="Brochure <b>"))
        rule = {"work_center_id": made["id"], "from_family": unique("black"), "to_family": unique("white")}
        make(planner, "changeovers", rule | {"setup_minutes": 45, "external_minutes": 15})
    return made | {"routing": routed, "rule": rule, "calendar": followed}


def test_work_centres_are_listed_with_their_hours(viewer: Console, press: Document) -> None:
    page = viewer.open("/planning")
    expect(page.get_by_role("navigation", name="Places").get_by_role("link", name="Planning")).to_have_attribute(
        "aria-current", "page"
    )
    row = page.get_by_role("row", name=press["work_center_code"])
    expect(row).to_contain_text(press["calendar"]["calendar_code"])
    expect(row).to_contain_text("37.5 h")


def test_the_matrix_of_a_work_centre_is_shown(viewer: Console, press: Document) -> None:
    page = viewer.open(f"/planning?work_center={press['id']}")
    matrix = page.get_by_role("region", name="Changeover matrix")
    row = matrix.locator("tbody tr").filter(has_text=press["rule"]["from_family"])
    expect(row).to_contain_text("45")
    expect(matrix).to_contain_text("15 external")
    expect(page.locator("select[name=work_center]")).to_have_value(press["id"])


def test_a_routing_shows_its_operations_and_what_is_wrong(viewer: Console, press: Document) -> None:
    page = viewer.open(f"/planning?q={press['routing']['routing_code']}")
    page.get_by_role("link", name=press["routing"]["routing_code"]).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Brochure <b>")
    expect(page.get_by_text("Operation 10 must yield more than 0 %")).to_be_visible()
    expect(page.get_by_role("region", name="Operations in sequence")).to_contain_text(press["work_center_code"])
    expect(page.get_by_text("paula created it")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_can_be_used_by_everybody(
    browser: Browser, plant: RunningPlant, press: Document, scheme: Literal["light", "dark"]
) -> None:
    with console_of(browser, plant, "viewer", scheme=scheme) as console:
        for path in (f"/planning?work_center={press['id']}", f"/planning/routings/{press['routing']['id']}"):
            console.open(path)
            assert console.violations() == []
