"""The console's time machine, passports and messages: what they show, what they hide, what they answer to nonsense."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.gateway.records import Place, Read, Records
from schemas.codec import encode
from schemas.messages.machines import MachineRegistered
from schemas.messages.operators import EmployeeUpserted
from streams.driver import output_of
from streams.kafka.producer import producer_config
from tests.gateways import anybody
from tests.integration.events import NEIGHBOUR
from tests.integration.pasts import Past, past
from tests.messages import message
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def lived(plant: RunningPlant) -> Iterator[Past]:
    """An order that was begun."""
    with past(plant) as found:
        found.begin()
        found.look()
        found.make(2)
        found.until("order", lambda shown: shown["quantity_produced"] == 2)
        yield found


@pytest.fixture
def page(lived: Past, plant: RunningPlant) -> Iterator[httpx2.Client]:
    """A browser that is signed in."""
    with anybody(plant) as client:
        client.headers["Authorization"] = f"Bearer {plant.endpoints['ADMIN_TOKEN']}"
        client.headers["Accept"] = "text/html"
        yield client


def test_then_and_now_stand_side_by_side_with_what_differs_marked(lived: Past, page: httpx2.Client) -> None:
    asked = {"kind": "work_order", "id": lived.order, "at": lived.looks[0].at.isoformat()}
    shown = page.get("/time-machine", params=asked)
    assert shown.status_code == 200
    assert '<tr class="differs"><th scope="row">Quantity produced</th><td>0</td><td>2' in shown.text
    assert 'rel="prev"' in shown.text
    assert 'rel="next"' in shown.text
    for kind in ("machine", "material"):
        assert page.get("/time-machine", params=asked | {"kind": kind, "id": lived.ids()[kind]}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({"at": "2020-01-01T00:00:00"}, 404, "nobody knew"),
        ({"at": "2999-01-01T00:00:00"}, 400, "has not come yet"),
        ({"at": "half past ten"}, 400, "is no moment"),
        ({"at": "0001-01-01T00:00:00+14:00"}, 400, "is no moment"),
        ({"kind": "<script>"}, 400, "There is no kind"),
        ({"id": "<b>nobody</b>"}, 404, "is known"),
    ],
)
def test_what_cannot_be_shown_is_said_on_the_page(
    lived: Past, page: httpx2.Client, asked: dict[str, str], status: int, sentence: str
) -> None:
    shown = page.get("/time-machine", params={"kind": "work_order", "id": lived.order} | asked)
    assert shown.status_code == status
    assert sentence in shown.text
    assert "<b>nobody" not in shown.text
    assert "<script>" not in shown.text.replace("<script src", "").replace("<script type", "")


def test_a_figure_opens_to_its_formula_and_each_of_its_messages_to_its_bytes(lived: Past, page: httpx2.Client) -> None:
    shown = page.get(f"/orders/{lived.order}/passport")
    assert shown.status_code == 200
    assert "min(100, round(100 × produced ÷ ordered, 2))" in shown.text
    assert "Computed again: the same" in shown.text
    counted = lived.ask("order", "/passport", figure="quantity_produced").json()["messages"][-1]
    address = f"/messages/{counted['topic']}/{counted['partition']}/{counted['offset']}"
    assert address in shown.text
    message = page.get(address)
    assert message.status_code == 200
    assert "&#34;units&#34;: 2" in message.text
    assert "7b 22 76 65 72 73 69 6f 6e" in message.text
    came_from = counted["came_from"]
    assert f"/messages/{came_from['topic']}/{came_from['partition']}/{came_from['offset']}" in message.text
    for kind in ("machines", "materials"):
        identity = lived.machine if kind == "machines" else lived.material
        assert "Computed again: the same" in page.get(f"/{kind}/{identity}/passport").text


def _published(plant: RunningPlant, topic: str, key: bytes, value: bytes) -> str:
    """Put a record into a topic; the address of its page."""
    placed: list[Any] = []
    producer = Producer(producer_config(plant.settings()))
    producer.produce(topic, value, key, on_delivery=lambda _, record: placed.append(record))
    assert producer.flush(30) == 0
    return f"/messages/{topic}/{placed[0].partition()}/{placed[0].offset()}"


def test_what_is_personal_is_masked_and_its_bytes_are_not_shown(plant: RunningPlant, page: httpx2.Client) -> None:
    who = EmployeeUpserted(
        employee_id=f"EMP-{uuid4().hex[:8]}", first_name="Ada", last_name="Lovelace", email="ada.lovelace@example.com"
    )
    now = datetime.now(UTC)
    said = output_of(message("hr.employee_upserted", who, timestamp=now, received_at=now))
    shown = page.get(_published(plant, said.topic, said.key, said.value))
    assert shown.status_code == 200
    assert "a***@example.com" in shown.text
    assert "ada.lovelace" not in shown.text
    assert "61 64 61 2e 6c" not in shown.text
    assert "They are not shown" in shown.text


def test_messages_of_another_tenant_and_of_topics_that_are_not_ours_are_not_found(
    plant: RunningPlant, page: httpx2.Client
) -> None:
    layout = MachineRegistered(machine_id="M-NEIGHBOUR", machine_name="Press", line="line1")
    theirs = output_of(message("machine.register", layout, tenant=NEIGHBOUR))
    address = _published(plant, theirs.topic, theirs.key, theirs.value)
    assert page.get(address).status_code == 404
    garbled = _published(plant, "machine-inbox", f"{NEIGHBOUR}/M-1".encode(), b"{not json")
    assert page.get(garbled).status_code == 404
    ours = _published(plant, "machine-inbox", f"{plant.endpoints['TENANT_ID']}/M-1".encode(), b"{not json")
    assert "no JSON" in page.get(ours).text
    for path in ("__consumer_offsets/0/0", "nonsense/0/0", "machine-inbox/0/999999999", "machine-inbox/999/0"):
        assert page.get(f"/messages/{path}").status_code == 404, path
    for path in ("machine-inbox/-1/0", "machine-inbox/0/x", "machine-inbox/0/99999999999999999999999"):
        assert page.get(f"/messages/{path}").status_code == 400, path


def test_whoever_is_not_signed_in_sees_none_of_it(lived: Past, plant: RunningPlant) -> None:
    with anybody(plant) as stranger:
        for path in ("/time-machine", f"/orders/{lived.order}/passport", "/messages/machine-inbox/0/0"):
            answer = stranger.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"] == "/login"


def test_a_record_that_retention_removed_is_named_as_such(plant: RunningPlant) -> None:
    settings, topic = plant.settings(), f"kept-for-a-while-{uuid4().hex[:8]}"
    admin = AdminClient(settings.kafka())
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    producer = Producer(producer_config(settings))
    for number in range(5):
        producer.produce(topic, encode({"number": number}), b"key", 0)
    assert producer.flush(30) == 0
    admin.delete_records([TopicPartition(topic, 0, 3)])[TopicPartition(topic, 0)].result(30)
    records = Records(settings)

    def answer() -> Read | None:
        found = records.read([Place(topic, 0, offset) for offset in range(7)])
        return found if found.missing else None

    try:
        read = eventually(answer, 30, "nothing is missing")
    finally:
        records.close()
        admin.delete_topics([topic])[topic].result(30)
    assert read is not None
    assert [place.offset for place in read.records] == [3, 4]
    assert read.missing[Place(topic, 0, 2)].endswith("retention removed what stood before 3.")
    assert "was never written" in read.missing[Place(topic, 0, 5)]
