"""How the integrations stand, in words that a person can act on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.gateway import parts_health, standing
from connectors.gateway.pages.integrations import headline, job_name, listed
from connectors.gateway.standing import Hop, Light, Standing
from connectors.integration_health import SystemHealth
from schemas.settings import Settings
from schemas.views.health import PartHealth

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SETTINGS = Settings(erp_url="http://user:secret@erp.example:8443/api?key=1", breaker_failures=5, breaker_seconds=60)


def _health(system: str = "ERP", state: str = "green", **fields: Any) -> SystemHealth:
    values = {"last_success_at": NOW, "circuit_breaker": "closed", "pending_deliveries": 0, "failed_deliveries": 0}
    return SystemHealth(system=system, state=state, reason="It was heard.", lag_seconds=None, **(values | fields))  # type: ignore[arg-type]


def _breaker(state: str, failures: int = 0) -> dict[str, Any]:
    return {
        "external_system": "ERP",
        "state": state,
        "failure_count": failures,
        "opened_at": NOW,
        "probe_at": None,
        "openings": 1,
        "last_error": "ERP answered 500",
    }


def _light(tone: standing.Tone, name: str = "ERP") -> Light:
    return Light(name, name, tone, "", "", None)


def test_an_open_breaker_says_when_it_probes() -> None:
    found = standing.breaker_of(_breaker("opened", 5), SETTINGS)
    assert (found.state, found.tone, found.failures, found.limit) == ("open", "bad", 5, 5)
    assert found.probes_at == NOW + timedelta(seconds=60)
    assert found.last_error == "ERP answered 500"


def test_a_closed_breaker_that_counts_failures_is_in_doubt_and_probes_nothing() -> None:
    counting, quiet = (standing.breaker_of(_breaker("closed", failures), SETTINGS) for failures in (2, 0))
    assert (counting.tone, counting.probes_at, counting.last_error) == ("warn", None, "ERP answered 500")
    assert (quiet.tone, quiet.last_error) == ("good", None)


def test_an_address_betrays_no_secret() -> None:
    assert standing.address_of(SETTINGS.erp_url) == "erp.example:8443"
    assert standing.address_of(None) is None


def test_a_system_that_is_not_set_up_says_which_setting_is_missing() -> None:
    light = standing.system_light(_health("HR", "unknown", last_success_at=None), SETTINGS, None, {}, [])
    assert (light.tone, light.word) == ("idle", "not set up")
    assert light.reason.endswith("It is not called: HR_URL is not set.")


def test_a_system_is_shown_with_its_own_calls_and_deliveries_only() -> None:
    calls = {
        (name, "outbound"): {"calls": count, "errors": 0, "p95_seconds": 0.1} for name, count in (("ERP", 3), ("HR", 7))
    }
    waiting = [{"external_system": name, "delivery_id": name} for name in ("HR", "ERP")]
    light = standing.system_light(_health(), SETTINGS, None, calls, waiting)
    assert light.told is not None
    assert light.told["calls"] == 3
    assert light.heard is None
    assert [row["delivery_id"] for row in light.waiting] == ["ERP"]


def test_every_hop_says_what_waits_before_it() -> None:
    lag = {"agents": {"machine-inbox": 3, "work-order-inbox": 0}, "projector": {"work-orders": 2_000}, "reactor": {}}
    hops = {hop.name: hop for hop in standing.path(lag, {"ERP": 2, "HR": 0}, 12.34)}
    assert hops["Inboxes"].words == "3 waiting"
    assert (hops["Events"].words, hops["Events"].tone) == ("2\u202f000 waiting", "warn")
    assert hops["Agents"].words == "12.3 events/s"
    assert hops["Rows"].words == "nothing waits"
    assert hops["Deliveries"].waiting == {"ERP": 2}


def test_what_waits_is_not_known_while_kafka_is_away() -> None:
    hops = standing.path(None, {}, 0.0)
    assert [hop.words for hop in hops if hop.tone == "bad"] == ["not known: Kafka is away"] * 3


def test_quiet_machines_are_named() -> None:
    floor = [
        {"machine_id": "M-1", "last_seen_at": NOW},
        {"machine_id": "M-2", "last_seen_at": NOW - timedelta(minutes=5)},
    ]
    found = parts_health.machines("MES", floor, NOW)
    assert (found.state, found.last_at) == ("unknown", NOW)
    assert found.reason == "1 of 2 machines were heard in the last two minutes; not M-2"
    assert standing.light_of(found).tone == "warn"


def test_machines_are_told_apart_by_how_they_speak() -> None:
    floor = [{"machine_id": name} for name in ("M-1", "M-2", "M-3")]
    found = parts_health.by_transport(floor, frozenset({"M-2"}))
    assert {name: [row["machine_id"] for row in rows] for name, rows in found.items()} == {
        "MQTT": ["M-1", "M-3"],
        "OPC-UA": ["M-2"],
    }


@pytest.mark.parametrize(
    ("tones", "expected"),
    [
        ({"ERP": "bad", "MES": "warn", "HR": "bad"}, ("bad", "ERP and HR are down.")),
        ({"ERP": "good", "MES": "warn"}, ("warn", "MES is in doubt.")),
        ({"ERP": "good", "MES": "idle"}, ("good", "All 1 that are in use work.")),
        ({"ERP": "idle"}, ("good", "Nothing is in use yet.")),
    ],
)
def test_the_headline_is_the_worst_of_all(tones: dict[str, Any], expected: tuple[str, str]) -> None:
    told = Standing(NOW, [], [_light(tone, name) for name, tone in tones.items()])
    assert headline(told) == expected


def test_a_reader_far_behind_is_said_before_all_is_called_well() -> None:
    told = Standing(NOW, [_light("good")], hops=[Hop("Events", "2\u202f000 waiting", "warn", {})])
    assert headline(told) == ("warn", "All systems work; 2\u202f000 waiting at “events”: what is shown may be late.")


def test_a_part_that_is_away_says_so_in_a_sentence() -> None:
    light = standing.light_of(PartHealth(name="Postgres", state="down", reason="does not answer: refused"))
    assert (light.tone, light.word, light.reason) == ("bad", "down", "It does not answer: refused.")


def test_names_and_jobs_read_as_people_say_them() -> None:
    assert [listed(names) for names in (["A"], ["A", "B"], ["A", "B", "C"])] == ["A", "A and B", "A, B and C"]
    assert [job_name(name) for name in ("hr_time_entries", "watch", "stock_levels")] == [
        "HR time entries",
        "Watch",
        "Stock levels",
    ]
