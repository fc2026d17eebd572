"""Holds what the plant shows against what must have become of all that was said: lost, doubled, invented, out of order,
oversold, each by name."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.rehearse.expected import FIGURES, NOWHERE, ROW, Expected, Statement, letter
from tests.rehearse.outside import Letter, Outside, first_times

# Refused before anybody numbered it: each delivery has a letter of its own. Repaired, the machine's counter knows it.
A_LETTER_A_DELIVERY: Final = "UNKNOWN_MACHINE"
FINDINGS: Final = ("lost", "doubled", "invented", "out_of_order", "oversold")


@dataclass
class Tally:
    """What became of one channel's messages: sent = applied + duplicates + dead letters + refused + nowhere + lost.

    `late` are some of the applied. `nowhere`: nobody had said that it was taken, and it was not.
    """

    sent: int = 0
    applied: int = 0
    duplicates: int = 0
    late: int = 0
    refused: int = 0
    nowhere: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)


@dataclass
class Account:
    """What became of everything. Each finding is a sentence with the id of what it is about."""

    channels: dict[str, Tally] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    oversold: list[str] = field(default_factory=list)
    unanswered: int = 0
    repairs: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not any(getattr(self, name) for name in FINDINGS)

    def total(self, name: str) -> int:
        """A figure over all channels."""
        return sum(getattr(each, name) for each in self.channels.values())


def compare(expected: Expected, outside: Outside) -> Account:
    """The account. Pure: the same ledger and the same picture give the same account."""
    account = Account(unanswered=expected.unanswered, repairs=sum(each.taken for each in expected.repairs.values()))
    for channel, count in expected.sent.items():
        account.channels[channel] = Tally(
            count, duplicates=expected.repeats[channel], refused=expected.refused[channel]
        )
    letters = _letters(outside)
    for statement in expected.statements.values():
        _follow(account, expected, statement, outside, letters)
    account.invented += expected.astray
    account.invented += _invented(expected, outside)
    _readings(account, expected, outside)
    _quantities(account, expected, outside)
    _orders(account, expected, outside)
    _shelves(account, expected, outside)
    _repairs(account, expected, outside)
    for kind, count in outside.counts.items():
        if count not in expected.counts[kind]:
            too_few = count < expected.counts[kind].least
            (account.lost if too_few else account.doubled).append(
                f"there are {count} of kind {kind}; expected: {expected.counts[kind]}"
            )
    _histories(account, outside)
    return account


def _letters(outside: Outside) -> dict[str, list[Letter]]:
    """The dead letters of each name."""
    letters: dict[str, list[Letter]] = defaultdict(list)
    for each in outside.letters:
        for name in each.names:
            letters[name].append(each)
    return letters


# -- single statements -------------------------------------------------------------------------------------------------


def _follow(
    account: Account, expected: Expected, statement: Statement, outside: Outside, letters: dict[str, list[Letter]]
) -> None:
    """Find a statement: in a row, in the dead letters, or nowhere."""
    tally = account.channels[statement.channel]
    name = statement.id
    if FIGURES in statement.ends:
        tally.applied += NOWHERE not in statement.ends
        tally.nowhere += NOWHERE in statement.ends
        return
    in_rows, dead = outside.rows[statement.row], letters.get(name, [])
    if in_rows > 1:
        account.doubled.append(f"{name} stands in {in_rows} rows")
    if len(dead) > 1 and {each.code for each in dead} != {A_LETTER_A_DELIVERY}:
        account.doubled.append(f"{name} stands in {len(dead)} dead letters")
    if in_rows and dead and name not in expected.repaired:
        account.doubled.append(f"{name} stands in a row and in the dead letters ({dead[0].code})")
    ended = _end(in_rows, dead, name in expected.repaired)
    if ended == ROW:
        tally.applied += 1
        tally.late += name in outside.readings and outside.readings[name].is_late
    elif ended == NOWHERE:
        tally.nowhere += NOWHERE in statement.ends
    else:
        tally.dead_letters[dead[0].code] += 1
    if ended not in statement.ends:
        _astray(account, statement, ended, is_heard=bool(outside.heard[name]))


def _end(in_rows: int, dead: list[Letter], is_repaired: bool) -> str:
    if in_rows and not (dead and is_repaired):
        return ROW
    return letter(dead[0].code) if dead else NOWHERE


def _astray(account: Account, statement: Statement, ended: str, *, is_heard: bool) -> None:
    """It ended otherwise than it may: nowhere is lost; in a row though it must not be, is invented."""
    wanted = " or ".join(sorted(statement.ends))
    if ended == NOWHERE:
        where = "it reached the machines' inbox" if is_heard else "no inbox of machines has it"
        account.lost.append(f"{statement.channel} {statement.id} is nowhere; expected: {wanted}; {where}")
    elif ended == ROW:
        account.invented.append(f"{statement.channel} {statement.id} took effect; expected: {wanted}")
    else:
        account.lost.append(f"{statement.channel} {statement.id} ended as {ended}; expected: {wanted}")


def _invented(expected: Expected, outside: Outside) -> Iterator[str]:
    """Rows and dead letters that nobody sent."""
    said = {each.row for each in expected.statements.values()} | expected.statements.keys()
    yield from (f"row {name}" for name in sorted(outside.rows.keys() - said))
    for each in outside.letters:
        # The warehouse may tell the stock of a material before the ERP has said what it is.
        is_early = each.code == "UNKNOWN_MATERIAL" and f"material-{each.material}" in said
        if not each.names & said and not is_early:
            yield f"dead letter {each.key} ({each.code})"


# -- figures -----------------------------------------------------------------------------------------------------------


def _readings(account: Account, expected: Expected, outside: Outside) -> None:
    """A row says what its reading said."""
    for name, row in outside.readings.items():
        reading = expected.readings.get(name)
        if reading is None:
            continue
        order = expected.repaired.get(name, reading.order)
        if (row.order, row.machine, row.cumulative) != (order, reading.machine, reading.cumulative):
            account.invented.append(f"row {name} says {row}, the machine said {reading}")


def _quantities(account: Account, expected: Expected, outside: Outside) -> None:
    """The units made for an order are those of its head and those of its production log, no more and no less."""
    logged: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    for row in outside.readings.values():
        logged[row.order] += row.units
        bad[row.order] += row.scrapped
    heads = {head.order: head for found in outside.heads.values() for head in found}
    for order, units in expected.produced.items():
        head = heads.get(order)
        if head is None:
            continue
        for what, told, allowed in (
            ("units made, its head says", head.produced, units),
            ("units made, its production log says", logged[order], units),
            ("scrap, its head says", head.scrapped, expected.scrapped[order]),
            ("scrap, its production log says", bad[order], expected.scrapped[order]),
        ):
            if told not in allowed:
                few = told < allowed.least
                wanted = (
                    f"{allowed.least:g}" if allowed.least == allowed.most else f"{allowed.least:g} to {allowed.most:g}"
                )
                (account.lost if few else account.doubled).append(f"{order}: {wanted} {what} {told}")


def _orders(account: Account, expected: Expected, outside: Outside) -> None:
    """An order stands once, as it was said last."""
    for name, found in outside.heads.items():
        head = expected.heads.get(name)
        if head is None:
            continue
        if len(found) > 1:
            account.doubled.append(f"{name} is {len(found)} orders: {', '.join(each.order for each in found)}")
        for each in found:
            if each.quantity != head.quantity:
                account.invented.append(f"{name} orders {each.quantity}, the ERP said {head.quantity}")
            if each.status not in head.statuses:
                account.lost.append(f"{name} is {each.status}; expected: {' or '.join(sorted(head.statuses))}")
            if each.priority not in head.priorities:
                account.lost.append(f"{name} has priority {each.priority}; expected: {sorted(head.priorities)}")


def _shelves(account: Account, expected: Expected, outside: Outside) -> None:
    """Nothing is promised twice: what orders hold fits the stock, and is what was asked for."""
    for name, stock in outside.stocks.items():
        held = sum(stock.held.values())
        if held > stock.on_hand or stock.allocated > stock.on_hand:
            account.oversold.append(f"{name}: {held:g} held, {stock.allocated:g} allocated of {stock.on_hand:g}")
        shelf = expected.shelves.get(name)
        if shelf is None:
            continue
        for order, quantity in stock.held.items():
            if quantity > shelf.asked.get(order, 0):
                asked = shelf.asked.get(order, 0)
                account.doubled.append(f"{name}: {order} holds {quantity:g}, and asked for {asked:g}")
        if stock.on_hand not in shelf.on_hand:
            account.lost.append(f"{name}: {stock.on_hand:g} on hand, told were {shelf.on_hand}")
        if held not in shelf.promised:
            (account.lost if held < shelf.promised.least else account.doubled).append(
                f"{name}: orders hold {held:g}; expected: {shelf.promised}"
            )


def _repairs(account: Account, expected: Expected, outside: Outside) -> None:
    """Of all clicks on one dead letter one takes effect, and the letter says so."""
    statuses = {each.key: each.status for each in outside.letters}
    for key, repair in expected.repairs.items():
        if repair.taken > 1:
            account.doubled.append(
                f"dead letter {key}: {repair.taken} people were told that their {repair.action} is done"
            )
        done = "discarded" if repair.action == "discard" else "resolved"
        if repair.taken and statuses.get(key) != done:
            account.lost.append(f"dead letter {key}: {repair.action} was done, its status is {statuses.get(key)}")
        if repair.taken and repair.reading and not outside.rows[repair.reading]:
            account.lost.append(f"{repair.reading}: its dead letter {key} was repaired, and it stands in no row")


# -- order -------------------------------------------------------------------------------------------------------------


def _histories(account: Account, outside: Outside) -> None:
    """An order's history counts 1, 2, 3 …, each step once, whatever was repeated; a key lives on one partition."""
    for order, steps in outside.histories.items():
        seen: dict[int, str] = {}
        last = 0
        for step in first_times(steps):
            if step.version in seen:
                account.doubled.append(
                    f"{order} has version {step.version} twice: {seen[step.version]}, {step.message_id}"
                )
            elif step.version < last:
                account.out_of_order.append(f"{order}: version {step.version} comes after {last}")
            seen[step.version] = step.message_id
            last = max(last, step.version)
        if missing := sorted(set(range(1, last + 1)) - seen.keys()):
            account.lost.append(f"{order}: its history has no version {', '.join(map(str, missing[:5]))}")
    account.out_of_order += [f"production log: {where} comes after a later one" for where in outside.behind]
    account.out_of_order += [
        f"{key} lies on partitions {sorted(where)}" for key, where in outside.partitions.items() if len(where) > 1
    ]
