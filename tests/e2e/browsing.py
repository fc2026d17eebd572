"""A browser that looks at a plant's console as somebody with a role, and hears what the pages complain of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from connectors.gateway.auth import SESSION_COOKIE, Tokens
from connectors.gateway.roles import scopes_of
from tests.gateways import operator
from tests.plants import RunningPlant

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IN_A_BROWSER: Final = [
    pytest.mark.services,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `apt-get install chromium` brings one"),
]
"""The marks of a suite that needs a plant and a browser."""
SESSION_SECONDS: Final = 3_600
# A machine that builds and tests at once is slow; what is awaited here comes within a second otherwise.
PATIENCE_MS: Final = 60_000
# WCAG 2.2 AA, with the levels below it.
STANDARD: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass
class Console:
    """A page of the console, and whatever went wrong on it."""

    page: Page
    home: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go there, and wait until the live stream is up."""
        self.page.goto(path)
        expect(self.page.locator("#link")).to_have_text("live")
        return self.page

    def strangers(self) -> list[str]:
        """Addresses outside the plant that were asked for."""
        return [url for url in self.asked if not url.startswith((self.home, "data:", "blob:"))]

    def violations(self) -> list[str]:
        """What axe finds wrong with the page, a line for each rule with the first place."""
        found: dict[str, Any] = (
            Axe()
            .run(self.page, options={"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": STANDARD}})
            .response
        )
        return [f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:160]})" for each in found["violations"]]


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A Chromium of its own."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


@contextmanager
def console_of(
    browser: Browser,
    plant: RunningPlant,
    role: str,
    *,
    name: str = "Robin",
    width: int = 1440,
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[Console]:
    """The console as somebody sees it who has this role."""
    token = Tokens(plant.settings()).issue(name, scopes_of([role]), SESSION_SECONDS)
    with console_at(browser, plant.endpoints["GATEWAY_URL"], token, width=width, scheme=scheme) as console:
        yield console


@contextmanager
def console_at(
    browser: Browser, home: str, token: str, *, width: int = 1440, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Console]:
    """The console at an address, for whoever the token is of."""
    context = browser.new_context(base_url=home, viewport={"width": width, "height": 900}, color_scheme=scheme)
    where = urlsplit(home)
    context.add_cookies([{"name": SESSION_COOKIE, "value": token, "domain": str(where.hostname), "path": "/"}])
    console = Console(context.new_page(), home)
    page = console.page
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: console.complaints.append(str(error)))
    page.on("console", lambda told: console.complaints.append(told.text) if told.type in ("error", "warning") else None)
    page.on("request", lambda request: console.asked.append(request.url))
    try:
        yield console
    finally:
        context.close()


def machines_of(plant: RunningPlant) -> list[str]:
    """The machines that this plant knows: those of its layout, and what other suites have registered."""
    with operator(plant) as client:
        names = [each["machine_id"] for each in client.get("/api/v1/machines").json()["machines"]]
    assert len(names) >= 8
    return names
