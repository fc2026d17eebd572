"""Settles what the simulators wrote down before they spoke against what Postgres and the dead letters say."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from compose.demo.outbound import Calls
from compose.simulators.ledger import Entry


@dataclass(frozen=True)
class Found:
    """What the plant says. Names are those of ledger entries.

    `rows`: how often a statement stands in a table. `recent`: the names among them that were written since the demo
    began. `dead`: dead letters, as the names each may have and its code. `refused`: HTTP status of requests that were
    turned down. `produced`, `logged`: units of each order, by its head and by the sum of its production log.
    `seconds`: from a machine's clock to its row in Postgres.
    """

    rows: Counter[str] = field(default_factory=Counter)
    recent: frozenset[str] = frozenset()
    dead: Sequence[tuple[frozenset[str], str]] = ()
    refused: dict[str, int] = field(default_factory=dict)
    produced: dict[str, int] = field(default_factory=dict)
    logged: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class Account:
    """What became of everything that was sent: sent = applied + duplicates + dead letters + lost.

    What the plant refused to the sender's face is counted beside it, in `refused`; `late` are some of the applied.
    `astray` ended otherwise than the sender wrote down, `invented` was never said by anybody.
    """

    sent: Counter[str] = field(default_factory=Counter)
    applied: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)

    @property
    def is_settled(self) -> bool:
        """Whether every message is accounted for, once, as its sender wrote down; and every call to other systems."""
        return not (self.lost or self.doubled or self.invented or self.astray) and self.calls.is_settled

    def percentile(self, share: float) -> float | None:
        """Seconds from machine to Postgres that this share of the readings did not exceed; None without any."""
        if not self.seconds:
            return None
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def settle(entries: Sequence[Entry], found: Found, earlier: Sequence[Entry] = ()) -> Account:
    """Follow every entry to where it ended. `earlier` entries were said before the demo began: they explain rows."""
    account = Account()
    letters = _letters(found)
    seen = {entry.id for entry in earlier}
    for entry, row in zip(entries, _rows_expected(earlier, entries), strict=True):
        if entry.fate.startswith("refused:"):
            _follow_refusal(account, entry, found)
        elif entry.id in seen:
            account.sent[entry.channel] += 1
            account.duplicates[entry.channel] += 1
        else:
            account.sent[entry.channel] += 1
            _follow(account, entry, row, found, letters)
        seen.add(entry.id)
    account.doubled += _doubled(entries, found, letters)
    account.invented += _invented(entries, earlier, found)
    _compare_units(account, entries, earlier, found, letters)
    return account


def _letters(found: Found) -> dict[str, list[str]]:
    """The codes of the dead letters of each name."""
    letters: dict[str, list[str]] = {}
    for names, code in found.dead:
        for name in names:
            letters.setdefault(name, []).append(code)
    return letters


def _rows_expected(earlier: Sequence[Entry], entries: Sequence[Entry]) -> Iterator[str]:
    """The row that proves each entry: its own, or for the end of a downtime the closed row that its start opened."""
    open_downtimes: dict[str, str] = {}
    for index, entry in enumerate(chain(earlier, entries)):
        row = entry.id
        if entry.id.startswith(f"downtime-{entry.machine_id}-started-"):
            open_downtimes[entry.machine_id or ""] = entry.id.replace("-started-", "-closed-")
        elif entry.id.startswith(f"downtime-{entry.machine_id}-ended-"):
            row = open_downtimes.get(entry.machine_id or "", entry.id)
        if index >= len(earlier):
            yield row


def _follow(account: Account, entry: Entry, row: str, found: Found, letters: dict[str, list[str]]) -> None:
    """Find a message: in a row, in the dead letters, or nowhere."""
    codes = letters.get(entry.id, [])
    is_late = entry.fate == "late"
    if row in found.rows:
        account.applied[entry.channel] += 1
        account.late[entry.channel] += is_late
        if entry.fate == "applied" and entry.id in found.seconds:
            account.seconds.append(found.seconds[entry.id])
        ended = entry.fate if entry.fate in ("applied", "late") else "applied"
    elif codes:
        account.dead_letters[entry.channel] += 1
        account.reasons[codes[0]] += 1
        ended = f"dead_letter:{codes[0]}"
    else:
        account.lost.append(f"{entry.channel} {entry.id} (expected: {entry.fate})")
        return
    if ended != entry.fate:
        account.astray.append(f"{entry.channel} {entry.id} ended as {ended} (expected: {entry.fate})")


def _follow_refusal(account: Account, entry: Entry, found: Found) -> None:
    status = found.refused.get(entry.id)
    if status is None:
        account.sent[entry.channel] += 1
        account.lost.append(f"{entry.channel} {entry.id} (expected: {entry.fate})")
        return
    account.refused[entry.channel] += 1
    if entry.id in found.rows:
        account.invented.append(f"{entry.id} was refused with {status}, and stands in Postgres all the same")
    elif entry.fate != f"refused:{status}":
        account.astray.append(f"{entry.channel} {entry.id} ended as refused:{status} (expected: {entry.fate})")


def _doubled(entries: Sequence[Entry], found: Found, letters: dict[str, list[str]]) -> Iterator[str]:
    """What stands twice: in rows, in dead letters, in a row beside a dead letter."""
    for name in sorted({entry.id for entry in entries}):
        if found.rows[name] > 1:
            yield f"{name} stands in {found.rows[name]} rows"
        if len(letters.get(name, ())) > 1:
            yield f"{name} stands in {len(letters[name])} dead letters"
        if name in letters and name in found.rows:
            yield f"{name} stands in a row and in the dead letters"


def _compare_units(
    account: Account,
    entries: Sequence[Entry],
    earlier: Sequence[Entry],
    found: Found,
    letters: dict[str, list[str]],
) -> None:
    """The units made for an order are those of its head and those of its production log, no more and no less."""
    for order, units in _units_made(entries, earlier, letters).items():
        head, log = found.produced.get(order, 0), found.logged.get(order, 0)
        sentence = f"{order}: {units} units were made, its head says {head}, its production log {log}"
        if max(head, log) > units:
            account.doubled.append(sentence)
        elif min(head, log) < units:
            account.lost.append(sentence)


def _units_made(entries: Sequence[Entry], earlier: Sequence[Entry], letters: dict[str, list[str]]) -> Counter[str]:
    """Units of the orders that were worked on, each statement counted once, dead letters not at all."""
    orders = {entry.work_order_id for entry in entries}
    made: Counter[str] = Counter()
    seen: set[str] = set()
    for entry in chain(earlier, entries):
        counts = entry.fate in ("applied", "late") and entry.id not in letters and entry.id not in seen
        if counts and entry.work_order_id and entry.work_order_id in orders:
            made[entry.work_order_id] += entry.units
        seen.add(entry.id)
    return made


def _invented(entries: Sequence[Entry], earlier: Sequence[Entry], found: Found) -> Iterator[str]:
    """Rows and dead letters that nobody sent."""
    said = {entry.id for entry in chain(earlier, entries)}
    said |= {name.replace("-started-", "-closed-") for name in said}
    yield from (f"row {name}" for name in sorted(found.recent - said))
    yield from (f"dead letter {min(names)} ({code})" for names, code in found.dead if not names & said)
