"""The retry table of 002 section 7.1, row by row, with the document's values, which are the settings' defaults."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from connectors.resilience import CODES, COUNTS, SETTING, Trouble, delays, next_attempt, trouble_of
from connectors.transports.rest import retry_after
from schemas.settings import Settings

MINUTE = 60.0


def waits(trouble: Trouble, **settings: Any) -> list[float | None]:
    """The wait after each failed attempt of this kind, up to giving up."""
    found: list[float | None] = []
    while not found or found[-1] is not None:
        found.append(next_attempt(Settings(**settings), trouble, len(found)))
    return found


@pytest.mark.parametrize(
    ("status", "trouble", "expected"),
    [
        (401, "unauthorized", [0, None]),
        (429, "rate_limited", [30, 60, 120, 240, 480, 960, None]),
        (400, "refused", [None]),
        (404, "not_found", [30, None]),
        (500, "server_error", [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, None]),
        (501, "server_error", [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, None]),
        (502, "server_error", [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, None]),
        (503, "server_error", [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, None]),
        (504, "timeout", [1 * MINUTE, 5 * MINUTE, None]),
    ],
)
def test_a_status_is_retried_as_the_document_says(status: int, trouble: Trouble, expected: list[float | None]) -> None:
    assert trouble_of(status) == trouble
    assert waits(trouble) == expected


def test_a_network_error_is_retried_at_once_after_a_minute_and_after_five() -> None:
    assert waits("network") == [0, 1 * MINUTE, 5 * MINUTE, None]


@pytest.mark.parametrize("status", [300, 302, 400, 402, 403, 405, 409, 410, 413, 418, 422, 451, 499])
def test_what_the_caller_must_put_right_is_never_retried(status: int) -> None:
    trouble = trouble_of(status)
    assert trouble == "refused"
    assert waits(trouble) == [None]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_is_no_trouble(status: int) -> None:
    assert trouble_of(status) is None


def test_retry_after_counts_where_it_is_longer() -> None:
    settings = Settings()
    assert next_attempt(settings, "rate_limited", 0, retry_after=90) == 90
    assert next_attempt(settings, "rate_limited", 1, retry_after=5) == 60
    assert next_attempt(settings, "server_error", 0, retry_after=3600) == 3600
    assert next_attempt(settings, "refused", 0, retry_after=1) is None, "a header makes nothing right"


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert retry_after("120", now) == 120
    assert retry_after("Sat, 21 Nov 2026 12:01:30 GMT", now) == 90
    assert retry_after("Sat, 21 Nov 2026 11:00:00 GMT", now) == 0
    assert retry_after("Sat, 21 Nov 2026 12:01:30", now) is None, "a date without a zone says nothing"
    assert retry_after("soon", now) is None
    assert retry_after(None, now) is None


def test_each_kind_of_trouble_is_counted_by_itself() -> None:
    """Two timeouts after a refused token do not use up each other's retries."""
    settings = Settings()
    assert next_attempt(settings, "timeout", 1) == 5 * MINUTE
    assert next_attempt(settings, "unauthorized", 0) == 0


def test_the_seconds_are_settings() -> None:
    assert waits("server_error", retry_server_error="1,2") == [1, 2, None]
    assert waits("network", retry_network="") == [None], "an empty list means never"
    assert delays(" 1, 2.5 ,3") == [1, 2.5, 3]


def test_only_a_system_that_is_down_opens_its_circuit() -> None:
    assert {"server_error", "timeout", "network"} == COUNTS


def test_every_kind_of_trouble_has_its_code_and_all_but_one_its_retries() -> None:
    troubles = set(get_args(Trouble))
    assert set(CODES) == troubles
    assert set(SETTING) == troubles - {"refused"}
