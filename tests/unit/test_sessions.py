"""Whoever has a token of a person opens the console with it, with its scopes and no longer than it lives."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient
from typer.testing import CliRunner

from connectors.__main__ import app
from connectors.gateway.auth import SESSION_COOKIE, SESSION_SECONDS, Principal, Tokens
from connectors.gateway.main import build
from connectors.gateway.roles import ROLES
from connectors.gateway.state import State
from schemas.settings import Settings


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    path.write_bytes(RSAKey.generate_key(2048, private=True).as_pem(private=True))
    return path


@pytest.fixture(scope="module")
def parts(key: Path) -> Iterator[State]:
    parts = State.build(Settings(kafka_bootstrap="127.0.0.1:1", oauth_signing_key=key, admin_token="local"))
    yield parts
    parts.publisher.close()


@pytest.fixture(scope="module")
def gateway(parts: State) -> TestClient:
    return TestClient(build(parts))


def session(gateway: TestClient, parts: State, token: str) -> Principal | None:
    """The session that a token opens."""
    gateway.cookies.clear()
    answer = gateway.post("/login", json={"token": token})
    if answer.status_code == 204:
        return parts.tokens.check(gateway.cookies[SESSION_COOKIE])
    assert (answer.status_code, SESSION_COOKIE in gateway.cookies) == (401, False)
    return None


@pytest.mark.parametrize("role", ROLES)
def test_a_session_has_its_tokens_name_and_scopes(gateway: TestClient, parts: State, role: str) -> None:
    found = session(gateway, parts, parts.tokens.issue("vera", ROLES[role]))
    assert found is not None
    assert (found.name, set(found.scopes)) == ("vera", set(ROLES[role]))


def test_the_local_admin_has_all_scopes_for_a_shift(gateway: TestClient, parts: State) -> None:
    found = session(gateway, parts, "local")
    assert found is not None
    assert (found.name, found.scopes >= set(ROLES["admin"])) == ("admin", True)
    assert found.expires_at == pytest.approx(time.time() + SESSION_SECONDS, abs=60)


def test_a_session_does_not_outlive_its_token(gateway: TestClient, parts: State) -> None:
    found = session(gateway, parts, parts.tokens.issue("vera", ROLES["viewer"], 900))
    assert found is not None
    assert found.expires_at == pytest.approx(time.time() + 900, abs=60)


def test_a_program_and_a_token_that_may_not_read_open_no_console(gateway: TestClient, parts: State) -> None:
    assert session(gateway, parts, parts.tokens.issue(parts.settings.oauth_client_id, ROLES["viewer"])) is None
    assert session(gateway, parts, parts.tokens.issue("vera", ("erp.read",))) is None
    assert session(gateway, parts, "guess") is None


def test_the_shell_issues_a_token_for_a_role(gateway: TestClient, parts: State, key: Path) -> None:
    env = {"OAUTH_SIGNING_KEY": str(key)}
    done = CliRunner().invoke(app, ["token", "--role", "viewer", "--name", "vera", "--hours", "2"], env=env)
    assert done.exit_code == 0, done.output
    found = Tokens(parts.settings).check(done.output.strip())
    assert (found.name, set(found.scopes)) == ("vera", {"plant.read"})
    assert found.expires_at == pytest.approx(time.time() + 7200, abs=60)
    assert session(gateway, parts, done.output.strip()) is not None


def test_the_shell_issues_no_token_that_no_gateway_would_know(key: Path) -> None:
    unknown = CliRunner().invoke(app, ["token", "--role", "king", "--name", "x"], env={"OAUTH_SIGNING_KEY": str(key)})
    assert (unknown.exit_code, "There is no role king" in unknown.output) == (2, True)
    keyless = CliRunner().invoke(app, ["token", "--role", "viewer", "--name", "x"], env={"OAUTH_SIGNING_KEY": None})
    assert (keyless.exit_code, "OAUTH_SIGNING_KEY" in keyless.output) == (1, True)
