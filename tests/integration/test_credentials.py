"""Secrets in a real database: sealed there, rotated while processes run, told by age."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.credentials import Unsealable, ages, new_key_line, seal_again, secret, store
from schemas.settings import Settings
from sql.database import rows_of
from tests.plants import RunningPlant

pytestmark = pytest.mark.services


@pytest.fixture
def settings(migrated: RunningPlant, tmp_path: Path) -> Settings:
    key_file = tmp_path / "keys"
    key_file.write_text(new_key_line() + "\n")
    settings = migrated.settings(credentials_key_file=key_file, mes_password="from the environment")
    with rows_of(settings.database_url, settings.tenant_id) as rows:
        rows.execute("DELETE FROM ops.credentials")
    return settings


def test_a_stored_secret_counts_at_once_and_its_value_is_nowhere_in_the_table(settings: Settings) -> None:
    with rows_of(settings.database_url, settings.tenant_id) as rows:
        assert secret(settings, rows, "mes_password") == "from the environment"
        store(settings, rows, "mes_password", "sealed-4711")
        assert secret(settings, rows, "mes_password") == "sealed-4711"
        store(settings, rows, "mes_password", "rotated-4712")
        assert secret(settings, rows, "mes_password") == "rotated-4712"
        (row,) = rows.execute("SELECT c::text AS text, box FROM ops.credentials c").fetchall()
    assert "4712" not in row["text"]
    assert b"4712" not in bytes(row["box"])


def test_keys_are_rotated_without_making_secrets_younger(settings: Settings) -> None:
    key_file = settings.credentials_key_file
    assert key_file
    with rows_of(settings.database_url, settings.tenant_id) as rows:
        store(settings, rows, "smtp_url", "smtp://mail")
        rows.execute("UPDATE ops.credentials SET set_at = now() - interval '91 days' WHERE name = 'smtp_url'")
        old = key_file.read_text()
        key_file.write_text(f"{new_key_line()}\n{old}")
        assert seal_again(settings, rows) == 1
        assert seal_again(settings, rows) == 0
        key_file.write_text(key_file.read_text().splitlines()[0])
        assert secret(settings, rows, "smtp_url") == "smtp://mail"
        days = ages(settings, rows, datetime.now(UTC) + timedelta(seconds=1))["smtp_url"]
        assert days > settings.credential_max_age_days
        key_file.write_text(old)
        with pytest.raises(Unsealable, match="not in the key file"):
            secret(settings, rows, "smtp_url")


def test_the_command_line_seals_what_comes_on_standard_input(settings: Settings, migrated: RunningPlant) -> None:
    environment = os.environ | migrated.endpoints | {"CREDENTIALS_KEY_FILE": str(settings.credentials_key_file)}

    def said(*arguments: str, told: str = "", code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "connectors", "credentials", *arguments],
            env=environment,
            input=told,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "sealed and in use" in said("set", "mes_password", told="from-stdin\n")
    with rows_of(settings.database_url, settings.tenant_id) as rows:
        assert secret(settings, rows, "mes_password") == "from-stdin"
    assert "mes_password" in said("list")
    assert "nothing" in said("set", "mes_password", told="", code=1).lower()
    assert "is no credential" in said("set", "tenant_id", told="x", code=1)
    assert "deleted" in said("forget", "mes_password")
