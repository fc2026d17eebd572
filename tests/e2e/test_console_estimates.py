"""Estimates in a real browser: projects with runway, risk, drift and runs, and lanes with what they come from."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests import estimate_rows as made
from tests.e2e.browsing import IN_A_BROWSER, Console, console_of
from tests.estimate_rows import PROVIDER, Taken, history
from tests.plants import RunningPlant

pytestmark = IN_A_BROWSER

STEADY: Final = "kiln-firing"
MOVED: Final = "kiln-glazing"
PLAN: Final = [("K-1", STEADY, "build"), ("K-2", STEADY, "test"), ("K-3", MOVED, "build"), ("K-4", MOVED, "test")]


class Kiln(NamedTuple):
    """A project with a run that is over and one under way, of which one of four tasks is done."""

    project: int
    before: str
    run: str

    @property
    def address(self) -> str:
        return f"/projects/{self.project}"


@pytest.fixture(scope="module")
def kiln(plant: RunningPlant) -> Iterator[Kiln]:
    tenant = plant.endpoints["TENANT_ID"]
    with plant.rows() as rows:
        made.forget(rows, (STEADY, MOVED))
        made.lane(rows, tenant, STEADY, [*history(40), Taken(-3, None, None)])
        made.lane(rows, tenant, MOVED, [*history(30, seed=9), *history(30, Taken(9_000, 15, 0.5), seed=10)])
        project = made.project(rows, tenant, "Kiln control", budget=10.0)
        made.tasks(rows, tenant, project, PLAN)
        before = made.run(rows, tenant, project)
        for task, *_ in PLAN[:3]:
            made.done(rows, before, task, Taken(3_000, 5, 1.0))
        made.ended(rows, before)
        made.judged(rows, tenant, project, before, ("K-1", STEADY), 4)
        made.judged(rows, tenant, project, before, ("K-3", MOVED), 12)
        run = made.run(rows, tenant, project, "hotfix", made.BEGIN.replace(day=2))
        made.done(rows, run, "K-1", Taken(2_500, 4, 0.5))
    yield Kiln(project, before, run)
    with plant.rows() as rows:
        made.forget(rows, (STEADY, MOVED), project)


@pytest.fixture
def viewer(browser: Browser, plant: RunningPlant, kiln: Kiln) -> Iterator[Console]:
    with console_of(browser, plant, "viewer") as console:
        yield console
    assert console.complaints == []
    assert console.strangers() == []


def test_a_project_is_found_in_the_list(viewer: Console, kiln: Kiln) -> None:
    page = viewer.open("/")
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Projects").click()
    row = page.locator("tr", has=page.get_by_role("link", name="Kiln control"))
    expect(row).to_contain_text("$3.50")
    expect(row).to_contain_text("35 %")
    row.get_by_role("link", name="Kiln control").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Kiln control")


def test_the_runway_follows_what_is_spent(viewer: Console, plant: RunningPlant, kiln: Kiln) -> None:
    page = viewer.open(kiln.address)
    runway = page.locator("#runway")
    expect(runway).to_contain_text("ok")
    expect(runway).to_contain_text("$3.50")
    expect(runway.locator("svg .limit")).to_be_attached()
    try:
        with plant.rows() as rows:
            made.done(rows, kiln.run, "K-2", Taken(3_000, 5, 30.0))
        expect(runway).to_contain_text("$33.50")
        expect(runway.locator(".light").first).to_have_text("critical")
    finally:
        with plant.rows() as rows:
            made.undone(rows, kiln.run, "K-2")
    expect(runway).to_contain_text("$3.50")


def test_risk_drift_and_work_are_told_lane_by_lane(viewer: Console, kiln: Kiln) -> None:
    page = viewer.open(kiln.address)
    heat = page.get_by_role("region", name="Risk by lane and phase")
    expect(heat.locator("tbody th")).to_have_text([STEADY, MOVED])
    expect(heat.locator("td[data-word]")).to_have_count(4)
    drift = page.get_by_role("region", name="Drift by lane")
    expect(drift.locator("svg.spark")).to_have_count(6)
    expect(drift.locator("tr", has=page.get_by_role("link", name=MOVED))).to_contain_text("more on average")
    work = page.get_by_role("region", name="Work by lane")
    expect(work.locator("tr.sum")).to_contain_text("1 of 4")


def test_judged_results_are_shown_with_their_evidence(viewer: Console, kiln: Kiln) -> None:
    page = viewer.open(kiln.address)
    results = page.get_by_role("region", name="Judged results").locator("tbody tr")
    expect(results).to_have_count(2)
    failed = results.filter(has_text="K-1")
    expect(failed).to_contain_text("failed")
    expect(failed).to_contain_text("4 rows.")
    evidence = failed.get_by_label("Evidence of row count about K-1")
    expect(evidence).to_be_hidden()
    failed.get_by_text("Evidence", exact=True).click()
    expect(evidence).to_contain_text('"least": 10')
    page = viewer.open(f"/lanes/{MOVED}/{PROVIDER}")
    result = page.get_by_role("region", name="Judged results").locator("tbody tr")
    expect(result).to_contain_text("passed")
    result.get_by_role("link", name=f"project {kiln.project}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Kiln control")


def test_two_runs_stand_side_by_side(viewer: Console, kiln: Kiln) -> None:
    page = viewer.open(kiln.address)
    expect(page.get_by_role("region", name="Runs", exact=True).locator("tbody tr")).to_have_count(2)
    page.locator("select[name=a]").select_option(kiln.before)
    page.locator("select[name=b]").select_option(kiln.run)
    page.get_by_role("button", name="Compare").click()
    sums = page.get_by_role("region", name="Two runs side by side").locator("tr.sum td")
    expect(sums).to_have_count(6)
    expect(sums.nth(4)).to_have_text("$3.00")
    expect(sums.nth(5)).to_have_text("$0.500")
    page.get_by_text("Task by task").click()
    expect(page.get_by_role("region", name="Tasks of both runs")).to_contain_text("missing")


def test_lanes_are_drawn_and_lead_to_their_explanation(viewer: Console, kiln: Kiln) -> None:
    page = viewer.open("/lanes")
    expect(page.get_by_role("heading", name="How often promises held")).to_be_visible()
    lane = page.locator(".lane", has=page.get_by_role("link", name=STEADY))
    expect(lane.locator("svg.density")).to_be_visible()
    expect(lane).to_contain_text("40 observations")
    page.get_by_role("link", name="Cost", exact=True).click()
    expect(page).to_have_url(f"{viewer.home}/lanes?figure=cost_usd")
    page.get_by_role("link", name=STEADY).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(STEADY)


def test_an_estimate_is_explained_with_its_numbers(viewer: Console, kiln: Kiln) -> None:
    page = viewer.open(f"/lanes/{STEADY}/{PROVIDER}?figure=tokens")
    expect(page.get_by_role("heading", name="Learned again: the same")).to_be_visible()
    expect(page.get_by_role("region", name="Sources").locator("tbody tr").first).to_contain_text("its own observations")
    expect(page.get_by_role("region", name="Sources")).to_contain_text("factory default")
    steps = page.get_by_role("region", name="Steps of the formula")
    expect(steps).to_contain_text("m = (k m0 + n y) / (k + n)")
    expect(steps).to_contain_text("exponential smoothing of document 001")
    expect(page.get_by_role("region", name="Observations").locator("tbody tr")).to_have_count(40)
    expect(page.locator("[aria-labelledby=aside-title]")).to_contain_text("nothing takes less than nothing")


def test_what_is_unknown_is_said_on_a_page(viewer: Console, kiln: Kiln) -> None:
    page = viewer.page
    for address, sentence in (
        ("/projects/999999999", "No project 999999999 is known."),
        ("/lanes/nobody/none", "Nothing was ever observed of lane nobody done by none."),
    ):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 404
        expect(page.locator("body")).to_contain_text(sentence)
    viewer.complaints.clear()


def test_the_figures_need_no_script(browser: Browser, plant: RunningPlant, kiln: Kiln) -> None:
    with console_of(browser, plant, "viewer") as console:
        console.page.route("**/*.js", lambda route: route.abort())
        console.page.goto(kiln.address)
        expect(console.page.locator("#runway")).to_contain_text("$3.50")
        console.page.goto(f"/lanes/{STEADY}/{PROVIDER}")
        expect(console.page.get_by_role("heading", name="Learned again: the same")).to_be_visible()


def test_lanes_are_reached_by_keyboard_alone(viewer: Console, kiln: Kiln) -> None:
    page = viewer.open("/projects")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('href')") == "/lanes":
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{viewer.home}/lanes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820])
def test_estimates_are_for_everybody(
    browser: Browser, plant: RunningPlant, kiln: Kiln, scheme: Literal["light", "dark"], width: int
) -> None:
    with console_of(browser, plant, "viewer", scheme=scheme, width=width) as console:
        compared = f"{kiln.address}?a={kiln.before}&b={kiln.run}"
        for address in ("/projects", compared, "/lanes", f"/lanes/{MOVED}/{PROVIDER}"):
            page = console.open(address)
            assert console.violations() == [], address
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{address} scrolls sideways"
