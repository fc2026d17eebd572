"""The reference model: what must have become of all that was said. A plain fold over the ledger, and nothing else.

It is written from the documents, not from the plant's code, of which it imports nothing. Whatever nobody answered for
certain may have happened or not: the model names both ends, and for quantities the least and the most.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.rehearse.ledger import Said

ROW: Final = "row"
NOWHERE: Final = "nowhere"
FIGURES: Final = "figures"
"""It shows in figures of what it is about, not in a row of its own."""
STALE_SECONDS: Final = 300.0
FUTURE_SECONDS: Final = 300.0
# What was made a moment before the limit may be received a moment after it.
MARGIN_SECONDS: Final = 20.0
LONG_AGO_SECONDS: Final = 86_400.0
MACHINES: Final = frozenset(f"M-20{number}" for number in range(1, 9))


def letter(code: str) -> str:
    """The end in a dead letter."""
    return f"letter:{code}"


class Statement(NamedTuple):
    """One statement, however often it was said, and the ends it may come to: a row, a dead letter, or nowhere."""

    id: str
    channel: str
    ends: frozenset[str]
    row: str

    @property
    def is_due(self) -> bool:
        """Whether it must stand in a row and nowhere else."""
        return self.ends == {ROW}


class Reading(NamedTuple):
    """A machine's counter as it was said."""

    id: str
    machine: str
    order: str
    at: int
    cumulative: int
    quality: str


class Range(NamedTuple):
    """The least and the most that a figure may be."""

    least: float
    most: float

    def __contains__(self, told: object) -> bool:
        return isinstance(told, int | float) and self.least <= told <= self.most


class Shelf(NamedTuple):
    """What of a material must lie there, and what of it must be promised."""

    on_hand: Range
    promised: Range
    asked: dict[str, float]


class OrderHead(NamedTuple):
    """What an order must look like."""

    quantity: int
    statuses: frozenset[str]
    priorities: frozenset[str]


class Repair(NamedTuple):
    """What people did about a dead letter: how often they were told that it was done, and how often nobody knows."""

    action: str
    taken: int
    unknown: int
    order: str
    reading: str


@dataclass
class Expected:
    """What must have become of everything. `repeats`: how often statements were said beyond the first time."""

    statements: dict[str, Statement] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    produced: dict[str, Range] = field(default_factory=dict)
    scrapped: dict[str, Range] = field(default_factory=dict)
    heads: dict[str, OrderHead] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    repairs: dict[str, Repair] = field(default_factory=dict)
    repaired: dict[str, str] = field(default_factory=dict)
    """Readings that may have been sent to another order, out of the dead letters."""
    astray: list[str] = field(default_factory=list)
    unanswered: int = 0


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
            expected.readings[intent.id] = _reading(each)
    for name, (channel, where, row) in ends.items():
        expected.statements[name] = Statement(name, channel, where, row)
    _close_downtimes(expected, said)
    _count(expected)
    _heads(expected, said)
    _stock(expected, said)
    _repair(expected, said)
    return expected


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


# -- what follows from many statements ---------------------------------------------------------------------------------


def _reading(each: Said) -> Reading:
    about = each.intent.about
    return Reading(each.intent.id, about["machine"], about["order"], about["at"], about["cumulative"], about["quality"])


def _close_downtimes(expected: Expected, said: Iterable[Said]) -> None:
    """The end of a downtime has no row of its own: it closes the row of its start."""
    moments: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for each in said:
        if each.intent.kind.startswith("downtime_"):
            moments[each.intent.key].append((each.intent.about["at"], each.intent.kind, each.intent.id))
    for events in moments.values():
        start = ""
        for _, kind, name in sorted(set(events)):
            if kind == "downtime_started":
                start = name
            elif start:
                expected.statements[name] = expected.statements[name]._replace(
                    row=start.replace("-started-", "-closed-")
                )


def _count(expected: Expected) -> None:
    """Units of each order: a counter counts to its highest reading, begins again at a reset, and never twice."""
    sure: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    possible: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for name, reading in expected.readings.items():
        ends = expected.statements[name].ends
        if ROW in ends:
            possible[reading.machine, reading.order].append(reading)
            if ends == {ROW}:
                sure[reading.machine, reading.order].append(reading)
    least, most = _totals(sure), _totals(possible)
    least_bad, most_bad = _scrap(sure), _scrap(possible)
    for order in {order for _, order in possible}:
        expected.produced[order] = Range(least[order], max(least[order], most[order]))
        expected.scrapped[order] = Range(least_bad[order], most_bad[order])


def _totals(counters: Mapping[tuple[str, str], Sequence[Reading]]) -> Counter[str]:
    units: Counter[str] = Counter()
    for (_, order), readings in counters.items():
        top = 0
        for reading in sorted(readings, key=lambda each: each.at):
            if reading.cumulative < top:
                units[order] += top
                top = 0
            top = max(top, reading.cumulative)
        units[order] += top
    return units


def _scrap(counters: Mapping[tuple[str, str], Sequence[Reading]]) -> Counter[str]:
    bad: Counter[str] = Counter()
    for (_, order), readings in counters.items():
        bad[order] += sum(each.quality == "fail" for each in readings)
    return bad


def _heads(expected: Expected, said: Iterable[Said]) -> None:
    """What each order must look like, after changes and cancellations."""
    for each in said:
        intent, about = each.intent, each.intent.about
        if intent.kind == "order" and each.result != "failed":
            open_statuses = frozenset({"received", "released", "assigned", "in_progress"})
            expected.heads.setdefault(
                intent.key, OrderHead(about["quantity"], open_statuses, frozenset({about["priority"]}))
            )
        head = expected.heads.get(intent.key)
        if head is None or each.result == "failed":
            continue
        if intent.kind == "order_updated":
            told = frozenset({about["priority"]})
            expected.heads[intent.key] = head._replace(priorities=_changed(each, head.priorities, told))
        if intent.kind == "order_cancelled":
            told = frozenset({"cancelled"})
            expected.heads[intent.key] = head._replace(statuses=_changed(each, head.statuses, told))


def _changed(each: Said, before: frozenset[str], told: frozenset[str]) -> frozenset[str]:
    return told if each.result == "ok" else before | told


def _stock(expected: Expected, said: Iterable[Said]) -> None:
    """What lies there is what was told last, by the teller's clock; what is promised is never more than that."""
    told: dict[str, list[Said]] = defaultdict(list)
    asked: dict[str, dict[str, Said]] = defaultdict(dict)
    for each in said:
        if each.result != "failed" and each.intent.kind == "stock":
            told[each.intent.key].append(each)
        if each.result != "failed" and each.intent.kind == "assign":
            asked[each.intent.about["material"]][each.intent.about["order"]] = each
    for material, reports in told.items():
        on_hand = _latest(reports)
        wants = {order: float(each.intent.about["quantity"]) for order, each in asked[material].items()}
        sure = sum(wants[order] for order, each in asked[material].items() if each.result == "ok")
        promised = Range(min(on_hand.least, sure), min(on_hand.most, sum(wants.values())))
        expected.shelves[material] = Shelf(on_hand, promised, wants)


def _latest(reports: Sequence[Said]) -> Range:
    """The latest certain report, and the uncertain ones after it."""
    ordered = sorted(reports, key=lambda each: float(each.intent.about["at"]))
    certain = [place for place, each in enumerate(ordered) if each.result == "ok"]
    first = certain[-1] if certain else 0
    figures = [float(each.intent.about["on_hand"]) for each in ordered[first:]]
    return Range(min(figures) if certain else 0, max(figures))


def _repair(expected: Expected, said: Iterable[Said]) -> None:
    """A dead letter is dealt with at most once, however many people click how often."""
    for each in said:
        if each.intent.kind in ("discard", "edit_retry"):
            key, about = each.intent.key, each.intent.about
            nothing = Repair(each.intent.kind, 0, 0, about.get("order", ""), about.get("reading", ""))
            before = expected.repairs.get(key, nothing)
            expected.repairs[key] = before._replace(
                taken=before.taken + (each.result == "ok"), unknown=before.unknown + (each.result == "unknown")
            )
    units: dict[str, Range] = {}
    for repair in expected.repairs.values():
        if repair.reading and repair.taken + repair.unknown:
            expected.repaired[repair.reading] = repair.order
            before_it = units.get(repair.order, Range(0, 0))
            units[repair.order] = Range(before_it.least + (repair.taken > 0), before_it.most + 1)
    expected.produced |= units
    expected.scrapped |= {order: Range(0, most.most) for order, most in units.items()}
