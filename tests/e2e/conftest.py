"""Fixtures of the suites that look at the console."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import a_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium. It ends with each file: while it runs, no other event loop can."""
    with a_browser() as browser:
        yield browser
