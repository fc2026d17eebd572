"""People see which lines stand, and let them go on: through the API and from the shell."""

import json
import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest

from connectors.gateway.roles import ROLES
from schemas.ids import DEFAULT_TENANT
from schemas.settings import Settings
from sql import line_stops
from streams.kafka.admin import create_topics
from tests.gateways import own_gateway
from tests.integration.test_inventory_cdc import TOPIC
from tests.plants import RunningPlant

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def settings(migrated: RunningPlant) -> Settings:
    told = migrated.settings()
    create_topics(told)
    return told


def stopped_by_hand(plant: RunningPlant, line: str) -> None:
    """A line stands, as far as Postgres knows."""
    with plant.rows() as rows:
        rows.execute(
            "INSERT INTO line_stops (tenant_id, stop_id, line, stopped_at, stopped_by, cause, error_code, failures, "
            "messages, failure_key) VALUES (%s, %s, %s, now(), 'test', 'it is late', 'LATE', 1001, 2000, 'x')",
            [DEFAULT_TENANT, uuid4().hex, line],
        )
        rows.connection.commit()


def test_only_who_may_repair_resumes_a_line_and_says_why(migrated: RunningPlant, settings: Settings) -> None:
    stopped_by_hand(migrated, "operator-inbox")
    with own_gateway(migrated) as (client, parts):

        def post(line: str, role: str, body: Any = None) -> Any:
            token = parts.tokens.issue(f"a {role}", ROLES[role])
            return client.post(f"/api/v1/lines/{line}/resume", json=body, headers={"Authorization": f"Bearer {token}"})

        assert client.get("/api/v1/lines").status_code == 401
        assert [post("operator-inbox", role).status_code for role in ("viewer", "operator", "planner")] == [403] * 3
        assert post("no-such-line", "admin").status_code == 404
        token = parts.tokens.issue("v", ROLES["viewer"])
        first, *others = client.get("/api/v1/lines", headers={"Authorization": f"Bearer {token}"}).json()["lines"]
        assert (first["line"], first["status"], first["share"], first["cause"]) == (
            "operator-inbox",
            "stopped",
            0.5005,
            "it is late",
        )
        assert {each["line"] for each in others} >= {"machine-inbox", TOPIC, "mes_production_count"}
        assert post("operator-inbox", "integration_admin", {"reason": 7}).status_code == 400
        done = post("operator-inbox", "integration_admin", {"reason": "mended"}).json()
        assert (done["status"], done["resumed_by"], done["resume_reason"]) == (
            "running",
            "a integration_admin",
            "mended",
        )
        again = post("operator-inbox", "admin")
        assert again.status_code == 409
        assert again.json()["detail"].startswith("operator-inbox runs: a integration_admin resumed it at ")
        assert post("plan-inbox", "admin").status_code == 404


def shell(plant: RunningPlant, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "connectors", "lines", *arguments]
    return subprocess.run(command, env=os.environ | plant.endpoints, capture_output=True, text=True, check=False)


def test_the_shell_shows_lines_and_resumes_one(migrated: RunningPlant) -> None:
    stopped_by_hand(migrated, "operator-inbox")
    shown = shell(migrated)
    assert shown.stdout.startswith("operator-inbox           STANDS since"), shown.stderr
    assert "1001 of 2000 messages failed with LATE: it is late" in shown.stdout
    assert json.loads(shell(migrated, "--json").stdout)["lines"][0]["share"] == 0.5005
    done = shell(migrated, "resume", "operator-inbox", "--reason", "tried out")
    assert (done.returncode, done.stdout) == (0, "operator-inbox goes on.\n")
    with migrated.rows() as rows:
        assert line_stops.latest(rows)["operator-inbox"]["resume_reason"] == "tried out"
    assert shell(migrated, "resume", "operator-inbox").returncode == 1
    assert shell(migrated, "resume", "nothing").returncode == 2
