"""Run by the interpreter of `tests/typed_client.py`: bills and orders through a client generated from /openapi.json.

`python typed_round_trip.py URL TOKEN FOLDER MATERIAL`; it imports the generated package, nothing of ours.
"""

# mypy: ignore-errors
import datetime
import sys
import uuid

url, token, folder, material = sys.argv[1:]
sys.path.insert(0, folder)

from plant_client import AuthenticatedClient  # noqa: E402
from plant_client.api.bills_of_materials import (  # noqa: E402
    change_api_v1_boms_bom_id_patch as change_bill,
)
from plant_client.api.bills_of_materials import (  # noqa: E402
    create_api_v1_boms_post as create_bill,
)
from plant_client.api.bills_of_materials import (  # noqa: E402
    explosion_api_v1_boms_bom_id_explode_get as explode,
)
from plant_client.api.bills_of_materials import one_api_v1_boms_bom_id_get as read_bill  # noqa: E402
from plant_client.api.work_orders import create_api_v1_work_orders_post as create_order  # noqa: E402
from plant_client.models import (  # noqa: E402
    BomView,
    ChangeApiV1BomsBomIdPatchBomChange,
    CreateApiV1BomsPostBomBody,
    CreateApiV1WorkOrdersPostWorkOrderBody,
    ExplosionView,
    OrderMade,
    ProblemDocument,
)

product = f"TYPED-{uuid.uuid4().hex[:8]}"
with AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True) as client:
    body = CreateApiV1BomsPostBomBody.from_dict(
        {"product_id": product, "components": [{"item_code": material, "quantity": 2.5}]}
    )
    made = create_bill.sync(client=client, body=body)
    assert isinstance(made, BomView), made
    assert isinstance(made.effective_from, datetime.date)
    assert (made.item_code, made.components[0].quantity, made.version) == (product, 2.5, 1)
    read = read_bill.sync(uuid.UUID(made.id), client=client)
    assert read.to_dict() == made.to_dict()

    change = ChangeApiV1BomsBomIdPatchBomChange(version=1, description="through a typed client")
    changed = change_bill.sync(uuid.UUID(made.id), client=client, body=change)
    assert (changed.version, changed.description) == (2, "through a typed client")
    refused = change_bill.sync(uuid.UUID(made.id), client=client, body=change)
    assert isinstance(refused, ProblemDocument), refused
    assert (refused.status, refused.title) == (409, "Conflict")

    exploded = explode.sync(uuid.UUID(made.id), client=client, quantity=4.0)
    assert isinstance(exploded, ExplosionView), exploded
    assert [(line.item_code, line.quantity, line.level) for line in exploded.lines] == [(material, 10, 1)]

    due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    order = CreateApiV1WorkOrdersPostWorkOrderBody(product_id=product, quantity_ordered=4, due_date=due)
    ordered = create_order.sync(client=client, body=order)
    assert isinstance(ordered, OrderMade), ordered
    assert (ordered.bom_id, ordered.bom_revision) == (made.id, "A")
sys.stdout.write(ordered.work_order_id)
