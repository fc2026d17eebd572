"""Who may speak to the gateway: tokens that are wrong in every way are refused, and sessions stay on our own pages."""

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from connectors.gateway.auth import SESSION_COOKIE, Tokens
from tests.gateways import anybody, erp, operator, own_gateway, token_of
from tests.plants import RunningPlant

pytestmark = pytest.mark.services
OPEN_TO_READERS = "/api/v1/machines"


def _claims(plant: RunningPlant, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    settings = plant.settings()
    return {
        "iss": settings.oauth_issuer,
        "aud": settings.oauth_audience,
        "sub": "somebody",
        "scope": "plant.read erp.write",
        "iat": now,
        "exp": now + 600,
    } | changes


def _key(plant: RunningPlant) -> RSAKey:
    return RSAKey.import_key(Path(plant.endpoints["OAUTH_SIGNING_KEY"]).read_bytes())


def _signed(plant: RunningPlant, **changes: Any) -> str:
    claims = {name: value for name, value in _claims(plant, **changes).items() if value is not None}
    return jwt.encode({"alg": "RS256"}, claims, _key(plant))


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _compact(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{_coded(json.dumps(header).encode())}.{_coded(json.dumps(claims).encode())}"


def _unsigned(plant: RunningPlant) -> str:
    return _compact({"alg": "none", "typ": "JWT"}, _claims(plant)) + "."


def _signed_with_the_public_key(plant: RunningPlant) -> str:
    """The classic confusion: the public key, which everybody has, used as an HMAC secret."""
    text = _compact({"alg": "HS256", "typ": "JWT"}, _claims(plant))
    return f"{text}.{_coded(hmac.digest(_key(plant).as_pem(private=False), text.encode(), 'sha256'))}"


def _signed_by_another(plant: RunningPlant) -> str:
    return jwt.encode({"alg": "RS256"}, _claims(plant), RSAKey.generate_key(2048))


def _status(plant: RunningPlant, token: str) -> int:
    with anybody(plant) as client:
        return client.get(OPEN_TO_READERS, headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_good_token_is_let_in(plant: RunningPlant) -> None:
    assert _status(plant, _signed(plant)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"aud": "another-plant"},
        {"aud": None},
        {"iss": "another-issuer"},
        {"sub": None},
        {"nbf": int(time.time()) + 3600},
    ],
    ids=["expired", "without end", "other audience", "no audience", "other issuer", "nobody", "not yet"],
)
def test_a_token_with_a_wrong_claim_is_refused(plant: RunningPlant, changes: dict[str, Any]) -> None:
    assert _status(plant, _signed(plant, **changes)) == 401


def test_an_unsigned_token_is_refused(plant: RunningPlant) -> None:
    assert _status(plant, _unsigned(plant)) == 401


def test_the_public_key_is_no_secret(plant: RunningPlant) -> None:
    assert _status(plant, _signed_with_the_public_key(plant)) == 401


def test_another_issuers_signature_is_refused(plant: RunningPlant) -> None:
    assert _status(plant, _signed_by_another(plant)) == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "....", "null", "." * 5000])
def test_what_is_no_token_is_refused(plant: RunningPlant, token: str) -> None:
    with anybody(plant) as client:
        answer = client.get(OPEN_TO_READERS, headers={b"Authorization": b"Bearer " + token.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "INT-001"


def test_a_token_without_the_scope_is_not_enough(plant: RunningPlant) -> None:
    with anybody(plant) as client:
        answer = client.post("/api/v1/work-orders/WO-1/start", headers={"Authorization": f"Bearer {_signed(plant)}"})
    assert (answer.status_code, answer.json()["needed_scope"]) == (403, "plant.operate")


def test_a_client_gets_a_token_by_form_or_by_basic_authentication(plant: RunningPlant) -> None:
    with anybody(plant) as client:
        assert token_of(client, plant)
        name, secret = plant.endpoints["OAUTH_CLIENT_ID"], plant.endpoints["OAUTH_CLIENT_SECRET"]
        answer = client.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(name, secret))
    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "mraos_integration_client"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
    ],
)
def test_a_wrong_request_for_a_token_is_refused_as_rfc_6749_says(
    plant: RunningPlant, form: dict[str, str], status: int, error: str
) -> None:
    with anybody(plant) as client:
        answer = client.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_client_cannot_ask_for_the_operators_scope(plant: RunningPlant) -> None:
    with anybody(plant) as client:
        answer = client.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", "scope": "plant.operate"},
            auth=(plant.endpoints["OAUTH_CLIENT_ID"], plant.endpoints["OAUTH_CLIENT_SECRET"]),
        )
    assert answer.json() == {"error": "invalid_scope"}


def test_the_published_key_verifies_our_tokens(plant: RunningPlant) -> None:
    with anybody(plant) as client:
        (key,) = client.get("/oauth/jwks.json").json()["keys"]
        token = token_of(client, plant)
    assert "d" not in key
    assert jwt.decode(token, RSAKey.import_key(key), algorithms=["RS256"]).claims["aud"] == "mraos"


def test_another_tenants_token_sees_nothing_of_ours(plant: RunningPlant) -> None:
    settings = plant.settings(tenant_id="11111111-2222-4333-8444-555555555555")
    token = Tokens(settings).issue("stranger", ("plant.read", "erp.write"))
    with anybody(plant) as client:
        answer = client.get(OPEN_TO_READERS, headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"machines": []}
    with operator(plant) as ours:
        seen = {each["machine_id"] for each in ours.get(OPEN_TO_READERS).json()["machines"]}
    assert seen >= {each.machine_id for each in plant.settings().layout.machines}


def test_a_session_reads_and_changes_things_from_our_own_pages_only(plant: RunningPlant) -> None:
    with anybody(plant) as browser:
        answer = browser.post("/login", json={"token": plant.endpoints["ADMIN_TOKEN"]})
        assert answer.status_code == 204
        cookie = answer.headers["Set-Cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/api/v1/overview").status_code == 200
        acknowledge = "/api/v1/alerts/none/acknowledge"
        assert browser.post(acknowledge).status_code == 403
        assert browser.post(acknowledge, headers={"Origin": "http://evil.test"}).status_code == 403
        assert browser.post(acknowledge, headers={"Origin": str(browser.base_url).rstrip("/")}).status_code == 404


def test_a_wrong_token_does_not_sign_in(plant: RunningPlant) -> None:
    with anybody(plant) as browser:
        answer = browser.post("/login", json={"token": "guess"})
        assert answer.status_code == 401
        assert SESSION_COOKIE not in browser.cookies
        assert browser.get("/", follow_redirects=False).headers["Location"] == "/login"


def test_a_client_cannot_sign_in_to_the_console(plant: RunningPlant) -> None:
    with erp(plant) as client:
        answer = client.post("/login", json={"token": token_of(client, plant)})
    assert answer.status_code == 401


def test_guessing_tokens_is_slowed_down(plant: RunningPlant) -> None:
    with own_gateway(plant) as (client, _):
        codes = [client.post("/login", json={"token": f"guess {number}"}).status_code for number in range(61)]
    assert codes == [401] * 60 + [429]


def test_every_answer_carries_the_headers_that_keep_browsers_in_bounds(plant: RunningPlant) -> None:
    with anybody(plant) as client:
        for path in ("/login", "/healthz", "/api/v1/machines", "/nothing-here"):
            headers = client.get(path).headers
            assert "script-src 'self'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
