"""The checker is checked: calm plants raise no alarm, and whatever is done to the picture is named."""

import copy
import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import pytest

from schemas.settings import Settings
from tests.rehearse.checks import FINDINGS, Account, compare
from tests.rehearse.expected import Expected
from tests.rehearse.model import fold
from tests.rehearse.on_paper import LATE, MESSAGES, ORDERS, PaperPlant, ledger, spoken
from tests.rehearse.outside import Letter, Outside, Row, Step, Stock


@cache
def _calm(seed: int) -> tuple[Expected, Outside]:
    now = datetime.now(UTC).replace(microsecond=0)
    told = spoken(seed, now)
    plant = PaperPlant(Settings().layout.machines, ORDERS)
    for each in told:
        plant.hear(each, now)
    return fold(ledger(told, now)), plant.picture()


@pytest.mark.parametrize("seed", range(1, 11))
def test_a_calm_plant_raises_no_alarm(seed: int) -> None:
    expected, outside = _calm(seed)
    account = compare(expected, outside)
    assert {name: getattr(account, name)[:5] for name in FINDINGS if getattr(account, name)} == {}
    counts = account.channels["counts"]
    assert counts.applied > MESSAGES / 2
    assert counts.duplicates
    assert counts.sent == counts.applied + counts.duplicates + counts.dead_letters.total()


def test_calm_plants_see_every_kind_of_nonsense() -> None:
    codes = {letter.code for seed in range(1, 11) for letter in _calm(seed)[1].letters}
    assert codes >= {
        *("TRUNCATED_JSON", "INVALID_JSON", "MESSAGE_TOO_LARGE", "NESTED_TOO_DEEP", "NUL_CHARACTER", "NOT_UTF8"),
        *("VALIDATION_ERROR", "MACHINE_MISMATCH", "UNKNOWN_MACHINE", "UNKNOWN_WORK_ORDER"),
        *("STALE_TIMESTAMP", "FUTURE_TIMESTAMP"),
    }


def test_the_same_seed_says_the_same() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    first, again, other = spoken(3, now, 500), spoken(3, now, 500), spoken(4, now, 500)
    assert first == again
    assert first != other


def test_a_bad_day_has_all_of_it() -> None:
    told = spoken(1, datetime.now(UTC), 20_000)
    names = [each.saying.id for each in told]
    runs = max(sum(1 for name in names[at : at + 100] if name == names[at]) for at in range(len(names) - 100))
    assert runs == 100
    assert any(each.is_pause for each in told)
    assert any(each.saying.about.get("order") == LATE for each in told)


# -- what is done to the picture ---------------------------------------------------------------------------------------

Deed = Callable[[Outside, random.Random], str]


def _a_reading(seen: Outside, chance: random.Random) -> str:
    return chance.choice(sorted(seen.readings))


def _row_vanishes(seen: Outside, chance: random.Random) -> str:
    name = _a_reading(seen, chance)
    del seen.readings[name]
    del seen.rows[name]
    return name


def _inspection_vanishes(seen: Outside, chance: random.Random) -> str:
    name = chance.choice(sorted(each for each in seen.rows if each.startswith("inspection-")))
    del seen.rows[name]
    return name


def _letter_vanishes(seen: Outside, chance: random.Random) -> str:
    return seen.letters.pop(chance.randrange(len(seen.letters))).key


def _order_vanishes(seen: Outside, chance: random.Random) -> str:
    name = chance.choice(sorted(seen.heads))
    del seen.rows[name]
    return name


def _units_are_missing(seen: Outside, chance: random.Random) -> str:
    (head,) = seen.heads["RH-2"]
    seen.heads["RH-2"] = [head._replace(produced=head.produced - 1)]
    return "WO-2"


def _history_has_a_hole(seen: Outside, chance: random.Random) -> str:
    seen.histories["WO-1"] = [step for step in seen.histories["WO-1"] if step.version != 7]
    return "WO-1"


def _row_counts_twice(seen: Outside, chance: random.Random) -> str:
    name = chance.choice([each for each, row in sorted(seen.readings.items()) if row.units and row.order == "WO-3"])
    row = seen.readings[name]
    seen.readings[name] = row._replace(units=row.units * 2)
    return "WO-3"


def _row_stands_beside_its_letter(seen: Outside, chance: random.Random) -> str:
    name = _a_reading(seen, chance)
    seen.letters.append(Letter(frozenset({name}), "UNKNOWN_WORK_ORDER", "f" * 32, "pending_manual_review"))
    return name


def _order_stands_twice(seen: Outside, chance: random.Random) -> str:
    seen.rows["RH-1"] += 1
    seen.heads["RH-1"].append(seen.heads["RH-1"][0]._replace(order="WO-TWIN"))
    return "RH-1"


def _version_has_two_messages(seen: Outside, chance: random.Random) -> str:
    steps = seen.histories["WO-2"]
    seen.histories["WO-2"] = [*steps, Step(5, "another-message")]
    return "WO-2"


def _row_of_nobody(seen: Outside, chance: random.Random) -> str:
    name = "count-M-201-WO-1-1-1"
    seen.readings[name] = Row("WO-1", "M-201", 1, 0, 0, False)
    seen.rows[name] += 1
    return name


def _row_says_something_else(seen: Outside, chance: random.Random) -> str:
    name = _a_reading(seen, chance)
    seen.readings[name] = seen.readings[name]._replace(machine="M-299")
    return name


def _letter_of_nobody(seen: Outside, chance: random.Random) -> str:
    seen.letters.append(Letter(frozenset({"a" * 32}), "INVALID_JSON", "a" * 32, "pending_manual_review"))
    return "a" * 32


def _versions_change_places(seen: Outside, chance: random.Random) -> str:
    steps = seen.histories["WO-3"]
    at = chance.randrange(len(steps) - 1)
    steps[at], steps[at + 1] = steps[at + 1], steps[at]
    return "WO-3"


def _key_on_two_partitions(seen: Outside, chance: random.Random) -> str:
    seen.partitions["machine-inbox tenant/M-201"] = frozenset({1, 4})
    return "M-201"


def _rows_behind(seen: Outside, chance: random.Random) -> str:
    seen.behind.append("WO-1 version 3")
    return "WO-1 version 3"


def _promised_twice(seen: Outside, chance: random.Random) -> str:
    seen.stocks["MAT-1"] = Stock(60, 60, {"WO-1": 40, "WO-2": 40})
    return "MAT-1"


DEEDS: dict[Deed, str] = {
    _row_vanishes: "lost",
    _inspection_vanishes: "lost",
    _letter_vanishes: "lost",
    _order_vanishes: "lost",
    _units_are_missing: "lost",
    _history_has_a_hole: "lost",
    _row_counts_twice: "doubled",
    _row_stands_beside_its_letter: "doubled",
    _order_stands_twice: "doubled",
    _version_has_two_messages: "doubled",
    _row_of_nobody: "invented",
    _row_says_something_else: "invented",
    _letter_of_nobody: "invented",
    _versions_change_places: "out_of_order",
    _key_on_two_partitions: "out_of_order",
    _rows_behind: "out_of_order",
    _promised_twice: "oversold",
}


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__.strip("_"))
def test_what_is_done_to_a_plant_is_named(deed: Deed) -> None:
    expected, calm = _calm(1)
    seen = copy.deepcopy(calm)
    about = deed(seen, random.Random(7))
    account = compare(expected, seen)
    named: list[str] = getattr(account, DEEDS[deed])
    assert any(about in each for each in named), _words(account)


def _words(account: Account) -> dict[str, list[str]]:
    return {name: getattr(account, name)[:5] for name in FINDINGS}
