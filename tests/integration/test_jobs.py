"""What runs by the clock: orders that closed long ago leave the workers' memory, and their rows stay."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from connectors.jobs import archive
from streams.kafka.producer import Publisher
from tests.gateways import ORDERS, erp, operator, order_event
from tests.plants import RunningPlant

pytestmark = pytest.mark.services


def test_an_order_that_closed_long_ago_is_archived_and_takes_no_more_commands(plant: RunningPlant) -> None:
    with erp(plant) as client:
        told = client.post(ORDERS, json=order_event(f"WO-ERP-{uuid4().hex[:10]}")).json()
        order = told["mraos_work_order_id"]
        client.post(ORDERS, json=order_event(told["erp_work_order_id"], "cancelled"))
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s AND status = 'cancelled'", order)
    settings = plant.settings(archive_after_days=1)
    publisher = Publisher(settings)
    now = datetime.now(UTC)
    asyncio.run(archive(settings, publisher, now))
    in_two_days = now + timedelta(days=2)
    assert asyncio.run(archive(settings, publisher, in_two_days)) >= 1
    ((archived_at,),) = plant.await_rows(
        "SELECT archived_at FROM work_orders WHERE work_order_id = %s AND archived_at IS NOT NULL", order
    )
    assert archived_at == in_two_days, "it was too young when it was looked at first"
    with operator(plant) as person:
        assert person.post(f"/api/v1/work-orders/{order}/release").status_code == 404
