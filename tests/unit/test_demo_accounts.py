"""The demo's account finds what is lost, doubled, invented or ended otherwise; a check that cannot fail is none."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from compose.demo.accounts import Account, Found, settle
from compose.demo.outbound import Calls, Told, settle_calls
from compose.demo.summary import document
from compose.simulators.ledger import Entry
from tests.records import completion

ORDER = "WO-1"


def count(number: int, fate: str = "applied") -> Entry:
    return Entry(
        id=f"count-{number}",
        channel="mqtt",
        fate=fate,
        work_order_id=ORDER,
        machine_id="M-1",
        units=1,
        cumulative_units=number,
    )


def downtime(what: str, moment: int) -> Entry:
    return Entry(id=f"downtime-M-1-{what}-{moment}", channel="mqtt", fate="applied", machine_id="M-1")


def dead(name: str, code: str) -> tuple[frozenset[str], str]:
    return frozenset({name, f"key-of-{name}"}), code


SAID = [
    Entry(id="WO-ERP-1", channel="erp", fate="applied", work_order_id=ORDER),
    Entry(id="WO-ERP-1", channel="erp", fate="duplicate"),
    Entry(id="WO-ERP-2", channel="erp", fate="refused:400"),
    count(1),
    Entry(id="count-1", channel="mqtt", fate="duplicate", work_order_id=ORDER, machine_id="M-1"),
    count(3),
    count(2, "late"),
    count(9, "dead_letter:UNKNOWN_WORK_ORDER"),
    downtime("started", 100),
    downtime("ended", 200),
]
TRUTH = Found(
    rows=Counter(["WO-ERP-1", "count-1", "count-2", "count-3", "downtime-M-1-started-100", "downtime-M-1-closed-100"]),
    recent=frozenset(
        ["WO-ERP-1", "count-1", "count-2", "count-3", "downtime-M-1-started-100", "downtime-M-1-closed-100"]
    ),
    dead=[dead("count-9", "UNKNOWN_WORK_ORDER")],
    refused={"WO-ERP-2": 400},
    produced={ORDER: 3},
    logged={ORDER: 3},
    seconds={"count-1": 0.1, "count-3": 0.3, "count-2": 9.0},
)


def without(name: str) -> Found:
    return replace(TRUTH, rows=TRUTH.rows - Counter([name]), recent=TRUTH.recent - {name})


def complaints(account: Account) -> list[list[str]]:
    return [account.lost, account.doubled, account.invented, account.astray]


def test_a_plant_that_tells_the_truth_is_settled() -> None:
    account = settle(SAID, TRUTH)
    assert account.is_settled, complaints(account)
    assert account.sent == {"erp": 2, "mqtt": 7}
    assert account.applied == {"erp": 1, "mqtt": 5}
    assert account.duplicates == {"erp": 1, "mqtt": 1}
    assert account.late.total() == 1
    assert account.reasons == {"UNKNOWN_WORK_ORDER": 1}
    assert account.refused == {"erp": 1}


def test_what_was_sent_is_applied_or_repeated_or_a_dead_letter() -> None:
    told = document(settle(SAID, TRUTH), 1.0)
    assert told["sent"] == told["applied"] + told["duplicates"] + told["dead_letters"]  # type: ignore[operator]
    assert (told["lost"], told["doubled"]) == (0, 0)


def test_a_lost_row_is_found() -> None:
    account = settle(SAID, without("count-3"))
    assert account.lost == ["mqtt count-3 (expected: applied)"]
    assert not account.is_settled


def test_a_lost_order_is_found() -> None:
    assert settle(SAID, without("WO-ERP-1")).lost == ["erp WO-ERP-1 (expected: applied)"]


def test_a_row_that_stands_twice_is_found() -> None:
    account = settle(SAID, replace(TRUTH, rows=TRUTH.rows + Counter(["count-1"])))
    assert account.doubled == ["count-1 stands in 2 rows"]
    assert not account.is_settled


def test_a_unit_that_was_counted_twice_is_found_in_the_head_and_in_the_log() -> None:
    for found in (replace(TRUTH, produced={ORDER: 4}), replace(TRUTH, logged={ORDER: 4})):
        account = settle(SAID, found)
        assert len(account.doubled) == 1
        assert "3 units were made" in account.doubled[0]
        assert not account.is_settled


def test_a_unit_that_was_not_counted_is_found() -> None:
    account = settle(SAID, replace(TRUTH, produced={ORDER: 2}))
    assert account.lost == ["WO-1: 3 units were made, its head says 2, its production log 3"]


def test_an_invented_row_is_found() -> None:
    account = settle(SAID, replace(TRUTH, recent=TRUTH.recent | {"count-77"}))
    assert account.invented == ["row count-77"]
    assert not account.is_settled


def test_an_invented_dead_letter_is_found() -> None:
    account = settle(SAID, replace(TRUTH, dead=[*TRUTH.dead, dead("count-77", "INVALID_JSON")]))
    assert account.invented == ["dead letter count-77 (INVALID_JSON)"]


def test_a_missing_dead_letter_is_found() -> None:
    account = settle(SAID, replace(TRUTH, dead=[]))
    assert account.lost == ["mqtt count-9 (expected: dead_letter:UNKNOWN_WORK_ORDER)"]
    assert not account.is_settled


def test_a_dead_letter_that_stands_twice_is_found() -> None:
    account = settle(SAID, replace(TRUTH, dead=[*TRUTH.dead, *TRUTH.dead]))
    assert account.doubled == ["count-9 stands in 2 dead letters"]


def test_a_dead_letter_for_another_reason_is_found() -> None:
    account = settle(SAID, replace(TRUTH, dead=[dead("count-9", "INVALID_JSON")]))
    assert len(account.astray) == 1
    assert not account.is_settled


def test_a_good_message_among_the_dead_letters_is_found() -> None:
    found = replace(
        without("count-3"),
        dead=[*TRUTH.dead, dead("count-3", "INVALID_JSON")],
        produced={ORDER: 2},
        logged={ORDER: 2},
    )
    account = settle(SAID, found)
    assert account.astray == ["mqtt count-3 ended as dead_letter:INVALID_JSON (expected: applied)"]
    assert not account.lost


def test_a_bad_message_that_was_counted_is_found() -> None:
    found = replace(TRUTH, rows=TRUTH.rows + Counter(["count-9"]), dead=[], produced={ORDER: 4}, logged={ORDER: 4})
    account = settle(SAID, found)
    assert account.astray == ["mqtt count-9 ended as applied (expected: dead_letter:UNKNOWN_WORK_ORDER)"]
    assert len(account.doubled) == 1


def test_a_message_that_was_counted_and_is_a_dead_letter_too_is_found() -> None:
    account = settle(SAID, replace(TRUTH, dead=[*TRUTH.dead, dead("WO-ERP-1", "DUPLICATE_WORK_ORDER")]))
    assert account.doubled == ["WO-ERP-1 stands in a row and in the dead letters"]


def test_a_downtime_that_did_not_end_is_found() -> None:
    account = settle(SAID, without("downtime-M-1-closed-100"))
    assert account.lost == ["mqtt downtime-M-1-ended-200 (expected: applied)"]


def test_two_downtimes_of_one_machine_are_two() -> None:
    said = [*SAID, downtime("started", 300), downtime("ended", 400)]
    account = settle(said, TRUTH)
    assert len(account.lost) == 2


def test_a_refusal_that_nobody_answered_is_found() -> None:
    account = settle(SAID, replace(TRUTH, refused={}))
    assert account.lost == ["erp WO-ERP-2 (expected: refused:400)"]


def test_a_refused_order_that_stands_in_postgres_is_found() -> None:
    account = settle(SAID, replace(TRUTH, rows=TRUTH.rows + Counter(["WO-ERP-2"])))
    assert len(account.invented) == 1
    assert not account.is_settled


def test_what_an_earlier_run_said_explains_rows_and_units_and_is_not_counted_again() -> None:
    account = settle(SAID[6:], TRUTH, earlier=SAID[:6])
    assert account.is_settled, complaints(account)
    assert account.sent.total() == 4


def test_an_unknown_order_of_an_earlier_run_needs_no_units_now() -> None:
    strange = replace_order(count(1, "dead_letter:UNKNOWN_WORK_ORDER"), "strange-1")
    again = replace_order(count(2, "dead_letter:UNKNOWN_WORK_ORDER"), "strange-2")
    account = settle([again], Found(dead=[dead("strange-2", "UNKNOWN_WORK_ORDER")]), earlier=[strange])
    assert account.is_settled, complaints(account)


def replace_order(entry: Entry, name: str) -> Entry:
    return Entry(id=name, channel=entry.channel, fate=entry.fate, work_order_id="WO-UNKNOWN", units=entry.units)


def test_seconds_are_those_of_readings_that_were_sent_at_once() -> None:
    account = settle(SAID, TRUTH)
    assert account.percentile(0.5) == 0.3
    assert account.percentile(0.99) == 0.3
    assert Account().percentile(0.5) is None


SINCE = datetime(2026, 11, 21, 8, tzinfo=UTC)


record = partial(completion, at=SINCE)


# The first attempt is answered with 500, the second acts and its answer is lost, the third is told what the second was.
RECORDS = [
    record("d-1", "WO-ERP-1", acted=False, status=500),
    record("d-1", "WO-ERP-1", acted=True, status=None),
    record("d-1", "WO-ERP-1", acted=False),
    record("d-2", "WO-ERP-2", acted=True),
]
TOLD = Told({"WO-ERP-1": True, "WO-ERP-2": True}, frozenset({"d-1", "d-2"}))


def test_orders_that_arrived_once_are_settled_however_often_the_erp_failed() -> None:
    calls = settle_calls(TOLD, RECORDS, SINCE)
    assert calls.is_settled
    assert (calls.completed, calls.arrived) == (2, 2)
    assert (calls.asked, calls.failed) == ({"erp": 4}, {"erp": 2})
    assert document(Account(calls=calls), 1.0)["calls"] == {
        "completed_orders": 2,
        "arrived_once": 2,
        "missing": 0,
        "doubled": 0,
        "invented": 0,
        "waiting": 0,
        "asked": {"erp": 4},
        "failed_answers": {"erp": 2},
    }


def test_an_order_that_the_erp_never_heard_of_is_missing() -> None:
    calls = settle_calls(TOLD, RECORDS[:3], SINCE)
    assert calls.missing == ["WO-ERP-2 is completed, and the ERP has not heard of it"]
    assert not Account(calls=calls).is_settled


def test_an_order_that_arrived_twice_is_found_under_two_keys_and_under_one() -> None:
    under_two = settle_calls(
        replace(TOLD, deliveries=TOLD.deliveries | {"d-3"}), [*RECORDS, record("d-3", "WO-ERP-1", acted=True)], SINCE
    )
    assert under_two.doubled == ["the ERP was told 2 times that WO-ERP-1 is completed"]
    under_one = settle_calls(TOLD, [*RECORDS, record("d-1", "WO-ERP-1", acted=True)], SINCE)
    assert len(under_one.doubled) == 2
    assert not Account(calls=under_one).is_settled


def test_an_order_that_is_not_completed_and_a_key_that_is_no_delivery_are_found() -> None:
    calls = settle_calls(replace(TOLD, completed={"WO-ERP-1": True}), RECORDS, SINCE)
    assert calls.invented == ["the ERP heard that WO-ERP-2 is completed; it is not"]
    calls = settle_calls(replace(TOLD, deliveries=frozenset({"d-1"})), RECORDS, SINCE)
    assert calls.invented == ["ERP acted for d-2, which is no delivery of ours"]
    assert not Account(calls=calls).is_settled


def test_a_delivery_that_waits_is_not_settled() -> None:
    assert not settle_calls(replace(TOLD, waiting=1), RECORDS, SINCE).is_settled
    assert Calls().is_settled


def test_what_arrived_in_an_earlier_run_is_not_counted_again_and_still_must_not_come_twice() -> None:
    earlier = [record("d-0", "WO-ERP-0", acted=True, at=SINCE - timedelta(hours=1))]
    told = replace(TOLD, completed={**TOLD.completed, "WO-ERP-0": False}, deliveries=TOLD.deliveries | {"d-0", "d-9"})
    calls = settle_calls(told, [*earlier, *RECORDS], SINCE)
    assert calls.is_settled
    assert (calls.completed, calls.asked.total()) == (2, 4)
    again = settle_calls(told, [*earlier, *RECORDS, record("d-9", "WO-ERP-0", acted=True)], SINCE)
    assert again.doubled == ["the ERP was told 2 times that WO-ERP-0 is completed"]
