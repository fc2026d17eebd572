"""What runs by the clock: orders that closed long ago leave the workers' memory, and their rows stay."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from connectors.archive import closed_orders_due
from tests.gateways import ORDERS, erp, operator, order_event
from tests.integration.events import publish
from tests.plants import RunningPlant

pytestmark = pytest.mark.services


def archive(plant: RunningPlant, moment: datetime) -> int:
    """Run the job for a moment, as the process does; how many orders it asked for."""
    settings = plant.settings(archive_after_days=1)
    with plant.rows() as rows:
        outputs = closed_orders_due(rows, moment, settings).outputs
    publish(settings, outputs)
    return len(outputs)


def test_an_order_that_closed_long_ago_is_archived_and_takes_no_more_commands(plant: RunningPlant) -> None:
    with erp(plant) as client:
        told = client.post(ORDERS, json=order_event(f"WO-ERP-{uuid4().hex[:10]}")).json()
        order = told["mraos_work_order_id"]
        client.post(ORDERS, json=order_event(told["erp_work_order_id"], "cancelled"))
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s AND status = 'cancelled'", order)
    now = datetime.now(UTC)
    archive(plant, now)
    in_two_days = now + timedelta(days=2)
    assert archive(plant, in_two_days) >= 1
    ((archived_at,),) = plant.await_rows(
        "SELECT archived_at FROM work_orders WHERE work_order_id = %s AND archived_at IS NOT NULL", order
    )
    assert archived_at == in_two_days, "it was too young when it was looked at first"
    with operator(plant) as person:
        assert person.post(f"/api/v1/work-orders/{order}/release").status_code == 404
