"""A typed client generated from /openapi.json makes a bill, changes it, explodes it and orders by it."""

from pathlib import Path

import httpx2
import pytest

from tests import typed_client
from tests.bills import fresh, items
from tests.gateways import operator
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
SCRIPT = Path(__file__).parents[1] / "typed_round_trip.py"


def test_a_generated_client_makes_the_round_trip(plant: RunningPlant, tmp_path: Path) -> None:
    url = plant.endpoints["GATEWAY_URL"]
    typed_client.generate(httpx2.get(f"{url}/openapi.json", timeout=60).raise_for_status().json(), tmp_path)
    with operator(plant) as person:
        (part,) = items(person, fresh())
    order = typed_client.run(SCRIPT, url, plant.endpoints["ADMIN_TOKEN"], str(tmp_path), part)
    found = plant.await_rows("SELECT quantity_required FROM work_order_bom WHERE work_order_id = %s", order)
    assert found == [(10,)]
