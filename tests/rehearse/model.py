"""The reference model: what must have become of all that was said. A plain fold over the ledger, and nothing else.

It is written from the documents, not from the plant's code, of which it imports nothing. Whatever nobody answered for
certain may have happened or not: the model names both ends, and for quantities the least and the most.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from tests.rehearse import figures
from tests.rehearse.expected import FIGURES, NOWHERE, ROW, Expected, Statement, letter
from tests.rehearse.ledger import Said

STALE_SECONDS: Final = 300.0
FUTURE_SECONDS: Final = 300.0
# What was made a moment before the limit may be received a moment after it.
MARGIN_SECONDS: Final = 20.0
LONG_AGO_SECONDS: Final = 86_400.0
MACHINES: Final = frozenset(f"M-20{number}" for number in range(1, 9))


def fold(said: Sequence[Said]) -> Expected:
    """What must have become of all that was said, in the order in which it was."""
    expected = Expected()
    known = _orders(said)
    ends: dict[str, tuple[str, frozenset[str], str]] = {}
    for each in said:
        intent = each.intent
        expected.sent[intent.channel] += 1
        expected.unanswered += each.result == "unknown"
        rule = RULES[intent.kind]
        told = rule(each, known)
        if told is None:
            _refused(expected, each)
            continue
        if intent.id in ends:
            expected.repeats[intent.channel] += 1
            channel, before, row = ends[intent.id]
            ends[intent.id] = (channel, _together(before, told), row)
        else:
            ends[intent.id] = (intent.channel, told, intent.id)
        if intent.kind == "count":
            expected.readings[intent.id] = figures.reading_of(each)
    for name, (channel, where, row) in ends.items():
        expected.statements[name] = Statement(name, channel, where, row)
    figures.close_downtimes(expected, said)
    figures.count_units(expected)
    figures.heads(expected, said)
    figures.stock(expected, said)
    figures.repairs(expected, said)
    figures.completions(expected, {each.intent.key: each.intent.about["order"] for each in said if _orders_one(each)})
    figures.counts(expected, said)
    figures.strangers(expected, said)
    return expected


def _orders_one(each: Said) -> bool:
    return each.intent.kind == "order"


def _together(before: frozenset[str], again: frozenset[str]) -> frozenset[str]:
    """Said twice it ends as it may have ended either time, but nowhere only if it may have got nowhere both times."""
    both = before | again
    return both if NOWHERE in before and NOWHERE in again else both - {NOWHERE}


# -- where single statements end ---------------------------------------------------------------------------------------

Orders = Mapping[str, str]
Rule = Callable[[Said, Orders], "frozenset[str] | None"]


def _orders(said: Iterable[Said]) -> dict[str, str]:
    """Our ids of the orders that exist, by how sure that is."""
    found: dict[str, str] = {}
    for each in said:
        if each.intent.kind == "order" and found.get(each.intent.about["order"]) != "ok":
            found[each.intent.about["order"]] = "ok" if _is_there(each) else each.result
    return found


def _is_there(each: Said) -> bool:
    return each.result == "ok" or (each.result == "unknown" and each.status == 409)


def _arrived(each: Said, ends: Iterable[str]) -> frozenset[str]:
    """Those ends, and nowhere too where nobody knows whether it arrived."""
    return frozenset(ends) | (frozenset() if each.result == "ok" else frozenset({NOWHERE}))


def _of_a_machine(each: Said, orders: Orders) -> frozenset[str]:
    """A count, an inspection or a downtime: judged by its age, its machine, its order, in this order."""
    about, intent = each.intent.about, each.intent
    age = intent.sent_at - about["at"] / 1000
    received = (each.at if each.at is not None else intent.sent_at) - about["at"] / 1000
    if age > LONG_AGO_SECONDS:
        return _arrived(each, [letter("STALE_TIMESTAMP")])
    if age < -FUTURE_SECONDS - MARGIN_SECONDS:
        return _arrived(each, [letter("FUTURE_TIMESTAMP")])
    good = _accepted(about, orders, intent.kind)
    # An outage of the line makes late what would be stale; who speaks cannot know of every outage.
    is_old = received > STALE_SECONDS - MARGIN_SECONDS
    return _arrived(each, [good, letter("STALE_TIMESTAMP")] if is_old else [good])


def _accepted(about: Mapping[str, object], orders: Orders, kind: str) -> str:
    if about["machine"] not in MACHINES:
        return letter("UNKNOWN_MACHINE")
    is_known = kind.startswith("downtime") or orders.get(str(about["order"])) == "ok"
    return ROW if is_known else letter("UNKNOWN_WORK_ORDER")


def _garbled(each: Said, _: Orders) -> frozenset[str]:
    return _arrived(each, [letter(each.intent.about["code"])])


def _taken(each: Said, _: Orders) -> frozenset[str] | None:
    """A request that takes effect if it was taken; one that was refused was told so."""
    if each.result == "failed":
        return None
    return frozenset({ROW}) if _is_there(each) else frozenset({ROW, NOWHERE})


def _never(each: Said, _: Orders) -> frozenset[str] | None:
    """A request that must be refused, whoever asks how often."""
    return None


def _dead_and_refused(each: Said, _: Orders) -> frozenset[str] | None:
    """Refused to the sender's face, and kept."""
    ends = frozenset({letter("VALIDATION_ERROR")})
    return ends if each.status == 400 else ends | {NOWHERE}


def _told_only(each: Said, _: Orders) -> frozenset[str] | None:
    """What shows in figures, and is checked there."""
    return None if each.result == "failed" else _arrived(each, [FIGURES])


RULES: Final[dict[str, Rule]] = {
    "count": _of_a_machine,
    "inspection": _of_a_machine,
    "downtime_started": _of_a_machine,
    "downtime_ended": _of_a_machine,
    "garbled": _garbled,
    "order": _taken,
    "neighbour_order": _taken,
    "look": _told_only,
    "order_updated": _taken,
    "order_cancelled": _taken,
    "order_without_key": _never,
    "order_other_body": _never,
    "order_garbled": _never,
    "order_of_unknown_material": _dead_and_refused,
    "material": _taken,
    "stock": _told_only,
    "assign": _told_only,
    "discard": _told_only,
    "edit_retry": _told_only,
    "sale": _taken,
    "clock_in": _taken,
    "observation": _taken,
    "project": _told_only,
    "run": _told_only,
    "job": _told_only,
}
# How a request must be refused that must not take effect.
REFUSALS: Final[dict[str, frozenset[int]]] = {
    "order_without_key": frozenset({409}),
    "order_other_body": frozenset({422}),
    "order_garbled": frozenset({400}),
}


def _refused(expected: Expected, each: Said) -> None:
    """Count what was refused; say what was not, and should have been."""
    intent = each.intent
    expected.refused[intent.channel] += 1
    wanted = REFUSALS.get(intent.kind)
    if wanted and each.result == "ok":
        expected.astray.append(f"{intent.channel} {intent.id}: {intent.kind} was taken ({each.status})")
