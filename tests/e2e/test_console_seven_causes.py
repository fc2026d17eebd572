"""Thousands of letters of seven causes, repaired in a browser by seven edits: as if nothing had ever failed."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from connectors.said import said
from schemas.ids import DEFAULT_TENANT
from schemas.messages.machines import MachineRegistered
from tests.e2e.browsing import IN_A_BROWSER, Console, console_of
from tests.e2e.load import say
from tests.gateways import operator
from tests.integration.events import publish
from tests.letters import as_json, name, new_order
from tests.plants import RunningPlant, eventually

pytestmark = [*IN_A_BROWSER, pytest.mark.timeout(900)]

LETTERS = 5_000
GOOD = 501
"""So many messages between them are good: what is repaired falls between what was counted already."""
REPAIRED_MS = 180_000
SAYS_NOT_WHETHER_GOOD = "a word that nobody knows"
Count = dict[str, Any]
Break = Callable[[Count], bytes]
Edit = dict[str, str]


def _changed(**fields: Any) -> Break:
    return lambda count: as_json(count | fields)


# How a message is broken, and what a person fills in who sees why it failed: the kind of edit, and its fields.
CAUSES: dict[str, tuple[Break, str, Edit]] = {
    "an order that is not ours": (_changed(work_order_id=""), "set", {"Field": "work_order_id", "Value": "{order}"}),
    "a number as text": (
        lambda count: as_json(count | {"cumulative_units": f"{count['cumulative_units']} pcs"}),
        "to_number",
        {"Field": "cumulative_units"},
    ),
    "a field that is missing": (
        lambda count: as_json({key: value for key, value in count.items() if key != "units_produced"}),
        "set",
        {"Field": "units_produced", "Value": "1"},
    ),
    "a moment that is none": (
        lambda count: as_json(count | {"timestamp": count["timestamp"].replace("T", " at ")}),
        "substitute",
        {"Field": "timestamp", "Pattern": " at ", "By": "T"},
    ),
    "a negative number": (_changed(cycle_time_seconds=-1.5), "set", {"Field": "cycle_time_seconds", "Value": "1.5"}),
    SAYS_NOT_WHETHER_GOOD: (
        _changed(quality_status="passed"),
        "set",
        {"Field": "quality_status", "Value": "pass"},
    ),
    "a message that breaks off": (lambda count: as_json(count)[:-1], "substitute", {"Pattern": "$", "By": "}"}),
}
BY_FIELD = {
    "work_order_id": "an order that is not ours",
    "cumulative_units": "a number as text",
    "units_produced": "a field that is missing",
    "timestamp": "a moment that is none",
    "cycle_time_seconds": "a negative number",
    "quality_status": SAYS_NOT_WHETHER_GOOD,
    "": "a message that breaks off",
}


@pytest.fixture
def client(plant: RunningPlant) -> Iterator[httpx2.Client]:
    with operator(plant) as found:
        yield found


@pytest.fixture
def desk(browser: Browser, plant: RunningPlant) -> Iterator[Console]:
    with console_of(browser, plant, "integration_admin", name="Ines") as console:
        yield console
    assert (console.complaints, console.strangers()) == ([], [])


def new_machine(plant: RunningPlant) -> str:
    """A machine that nothing was heard of yet."""
    machine = f"M-{name()}"
    told = MachineRegistered(machine_id=machine, machine_name=machine, line="line1", counter_scope="order")
    publish(
        plant.settings(),
        [said("machine.register", DEFAULT_TENANT, told, message_id=f"register-{machine}", timestamp=datetime.now(UTC))],
    )
    return machine


def counts(machine: str, order: str, began: datetime, kinds: list[str | None]) -> list[Count]:
    """What a machine says while it makes units; every fiftieth is scrap, unless it lost its word for that."""
    return [
        {
            "machine_id": machine,
            "work_order_id": order,
            "timestamp": (began + timedelta(milliseconds=number)).isoformat(),
            "units_produced": 1,
            "cumulative_units": number,
            "quality_status": "fail" if number % 50 == 0 and kind != SAYS_NOT_WHETHER_GOOD else "pass",
            "cycle_time_seconds": 1.5,
        }
        for number, kind in enumerate(kinds, 1)
    ]


def tell(plant: RunningPlant, machine: str, payloads: list[bytes]) -> None:
    """The machine says these."""
    say(plant.endpoints, *((f"mes/production/line1/machine/{machine}/count", each) for each in payloads))


def totals(plant: RunningPlant, order: str) -> dict[str, Any]:
    """What the read models say of an order and its production, but for names and moments of writing."""
    with plant.rows() as rows:
        rows.execute(
            "SELECT quantity_produced, quantity_good, quantity_scrapped, status, progress_percentage "
            "FROM work_orders WHERE work_order_id = %s",
            [order],
        )
        head = rows.fetchone() or {}
        rows.execute(
            "SELECT sum(units) AS units, sum(scrapped_units) AS scrapped, max(cumulative_units) AS last, "
            "max(counter_epoch) AS epochs, count(*) AS readings, sum(cycle_time_seconds) AS seconds "
            "FROM production_logs WHERE work_order_id = %s",
            [order],
        )
        return head | (rows.fetchone() or {})


def repair(page: Page, cause: Locator, order: str) -> str:
    """Edit all letters of a cause as somebody does who has read why they failed; which cause it was."""
    field = cause.get_attribute("data-path") or ""
    if not field and "missing required field" in (cause.get_attribute("data-words") or ""):
        field = "units_produced"
    kind = BY_FIELD[field]
    _, edit, told = CAUSES[kind]
    cause.get_by_role("button", name="Edit & retry all").click()
    sheet = page.get_by_role("dialog", name=re.compile("Edit & retry"))
    sheet.get_by_label("What to change").select_option(edit)
    for label, value in told.items():
        sheet.get_by_label(label).fill(value.replace("{order}", order))
    expect(sheet.locator(".example")).to_have_count(3)
    sheet.get_by_label("Why?").fill(kind)
    sheet.locator("#do-it").click()
    expect(sheet.locator("#progress")).to_have_text(re.compile(r"^[\d\u202f,.]+ took effect\.$"), timeout=REPAIRED_MS)
    sheet.get_by_role("button", name="Close").last.click()
    return kind


def test_seven_edits_repair_five_thousand_letters_of_seven_causes(
    plant: RunningPlant, client: httpx2.Client, desk: Console
) -> None:
    first, second = (new_machine(plant) for _ in range(2))
    good_order, order = (new_order(client, quantity_ordered=LETTERS * 3) for _ in range(2))
    sort_of = random.Random(7).choices(list(CAUSES), k=LETTERS)
    faults = iter(sort_of)
    kinds = [None if number % 11 == 0 else next(faults) for number in range(LETTERS + GOOD)]
    began = datetime.now(UTC) - timedelta(seconds=10)
    good, told = (counts(each, of, began, kinds) for each, of in ((first, good_order), (second, order)))
    payloads = [
        as_json(each) if kind is None else CAUSES[kind][0](each) for each, kind in zip(told, kinds, strict=True)
    ]
    tell(plant, first, [as_json(each) for each in good])
    tell(plant, second, payloads)

    page = desk.open(f"/failures?q={second}")
    causes = page.locator("#causes .cause-row")
    expect(causes).to_have_count(len(CAUSES), timeout=REPAIRED_MS)

    def many() -> list[int]:
        return [int(each.get_attribute("data-count") or 0) for each in causes.all()]

    eventually(lambda: sum(many()) == LETTERS, 180, "the letters do not come")
    assert sorted(many()) == sorted(Counter(sort_of).values())
    repaired = []
    for left in range(len(CAUSES), 0, -1):
        repaired.append(repair(page, causes.first, order))
        expect(causes).to_have_count(left - 1, timeout=REPAIRED_MS)
    assert sorted(repaired) == sorted(CAUSES)
    expected = totals(plant, good_order)
    assert (expected["quantity_produced"], expected["readings"]) == (LETTERS + GOOD, LETTERS + GOOD)
    assert expected["quantity_scrapped"] > 50
    eventually(lambda: totals(plant, order) == expected, 60, f"{totals(plant, order)} is not {expected}")
