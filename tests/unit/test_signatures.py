"""A webhook's secret is rotated while webhooks come: the new one and the old one are good, then the new one alone."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest
from starlette.requests import Request

from compose.simulators.systems.webhooks import signed
from connectors.gateway.problems import Problem
from connectors.gateway.signatures import pas_system
from connectors.gateway.state import State
from schemas.settings import Settings

OLD, NEW = "whsec_b2xkIHNlY3JldCBvZiB0aGUgUEFT", "whsec_bmV3IHNlY3JldCBvZiB0aGUgUEFT"
BODY = json.dumps({"run_id": "RUN-1"}).encode()


def told(secret: str) -> Request:
    headers = signed(secret, "msg_1", BODY, datetime.now(UTC))
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def accepted(setting: str | None, secret: str, body: bytes = BODY) -> bool:
    parts = cast(State, SimpleNamespace(settings=Settings(pas_webhook_secret=setting)))
    try:
        return pas_system(told(secret), parts, body).name == "PAS"
    except Problem as problem:
        return problem.status != 401


@pytest.mark.parametrize(
    ("setting", "good"),
    [
        (OLD, {OLD}),
        (f"{OLD} {NEW}", {OLD, NEW}),
        (f"{NEW} {OLD}", {OLD, NEW}),
        (NEW, {NEW}),
        ("", set()),
        (None, set()),
    ],
)
def test_the_secrets_of_the_setting_are_good_and_no_other(setting: str | None, good: set[str]) -> None:
    assert {secret for secret in (OLD, NEW) if accepted(setting, secret)} == good


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_two_secrets_take_no_body_that_neither_signed(secret: str) -> None:
    assert not accepted(f"{NEW} {OLD}", secret, BODY + b" ")


def test_what_cannot_be_read_is_refused_beside_one_that_can() -> None:
    assert accepted(f"whsec_%%% {NEW}", NEW)
    assert not accepted("whsec_%%%", NEW)
