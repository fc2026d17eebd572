"""The schedule's page before anything is fetched: who may plan is offered to."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from connectors.gateway.main import build
from connectors.gateway.roles import ROLES
from connectors.gateway.state import State
from tests.gateways import without_postgres


@pytest.fixture(scope="module")
def parts() -> Iterator[State]:
    with without_postgres() as parts:
        yield parts


def page_of(parts: State, role: str) -> str:
    """The page as somebody with a role gets it."""
    token = parts.tokens.issue("Robin", ROLES[role])
    answer = TestClient(build(parts)).get("/schedule", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_plan_is_offered_to_move_and_to_ask_what_if(parts: State, role: str) -> None:
    page, may_plan = page_of(parts, role), "plant.plan" in ROLES[role]
    assert ("What if…" in page) is may_plan
    assert ("m moves the operation" in page) is may_plan
    assert ('data-may="plan"' in page) is may_plan


def test_the_place_is_in_the_navigation_and_is_where_one_is(parts: State) -> None:
    assert '<a href="/schedule" aria-current="page">Schedule</a>' in page_of(parts, "viewer")
