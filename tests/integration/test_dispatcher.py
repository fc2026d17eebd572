"""Whoever sends letters again may die at any moment: what was decided stands, is said again alike, and counts once."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from connectors.deliveries.transactions import KafkaIsAway
from connectors.repairs.acting import Edit, act
from connectors.repairs.dispatcher import Dispatcher
from connectors.repairs.origins import translators
from schemas.codec import decode
from schemas.ids import DEFAULT_TENANT
from schemas.settings import Settings
from sql import repairs
from sql.database import rows_of
from sql.reads import materials
from sql.repairs import Asked, Outcome, Settled
from streams.driver import Output, Record, fold_batch
from streams.projection import Line, write
from streams.topology import processor
from tests.gateways import order_event
from tests.letters import as_json, counted, crafted, key_of, name
from tests.messages import created, emitted, records
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]
TABLES = ("failure_actions", "failure_bulks", "integration_failures", "ops.work_order_keys", "ops.material_keys")


class Dies(BaseException):
    """As kill -9 does it."""


class Post:
    """Kafka, as far as the dispatcher sees it."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.dies: str | None = None

    def publish(self, outputs: Sequence[Output]) -> None:
        """Take records; die before or after it."""
        if outputs and self.dies == "before":
            raise Dies
        if outputs and self.dies == "away":
            raise KafkaIsAway("Kafka did not answer.")
        self.outputs += outputs
        if outputs and self.dies == "after":
            raise Dies

    def sent(self, topic: str) -> list[Any]:
        return [decode(each.value) for each in self.outputs if each.topic == topic]


class Bench:
    """A dispatcher over a real Postgres; its messages are kept here."""

    def __init__(self, plant: RunningPlant) -> None:
        self.plant, self.settings, self.post = plant, plant.settings(), Post()

    def rows(self) -> Any:
        return rows_of(self.plant.app_url, DEFAULT_TENANT)

    def letter(self, data: bytes, **told: str) -> str:
        """A letter in its table; its key."""
        return self.keep(crafted(data, **told))

    def keep(self, *outputs: Output) -> str:
        with psycopg.connect(self.plant.app_url) as connection, connection.cursor() as cursor:
            write(cursor, [Line(each.topic, 0, index, each.key, each.value) for index, each in enumerate(outputs)])
        return key_of(outputs[0])

    def ask(self, key: str, edit: Edit | None = None) -> int:
        """Somebody wants it sent again; the number of the action."""
        action = Asked("retry" if edit is None else "edit_retry", "ada", "because")
        with self.rows() as rows:
            acted = act(rows, self.settings, key, action, edit, None)
        assert acted is not None
        return acted.repair.action_id

    def dispatch(self, settings: Settings | None = None) -> int:
        with psycopg.connect(self.plant.app_url) as connection:
            connection.autocommit = True
            return Dispatcher(settings or self.settings, connection, self.post.publish).dispatch()

    def look(self, key: str) -> dict[str, Any]:
        with self.rows() as rows:
            rows.execute(
                "SELECT letter.status, letter.retry_count, letter.reason_code, letter.resolution, acted.outcome, "
                "acted.outcome_reason FROM integration_failures AS letter "
                "LEFT JOIN failure_actions AS acted USING (failure_key) WHERE failure_key = %s "
                "ORDER BY acted.attempt DESC LIMIT 1",
                [key],
            )
            return rows.fetchone() or {}


@pytest.fixture
def bench(migrated: RunningPlant) -> Iterator[Bench]:
    yield Bench(migrated)
    with psycopg.connect(migrated.owner_url) as connection:
        connection.execute(f"TRUNCATE {', '.join(TABLES)}".encode())


def a_count(order: str) -> dict[str, str]:
    return {"inbox": "work-order-inbox", "address": "work-order-inbox/0/7", "integration": "production_counted"}


def units(outputs: list[Output], order: str) -> int:
    """What an order counts that hears this, in this order."""
    heard = [
        Record(1 + index, each.key, each.value)
        for index, each in enumerate(outputs)
        if each.topic == "work-order-inbox"
    ]
    batch = fold_batch(processor("work_orders"), 0, {}, [*records([created(order)]), *heard])
    progressed = emitted(batch, "work_order.progressed")
    return int(progressed[-1].payload.quantity_produced) if progressed else 0


@pytest.mark.parametrize("moment", ["before", "after", "away"])
def test_what_was_decided_is_said_again_alike_and_counts_once(bench: Bench, moment: str) -> None:
    order = f"WO-{name()}"
    key = bench.letter(counted(order, "log", 5).value, **a_count(order))
    bench.ask(key)
    bench.post.dies = moment
    with pytest.raises((Dies, KafkaIsAway)):
        bench.dispatch()
    assert bench.look(key)["outcome"] == "waiting"
    bench.post.dies = None
    assert bench.dispatch() == 1
    assert bench.look(key)["outcome"] == "published"
    assert bench.dispatch() == 0
    assert len(bench.post.outputs) == (2 if moment == "after" else 1)
    assert len(set(bench.post.outputs)) == 1
    assert units(bench.post.outputs, order) == 5


def test_a_decision_stands_though_the_checks_would_say_no_by_now(bench: Bench) -> None:
    """An order was accepted, Kafka was away, and then somebody else took its id: it is said all the same."""
    material, erp_id = f"MAT-{name()}", f"ERP-{name()}"
    with bench.rows() as rows:
        materials.claim(rows, DEFAULT_TENANT, [material])
    line = {"material_id": material, "quantity_required": 1}
    body = as_json(order_event(erp_id, bill_of_materials=[line]))
    key = bench.letter(body, inbox="work-order-inbox", address="POST /erp", integration="erp_work_order_inbound")
    bench.ask(key)
    bench.post.dies = "away"
    with pytest.raises(KafkaIsAway):
        bench.dispatch()
    with bench.rows() as rows:
        rows.execute("DELETE FROM ops.material_keys WHERE material_id = %s", [material])
    bench.post.dies = None
    bench.dispatch()
    (message,) = bench.post.sent("work-order-inbox")
    assert message.payload.erp_work_order_id == erp_id


def test_an_id_that_an_earlier_attempt_took_is_the_letters_own(bench: Bench) -> None:
    erp_id = f"ERP-{name()}"
    body = as_json(order_event(erp_id))
    places = {"inbox": "work-order-inbox", "address": "POST /erp", "integration": "erp_work_order_inbound"}
    key, other = bench.letter(body, **places), bench.letter(body, **places)
    action = bench.ask(key)
    bench.dispatch()
    with bench.rows() as rows:
        repairs.settle(rows, [Settled(key, action, "refused", "SOME_CODE", "The fold said no.", "path")])
    assert bench.look(key)["reason_code"] == "SOME_CODE"
    bench.ask(key)
    bench.ask(other)
    bench.dispatch()
    assert len(bench.post.sent("work-order-inbox")) == 2
    assert bench.look(key)["outcome"] == "published"
    assert bench.look(other)["outcome_reason"].startswith(f"{erp_id} exists already")


def test_what_cannot_be_translated_is_settled_and_said(bench: Bench) -> None:
    key = bench.letter(b"{", inbox="inventory-cdc", address="inventory-cdc/0/1", integration="inventory_cdc")
    for tries in (1, 2):
        bench.ask(key)
        assert bench.dispatch() == 1
        told = bench.look(key)
        assert (told["status"], told["retry_count"], told["outcome"]) == ("pending_manual_review", tries, "refused")
    assert {each.payload.error_code for each in bench.post.sent("repairs")} == {"TRUNCATED_JSON"}
    assert {each.topic for each in bench.post.outputs} == {"repairs"}


def test_a_fault_of_ours_fails_one_letter_and_sends_the_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    order = f"WO-{name()}"
    broken = bench.letter(b"{}", inbox="inventory-cdc", address="inventory-cdc/0/1", integration="inventory_cdc")
    good = bench.letter(counted(order, "log", 5).value, **a_count(order))
    bench.ask(broken)
    bench.ask(good)
    monkeypatch.setattr(
        translators, "_translator", lambda letter: None if letter["inbox"] != "inventory-cdc" else _fail
    )
    assert bench.dispatch() == 2
    assert bench.look(broken) | {"outcome_reason": None} == {
        "status": "pending_manual_review",
        "retry_count": 1,
        "reason_code": None,
        "resolution": None,
        "outcome": "failed",
        "outcome_reason": None,
    }
    assert bench.look(good)["outcome"] == "published"


def _fail(*_: Any) -> Any:
    raise ZeroDivisionError


def test_numbers_are_given_in_the_order_in_which_people_are_done(bench: Bench) -> None:
    """Who asked first and commits last is sent last: its number must not be smaller than one that was sent already."""
    first, second = (bench.letter(counted("WO-1", each, 1).value, **a_count("WO-1")) for each in "ab")
    has_begun, may_end, order = threading.Event(), threading.Event(), list[str]()

    def slow() -> None:
        with bench.rows() as rows:
            act(rows, bench.settings, first, Asked("retry", "slow"), None, None)
            has_begun.set()
            may_end.wait(20)
            order.append("slow")

    def quick() -> None:
        has_begun.wait(20)
        with bench.rows() as rows:
            act(rows, bench.settings, second, Asked("retry", "quick"), None, None)
            order.append("quick")

    people = [threading.Thread(target=each) for each in (slow, quick)]
    for each in people:
        each.start()
    has_begun.wait(20)
    people[1].join(0.5)
    assert order == [], "the second waits for the first"
    may_end.set()
    for each in people:
        each.join(20)
    bench.dispatch()
    sent = [each.position for each in bench.post.sent("work-order-inbox")]
    assert order == ["slow", "quick"]
    assert sent == sorted(sent)


def test_an_outcome_is_told_once_and_what_took_effect_stays_so(bench: Bench) -> None:
    key = bench.letter(counted("WO-1", "log", 1).value, **a_count("WO-1"))
    action = bench.ask(key)
    bench.dispatch()
    told: list[tuple[Outcome, str]] = [
        ("refused", "pending_manual_review"),
        ("applied", "resolved"),
        ("refused", "resolved"),
    ]
    for outcome, status in told:
        with bench.rows() as rows:
            repairs.settle(rows, [Settled(key, action, outcome, "CODE", "Words.", None)])
        assert bench.look(key)["status"] == status
    assert bench.look(key)["resolution"] == "repaired"


def test_a_letter_keeps_its_number_of_tries_and_its_envelope(bench: Bench) -> None:
    order = f"WO-{name()}"
    told = counted(order, "log", 5)
    key = bench.letter(told.value, **a_count(order))
    before = datetime.now(UTC)
    action = bench.ask(key, Edit(edits=[{"op": "replace", "path": "/payload/units", "value": 6}]))
    bench.dispatch()
    (message,) = bench.post.sent("work-order-inbox")
    original = decode(told.value)
    assert message.message_id == f"repair-{key}-{action}"
    assert (message.source, message.position) == ("repairs", action)
    assert (message.payload.units, message.correlation_id) == (6, original.correlation_id)
    assert message.timestamp == original.timestamp
    assert message.received_at >= before


def test_five_thousand_letters_are_sent_in_seconds(bench: Bench) -> None:
    outputs = [
        crafted(counted("WO-1", f"log-{number}", 1).value, key=f"{number:032d}", **a_count("WO-1"))
        for number in range(5_000)
    ]
    bench.keep(*outputs)
    keys = [key_of(each) for each in outputs]
    with bench.rows() as rows:
        repairs.add(rows, DEFAULT_TENANT, Asked("retry", "ada"), [(key, None) for key in keys])
    began = datetime.now(UTC)
    while bench.dispatch():
        pass
    seconds = (datetime.now(UTC) - began).total_seconds()
    print(f"5,000 letters sent in {seconds:.1f} s")
    sent = [each.position for each in bench.post.sent("work-order-inbox")]
    assert len(sent) == 5_000
    assert sent == sorted(sent)
    assert seconds < 60
