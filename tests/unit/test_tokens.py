"""An issuer outside: its keys count as long as it publishes them, and it is asked once a minute at most."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from connectors.gateway import auth
from connectors.gateway.auth import Principal, Tokens
from connectors.gateway.problems import Problem
from schemas.settings import DEFAULT_TENANT, Settings

FAR_AWAY = 2**40
"""The second at which the tokens end."""


class Issuer:
    """Publishes keys and signs what it is asked to."""

    def __init__(self) -> None:
        self.keys: list[RSAKey] = []
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                body = json.dumps({"keys": [key.as_dict(private=False) for key in issuer.keys]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"

    def key(self, name: str) -> RSAKey:
        """A new key, published from now on."""
        made = RSAKey.generate_key(2048, {"kid": name})
        self.keys.append(made)
        return made


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that go by only when the test says so: the first of the list."""
    seconds = [1000.0]
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: seconds[0], time=time.time))
    return seconds


def signed(key: RSAKey, **claims: Any) -> str:
    told = {"iss": "plant-gateway", "aud": "mraos", "sub": "robin", "scope": "plant.read", "exp": FAR_AWAY}
    return jwt.encode({"alg": "RS256", "kid": key.kid}, told | claims, key)


def check(tokens: Tokens, token: str) -> Principal | None:
    try:
        return tokens.check(token)
    except Problem:
        return None


def test_a_key_counts_from_a_minute_after_it_is_published_until_a_minute_after_it_is_withdrawn(
    issuer: Issuer, clock: list[float]
) -> None:
    tokens, first = Tokens(Settings(oauth_jwks_url=issuer.url)), issuer.key("first")
    assert check(tokens, signed(first))
    second = issuer.key("second")
    issuer.keys.remove(first)
    clock[0] += 61
    assert check(tokens, signed(second))
    assert not check(tokens, signed(first)), "the issuer has withdrawn it"


def test_who_makes_up_key_ids_does_not_make_us_ask(issuer: Issuer, clock: list[float]) -> None:
    tokens = Tokens(Settings(oauth_jwks_url=issuer.url))
    known = issuer.key("known")
    assert check(tokens, signed(known))
    for number in range(20):
        assert not check(tokens, signed(RSAKey.generate_key(2048, {"kid": f"made up {number}"})))
    assert issuer.asked == 1


def test_the_keys_it_had_count_while_the_issuer_is_away(issuer: Issuer, clock: list[float]) -> None:
    tokens, key = Tokens(Settings(oauth_jwks_url=issuer.url)), issuer.key("known")
    assert check(tokens, signed(key))
    issuer.server.shutdown()
    issuer.server.server_close()
    clock[0] += 61
    assert check(tokens, signed(key))


@pytest.mark.parametrize(
    "claims",
    [
        {"tenant_id": "' OR true --"},
        {"tenant_id": "acme"},
        {"iat": "yesterday"},
        {"exp": "never"},
        {"begun_by": 5, "jti": "a"},
    ],
    ids=str,
)
def test_a_claim_of_another_kind_is_no_token(issuer: Issuer, clock: list[float], claims: dict[str, Any]) -> None:
    assert not check(Tokens(Settings(oauth_jwks_url=issuer.url)), signed(issuer.key("known"), **claims))


def test_a_session_is_of_the_tenant_whose_token_began_it() -> None:
    """Somebody of another tenant signs in here with their token: what they get shows their tenant, not ours."""
    tokens, neighbour = Tokens(Settings()), "00000000-0000-4000-8000-000000000002"
    theirs = tokens.check(Tokens.issue(tokens, "robin", ("plant.read",), 600, Principal("x", neighbour, frozenset())))
    assert theirs.tenant_id == neighbour
    session = tokens.check(tokens.issue(theirs.name, ("plant.read",), 600, theirs))
    assert session.tenant_id == neighbour
    assert session.token_ids[1:] == theirs.token_ids, "it is withdrawn with the token that began it"
    assert session.issued_at == theirs.issued_at
    assert tokens.check(tokens.issue("robin", ("plant.read",))).tenant_id == DEFAULT_TENANT


def key_file(path: Path, *keys: RSAKey) -> Settings:
    """A gateway whose file holds these keys."""
    path.write_bytes(b"".join(key.as_pem(private=True) for key in keys))
    return Settings(oauth_signing_key=path)


def test_the_issuers_own_key_is_rotated_without_ending_a_token(tmp_path: Path) -> None:
    """Append the new key behind the old one on all gateways, then put it first, then take the old one away."""
    old, new = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
    path = tmp_path / "oauth.pem"
    before = Tokens(key_file(path, old))
    prepared = Tokens(key_file(path, old, new))
    rotated = Tokens(key_file(path, new, old))
    after = Tokens(key_file(path, new))
    tokens = {name: one.issue("erp", ("erp.write",)) for name, one in (("old", before), ("new", rotated))}
    assert check(prepared, tokens["old"]) == check(rotated, tokens["old"]) == before.check(tokens["old"])
    assert check(prepared, tokens["new"]) == check(after, tokens["new"]) == rotated.check(tokens["new"])
    assert check(after, tokens["old"]) is None, "the old key counts no more"
    assert check(before, tokens["new"]) is None
    assert {each["kid"] for each in rotated.public_keys()["keys"]} == {old.thumbprint(), new.thumbprint()}
    assert all("d" not in each for each in rotated.public_keys()["keys"]), "private parts stay here"


def test_a_file_without_a_key_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "oauth.pem"
    path.write_text("no key")
    with pytest.raises(ValueError, match=r"oauth\.pem holds no private key"):
        Tokens(Settings(oauth_signing_key=path))
