"""A run that is completed tells its lane what it took: once, with what had been promised."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from connectors import production_progress
from connectors.gateway.pages.rendering import figure
from schemas.codec import decode
from schemas.envelope import Message
from schemas.messages.work_orders import OrderStatus, WorkOrderChanged
from schemas.settings import DEFAULT_TENANT
from sql import database
from sql.edited import production
from sql.edited.base import editing, engine_of
from sql.edited.production import ProductionRun
from streams import production as work
from streams.domain.priors import fold
from tests import estimate_rows
from tests.estimate_rows import Taken
from tests.facts import put
from tests.gateways import own_gateway
from tests.integration.planners import admin
from tests.messages import NOON
from tests.plants import RunningPlant
from tests.workshops import Shop, one, shop

pytestmark = pytest.mark.services

SAID = """
SELECT args ->> 'value' AS value FROM ops.procrastinate_jobs
WHERE args ->> 'topic' = 'prior-inbox' AND args ->> 'value' LIKE %s ORDER BY id
"""


class Floor:
    """A product that is pressed, its released run, and what its work order says."""

    def __init__(self, plant: RunningPlant, machine: str | None) -> None:
        self.settings = plant.settings()
        self.engine = engine_of(self.settings.database_url)
        self.plant, self.work_order_id = plant, f"WO-{uuid4().hex[:8]}"
        with plant.rows() as rows:
            self.shop: Shop = shop(rows, (("PRESSING", 100),), (machine,), run_seconds=30)
        with editing(self.engine, DEFAULT_TENANT, "test") as edit:
            due = NOON + timedelta(days=9)
            told = {"product_id": self.shop.product_id, "quantity": Decimal(100), "unit_of_measure": "EA"}
            order = production.create(
                edit, f"PO-{uuid4().hex[:8]}", told | {"priority": "normal", "due_date": due, "routing_id": None}
            )
            (run,) = work.expand(edit, order)
            run.work_order_id, run.status = self.work_order_id, "released"
            self.run: ProductionRun = run

    def moves(self, version: int, status: OrderStatus, **fields: Any) -> None:
        """Its work order says what it is now."""
        told = WorkOrderChanged(
            work_order_id=self.work_order_id, version=version, status=status, changed_at=NOON, **(HEAD | fields)
        )
        message = Message(
            message_id=f"moved-{self.work_order_id}-{version}", type="work_order.changed", tenant_id=DEFAULT_TENANT,
            timestamp=NOON, source_system="TEST", correlation_id="test", source="test", position=version,
            received_at=NOON, payload=told,
        )  # fmt: skip
        with database.rows_of(self.settings.database_url, DEFAULT_TENANT) as rows:
            production_progress.work_order_moved(rows, message, self.settings)

    def said(self) -> list[Any]:
        """What was observed of its lanes, as it will be published."""
        with self.plant.rows() as rows:
            rows.execute(SAID, [f"%{self.work_order_id}%"])
            return [decode(row["value"].encode()) for row in rows.fetchall()]


HEAD: dict[str, Any] = {
    "erp_work_order_id": "E", "work_order_number": None, "product_id": "P", "product_name": None,
    "product_variant": None, "quantity_ordered": Decimal(100), "progress_percentage": 100.0,
    "unit_of_measure": "EA", "priority": "normal", "due_date": NOON, "customer_order_id": None,
    "production_line_preference": None, "special_instructions": None, "is_interrupted": False,
    "defect_count": 0, "inspection_count": 0, "quantity_produced": 0, "quantity_scrapped": 0,
    "actual_start_at": None, "actual_end_at": None,
}  # fmt: skip


def done(minutes: float, produced: int = 100, scrapped: int = 4) -> dict[str, Any]:
    end: datetime = NOON + timedelta(minutes=minutes)
    return {"actual_start_at": NOON, "actual_end_at": end, "quantity_produced": produced, "quantity_scrapped": scrapped}


def learned_of(told: Message[Any], provider: str | None = None, minutes: float | None = None) -> Any:
    """What the fold learns of an observation; or as if another work centre had taken so long."""
    seen = told.payload
    if provider is not None:
        named = {"provider": provider, "prior_id": f"{seen.lane_id}/{provider}", "duration_minutes": minutes}
        seen = msgspec.structs.replace(seen, **named)
    (emit,) = fold(None, msgspec.structs.replace(told, payload=seen)).emits
    return emit.payload


@pytest.fixture
def floor(migrated: RunningPlant) -> Iterator[Floor]:
    made = Floor(migrated, f"M-{uuid4().hex[:6]}")
    yield made
    made.engine.dispose()


def test_a_completed_run_is_observed_once_however_often_it_is_told(floor: Floor) -> None:
    floor.moves(2, "in_progress", actual_start_at=NOON, quantity_produced=3)
    assert floor.said() == [], "it is not done"
    for _ in range(3):
        floor.moves(3, "completed", **done(80))
    floor.moves(4, "completed", **done(90))
    (told,) = floor.said()
    observed = told.payload
    assert (told.type, observed.source, observed.observation_id) == (
        "estimate.observed",
        "operation",
        floor.work_order_id,
    )
    assert observed.lane_id == f"op-{floor.shop.product_id}.PRESSING"
    assert observed.prior_id == f"{observed.lane_id}/{observed.provider}"
    assert observed.duration_minutes == pytest.approx(80 / 100), "per unit made, good or not"
    assert observed.completed_at == NOON + timedelta(minutes=80)
    assert (observed.tokens, observed.cost_usd, observed.run_id) == (None, None, floor.run.id)
    promised = observed.promised["duration_minutes"]
    assert promised.p5 < promised.p25 < 0.5 < promised.p75 < promised.p95, "thirty seconds, as the routing plans"


def test_a_setup_that_was_noted_is_a_lane_of_its_own_and_no_run_time(floor: Floor) -> None:
    with floor.plant.rows() as rows:
        for reason, from_, to in (("SETUP", 0, 15), ("BREAK", 20, 30), ("MECH_FAULT", 40, 45)):
            rows.execute(
                "INSERT INTO equipment_status_log (tenant_id, work_center_id, status, reason_code, started_at, "
                "ended_at, created_by) VALUES (%s, %s, 'stopped', %s, %s, %s, 'test')",
                [
                    DEFAULT_TENANT,
                    floor.shop.work_center_ids[0],
                    reason,
                    NOON + timedelta(minutes=from_),
                    NOON + timedelta(minutes=to),
                ],
            )
    floor.moves(2, "completed", **done(100, produced=50))
    running, setting_up = sorted((each.payload for each in floor.said()), key=lambda each: str(each.lane_id))
    assert running.duration_minutes == pytest.approx((100 - 15 - 10) / 50), "a breakdown is part of what it takes"
    assert setting_up.lane_id == f"setup-{floor.shop.product_id}.PRESSING"
    assert setting_up.duration_minutes == pytest.approx(15)
    assert setting_up.promised["duration_minutes"].p50 == pytest.approx(30, rel=0.1), "as the routing plans"


def test_what_was_learned_is_explained_from_what_the_routing_plans(floor: Floor) -> None:
    floor.moves(2, "completed", **done(80))
    (told,) = floor.said()
    lane, center = told.payload.lane_id, told.payload.provider
    with floor.plant.rows() as rows:
        estimate_rows.told(rows, DEFAULT_TENANT, learned_of(told), 1)
        estimate_rows.told(rows, DEFAULT_TENANT, learned_of(told, f"{center}-B", 4.0), 2)
    with own_gateway(floor.plant) as (client, _):
        client.headers.update(admin(floor.plant))
        asked = {"figure": "duration_minutes"}
        found = client.get(f"/api/v1/lanes/{lane}/{center}/explanation", params=asked).json()
        (shown,) = client.get("/api/v1/lanes", params={"lane_id": lane, "provider": center}).json()["lanes"]
        (suggested,) = client.get(f"/api/v1/routings/{floor.shop.routing_id}/suggestions").json()["suggestions"]
        page = client.get(f"/lanes/{lane}/{center}").text
    assert [each["source"] for each in found["sources"]] == ["observations", "elsewhere", "plan"]
    assert found["sources"][-1]["median"] == pytest.approx(0.5, rel=0.05), "thirty seconds"
    assert found["sources"][1]["median"] == pytest.approx(4.0)
    assert (found["is_equal"], found["steps"][0]["numbers"][:6]) == (True, "ln 0.5")
    assert found["estimate"]["p50"] == shown["figures"]["duration_minutes"]["p50"]
    assert found["estimate"]["p50"] == pytest.approx(suggested["run"]["p50"], rel=1e-9)
    assert "what its routing plans" in page
    assert "factory default" not in page


def test_an_order_is_promised_by_what_its_operation_took(floor: Floor) -> None:
    lane, due = f"op-{floor.shop.product_id}.PRESSING", datetime.now(UTC) + timedelta(minutes=60)
    units = {"quantity_ordered": 100, "quantity_produced": 40}
    with floor.plant.rows() as rows:
        put(rows, "work_orders", work_order_id=floor.work_order_id, status="in_progress", due_date=due, **units)
    url = f"/api/v1/work-orders/{floor.work_order_id}"
    with own_gateway(floor.plant) as (client, _):
        client.headers.update(admin(floor.plant))
        assert client.get(url).json()["promise"] is None, "nobody has seen its operation"
        assert "finish as learned" not in client.get(f"/orders/{floor.work_order_id}").text
        centers = floor.shop.work_center_ids
        with floor.plant.rows() as rows:
            center = one(rows, "SELECT work_center_code AS id FROM work_centers WHERE id = ANY(%s)", [[*centers]])
            estimate_rows.lane(rows, DEFAULT_TENANT, lane, [Taken(None, 0.8, None)] * 5, center)
        begun = datetime.now(UTC)
        told = client.get(url).json()["promise"]
        asked = datetime.now(UTC)
        page = client.get(f"/orders/{floor.work_order_id}").text
        head = client.get(f"/orders/{floor.work_order_id}/head").text
        with floor.plant.rows() as rows:
            rows.execute("UPDATE work_orders SET status = 'on_hold' WHERE work_order_id = %s", [floor.work_order_id])
        assert client.get(url).json()["promise"] is None, "nobody works on it"
        assert "finish as learned" not in client.get(f"/orders/{floor.work_order_id}/head").text
    assert (told["lane_id"], told["provider"], told["observations"], told["units_left"]) == (lane, center, 5, 60)
    assert told["minutes_per_unit"] == pytest.approx(0.8, rel=0.05)
    p10, p50, p90 = (datetime.fromisoformat(told[name]) for name in ("p10", "p50", "p90"))
    assert p10 < p50 < p90
    left, minute = timedelta(minutes=60 * told["minutes_per_unit"]), timedelta(minutes=1)
    assert begun + left - minute <= p50 <= asked + left + minute, "it is open day and night, in whole minutes"
    for shown in (page, head):
        assert "finish as learned" in shown
        assert f"60 units left × {figure(60 * told['minutes_per_unit'])} s per unit" in shown
        assert f"after {told['observations']} completed runs" in shown


@pytest.mark.parametrize(
    "fields",
    [done(80, produced=0, scrapped=0), {"quantity_produced": 5}, done(0)],
    ids=["nothing made", "no times", "no time"],
)
def test_what_nobody_measured_is_not_observed(floor: Floor, fields: dict[str, Any]) -> None:
    floor.moves(2, "completed", **fields)
    assert floor.said() == []


def test_a_run_that_was_given_up_is_not_observed(floor: Floor) -> None:
    floor.moves(2, "cancelled", **done(80))
    assert floor.said() == []
