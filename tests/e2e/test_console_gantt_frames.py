"""How smooth the schedule's chart is with thousands of operations."""

from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import CHROMIUM, console_at
from tests.e2e.canned_planner import CannedPlanner, served
from tests.e2e.desks import midday, opened
from tests.schedules import schedule

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `apt-get install chromium` brings one")
MANY: Final = 5_000
PANNED = """async () => {
  const canvas = document.getElementById("gantt");
  const box = canvas.getBoundingClientRect();
  const spin = (down, sideways) => canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: down, deltaX: sideways,
    clientX: box.x + box.width * 0.6, clientY: box.y + 200, cancelable: true, bubbles: true }));
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const between = [];
  let before = await frame();
  for (let i = 0; i < 120; i += 1) {
    spin(i < 60 ? 0 : (i % 40 < 20 ? -90 : 90), i < 60 ? (i % 2 ? 60 : -60) : 0);
    const at = await frame();
    between.push(at - before);
    before = at;
  }
  return between;
}"""


@pytest.mark.parametrize("chain", [False, True])
def test_five_thousand_operations_are_drawn_smoothly(browser: Browser, chain: bool) -> None:
    """How long a frame takes is printed; on an idle machine it is about 16 ms."""
    now = midday()
    planner = CannedPlanner(schedule(now, MANY, 20))
    with served(planner) as home, console_at(browser, home.home, home.token("planner")) as console:
        console.page.clock.set_system_time(midday())
        page = opened(console)
        expect(page.locator("#gantt-count")).to_have_text("5,000 at 20 work centres")
        page.get_by_role("button", name="All", exact=True).click()
        if chain:
            page.get_by_role("button", name="Critical chain").click()
        between = sorted(page.evaluate(PANNED))
        shown = {name: round(between[int(share * len(between))], 1) for name, share in (("p50", 0.5), ("p95", 0.95))}
        what = "with the critical chain" if chain else "plain"
        print(f"\n{MANY} operations in sight, {what}, ms from frame to frame: {shown}")
        assert len(between) == 120
