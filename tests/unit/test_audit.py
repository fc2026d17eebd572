"""What is kept of a call holds no secret, at any depth, and no employee's address."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import audit

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    "key",
    [
        "Authorization",
        "authorization",
        "password",
        "db_password",
        "clientSecret",
        "client_secret",
        "X-API-Key",
        "api_key",
        "apiKey",
        "access_token",
        "refreshToken",
        "erp_api_token",
        "Set-Cookie",
        "private_key",
        "credentials",
    ],
)
@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"headers": [it, {"deep": it}]}, lambda it: [[[it]]]])
def test_a_secret_is_hidden_wherever_it_stands(key: str, wrap: Any) -> None:
    shown = str(audit.redacted(wrap({key: SECRET, "order": "WO-1"})))
    assert SECRET not in shown
    assert "WO-1" in shown


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {SECRET}xyz",
        f"the call had Authorization: Basic {SECRET}==",
        f"sftp://plant:{SECRET}@files.company.com/in",
        f"https://erp.company.com/a?page=1&api_key={SECRET}&x=2",
    ],
)
def test_a_secret_in_a_sentence_is_hidden(text: str) -> None:
    assert SECRET not in audit.redacted({"message": text})["message"]


def test_what_only_sounds_like_a_secret_is_kept() -> None:
    told = {"tokens_mean": 12, "token_type": "Bearer", "keyboard": "qwerty", "quantity": 5, "secretary": "Ann"}
    assert audit.redacted(told) == told


def test_employees_addresses_are_masked_where_payloads_are_about_them() -> None:
    told = {"employees": [{"employee_id": "EMP-1", "email": "john.smith@company.com", "phone": "+1-555-0142"}]}
    assert audit.redacted(told) == told
    (masked,) = audit.redacted(told, is_personal=True)["employees"]
    assert masked == {"employee_id": "EMP-1", "email": "j***@company.com", "phone": "***42"}


def test_a_payload_that_is_too_large_is_not_kept() -> None:
    assert audit.kept({"rows": ["x" * 1000] * 100})["omitted"].endswith(" bytes")
    assert audit.kept_bytes(b"x" * 100_000) == {"omitted": "100000 bytes"}
    assert audit.kept(None) is None


def test_bytes_that_are_no_json_are_kept_as_text_without_secrets() -> None:
    shown = audit.kept_bytes(f"\0oops Bearer {SECRET}".encode())
    assert shown == {"unreadable": "oops Bearer ***"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_redaction_takes_any_payload_and_repeats_itself(value: Any) -> None:
    once = audit.redacted(value, is_personal=True)
    assert audit.redacted(once) == once
