"""OEE over HTTP in a running plant: of a machine with its losses, and of shifts and days as `jobs` keeps them."""

from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from schemas.definitions import OEE
from schemas.messages.machines import DowntimeStarted
from tests.integration.pasts import Past, past
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def lived(plant: RunningPlant) -> Iterator[Past]:
    """A machine that made ten units, three of them scrap, and stands for maintenance; its days are computed."""
    with past(plant) as found:
        found.begin(quantity=100)
        found.say("assign", machine_id=found.machine)
        found.make(7)
        found.make(3, quality_status="fail")
        found.until("order", lambda shown: shown["quantity_produced"] == 10)
        found.tell(
            "mes.downtime_started",
            DowntimeStarted(machine_id=found.machine, downtime_reason_code="PLANNED_MAINTENANCE"),
        )
        found.until("machine", lambda shown: shown["status"] != "running")
        eventually(lambda: sum(each["units"] for each in days_of(found)) == 10, 90, "its day is not computed")
        yield found


def asked(of: Past, **parameters: Any) -> httpx2.Response:
    return of.person.get("/api/v1/oee", params=parameters)


def days_of(of: Past) -> list[dict[str, Any]]:
    """The rows of its days, as they are after a run of the job: two if a day has ended meanwhile."""
    assert of.person.post("/api/v1/jobs/oee/run").status_code == 202
    return list(asked(of, bucket="day", subject_id=of.machine).json()["rows"])


def test_a_machine_has_losses_that_add_up_and_a_passport_that_gives_the_same(lived: Past) -> None:
    found = lived.ask("machine", "/oee").json()
    assert (found["units"], found["scrapped_units"], found["quality_percentage"]) == (10, 3, 70)
    assert found["planned_stop_seconds"] > 0
    losses = found["losses"]
    known = losses["breakdowns"] + losses["setup_and_adjustments"] + losses["idling_and_minor_stops"]
    assert known == pytest.approx(found["planned_seconds"] - found["run_seconds"], abs=1e-6)
    assert losses["reduced_speed"] is None, "the layout has no ideal cycle time for a machine of tests"
    for figure in ("availability_percentage", "quality_percentage"):
        passport = lived.ask("machine", "/passport", figure=figure).json()
        assert (passport["is_equal"], passport["differences"]) == (True, [])
        assert passport["value"] == passport["recomputed"]


def test_a_day_is_kept_with_its_definition(lived: Past) -> None:
    answer = asked(lived, level="machine", bucket="day", subject_id=lived.machine).json()
    days = answer["rows"]
    assert answer["definition"]["oee"] == OEE
    assert (sum(each["units"] for each in days), sum(each["good_units"] for each in days)) == (10, 7)
    for row in days:
        share = 100 * row["good_units"] / row["units"] if row["units"] else None
        assert row["quality_percentage"] == pytest.approx(share, abs=1e-4)
        assert row["oee_percentage"] is None, "without an ideal cycle time it cannot be said"
    assert (days[0]["is_settled"], days[0]["restated_at"]) == (False, None)


def test_a_shift_is_asked_for_by_its_name(lived: Past) -> None:
    (row, *_) = asked(lived, bucket="shift", subject_id=lived.machine).json()["rows"]
    found = lived.ask("machine", "/oee", shift=row["shift_name"].lower(), day=row["day"]).json()
    assert found["from_at"] == row["from_at"]
    assert found["closed_seconds"] == 0
    assert (
        asked(lived, shift=row["shift_name"], subject_id=lived.machine).json()["rows"][0]["from_at"] == row["from_at"]
    )
    assert asked(lived, shift="Sunday", subject_id=lived.machine).json()["rows"] == []


def test_a_line_is_kept_as_the_sum_of_its_machines(lived: Past) -> None:
    """Day by day: of a day that has ended there may still be rows."""
    days_of(lived)
    eventually(lambda: asked(lived, level="line", bucket="day", line="line1").json()["rows"], 60, "no line")
    lines = asked(lived, level="line", bucket="day", line="line1").json()["rows"]
    everywhere = asked(lived, level="machine", bucket="day", line="line1", limit=500).json()["rows"]
    for line in lines:
        machines = [each for each in everywhere if each["day"] == line["day"]]
        assert line["machines"] == len(machines)
        if line["computed_until"] == machines[0]["computed_until"]:
            assert line["planned_seconds"] == pytest.approx(sum(each["planned_seconds"] for each in machines), abs=1e-6)
    assert lines[0]["machines"] > 1


def test_pages_follow_one_another_without_holes(lived: Past) -> None:
    whole = [each["subject_id"] for each in asked(lived, bucket="day", limit=500).json()["rows"]]
    found, cursor = list[str](), None
    while True:
        page = asked(lived, bucket="day", limit=2, **({"cursor": cursor} if cursor else {})).json()
        found += [each["subject_id"] for each in page["rows"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"level": "plant"}, "level"),
        ({"bucket": "week"}, "bucket"),
        ({"from_at": "2026-01-01T00:00:00"}, "from_at"),
        ({"from_at": "2026-01-01T00:00:00Z", "to_at": "2026-06-01T00:00:00Z"}, "31 days"),
        ({"from_at": "2026-01-02T00:00:00Z", "to_at": "2026-01-01T00:00:00Z"}, "must lie before"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "WyJ4IiwgInkiLCAieiJd"}, "not valid"),
        ({"limit": 100_000}, "limit"),
    ],
)
def test_what_cannot_be_answered_is_a_problem(lived: Past, parameters: dict[str, Any], complaint: str) -> None:
    answer = asked(lived, **parameters)
    assert answer.status_code == 400, answer.text
    assert complaint in answer.text


@pytest.mark.parametrize(
    ("parameters", "status", "complaint"),
    [
        ({"shift": "Sunday"}, 404, "There was no shift 'Sunday'"),
        ({"shift": "Early", "from": "2026-11-21T00:00:00Z"}, 400, "Ask for a `shift`, or for"),
        ({"day": "2026-11-21"}, 400, "`day` belongs to a `shift`"),
        ({"shift": "Early", "day": "yesterday"}, 400, "day"),
    ],
)
def test_a_shift_that_cannot_be_meant_is_a_problem(
    lived: Past, parameters: dict[str, Any], status: int, complaint: str
) -> None:
    answer = lived.ask("machine", "/oee", **parameters)
    assert answer.status_code == status, answer.text
    assert complaint in answer.text


def test_the_table_says_what_the_api_says(plant: RunningPlant, lived: Past) -> None:
    with psycopg.connect(plant.owner_url) as owner:
        (comment,) = owner.execute("SELECT obj_description('oee_calculations'::regclass)").fetchone() or ("",)
    assert OEE in comment
    described = lived.person.get("/openapi.json").json()["paths"]["/api/v1/oee"]["get"]["description"]
    assert described == OEE
