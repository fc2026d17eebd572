"""Where orders could be made while a machine is down."""

from datetime import UTC, datetime, timedelta
from typing import Any

from streams.domain.reallocation import Candidate, FreeOperator, Stranded, Suggestion, suggest

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ADA, BOB = FreeOperator("O-1", "Ada Lovelace"), FreeOperator("O-2", "Bob Brown", frozenset({"WELD-L3"}))


def machine(machine_id: str, status: Any = "idle", **known: Any) -> Candidate:
    known = {name: frozenset(value) if isinstance(value, set) else value for name, value in known.items()}
    return Candidate(machine_id, f"Press {machine_id}", known.pop("line", "line2"), status, **known)


def order(work_order_id: str = "WO-1", due_in_hours: float = 4, **known: Any) -> Stranded:
    told: dict[str, Any] = {
        "product_id": "P-1",
        "product_name": "Washer Door",
        "line_preference": None,
        "units_left": 120.0,
        "priority": "normal",
        "due_date": NOON + timedelta(hours=due_in_hours),
    }
    return Stranded(work_order_id, **(told | known))


def places(found: list[Suggestion]) -> dict[str, str]:
    return {each.order.work_order_id: each.best.machine_id for each in found}


def ranking(found: list[Suggestion]) -> list[str]:
    return [each.machine_id for each in found[0].choices]


def test_an_idle_machine_comes_before_a_running_one_and_a_stopped_one_last() -> None:
    machines = [machine(status, status, made={"P-1"}) for status in ("stopped", "running", "idle")]
    assert ranking(suggest([order()], machines, [])) == ["idle", "running", "stopped"]


def test_the_least_loaded_of_two_comes_first() -> None:
    machines = [machine("A", made={"P-1"}, waiting=3), machine("B", made={"P-1"}, waiting=1)]
    assert ranking(suggest([order()], machines, [])) == ["B", "A"]


def test_a_machine_that_is_down_or_never_heard_of_is_no_choice() -> None:
    machines = [machine("A", "breakdown", made={"P-1"}), machine("B", "unknown", made={"P-1"})]
    assert suggest([order()], machines, []) == []


def test_only_machines_that_can_make_the_product_are_suggested() -> None:
    machines = [
        machine("named", products={"P-1"}),
        machine("proven", made={"P-1"}),
        machine("near"),
        machine("other", products={"P-2"}),
        machine("far", line="line9"),
    ]
    assert ranking(suggest([order(line_preference="line2")], machines, [])) == ["named", "proven", "near"]
    assert ranking(suggest([order()], machines, [])) == ["named", "proven"]


def test_two_orders_do_not_go_to_one_machine_where_another_would_do() -> None:
    machines = [machine("A", made={"P-1"}), machine("B", made={"P-1"})]
    assert places(suggest([order("WO-1"), order("WO-2", 8)], machines, [])) == {"WO-1": "A", "WO-2": "B"}


def test_the_order_that_was_being_made_is_placed_first_then_the_urgent_ones() -> None:
    orders = [order("WO-1", 1), order("WO-2", priority="urgent"), order("WO-3", 9, is_affected=True)]
    found = suggest(orders, [machine("A", made={"P-1"})], [])
    assert [each.order.work_order_id for each in found] == ["WO-3", "WO-2", "WO-1"]


def test_an_operator_without_the_skill_is_not_named() -> None:
    welder = machine("A", made={"P-1"}, required_skills={"WELD-L3"})
    (found,) = suggest([order()], [welder], [ADA, BOB])
    assert [each.operator_id for each in found.best.operators] == ["O-2"]
    (nobody,) = suggest([order()], [welder], [ADA])
    assert "no operator with WELD-L3 is free" in nobody.sentence
    assert nobody.best.score < found.best.score


def test_who_stands_at_the_broken_machine_is_asked_first_and_once() -> None:
    machines = [machine("A", made={"P-1"}), machine("B", made={"P-1"})]
    found = suggest([order("WO-1"), order("WO-2", 8)], machines, [ADA, BOB._replace(is_freed=True)])
    assert [each.best.operators[0].operator_id for each in found] == ["O-2", "O-1"]


def test_a_suggestion_is_a_sentence_that_says_why() -> None:
    (found,) = suggest([order()], [machine("M-204", made={"P-1"})], [ADA])
    assert found.sentence == (
        "WO-1 (120 of Washer Door to make, due 21 Nov 16:00 UTC) could go to Press M-204 (M-204): "
        "it is idle with nothing waiting and has made P-1 before; Ada Lovelace (O-1) is free."
    )


def test_a_score_lies_between_0_and_100() -> None:
    best = machine("A", products={"P-1"})
    worst = machine("B", "stopped", waiting=99)
    found = suggest([order(line_preference="line2")], [best, worst], [ADA])
    assert [choice.score for choice in found[0].choices] == [100, 15]
