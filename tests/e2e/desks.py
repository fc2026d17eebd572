"""Somebody at the schedule's page, who chooses and drags operations on its chart."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import Console
from tests.e2e.canned_planner import CannedPlanner

HEAD: Final = 46
ROW: Final = 42


class Desk(NamedTuple):
    """Somebody at the page, and the planner behind it."""

    console: Console
    planner: CannedPlanner

    @property
    def page(self) -> Page:
        """The page."""
        return self.console.page

    @property
    def chart(self) -> Locator:
        """The canvas."""
        return self.page.locator("#gantt")

    @property
    def told(self) -> Locator:
        """What is said of the operation that is chosen."""
        return self.page.locator("#gantt-told")

    @property
    def verdict(self) -> Locator:
        """What is said of a move."""
        return self.page.locator("#verdict")

    def place(self) -> list[float]:
        """First moment in ms, ms in a pixel, left edge and scroll of the chart as it is drawn."""
        return [float(each) for each in (self.chart.get_attribute("data-place") or "").split()]

    def spot(self, operation: dict[str, Any], at: str | None = None, center: str | None = None) -> tuple[float, float]:
        """Where on the page a little after the start of an operation is, or another moment or row."""
        from_ms, ms_per_px, left, scroll = self.place()
        (row,) = (
            index
            for index, each in enumerate(self.planner.shown["work_centers"])
            if each["work_center_id"] == (center or operation["work_center_id"])
        )
        box = self.chart.bounding_box()
        assert box is not None
        x = left + (ms_of(at or operation["start_at"]) - from_ms) / ms_per_px
        return box["x"] + x + 6, box["y"] + HEAD + row * ROW - scroll + ROW / 2

    def open_operation(self, number: int = 0) -> dict[str, Any]:
        """An operation that nothing keeps where it is, on the chart as it first is."""
        now = midday()
        found: list[dict[str, Any]] = [
            each
            for each in self.planner.shown["operations"]
            if not each["is_frozen"]
            and not each["actual"]
            and len(each["alternatives"]) > 1
            and (datetime.fromisoformat(each["start_at"]) - now).total_seconds() < 30 * 3600
        ]
        return found[number]

    def choose(self, operation: dict[str, Any]) -> None:
        """Find it in the table, and go to it on the chart."""
        listing = self.page.locator("#listing")
        if listing.get_attribute("open") is None:
            listing.locator("summary").click()
        self.page.get_by_label("Find").fill(operation["order_number"])
        row = listing.locator("tbody tr", has_text=operation["operation"])
        row.get_by_role("button", name=operation["order_number"]).click()
        expect(self.told).to_contain_text(f"{operation['order_number']}, {operation['operation']}")


def ms_of(moment: str) -> float:
    """Milliseconds since 1970."""
    return datetime.fromisoformat(moment).timestamp() * 1000


def midday() -> datetime:
    """A moment in the middle of a working day of the canned shop, in this week."""
    return datetime(2026, 11, 18, 10, 20, tzinfo=UTC)


def opened(console: Console) -> Page:
    """The page, with its chart drawn."""
    page = console.open("/schedule")
    expect(page.locator("#gantt[data-place]")).to_be_visible()
    return page


def drag(desk: Desk, from_spot: tuple[float, float], to_spot: tuple[float, float]) -> None:
    """Take what is there, and hold it over there."""
    desk.page.mouse.move(*from_spot)
    desk.page.mouse.down()
    desk.page.mouse.move(*to_spot, steps=6)
