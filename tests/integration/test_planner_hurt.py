"""What a planner stands: kill -9, cancelled and wrong requests, a work centre booked meanwhile, other tenants."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from starlette.testclient import TestClient

from schemas.messages.plans import MrpRequested
from schemas.messages.production import SalesOrderConfirmed, SalesOrderLine
from sql.database import rows_of
from streams.driver import Output
from tests import shop_rows
from tests.integration.events import NEIGHBOUR, event, publish
from tests.integration.kept import Kept
from tests.integration.planners import accepted, ended, said, scheduled
from tests.integration.workers import ends, read
from tests.messages import message
from tests.plants import RunningPlant, eventually
from tests.shop_rows import Placed

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture
def client(planning: TestClient) -> TestClient:
    return planning


@pytest.fixture
def busy(migrated: RunningPlant) -> Placed:
    """A shop that nobody finds the best schedule for within a minute."""
    with migrated.rows() as rows:
        shop_rows.clear(rows)
        return shop_rows.shop(rows, migrated.endpoints["TENANT_ID"], orders=40, minutes=300)


def asked(client: TestClient, **wanted: Any) -> str:
    """The address of a schedule that is asked for."""
    told = client.post("/api/v1/schedules", json=wanted)
    assert told.status_code == 202, told.text
    return str(told.json()["status_url"])


def await_said(plant: RunningPlant, plan_id: str, types: list[str]) -> None:
    """Return when this was said of a plan, and nothing else."""
    assert eventually(lambda: said(plant, plan_id), 60, "nobody heard of it") == types


def await_running(client: TestClient, url: str) -> None:
    eventually(lambda: client.get(url).json()["status"] == "running", 60, f"{url} is not begun")


def test_a_planner_that_is_killed_computes_once_more_what_it_had_begun(
    client: TestClient, busy: Placed, planner: Kept, migrated: RunningPlant
) -> None:
    starts, urls = planner.starts, [asked(client, seconds=3), asked(client, seconds=0.2)]
    await_running(client, urls[0])
    planner.kill()
    eventually(lambda: planner.starts > starts, 60, "it is not started again")
    planner.await_ready("planner_ready")
    found = [ended(client, url) for url in urls]
    assert [each["status"] for each in found] == ["proposed", "proposed"]
    assert planner.starts == starts + 1
    for schedule_id in (each["schedule_id"] for each in found):
        await_said(migrated, schedule_id, ["plan.schedule_finished"])
    with migrated.rows() as rows:
        rows.execute("SELECT count(*) AS waiting FROM ops.plan_jobs")
        assert rows.fetchall() == [{"waiting": 0}]


def test_a_computation_stops_when_somebody_cancels_it(client: TestClient, busy: Placed, migrated: RunningPlant) -> None:
    running, waiting = asked(client, seconds=60), asked(client, seconds=60)
    await_running(client, running)
    assert client.post(f"{waiting}/cancel").json()["status"] == "cancelled"
    told = client.post(f"{running}/cancel")
    assert (told.status_code, told.json()["status"]) == (202, "running")
    found = ended(client, running, seconds=20)
    assert (found["status"], found["failure"]) == ("cancelled", "Somebody cancelled it.")
    again = client.post(f"{running}/cancel")
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "The schedule is cancelled: there is nothing to stop.",
    )
    assert scheduled(client, rule="EDD")["status"] == "proposed"
    await_said(migrated, running.rpartition("/")[2], ["plan.failed"])


def letters(plant: RunningPlant, since: dict[tuple[str, int], int]) -> list[tuple[str, str]]:
    """Code and sentence of the dead letters since a moment."""
    found = [
        msgspec.json.decode(each.value())["payload"]
        for each in read(plant.settings(), "integration-failures", since=since)
    ]
    return [(each["error_details"]["error_code"], each["error_details"]["error_message"]) for each in found]


def test_wrong_messages_become_dead_letters_and_the_planner_goes_on(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    since, nobody = ends(migrated.settings(), "integration-failures"), str(uuid4())
    unknown = message("plan.mrp_requested", MrpRequested(plan_id=nobody, kind="full", requested_by="anna"))
    good = event(unknown)
    publish(
        migrated.settings(),
        [
            Output("plan-inbox", b"x", b"{not json"),
            good,
            Output("plan-inbox", b"elsewhere", good.value),
            Output("plan-inbox", good.key, good.value.replace(b'"full"', b'"half"')),
        ],
    )
    eventually(lambda: len(letters(migrated, since)) >= 4, 30, "no letters")
    found = sorted(letters(migrated, since))
    assert [code for code, _ in found] == ["INVALID_JSON", "UNKNOWN_PLAN", "VALIDATION_ERROR", "WRONG_KEY"]
    assert ("UNKNOWN_PLAN", f"No MRP run {nobody} was asked for.") in found
    assert scheduled(client)["status"] == "proposed"


def test_a_work_centre_is_not_booked_twice(client: TestClient, shop: Placed, migrated: RunningPlant) -> None:
    """A run that the schedule does not know was booked meanwhile: Postgres refuses, and nothing has changed."""
    found = scheduled(client)
    first = found["operations"][0]
    with migrated.rows() as rows:
        tenant = migrated.endpoints["TENANT_ID"]
        order = shop_rows.order(rows, tenant, f"PO-{shop.name}-other", shop_rows.now() + timedelta(days=1))
        other = shop_rows.run(rows, tenant, order, 10, [first["work_center_id"]], 60)
        rows.execute(
            "UPDATE production_runs SET status = 'scheduled', scheduled_start = %s, scheduled_end = %s WHERE id = %s",
            [first["start_at"], first["end_at"], other],
        )
    told = client.post(f"/api/v1/schedules/{found['schedule_id']}/accept")
    assert (told.status_code, told.json()["detail"].startswith("A work centre would be booked twice")) == (409, True)
    assert client.get(f"/api/v1/schedules/{found['schedule_id']}").json()["status"] == "proposed"
    with migrated.rows() as rows:
        rows.execute("SELECT id::text AS id FROM production_runs WHERE scheduled_start IS NOT NULL")
        assert rows.fetchall() == [{"id": other}]


def test_another_tenant_sees_nothing_and_cannot_have_our_plans_computed(
    client: TestClient, shop: Placed, migrated: RunningPlant
) -> None:
    found = accepted(client)
    tables = ("production_schedules", "production_runs", "production_orders", "mrp_runs", "plan_proposals")
    with rows_of(migrated.app_url, NEIGHBOUR) as rows:
        for table in tables:
            rows.execute(f"SELECT count(*) AS seen FROM {table}".encode())
            assert rows.fetchall() == [{"seen": 0}], table
    since = ends(migrated.settings(), "integration-failures")
    stolen = event(
        message("plan.mrp_requested", MrpRequested(plan_id=found["schedule_id"], kind="full", requested_by="them"))
    )
    theirs = [each.replace(migrated.endpoints["TENANT_ID"].encode(), NEIGHBOUR.encode()) for each in stolen[1:]]
    publish(migrated.settings(), [Output("plan-inbox", theirs[0], theirs[1])])
    found_letters = eventually(lambda: letters(migrated, since), 30, "no letter")
    assert found_letters == [("UNKNOWN_PLAN", f"No MRP run {found['schedule_id']} was asked for.")]


def test_a_sales_order_becomes_one_production_order_a_line_however_often_it_is_told(
    client: TestClient, migrated: RunningPlant
) -> None:
    name = f"SO-{uuid4().hex[:6]}"
    due = shop_rows.now() + timedelta(days=3)
    lines = tuple(
        SalesOrderLine(line_number=number, product_id="PROD-WD-100", quantity=Decimal(10 * number), due_date=due)
        for number in (1, 2)
    )
    told = event(message("sales_order.confirmed", SalesOrderConfirmed(sales_order_id=name, lines=lines)))
    publish(migrated.settings(), [told, told])
    query = "SELECT sales_order_line, quantity::int FROM production_orders WHERE sales_order_id = %s ORDER BY 1"
    assert migrated.await_rows(query, name) == [(1, 10), (2, 20)]
    changed = msgspec.structs.replace(lines[0], quantity=Decimal(15))
    again = SalesOrderConfirmed(sales_order_id=name, lines=(changed, lines[1]))
    publish(migrated.settings(), [event(message("sales_order.confirmed", again, message_id=uuid4().hex))])
    assert migrated.await_rows(f"{query.replace('%s', '%s AND quantity = 15')}", name) == [(1, 15)]
