"""The reference model's other half: units, orders, stock, promises, repairs, which follow from many statements."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.rehearse.expected import NEIGHBOUR, ROW, Expected, OrderHead, Range, Reading, Repair, Shelf
from tests.rehearse.ledger import Said


def reading_of(each: Said) -> Reading:
    about = each.intent.about
    return Reading(each.intent.id, about["machine"], about["order"], about["at"], about["cumulative"], about["quality"])


def close_downtimes(expected: Expected, said: Iterable[Said]) -> None:
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


def count_units(expected: Expected) -> None:
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


def heads(expected: Expected, said: Iterable[Said]) -> None:
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


def completions(expected: Expected, orders: Mapping[str, str]) -> None:
    """An order is completed when its units are made, whoever makes more."""
    for name, head in expected.heads.items():
        made = expected.produced.get(orders[name], Range(0, 0))
        if made.most >= head.quantity and "cancelled" not in head.statuses:
            before = frozenset() if made.least >= head.quantity else head.statuses
            expected.heads[name] = head._replace(statuses=before | {"completed"})


def _changed(each: Said, before: frozenset[str], told: frozenset[str]) -> frozenset[str]:
    return told if each.result == "ok" else before | told


def stock(expected: Expected, said: Iterable[Said]) -> None:
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


def repairs(expected: Expected, said: Iterable[Said]) -> None:
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


def counts(expected: Expected, said: Sequence[Said]) -> None:
    """How many projects and runs there must be."""
    for kind in ("project", "run"):
        results = [each.result for each in said if each.intent.kind == kind]
        expected.counts[kind] = Range(results.count("ok"), len(results) - results.count("failed"))


def strangers(expected: Expected, said: Sequence[Said]) -> None:
    """Nobody is shown an order of the other tenant."""
    theirs = {each.intent.about["erp_id"] for each in said if each.intent.kind == "neighbour_order"}
    for each in said:
        if each.intent.kind == "look":
            is_neighbour = each.intent.key == NEIGHBOUR
            wrong = [name for name in each.about.get("shown", ()) if (name in theirs) != is_neighbour]
            who = "the neighbour" if is_neighbour else "the plant's own tenant"
            expected.astray += [f"{each.intent.channel} {each.intent.id}: {who} was shown {name}" for name in wrong]
