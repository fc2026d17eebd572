"""The simulated plant says the same for the same seed, and what its ledger promises of each message can be true."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from compose.simulators.catalogue import PARTS, PRODUCTS
from compose.simulators.erp import unanswered
from compose.simulators.ledger import Entry, Ledger, Order, read_entries
from compose.simulators.machines import Saying, Workshop
from compose.simulators.order_desk import ORDERS, Call, Desk
from compose.simulators.supervisor import Supervisor
from compose.simulators.systems.erp import SentOrders
from compose.simulators.systems.people import employees
from compose.simulators.time_clock import Arrival, TimeClock
from connectors.registry import route_of
from connectors.systems import erp, wms
from connectors.systems.statement import Context
from schemas.codec import Unreadable
from schemas.settings import DEFAULT_TENANT, Settings

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TURNS = 6


def desk(seed: int = 1, earlier: Sequence[Entry] = ()) -> Desk:
    return Desk(DEFAULT_TENANT, random.Random(seed), earlier)


def afternoon(of: Desk) -> list[Call]:
    return [*of.opening(NOW), *of.new_order(NOW), *(call for _ in range(TURNS) for call in of.turn(NOW))]


MANY_ORDERS = [Order(f"WO-{number}", 60) for number in range(500)]
FEW_ORDERS = [Order(f"WO-{number}", 5000) for number in range(3)]


def shift(
    minutes: int, seed: int = 1, earlier: Sequence[Entry] = (), orders: Sequence[Order] = MANY_ORDERS
) -> list[Saying]:
    workshop = Workshop(Settings().layout.machines, random.Random(seed), "261121080000000", earlier)
    moments = (NOW + timedelta(milliseconds=50 * tick) for tick in range(minutes * 1200))
    said = [saying for moment in moments for saying in workshop.next(moment, orders)]
    return said + workshop.last_words(NOW + timedelta(minutes=minutes))


def test_the_same_seed_orders_the_same() -> None:
    assert afternoon(desk(7)) == afternoon(desk(7))
    assert afternoon(desk(7)) != afternoon(desk(8))


def test_an_order_is_what_the_gateway_reads() -> None:
    (call,) = desk().new_order(NOW)
    event = erp.read_event(json.loads(call.body))
    created = erp.created(DEFAULT_TENANT, event.work_order)
    assert call.order == Order(created.work_order_id, int(created.quantity_ordered), created.production_line_preference)
    assert call.entries[0].work_order_id == created.work_order_id


def test_master_data_and_stock_are_what_the_gateway_reads_and_cover_every_product() -> None:
    materials, stock = desk().opening(NOW)
    known = {erp.validated(erp.ErpMaterial, each).material_id for each in json.loads(materials.body)["materials"]}
    assert {wms.stock(erp.validated(wms.WmsStock, each)).material_id for each in json.loads(stock.body)["materials"]}
    assert {material_id for product in PRODUCTS for material_id in product.parts} <= known
    assert len(known) == len(PARTS) == len(materials.entries)
    counted = json.loads(stock.body)["materials"]
    assert sum(batch["quantity"] for each in counted for batch in each["batch_details"]) == sum(
        each["on_hand_quantity"] for each in counted
    )
    assert len(stock.entries) == sum(len(each["batch_details"]) for each in counted)


def test_stock_is_told_once_and_afterwards_the_warehouse_knows_better() -> None:
    _, stock = desk().opening(NOW)
    (materials,) = desk(earlier=stock.entries).opening(NOW)
    assert materials.path != stock.path


def test_every_kind_of_trouble_is_in_a_round_of_turns() -> None:
    calls = afternoon(desk())
    fates = Counter(entry.fate for call in calls for entry in call.entries)
    assert fates["duplicate"] == 2
    assert fates["refused:400"] == 2
    names = [entry.id for call in calls for entry in call.entries]
    assert any(name.startswith("updated-") for name in names)
    assert any(name.startswith("cancelled-") for name in names)


def test_machines_never_get_an_order_that_is_refused_or_cancelled() -> None:
    calls = [call for call in afternoon(desk()) if call.path == ORDERS]
    workable = {call.order.work_order_id for call in calls if call.order}
    spoilt = {
        entry.work_order_id
        for call in calls
        for entry in call.entries
        if entry.id.startswith("cancelled-") or entry.fate.startswith("refused:")
    }
    assert workable
    assert not workable & spoilt


def test_a_body_that_ends_in_the_middle_is_no_json() -> None:
    (call,) = desk().unreadable(NOW)
    with pytest.raises(json.JSONDecodeError):
        json.loads(call.body)


def test_order_numbers_go_on_where_the_ledger_ends() -> None:
    earlier = [entry for call in afternoon(desk()) for entry in call.entries]
    (call,) = desk(earlier=earlier).new_order(NOW)
    assert call.entries[0].id not in {entry.id for entry in earlier}


def test_an_order_whose_answer_never_came_is_asked_for_again_without_a_second_entry(tmp_path: Path) -> None:
    ours = desk()
    calls = [first := ours.new_order(NOW)[0], answered := ours.new_order(NOW)[0], *ours.cancelled(NOW)]
    ledger, orders = Ledger(tmp_path / "erp.jsonl"), Ledger(tmp_path / "orders.jsonl")
    ledger.write(entry for call in calls for entry in call.entries)
    orders.write(filter(None, [answered.order]))
    ledger.close()
    orders.close()
    earlier = read_entries(tmp_path / "erp.jsonl")
    names = unanswered(DEFAULT_TENANT, earlier, tmp_path / "orders.jsonl")
    assert names == [first.entries[0].id]
    (again,) = desk(earlier=earlier).again(names[0], NOW)
    assert again.entries == ()
    assert again.key == first.key


def test_the_same_seed_says_the_same() -> None:
    assert shift(2, seed=3) == shift(2, seed=3)


def test_a_message_that_should_be_applied_can_be_read_under_the_name_in_the_ledger() -> None:
    context = Context(DEFAULT_TENANT)
    for saying in shift(5):
        route = route_of("mqtt", saying.topic)
        assert route is not None
        if saying.entry.fate in ("applied", "late", "duplicate"):
            assert route.translate(saying.topic, saying.data, context).message_id == saying.entry.id


def test_a_message_that_nobody_can_read_is_refused_for_the_reason_in_the_ledger() -> None:
    context, judged_later = Context(DEFAULT_TENANT), ("UNKNOWN_", "STALE_", "FUTURE_")
    seen = set()
    for saying in shift(20):
        code = saying.entry.fate.removeprefix("dead_letter:")
        route = route_of("mqtt", saying.topic)
        assert route is not None
        if saying.entry.fate.startswith("dead_letter:") and not code.startswith(judged_later):
            with pytest.raises(Unreadable) as refusal:
                route.translate(saying.topic, saying.data, context)
            assert refusal.value.code == code
            seen.add(code)
    assert len(seen) >= 7


def test_orders_are_made_in_their_quantity_whichever_machines_make_them() -> None:
    made = Counter[str | None]()
    for saying in shift(5):
        if saying.entry.fate in ("applied", "late"):
            made[saying.entry.work_order_id] += saying.entry.units
    assert made.pop(None, 0) == 0
    assert all(units <= 60 + len(Settings().layout.machines) for units in made.values())


def test_a_machine_that_is_down_is_silent_until_it_is_back() -> None:
    down: set[str | None] = set()
    for saying in shift(10):
        entry = saying.entry
        if "-started-" in entry.id and entry.fate == "applied":
            down.add(entry.machine_id)
        elif "-ended-" in entry.id:
            down.discard(entry.machine_id)
        elif entry.fate == "applied":
            assert entry.machine_id not in down
    assert not down


def test_counters_go_on_where_an_earlier_run_stopped() -> None:
    earlier = [saying.entry for saying in shift(3, orders=FEW_ORDERS)]
    last: dict[tuple[str | None, str | None], int] = {}
    for entry in earlier:
        if entry.cumulative_units is not None and entry.fate in ("applied", "dead_letter:UNKNOWN_WORK_ORDER"):
            last[entry.machine_id, entry.work_order_id] = entry.cumulative_units
    firsts: dict[tuple[str | None, str | None], int] = {}
    for saying in shift(1, seed=2, earlier=earlier, orders=FEW_ORDERS):
        if saying.entry.cumulative_units is not None and saying.entry.machine_id != "M-206":
            firsts.setdefault((saying.entry.machine_id, saying.entry.work_order_id), saying.entry.cumulative_units)
    both = firsts.keys() & last.keys()
    assert both
    assert all(firsts[each] == last[each] + 1 for each in both)


def supervisor(seed: int = 1, earlier: Sequence[Order] = ()) -> Supervisor:
    return Supervisor(Settings().layout.machines, random.Random(seed), earlier)


def test_a_supervisor_releases_at_once_and_starts_what_a_machine_has_room_for() -> None:
    ours, orders = supervisor(), [Order(f"WO-{number}", 60) for number in range(20)]
    assert [command.verb for command in ours.take(orders)] == ["release"] * 20
    in_work: set[str] = set()
    started: list[Order] = []
    while decided := ours.start_next(in_work, ["O-1", "O-2"]):
        order, (assignment, start) = decided
        assert (assignment.verb, start.verb) == ("assign", "start")
        assert assignment.body["machine_id"] == order.machine_id
        assert assignment.body["operator_id"] in ("O-1", "O-2")
        in_work.add(order.work_order_id)
        started.append(order)
    load = Counter(order.machine_id for order in started)
    assert set(load.values()) == {2}
    assert len(load) == len(Settings().layout.machines)
    in_work.remove(started[3].work_order_id)
    decided = ours.start_next(in_work, [])
    assert decided is not None
    assert decided[0].machine_id == started[3].machine_id
    assert "operator_id" not in decided[1][0].body


def test_an_order_goes_to_the_line_it_prefers_while_that_has_room() -> None:
    ours = supervisor()
    ours.take([Order("WO-1", 60, "Line 3")])
    decided = ours.start_next(set(), [])
    assert decided is not None
    line = {machine.machine_id: machine.line for machine in Settings().layout.machines}
    assert line[decided[0].machine_id or ""] == "line3"


def test_a_supervisor_who_comes_back_starts_nothing_twice() -> None:
    assert supervisor(earlier=[Order("WO-1", 60, None, "M-201")]).take([Order("WO-1", 60)]) == []


def test_an_order_that_was_started_but_not_written_down_goes_on_where_it_is() -> None:
    ours, orders = supervisor(), [Order("WO-1", 60), Order("WO-2", 60), Order("WO-3", 60)]
    resumed = ours.resume(orders, {"WO-1": "M-203", "WO-2": None})
    assert resumed == [Order("WO-1", 60, None, "M-203")]
    assert [command.work_order_id for command in ours.take(orders)] == ["WO-2", "WO-3"]


def test_a_machine_works_on_its_own_orders_only() -> None:
    machines = Settings().layout.machines
    orders = [Order(f"WO-{number}", 60, None, machines[number % 2].machine_id) for number in range(200)]
    at = {order.work_order_id: order.machine_id for order in orders}
    counts = [saying.entry for saying in shift(2, orders=orders) if saying.entry.fate == "applied"]
    made = [entry for entry in counts if entry.units]
    assert made
    assert all(entry.machine_id == at[entry.work_order_id or ""] for entry in made)


def test_a_machine_without_an_order_stands_idle_while_others_have_work() -> None:
    first, second = (machine.machine_id for machine in Settings().layout.machines[:2])
    orders = [Order("WO-1", 5, None, first), Order("WO-2", 1000, None, second)]
    made = Counter(entry.work_order_id for entry in (each.entry for each in shift(1, orders=orders)) if entry.units)
    assert 5 <= made["WO-1"] <= 6
    assert made["WO-2"] > 50


def test_everybody_who_works_now_comes_once_and_the_clock_repeats_itself() -> None:
    clock = TimeClock(ZoneInfo("UTC"))
    known = {person["employee_id"] for person in employees(NOW.date())}
    arrivals: list[Arrival] = []
    while came := clock.next(NOW + timedelta(seconds=len(arrivals)), known):
        arrivals += came
    applied = [arrival for arrival in arrivals if arrival.entry.fate == "applied"]
    assert 5 < len(applied) < 20
    assert len({json.loads(arrival.body)["employee_id"] for arrival in applied}) == len(applied)
    assert {json.loads(arrival.body)["shift_id"] for arrival in applied} == {"SH-20261121-A"}
    repeated = [arrival for arrival in arrivals if arrival.entry.fate == "duplicate"]
    assert repeated
    assert all(arrival.key in {each.key for each in applied} for arrival in repeated)
    assert TimeClock(ZoneInfo("UTC"), [each.entry for each in arrivals]).next(NOW, known) == []
    assert TimeClock(ZoneInfo("UTC")).next(NOW, set()) == []


def test_an_erp_knows_what_became_of_the_orders_it_sent(tmp_path: Path) -> None:
    ours, file = desk(), tmp_path / "erp-orders.jsonl"
    changed, cancelled = ours.changed(NOW), ours.cancelled(NOW)
    file.write_bytes(b"".join(call.body + b"\n" for call in (*changed, *cancelled)) + b'{"cut": ')
    first, second = SentOrders(file)()
    assert (first["priority"], first["status"], first["product_id"][:5]) == ("urgent", "Released", "PROD-")
    assert second["status"] == "Cancelled"
