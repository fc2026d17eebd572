"""When work centres are open, over HTTP: calendars with holidays and overtime, less maintenance; and changeovers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from schemas.ids import DEFAULT_TENANT
from sql.database import rows_of
from streams.open_times import open_times
from tests.planned import API, Document, calendar, make, neighbour, operation, see, somebody, unique, work_center
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

MONDAY, TUESDAY = "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"


@pytest.fixture
def planner(plant: RunningPlant) -> Iterator[httpx2.Client]:
    with somebody(plant, "planner", "paula") as client:
        yield client


def open_of(client: httpx2.Client, what: str, identity: str, from_at: str = MONDAY, to_at: str = TUESDAY) -> Any:
    return client.get(f"{API}/{what}/{identity}/open-time", params={"from_at": from_at, "to_at": to_at})


def told(answer: Any) -> tuple[int, list[tuple[str, str]]]:
    document = answer.raise_for_status().json()
    clocks = [(each["begins_at"][11:16], each["ends_at"][11:16]) for each in document["windows"]]
    return document["minutes"], clocks


def test_a_calendar_shows_its_open_time_by_its_own_clock(planner: httpx2.Client) -> None:
    made = make(planner, "calendars", calendar(zone="Europe/Berlin"))
    answer = open_of(planner, "calendars", made["id"])
    assert told(answer) == (450, [("06:00", "10:00"), ("10:30", "14:00")])
    assert answer.json()["windows"][0]["begins_at"] == "2026-03-02T06:00:00+01:00"
    assert [each["minutes"] for each in answer.json()["windows"]] == [240, 210]


def test_overtime_opens_and_maintenance_closes(planner: httpx2.Client) -> None:
    overtime = [{"begins_at": "2026-03-02T14:00:00Z", "ends_at": "2026-03-02T16:00:00Z", "reason": "rush"}]
    followed = make(planner, "calendars", calendar(overtime=overtime))["id"]
    press, saw = (make(planner, "work-centers", work_center(calendar_id=followed))["id"] for _ in range(2))
    repair = {
        "work_center_id": press,
        "maintenance_type": "corrective",
        "begins_at": "2026-03-02T09:00:00Z",
        "ends_at": "2026-03-02T15:00:00Z",
    }
    made = make(planner, "maintenance", repair)
    assert told(open_of(planner, "work-centers", press)) == (240, [("06:00", "09:00"), ("15:00", "16:00")])
    assert told(open_of(planner, "work-centers", saw)) == (570, [("06:00", "10:00"), ("10:30", "16:00")])
    assert told(open_of(planner, "calendars", followed)) == (570, [("06:00", "10:00"), ("10:30", "16:00")])
    planner.patch(f"{API}/maintenance/{made['id']}", json={"status": "cancelled", "version": 1}).raise_for_status()
    assert told(open_of(planner, "work-centers", press))[0] == 570


def test_a_work_centre_without_a_calendar_is_always_open(planner: httpx2.Client) -> None:
    made = make(planner, "work-centers", work_center())
    assert told(open_of(planner, "work-centers", made["id"]))[0] == 1440


@pytest.mark.parametrize(
    ("from_at", "to_at"),
    [
        (TUESDAY, MONDAY),
        (MONDAY, MONDAY),
        (MONDAY, "2028-03-02T00:00:00Z"),
        ("0001-01-01T00:00:00Z", MONDAY),
        ("2026-03-02", TUESDAY),
        (MONDAY, "soon"),
    ],
)
def test_a_stretch_that_is_none_is_refused(planner: httpx2.Client, from_at: str, to_at: str) -> None:
    made = make(planner, "calendars", calendar())
    assert open_of(planner, "calendars", made["id"], from_at, to_at).status_code == 400


def test_public_holidays_close_the_calendar(planner: httpx2.Client) -> None:
    made = make(planner, "calendars", calendar(holidays=["2026-03-02"]))
    path = f"{API}/calendars/{made['id']}/holidays"
    body = {"country": "DE", "subdivision": "BY", "years": [2026]}
    assert planner.post(path, json=body).status_code == 428
    filled = planner.post(path, json=body, headers={"If-Match": '"1"'}).raise_for_status().json()
    days = filled["definition"]["holidays"]
    assert {"2026-01-06", "2026-03-02", "2026-04-03", "2026-12-25"} <= set(days)
    assert days == sorted(days)
    assert told(open_of(planner, "calendars", made["id"], "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z")) == (0, [])
    again = planner.post(path, json=body, headers={"If-Match": '"2"'}).json()
    assert again["version"] == 2, "nothing has changed"
    assert planner.post(path, json=body, headers={"If-Match": '"1"'}).status_code == 409


def test_public_holidays_are_listed_and_what_nobody_knows_is_said(planner: httpx2.Client) -> None:
    path = f"{API}/calendars/public-holidays"
    found = planner.get(path, params={"country": "DE", "subdivision": "BY", "year": [2026, 2027]}).json()["holidays"]
    assert {"day": "2026-01-06", "name": "Epiphany"} in found
    assert [each["day"] for each in found] == sorted(each["day"] for each in found)
    whole = planner.get(path, params={"country": "DE", "year": 2026}).json()["holidays"]
    assert "2026-01-06" not in [each["day"] for each in whole]
    for asked, path_of, word in (
        ("country=XX&year=2026", "country", "XX"),
        ("country=DE&subdivision=ZZ&year=2026", "subdivision", "BY"),
    ):
        refused = planner.get(f"{path}?{asked}")
        assert (refused.status_code, refused.json()["path"]) == (400, path_of)
        assert word in refused.json()["detail"]


def test_the_open_times_of_all_work_centres_are_read_at_once(plant: RunningPlant, planner: httpx2.Client) -> None:
    followed = make(planner, "calendars", calendar())["id"]
    press = make(planner, "work-centers", work_center(calendar_id=followed))["id"]
    with neighbour(plant) as other:
        foreign = make(other, "work-centers", work_center())["id"]
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        found = open_times(rows, monday, monday + timedelta(days=7))
    assert found[press].minutes == 5 * 450
    assert foreign not in found


def test_the_rule_that_holds_between_two_families_is_explained(planner: httpx2.Client) -> None:
    press = make(planner, "work-centers", work_center())["id"]
    black, white = unique("black"), unique("white")

    def rule(**fields: Any) -> Document:
        return make(planner, "changeovers", {"setup_minutes": 60} | fields)

    def holding() -> Document:
        asked = {"work_center_id": press, "from": black, "to": white}
        found: Document = planner.get(f"{API}/changeovers/effective", params=asked).raise_for_status().json()
        return found

    rule(to_family=white, setup_minutes=40)
    assert (holding()["setup_minutes"], holding()["explanation"]) == (
        40,
        f"The rule of all work centres from any family to {white}.",
    )
    exact = rule(work_center_id=press, from_family=black, to_family=white, setup_minutes=15, external_minutes=5)
    assert (holding()["setup_minutes"], holding()["external_minutes"], holding()["rule"]) == (15, 5, exact)
    planner.delete(f"{API}/changeovers/{exact['id']}").raise_for_status()
    assert holding()["setup_minutes"] == 40
    nobody = {"work_center_id": "00000000-0000-4000-8000-00000000dead", "from": black, "to": white}
    assert planner.get(f"{API}/changeovers/effective", params=nobody).status_code == 404
    assert planner.get(f"{API}/changeovers/effective", params={"work_center_id": press}).status_code == 400


def test_changeovers_of_a_schedule_are_reported_with_what_could_be_saved(
    plant: RunningPlant, planner: httpx2.Client
) -> None:
    press = make(planner, "work-centers", work_center())
    kind = make(planner, "operations", operation())
    black, white = unique("black"), unique("white")
    pair = {"work_center_id": press["id"], "from_family": black, "to_family": white}
    make(planner, "changeovers", pair | {"setup_minutes": 45, "external_minutes": 15})
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        for number, family in enumerate((black, white, black, white, white)):
            rows.execute(
                "WITH made AS (INSERT INTO production_orders "
                "(tenant_id, production_order_number, product_id, quantity, due_date) "
                "VALUES (%(tenant)s, %(code)s, 'P', 1, now()) RETURNING id) "
                "INSERT INTO production_runs (tenant_id, production_order_id, operation_id, sequence_number, quantity, "
                "setup_minutes, run_minutes, setup_family, work_center_id, status, scheduled_start, scheduled_end) "
                "SELECT %(tenant)s, id, %(operation)s, 10, 1, 0, 60, %(family)s, %(center)s, 'scheduled', "
                "%(at)s, %(at)s + interval '1 hour' FROM made",
                {
                    "tenant": DEFAULT_TENANT,
                    "code": unique("PO"),
                    "operation": kind["id"],
                    "family": family,
                    "center": press["id"],
                    "at": datetime(2031, 3, 3, 6 + number, tzinfo=UTC),
                },
            )
    asked = {"from_at": "2031-03-03T00:00:00Z", "to_at": "2031-03-04T00:00:00Z"}
    report = planner.get(f"{API}/changeovers/savings", params=asked).raise_for_status().json()
    told_pair = {"work_center_id": press["id"], "work_center_code": press["work_center_code"]}
    assert pair.items() | {("times", 2), ("setup_minutes", 90), ("external_minutes", 30)} <= report["pairs"][0].items()
    assert told_pair.items() <= report["pairs"][0].items()
    assert (report["setup_minutes"], report["external_minutes"], report["saving_percent"]) == (90, 30, 33.3)
    assert planner.get(f"{API}/changeovers/savings", params={"from_at": MONDAY, "to_at": MONDAY}).status_code == 400
    assert see(planner, "work-centers", press["id"]) == press
