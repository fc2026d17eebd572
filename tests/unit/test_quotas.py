"""A tenant has so many requests a minute, whoever of its clients makes them; its neighbour has its own."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from connectors.gateway import problems
from connectors.gateway.auth import Principal, Tokens, may
from connectors.gateway.pages import rendering
from schemas.settings import DEFAULT_TENANT, Settings
from tests.gateways import without_postgres

QUOTA = 60
NEIGHBOUR = "00000000-0000-4000-8000-00000000000b"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "oauth.pem"
    path.write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    return path


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a test happens in one moment: however slow the machine, no window moves on."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


@contextmanager
def gateway(key: Path, quota: int) -> Iterator[TestClient]:
    """A route as all are that need a scope."""
    settings = Settings(oauth_signing_key=key, tenant_quota_per_minute=quota)
    app = FastAPI()
    problems.install(app, rendering.problem_page)

    @app.get("/asked")
    def asked(reader: Annotated[Principal, Depends(may("plant.read"))]) -> str:
        return reader.tenant_id

    with without_postgres() as parts:
        app.state.parts = replace(parts, settings=settings, tokens=Tokens(settings))
        with TestClient(app) as client:
            yield client


def ask(client: TestClient, key: Path, tenant_id: str, name: str, times: int, answers: Counter[int]) -> None:
    """One client of a tenant asks so often."""
    for _ in range(times):
        answers[client.get("/asked", headers=signed_in(key, tenant_id, name)).status_code] += 1


@cache
def signed_in(key: Path, tenant_id: str, name: str) -> dict[str, str]:
    token = Tokens(Settings(oauth_signing_key=key, tenant_id=tenant_id)).issue(name, ("plant.read",))
    return {"Authorization": f"Bearer {token}"}


def test_a_tenant_that_floods_leaves_the_others_requests_answered(key: Path) -> None:
    """Three clients of one tenant ask five times its quota; meanwhile the other's are all answered."""
    flood: Counter[int] = Counter()
    calm: Counter[int] = Counter()
    with gateway(key, QUOTA) as client:
        threads = [
            threading.Thread(target=ask, args=(client, key, DEFAULT_TENANT, f"client-{number}", 100, flood))
            for number in range(3)
        ]
        for thread in threads:
            thread.start()
        ask(client, key, NEIGHBOUR, "client-0", 20, calm)
        for thread in threads:
            thread.join()
        refused = client.get("/asked", headers=signed_in(key, DEFAULT_TENANT, "somebody else"))
    assert calm == {200: 20}
    assert flood == {200: QUOTA, 429: 300 - QUOTA}
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 121
    assert (refused.json()["code"], "tenant" in refused.json()["detail"]) == ("INT-002", True)


def test_none_means_no_quota(key: Path) -> None:
    asked: Counter[int] = Counter()
    with gateway(key, 0) as client:
        ask(client, key, DEFAULT_TENANT, "client", QUOTA * 2, asked)
    assert asked == {200: QUOTA * 2}
