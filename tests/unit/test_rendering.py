"""How the console says moments, lengths of time, figures and sizes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.gateway.pages import rendering
from connectors.gateway.roles import ROLES, role_of, scopes_of

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def said(source: str, **context: Any) -> str:
    return rendering.templates.env.from_string(source).render(**context)


def test_a_moment_is_said_in_the_plants_time_zone_and_kept_exactly() -> None:
    told = said("{{ at | moment }}", at=NOON, zone="Asia/Kolkata")
    assert ">21 Nov 17:30:00" in told
    assert 'datetime="2026-11-21T12:00:00+00:00"' in told
    assert "IST" in told


def test_a_moment_of_another_year_says_which() -> None:
    assert "2001" in said("{{ at | moment }}", at=NOON.replace(year=2001), zone="UTC")


@pytest.mark.parametrize("told", ["yesterday", "<b>", "2026-13-40"])
def test_what_is_no_moment_is_said_as_it_was_told_and_stays_text(told: str) -> None:
    assert said("{{ at | moment | e }}", at=told) == told.replace("<", "&lt;").replace(">", "&gt;")


def test_no_moment_is_a_dash() -> None:
    assert said("{{ at | moment }}{{ at | since }}", at=None) == "––"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "250 ms"), (4, "4 s"), (89, "89 s"), (720, "12 min"), (12_600, "3.5 h"), (200_000, "2.3 d"), (None, "–")],
)
def test_a_length_of_time_has_the_unit_that_fits(seconds: float | None, words: str) -> None:
    assert rendering.span(seconds) == words
    if seconds is not None:
        assert rendering.span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (1234567, "1\u202f234\u202f567"),
        (Decimal("12.500000"), "12.5"),
        (-3.14159, "-3.14"),
        (100, "100"),
        (None, "–"),
    ],
)
def test_a_figure_has_no_more_decimals_than_it_needs(number: Any, words: str) -> None:
    assert rendering.figure(number) == words


def test_a_size_is_said_in_bytes_or_kibibytes() -> None:
    assert [rendering.size(each) for each in (0, 1023, 1024, 262_144, None)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "256 KiB",
        "–",
    ]


def test_every_role_may_read_and_only_the_admin_may_everything() -> None:
    assert all("plant.read" in scopes for scopes in ROLES.values())
    assert [role for role, scopes in ROLES.items() if set(scopes) == set(ROLES["admin"])] == ["admin"]


def test_roles_together_give_the_scopes_of_both_and_unknown_ones_give_none() -> None:
    assert scopes_of(["planner", "integration_admin"]) == ROLES["admin"]
    assert scopes_of(["root", ""]) == ()


@pytest.mark.parametrize("role", ROLES)
def test_somebody_is_shown_with_the_role_they_have(role: str) -> None:
    assert role_of([*ROLES[role], "erp.read"]) == role


def test_whoever_has_no_scope_of_ours_has_no_role() -> None:
    assert role_of(["erp.read"]) == "none"
