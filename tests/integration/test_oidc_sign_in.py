"""Sign-in at a real OpenID Connect provider: who comes in with which scopes, and everything that is refused."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn
from joserfc.jwk import RSAKey

from compose.local.identity import free_port
from connectors.gateway.auth import SESSION_COOKIE
from connectors.gateway.main import build
from connectors.gateway.oidc import FLOW_COOKIE, Oidc, role_map, roles_in
from connectors.gateway.requests import Rates
from connectors.gateway.roles import ROLES
from connectors.gateway.state import State
from schemas.settings import Settings
from tests.oidc import CLIENT, SECRET, Provider, running_provider
from tests.plants import eventually


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    """The provider, well behaved again."""
    fresh = Provider(port=shared_provider.port, key=shared_provider.key)
    told = {name: value for name, value in vars(fresh).items() if name not in ("port", "key")}
    vars(shared_provider).update(told)
    return shared_provider


@dataclass
class Gateway:
    """A gateway over real HTTP, with no plant behind it."""

    parts: State
    port: int
    server: uvicorn.Server
    thread: threading.Thread

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.parts.rehearser.close()
        self.parts.records.close()
        self.parts.publisher.close()


STARTED: dict[str, Gateway] = {}
"""By their settings; each is used by every test that wants these."""


@pytest.fixture(scope="module", autouse=True)
def gateways_end() -> Iterator[None]:
    yield
    for each in STARTED.values():
        each.stop()
    STARTED.clear()


def started(told: dict[str, Any]) -> Gateway:
    port = free_port()
    default = {"kafka_bootstrap": "127.0.0.1:1", "gateway_url": f"http://127.0.0.1:{port}", "admin_token": "local"}
    parts = State.build(Settings(**(default | told)))
    server = uvicorn.Server(uvicorn.Config(build(parts), port=port, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, 60, "the gateway does not start")
    return Gateway(parts, port, server, thread)


@contextmanager
def gateway(provider: Provider | None, **settings: Any) -> Iterator[tuple[httpx2.Client, State]]:
    """A browser that follows redirects, and a gateway that signs people in there."""
    told = {"oidc_issuer_url": provider and provider.issuer, "oidc_client_secret": SECRET} | settings
    name = repr(sorted(told.items()))
    if name not in STARTED:
        STARTED[name] = started(told)
    found = STARTED[name]
    found.parts.rates = Rates()
    with httpx2.Client(base_url=f"http://127.0.0.1:{found.port}", follow_redirects=True, timeout=60) as browser:
        yield browser, found.parts


def signed_in(browser: httpx2.Client, parts: State) -> tuple[str, set[str]]:
    """Who the session is, and what they may."""
    principal = parts.tokens.check(browser.cookies[SESSION_COOKIE])
    return principal.name, set(principal.scopes)


def refused(browser: httpx2.Client, answer: httpx2.Response, status: int, sentence: str) -> None:
    """A page that says why, and no session."""
    assert (answer.status_code, SESSION_COOKIE in browser.cookies) == (status, False), answer.text
    assert sentence in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")


# -- who comes in ------------------------------------------------------------------------------------------------------


def test_somebody_signs_in_at_the_provider_and_has_the_scopes_of_their_role(provider: Provider) -> None:
    with gateway(provider) as (browser, parts):
        assert "Sign in with 127.0.0.1" in browser.get("/login").text
        answer = browser.get("/login/oidc")
        assert (answer.status_code, len(answer.history)) == (200, 2)
        assert "Signed in as ada" in answer.text
        assert signed_in(browser, parts) == ("ada", set(ROLES["planner"]))
        assert FLOW_COOKIE not in browser.cookies
        # Not sent to sign in. Postgres, which knows what was withdrawn, is not here.
        assert browser.get("/", follow_redirects=False).status_code == 503


def test_the_request_carries_state_nonce_and_a_proof_key_and_comes_back_to_the_address_that_is_set(
    provider: Provider,
) -> None:
    with gateway(provider) as (browser, parts):
        for _ in range(2):
            browser.get("/login/oidc", headers={"Host": "evil.test"})
        redirect = f"{parts.settings.gateway_url}/login/oidc/callback"
    first, second = provider.asked
    assert (first["response_type"], first["client_id"], first["redirect_uri"]) == ("code", CLIENT, redirect)
    assert (first["scope"], first["code_challenge_method"]) == ("openid profile email", "S256")
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


def test_both_cookies_are_out_of_reach_for_scripts_and_the_sessions_for_other_sites(provider: Provider) -> None:
    with gateway(provider) as (browser, _):
        begun = browser.get("/login/oidc", follow_redirects=False)
        flow = begun.headers["Set-Cookie"].lower()
        assert all(each in flow for each in ("httponly", "samesite=lax", "path=/login/oidc"))
        session = browser.get("/login/oidc").headers["Set-Cookie"].lower()
        assert all(each in session for each in ("httponly", "samesite=strict"))


def test_cookies_travel_over_tls_only_where_the_gateway_has_it(provider: Provider) -> None:
    with gateway(provider, gateway_url="https://plant.test") as (browser, _):
        assert "secure" in browser.get("/login/oidc", follow_redirects=False).headers["Set-Cookie"].lower()


@pytest.mark.parametrize(
    ("claims", "settings", "scopes"),
    [
        ({"roles": ["viewer"]}, {}, ROLES["viewer"]),
        ({"roles": ["viewer", "nobody knows it", "integration_admin"]}, {}, ROLES["integration_admin"]),
        ({"roles": ["planner", "integration_admin"]}, {}, ROLES["admin"]),
        ({"roles": "operator viewer"}, {}, ROLES["operator"]),
        ({"realm_access": {"roles": ["admin"]}}, {"oidc_roles_claim": "realm_access.roles"}, ROLES["admin"]),
        ({"https://plant/roles": ["viewer"]}, {"oidc_roles_claim": "https://plant/roles"}, ROLES["viewer"]),
        ({"roles": ["shift-lead"]}, {"oidc_role_map": "shift-lead=planner, all=viewer"}, ROLES["planner"]),
    ],
)
def test_roles_are_found_and_mapped_as_the_settings_say(
    provider: Provider, claims: dict[str, Any], settings: dict[str, str], scopes: tuple[str, ...]
) -> None:
    provider.claims = {"preferred_username": "ada"} | claims
    with gateway(provider, **settings) as (browser, parts):
        browser.get("/login/oidc")
        assert signed_in(browser, parts) == ("ada", set(scopes))


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "ada", "email": "ada@plant.test"}, "ada"),
        ({"email": "ada@plant.test", "name": "Ada"}, "ada@plant.test"),
        ({}, "1815"),
        ({"preferred_username": "Admin"}, "Admin@127.0.0.1"),
        ({"preferred_username": "a\u202eda\n"}, "ada"),
    ],
)
def test_what_somebody_does_is_done_under_their_name_there_and_nobody_is_called_like_the_local_admin(
    provider: Provider, claims: dict[str, Any], name: str
) -> None:
    provider.claims = {"roles": ["viewer"]} | claims
    with gateway(provider) as (browser, parts):
        browser.get("/login/oidc")
        assert signed_in(browser, parts)[0] == name


def test_whoever_signs_out_is_out(provider: Provider) -> None:
    with gateway(provider) as (browser, _):
        browser.get("/login/oidc")
        assert browser.post("/logout").status_code == 204
        assert SESSION_COOKIE not in browser.cookies
        assert browser.get("/", follow_redirects=False).headers["Location"] == "/login"


def test_a_new_key_of_the_provider_is_asked_for_and_at_most_once_a_minute(provider: Provider) -> None:
    old = provider.key
    with gateway(provider, oidc_scope="openid") as (browser, parts):
        browser.get("/login/oidc")
        provider.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
        try:
            browser.cookies.clear()
            refused(browser, browser.get("/login/oidc"), 401, "is not valid")
            assert provider.key_requests == 1
            parts.oidc._provider._keys_at -= 61  # type: ignore[union-attr]
            browser.get("/login/oidc")
            assert signed_in(browser, parts)[0] == "ada"
        finally:
            provider.key = old


def test_without_a_provider_there_is_only_the_token() -> None:
    with gateway(None) as (browser, _):
        assert "Sign in with" not in browser.get("/login").text.replace("Sign in with a token", "")
        assert browser.get("/login/oidc").status_code == 404
        assert browser.get("/login/oidc/callback").status_code == 404


# -- who does not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"iss": "http://127.0.0.1:1/realms/plant"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": ["another-client"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"exp": 1_000_000_000}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"nbf": 4_000_000_000}, "nbf"),
        ({"sub": None}, "sub"),
        ({"at_hash": "bm90IGl0"}, "at_hash"),
    ],
)
def test_an_id_token_with_a_wrong_claim_signs_nobody_in(provider: Provider, wrong: dict[str, Any], claim: str) -> None:
    provider.wrong = wrong
    with gateway(provider) as (browser, _):
        answer = browser.get("/login/oidc")
        refused(browser, answer, 401, "is not valid")
        assert claim in answer.text or claim in ("exp", "nbf"), answer.text


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS384", "PS256"])
def test_an_id_token_of_another_algorithm_signs_nobody_in(provider: Provider, algorithm: str) -> None:
    provider.algorithm = algorithm
    with gateway(provider) as (browser, _):
        refused(browser, browser.get("/login/oidc"), 401, "is not valid")


def test_an_id_token_signed_by_somebody_else_signs_nobody_in(provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "first"})
    with gateway(provider) as (browser, _):
        refused(browser, browser.get("/login/oidc"), 401, "is not valid")


@pytest.mark.parametrize("roles", [[], ["cook"], None, {"planner": True}, 7])
def test_without_a_role_that_is_known_here_nobody_comes_in_not_even_to_look(provider: Provider, roles: Any) -> None:
    provider.claims = {"preferred_username": "ada", "roles": roles}
    with gateway(provider) as (browser, _):
        refused(browser, browser.get("/login/oidc"), 403, "127.0.0.1 knows you as ada, but")


def came_back(browser: httpx2.Client) -> tuple[str, dict[str, str]]:
    """Go to the provider and stop just before coming back: where to, and with what."""
    to_provider = browser.get("/login/oidc", follow_redirects=False).headers["Location"]
    back = urlsplit(browser.get(to_provider, follow_redirects=False).headers["Location"])
    return back.path, {name: values[0] for name, values in parse_qs(back.query).items()}


def test_a_code_is_good_for_one_sign_in(provider: Provider) -> None:
    with gateway(provider) as (browser, _):
        path, told = came_back(browser)
        flow = browser.cookies[FLOW_COOKIE]
        assert browser.get(path, params=told).status_code == 200
        browser.cookies.clear()
        refused(browser, browser.get(path, params=told), 400, "was not begun in this browser")
        again = browser.get(path, params=told, headers={"Cookie": f"{FLOW_COOKIE}={flow}"})
        refused(browser, again, 401, "invalid_grant")


def test_an_answer_with_another_state_or_from_another_browser_or_issuer_is_refused(provider: Provider) -> None:
    with gateway(provider) as (browser, parts):
        path, told = came_back(browser)
        refused(browser, browser.get(path, params=told | {"state": "guess"}), 400, "belongs to another sign-in")
        path, told = came_back(browser)
        refused(browser, browser.get(path, params={"code": told["code"]}), 400, "belongs to another sign-in")
        path, told = came_back(browser)
        refused(browser, browser.get(path, params=told | {"iss": "https://evil.test"}), 400, "is not from 127.0.0.1")
        path, told = came_back(browser)
        refused(browser, browser.get(path, params={"state": told["state"]}), 400, "sent no code")
        path, told = came_back(browser)
        browser.cookies.clear()
        with httpx2.Client(base_url=parts.settings.gateway_url) as victim:
            refused(victim, victim.get(path, params=told), 400, "was not begun in this browser")
        forged = parts.tokens.issue("x", ("plant.read",))
        answer = browser.get(path, params=told, headers={"Cookie": f"{FLOW_COOKIE}={forged}"})
        refused(browser, answer, 400, "was not begun in this browser")


def test_what_the_browser_brings_back_is_no_session_and_no_token(provider: Provider) -> None:
    with gateway(provider) as (browser, _):
        came_back(browser)
        flow = browser.cookies[FLOW_COOKIE]
        browser.cookies.clear()
        for headers in ({"Cookie": f"{SESSION_COOKIE}={flow}"}, {"Authorization": f"Bearer {flow}"}):
            assert browser.get("/api/v1/machines", headers=headers).status_code == 401


def test_a_provider_that_refuses_says_why_and_its_words_are_only_words(provider: Provider) -> None:
    provider.answers = {"error": "access_denied", "error_description": "<script>alert(1)</script>"}
    with gateway(provider) as (browser, _):
        answer = browser.get("/login/oidc")
        refused(browser, answer, 401, "127.0.0.1 did not sign you in: &lt;script&gt;")
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "query", ["next=https://evil.test", "redirect_uri=https://evil.test", "state=x&url=//evil.test"]
)
def test_nobody_is_sent_to_another_site(provider: Provider, query: str) -> None:
    with gateway(provider) as (browser, _):
        answer = browser.get(f"/login/oidc?{query}")
        assert {urlsplit(str(each.url)).hostname for each in [*answer.history, answer]} == {"127.0.0.1"}
        assert 'content="0; url=/"' in answer.text
        assert "evil.test" not in answer.text


def test_a_provider_that_is_away_or_another_than_it_says_is_told_and_the_token_still_works(provider: Provider) -> None:
    with gateway(provider, oidc_issuer_url="http://127.0.0.1:1/realms/plant") as (browser, _):
        refused(browser, browser.get("/login/oidc"), 503, "cannot be asked")
        assert browser.post("/login", json={"token": "local"}).status_code == 204
    provider.issuer_told = "https://evil.test"
    with gateway(provider, oidc_scope="openid email") as (browser, _):
        refused(browser, browser.get("/login/oidc"), 503, "calls itself https://evil.test")


def test_the_wrong_client_secret_signs_nobody_in(provider: Provider) -> None:
    with gateway(provider, oidc_client_secret="guess") as (browser, _):
        refused(browser, browser.get("/login/oidc"), 401, "invalid_client")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"oidc_issuer_url": "http://login.plant.test"}, "must be an https address"),
        ({"oidc_issuer_url": "login.plant.test"}, "must be an https address"),
        ({"oidc_role_map": "boss=king"}, "boss=king"),
        ({"oidc_role_map": "planner"}, "=planner"),
    ],
)
def test_settings_that_cannot_work_are_told_when_the_gateway_starts(settings: dict[str, str], sentence: str) -> None:
    told: dict[str, Any] = {"kafka_bootstrap": "127.0.0.1:1", "oidc_issuer_url": "https://login.plant.test"} | settings
    with pytest.raises(ValueError, match=sentence):
        Oidc.of(Settings(**told))


def test_a_role_map_gives_only_what_it_names() -> None:
    assert role_map("a=viewer, b = admin") == {"a": "viewer", "b": "admin"}
    assert role_map("")["planner"] == "planner"
    assert list(roles_in({"groups": ["x", 7, None, "y"]}, "groups")) == ["x", "y"]
