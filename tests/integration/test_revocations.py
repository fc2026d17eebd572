"""A token that was withdrawn opens nothing any more: here at once, at every other gateway within a minute."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from connectors.gateway import revocations
from connectors.gateway.auth import SESSION_COOKIE, Principal
from connectors.gateway.problems import Problem
from connectors.gateway.roles import ROLES
from connectors.gateway.routes.live import while_good
from connectors.gateway.state import State
from streams.kafka.admin import create_topics
from tests.gateways import own_gateway, token_of
from tests.integration.events import NEIGHBOUR
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services]
OPEN_TO_READERS = "/api/v1/machines"
Gateway = tuple[TestClient, State]


@pytest.fixture(scope="module")
def plant(migrated: RunningPlant) -> RunningPlant:
    """A plant with topics and tables."""
    create_topics(migrated.settings())
    return migrated


@pytest.fixture
def two(plant: RunningPlant, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways over one Postgres; they look for what was withdrawn every second, not every 15."""
    assert revocations.KNOWN_SECONDS <= 60
    monkeypatch.setattr(revocations, "KNOWN_SECONDS", 1.0)
    with own_gateway(plant) as one, own_gateway(plant) as other:
        yield one, other


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def person(parts: State, name: str, role: str = "viewer") -> dict[str, str]:
    """Somebody's headers."""
    return bearer(parts.tokens.issue(name, ROLES[role]))


def status(gateway: Gateway, headers: dict[str, str], path: str = OPEN_TO_READERS) -> int:
    return gateway[0].get(path, headers=headers, follow_redirects=False).status_code


def withdraw(gateway: Gateway, name: str) -> None:
    answer = gateway[0].post("/api/v1/revocations", json={"name": name}, headers=person(gateway[1], "ada", "admin"))
    assert answer.status_code == 201, answer.text


def test_a_client_withdraws_its_token_everywhere(two: tuple[Gateway, Gateway], plant: RunningPlant) -> None:
    one, other = two
    client = {"client_id": plant.endpoints["OAUTH_CLIENT_ID"], "client_secret": plant.endpoints["OAUTH_CLIENT_SECRET"]}
    token, kept = bearer(token_of(one[0], plant)), bearer(token_of(one[0], plant))
    assert [status(each, token) for each in two] == [200, 200]
    told = {"token": token["Authorization"].removeprefix("Bearer ")}
    assert one[0].post("/oauth/revoke", data=told | client | {"client_secret": "guessed"}).status_code == 401
    assert [status(each, token) for each in two] == [200, 200]
    assert one[0].post("/oauth/revoke", data=told | client).status_code == 200
    assert status(one, token) == 401
    eventually(lambda: status(other, token) == 401, 10, "the other gateway goes on letting it in")
    assert [status(each, kept) for each in two] == [200, 200]
    assert one[0].post("/oauth/revoke", data={"token": "made up"} | client).status_code == 200


def test_a_client_cannot_withdraw_the_token_of_a_person(two: tuple[Gateway, Gateway], plant: RunningPlant) -> None:
    one, _ = two
    client = {"client_id": plant.endpoints["OAUTH_CLIENT_ID"], "client_secret": plant.endpoints["OAUTH_CLIENT_SECRET"]}
    theirs = person(one[1], "robin")
    told = {"token": theirs["Authorization"].removeprefix("Bearer ")}
    assert one[0].post("/oauth/revoke", data=told | client).status_code == 200
    assert status(one, theirs) == 200


def test_all_that_somebody_has_is_withdrawn_and_what_they_get_later_is_good(two: tuple[Gateway, Gateway]) -> None:
    one, other = two
    first, second, someone_else = person(one[1], "kim"), person(other[1], "kim"), person(one[1], "lee")
    one[0].post("/login", json={"token": first["Authorization"].removeprefix("Bearer ")}).raise_for_status()
    session = {"Cookie": f"{SESSION_COOKIE}={one[0].cookies[SESSION_COOKIE]}"}
    one[0].cookies.clear()
    assert [status(one, each) for each in (first, second, session)] == [200, 200, 200]
    withdraw(one, "kim")
    assert [status(one, each) for each in (first, second, session)] == [401, 401, 401]
    assert status(one, session, "/orders") == 303
    eventually(lambda: status(other, second) == 401, 10, "the other gateway goes on letting them in")
    assert status(other, someone_else) == 200
    again = one[0].post("/login", json={"token": second["Authorization"].removeprefix("Bearer ")})
    assert again.status_code == 204
    old = {"Cookie": f"{SESSION_COOKIE}={one[0].cookies[SESSION_COOKIE]}"}
    one[0].cookies.clear()
    assert status(one, old) == 401, "a session is as old as the token that began it"

    def is_new_one_good() -> bool:
        return status(one, person(one[1], "kim")) == 200

    eventually(is_new_one_good, 5, "a token of the next second is refused too")


def test_a_copy_of_a_session_ends_with_it(two: tuple[Gateway, Gateway]) -> None:
    one, other = two
    token = one[1].tokens.issue("pat", ROLES["viewer"])
    one[0].post("/login", json={"token": token}).raise_for_status()
    copy = {"Cookie": f"{SESSION_COOKIE}={one[0].cookies[SESSION_COOKIE]}"}
    assert status(other, copy) == 200
    assert one[0].post("/logout").status_code == 204
    one[0].cookies.clear()
    assert status(one, copy) == 401
    eventually(lambda: status(other, copy) == 401, 10, "the other gateway goes on letting it in")
    assert status(one, bearer(token)) == 200, "the token itself was not withdrawn"


def test_of_another_tenant_nobody_is_withdrawn(two: tuple[Gateway, Gateway]) -> None:
    one, _ = two
    theirs = one[1].tokens.issue("sam", ROLES["viewer"], 600, Principal("x", NEIGHBOUR, frozenset()))
    assert status(one, bearer(theirs)) == 200
    withdraw(one, "sam")
    assert status(one, bearer(theirs)) == 200


async def test_a_stream_ends_with_its_token(two: tuple[Gateway, Gateway]) -> None:
    one, _ = two
    parts = one[1]
    reader = parts.tokens.check(parts.tokens.issue("jo", ROLES["viewer"]))
    heard = while_good(parts, reader, parts.hub.listen(reader.tenant_id))
    assert (await anext(heard))["event"] == "hello"
    parts.revocations.revoke(reader.tenant_id, "name", "jo", "ada")
    assert [each async for each in heard] == []


def test_while_postgres_is_away_what_is_known_counts(plant: RunningPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations, "KNOWN_SECONDS", 0.0)
    with own_gateway(plant) as (_, parts):
        good, gone = (parts.tokens.check(parts.tokens.issue(name, ROLES["viewer"])) for name in ("good", "gone"))
        parts.revocations.revoke(gone.tenant_id, "name", "gone", "ada")
        parts.revocations.refuse(good)
        parts.database.close()
        parts.revocations.refuse(good)
        with pytest.raises(Problem, match="revoked"):
            parts.revocations.refuse(gone)
