"""What the addresses of lists say, and where things that alerts and deliveries are about are shown."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.gateway.pages.alerts import matching, page_of, tally
from connectors.gateway.pages.deliveries import address_of_subject, sentence
from connectors.gateway.pages.filters import moment_of, query_of, said_or_none

COUNTS = [
    {"kind": "machine.breakdown", "severity": "critical", "alerts": 5, "open": 2},
    {"kind": "integration.lag", "severity": "critical", "alerts": 1, "open": 1},
    {"kind": "integration.lag", "severity": "warning", "alerts": 9, "open": 4},
]


def test_an_address_leaves_out_what_is_not_asked_for() -> None:
    assert query_of({"system": "ERP", "status": None, "q": "", "short": False}) == "system=ERP"
    assert query_of({"q": "a&b c"}) == "q=a%26b+c"


def test_an_empty_field_of_a_form_says_nothing() -> None:
    assert (said_or_none(""), said_or_none("x")) == (None, "x")


def test_a_moment_of_a_form_is_on_the_plants_clock() -> None:
    assert moment_of("2026-07-01T12:00", "Europe/Berlin") == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert moment_of("2026-07-01T12:00+00:00", "Europe/Berlin") == datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert moment_of("yesterday", "UTC") is None
    assert moment_of(None, "UTC") is None


@pytest.mark.parametrize(
    ("about", "address"),
    [
        (("machine", "M-201"), "/machines/M-201"),
        (("work_order", "WO-1"), "/orders/WO-1"),
        (("material", "MAT/1 ?"), "/materials/MAT%2F1%20%3F"),
        (("system", "ERP"), "/integrations#system-ERP"),
        (("integration", "MES"), "/integrations#system-MES"),
        (("delivery", "DLV-1"), "/deliveries/DLV-1"),
        (("reconciliation", "REC-1"), "/reconciliations/REC-1"),
        (("job", "watch"), "/integrations#job-watch"),
        (("operator", "O-1"), None),
    ],
)
def test_an_alert_leads_to_what_it_is_about(about: tuple[str, str], address: str | None) -> None:
    assert page_of({"entity_type": about[0], "entity_id": about[1]}) == address


def test_open_alerts_are_counted_by_severity_and_by_what_is_asked_for() -> None:
    assert tally(COUNTS) == {"critical": 3, "warning": 4, "info": 0}
    assert matching(COUNTS, None, None) == 7
    assert matching(COUNTS, "critical", None) == 3
    assert matching(COUNTS, "critical", "integration.lag") == 1


def test_a_delivery_about_an_order_leads_to_it() -> None:
    assert address_of_subject({"subject": "WO-17"}) == "/orders/WO-17"
    assert address_of_subject({"subject": "2026-11-20"}) is None


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ('{"title": "Conflict", "detail": "WO-1 exists already."}', "WO-1 exists already."),
        ("ERP answered 500", "ERP answered 500"),
        ("{not json", "{not json"),
        ('{"status": 400}', '{"status": 400}'),
        (None, ""),
    ],
)
def test_why_a_call_failed_is_told_in_a_sentence(told: Any, shown: str) -> None:
    assert sentence(told) == shown
