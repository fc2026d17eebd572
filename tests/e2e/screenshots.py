"""`python -m tests.e2e.screenshots [NAME ...]`: pictures of every page of the console of the plant in RUN_DIR.

They go to connectors/gateway/console/screenshots, at 1440 pixels in light and 820 in dark (SCHEMES, WIDTHS and OUT
choose otherwise). What is to be seen is whatever the plant knows: let a demo run for some minutes before.
Where pngquant is installed, the files become a third as large.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import quote

import httpx2
from playwright.sync_api import Page, expect, sync_playwright

from connectors.failures_cli import gateway
from tests.e2e.browsing import CHROMIUM

FOLDER: Final = Path(__file__).parents[2] / "connectors/gateway/console/screenshots"
HEIGHTS: Final = {1440: 900, 820: 1180}
SHOWN: Final = {1440: "light", 820: "dark"}
TALLEST: Final = 2200
SETTLED_MS: Final = 2_500
PATIENCE_MS: Final = 60_000


def _first(client: httpx2.Client, path: str, member: str, key: str, best: Callable[[Any], Any] = bool) -> str:
    """The name of the thing in a list that there is most to see of."""
    found = client.get(f"/api/v1/{path}").raise_for_status().json()[member]
    return quote(str(max(found, key=best)[key]), safe="") if found else "none"


def _project(client: httpx2.Client) -> int:
    """The number of the latest project that was entered; 1 where nobody can say."""
    answer = client.get("/api/projects")
    found = answer.json().get("projects", []) if answer.status_code == 200 else []
    return max((int(each["project_id"]) for each in found), default=1)


def _lane(client: httpx2.Client) -> str:
    """The page of the lane that has seen most."""
    found = client.get("/api/v1/lanes").raise_for_status().json()["lanes"]
    if not found:
        return "/lanes"
    most = max(found, key=lambda each: int(each["observations"]))
    return f"/lanes/{quote(most['lane_id'], safe='')}/{quote(most['provider'], safe='')}"


def pages(client: httpx2.Client) -> dict[str, str]:
    """Addresses of all pages, by name; the things on them are those that this plant knows."""
    order = _first(
        client, "work-orders?status=in_progress", "work_orders", "work_order_id", lambda each: each["quantity_produced"]
    )
    machine = _first(client, "machines", "machines", "machine_id", lambda each: each["total_units"] or 0)
    material = _first(client, "materials", "materials", "material_id", lambda each: each["allocated_quantity"])
    found = client.get("/api/v1/failures").raise_for_status().json()
    cause = max(found["groups"], key=lambda each: each["failures"])["cause_key"] if found["groups"] else "none"
    return {
        "floor": "/",
        "orders": "/orders",
        "order": f"/orders/{order}",
        "schedule": "/schedule",
        "projects": "/projects",
        "project": f"/projects/{_project(client)}",
        "lanes": "/lanes",
        "lane": _lane(client),
        "machines": "/machines",
        "machine": f"/machines/{machine}?range=1h",
        "oee": "/oee?bucket=day",
        "oee-machines": "/oee?level=machine",
        "materials": "/materials",
        "material": f"/materials/{material}",
        "failures": "/failures",
        "failures-cause": f"/failures?cause={cause}",
        "failures-rows": "/failures?view=rows",
        "failure": f"/failures/{_first(client, 'failures', 'failures', 'failure_id')}",
        "integrations": "/integrations",
        "deliveries": "/deliveries",
        "delivery": f"/deliveries/{_first(client, 'deliveries', 'deliveries', 'delivery_id')}",
        "alerts": "/alerts",
        "audit": "/audit",
        "reconciliations": "/reconciliations",
        "reconciliation": f"/reconciliations/{_first(client, 'reconciliations', 'reconciliations', 'report_id')}",
        "time-machine": f"/time-machine?kind=order&id={order}",
        "passport": f"/orders/{order}/passport",
        "passport-oee": f"/machines/{machine}/passport",
        "analysts": "/analysts",
        "login": "/login",
    }


def _edit(page: Page) -> None:
    """Open the editor of a letter, and rehearse what is there."""
    page.keyboard.press("e")
    page.get_by_role("button", name="Rehearse first").click()
    page.wait_for_timeout(SETTLED_MS)


def _shrink(picture: Path) -> None:
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "--quality", "60-90", picture], check=True)


def take(width: int, scheme: str, folder: Path, wanted: list[str]) -> None:
    """Pictures of the pages, one after the other; what a page complains of is said."""
    with gateway(os.environ) as client, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        shown = cast(Literal["light", "dark"], scheme)
        context = browser.new_context(
            base_url=str(client.base_url), viewport={"width": width, "height": HEIGHTS[width]}, color_scheme=shown
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: print(f"  {page.url}: {error}", file=sys.stderr))
        page.goto(f"/login#token={client.headers['Authorization'].removeprefix('Bearer ')}")
        expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
        found = pages(client)
        for name, path in (found | {"failure-edited": found["failure"]}).items():
            if wanted and name not in wanted:
                continue
            page.goto(path)
            page.wait_for_timeout(SETTLED_MS)
            if name == "failure-edited":
                _edit(page)
            tall = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
            page.set_viewport_size({"width": width, "height": max(tall, HEIGHTS[width])})
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png")
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            _shrink(folder / f"{name}-{width}-{scheme}.png")
            print(f"{name} {width} {scheme}")
        browser.close()


if __name__ == "__main__":
    target = Path(os.environ.get("OUT", FOLDER))
    target.mkdir(parents=True, exist_ok=True)
    for each in (int(told) for told in os.environ.get("WIDTHS", "1440 820").split()):
        for look in os.environ.get("SCHEMES", SHOWN[each]).split():
            take(each, look, target, sys.argv[1:])
