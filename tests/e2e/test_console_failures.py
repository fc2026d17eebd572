"""The workbench of dead letters in a real browser: what failed is seen, understood, edited, rehearsed and repaired."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Literal

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import IN_A_BROWSER, Console, console_of
from tests.e2e.load import count_message, create_orders, say
from tests.letters import letters
from tests.plants import RunningPlant, eventually

pytestmark = IN_A_BROWSER
RUN = uuid.uuid4().hex[:6].upper()
Sit = Callable[..., Console]


@pytest.fixture
def sit(browser: Browser, plant: RunningPlant) -> Iterator[Sit]:
    """Sit somebody down: their name, their role, dark or light."""
    consoles: list[Console] = []
    with ExitStack() as until_done:

        def seat(
            name: str = "anna", role: str = "integration_admin", scheme: Literal["light", "dark"] = "light"
        ) -> Console:
            consoles.append(until_done.enter_context(console_of(browser, plant, role, name=name, scheme=scheme)))
            return consoles[-1]

        yield seat
    # What the server refuses on purpose is no complaint about the page.
    told = [each for console in consoles for each in console.complaints]
    assert [each for each in told if "the server responded with a status of" not in each] == []


def produced(plant: RunningPlant, order: str) -> int:
    """What an order has made."""
    with plant.rows() as rows:
        rows.execute("SELECT quantity_produced FROM work_orders WHERE work_order_id = %s", [order])
        found = rows.fetchone()
    return int(found["quantity_produced"]) if found else -1


def test_a_failure_arrives_is_edited_in_the_form_rehearsed_and_retried_and_its_order_moves(
    sit: Sit, plant: RunningPlant
) -> None:
    (order,) = create_orders(plant.endpoints, [f"WORKBENCH-1-{RUN}"], quantity=10)
    page = sit().open(f"/failures?view=rows&q={order}")
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    say(plant.endpoints, count_message("M-201", order, 4, units_produced="4 pcs"))
    row = page.locator("#rows tr", has_text="units_produced")
    expect(row).to_be_visible()
    row.locator("a.open").click()

    expect(page.locator("h1")).to_contain_text("units_produced")
    expect(page.locator("#fault")).to_contain_text('"4 pcs"')
    page.get_by_role("button", name="Edit & retry").click()
    wrong = page.locator(".field[data-path=units_produced]")
    expect(wrong.locator(".complaint")).to_contain_text("expected int")
    wrong.locator("input").fill("-4")
    expect(wrong.locator(".complaint")).to_contain_text("at least 0")
    wrong.locator("input").fill("4")
    expect(wrong.locator(".complaint")).to_be_empty()
    expect(page.locator("#check")).to_have_text("Checked: it would take effect.")
    changed = page.locator(".changes li")
    expect(changed).to_have_count(1)
    expect(changed).to_contain_text('"4 pcs"')

    page.get_by_role("button", name="Rehearse first").click()
    would = page.locator(".rehearsal")
    expect(would).to_contain_text("1 message would take effect")
    expect(would.locator(".would-change", has_text="work orders")).to_contain_text("quantity produced")
    assert produced(plant, order) == 0, "a rehearsal touched something"

    page.get_by_label("Why?").fill("the terminal writes a unit")
    page.get_by_role("button", name="Retry with these changes").click()
    expect(page.locator("#state")).to_contain_text("resolved")
    expect(page.locator("#attempts")).to_contain_text("anna edited and retried it")
    expect(page.locator("#attempts")).to_contain_text("the terminal writes a unit")
    page.get_by_text("What was changed").click()
    expect(page.locator("#attempts .difference-list")).to_contain_text("units_produced")
    eventually(lambda: produced(plant, order) == 4, 60, "the order did not move")
    page.goto(f"/orders/{order}")
    expect(page.locator("main")).to_contain_text("40")


def test_the_form_and_the_json_are_in_step_and_numbers_stay_as_they_are_written(sit: Sit, plant: RunningPlant) -> None:
    (order,) = create_orders(plant.endpoints, [f"WORKBENCH-JSON-{RUN}"], quantity=10)
    topic, data = count_message("M-202", order, 1, units_produced="x", cycle_time_seconds=0)
    say(plant.endpoints, (topic, data.replace(b'"cycle_time_seconds": 0', b'"cycle_time_seconds": 44.80')))
    (letter,) = letters(plant, order)
    page = sit().open(f"/failures/{letter}#edit")
    page.locator(".field[data-path=units_produced] input").fill("3")
    page.locator("#editor").get_by_role("tab", name="JSON").click()
    box = page.get_by_label("The message as JSON")
    expect(box).to_have_value(re.compile(r'"units_produced": 3,'))
    expect(box).to_have_value(re.compile(r'"cycle_time_seconds": 44\.80'))
    box.fill('{"machine_id": "M-202", ')
    expect(page.locator(".checking .complaint")).to_contain_text("This is not JSON")
    box.fill(json.dumps(json.loads(data) | {"units_produced": 5}))
    page.get_by_role("tab", name="Form").click()
    expect(page.locator(".field[data-path=units_produced] input")).to_have_value("5")


def test_a_whole_cause_is_edited_with_a_preview_rehearsed_and_repaired(sit: Sit, plant: RunningPlant) -> None:
    (order,) = create_orders(plant.endpoints, [f"WORKBENCH-2-{RUN}"], quantity=100)
    say(plant.endpoints, *(count_message("M-203", order, n, cumulative_units=f"{n} pcs") for n in range(1, 13)))
    letters(plant, order, 12)
    page = sit().open(f"/failures?q={order}")
    cause = page.locator("#causes .cause-row")
    expect(cause).to_have_count(1)
    expect(cause.locator(".many b")).to_have_text("12")
    cause.locator("a.open").click()
    expect(page.locator("#rows tr[data-key]")).to_have_count(12)

    page.get_by_role("button", name="Edit & retry all").click()
    sheet = page.get_by_role("dialog", name="Edit & retry 12 letters")
    sheet.get_by_label("What to change").select_option("to_number")
    sheet.get_by_label("Field").fill("cumulative_units")
    example = sheet.locator(".example")
    expect(example).to_have_count(3)
    expect(example.first).to_contain_text(re.compile(r'"\d+ pcs".*after \d+'))
    sheet.get_by_label("Field").fill("cumulative")
    expect(example.first.locator(".complaint")).to_be_visible()
    sheet.get_by_label("Field").fill("cumulative_units")
    sheet.get_by_label("Why?").fill("units in a number")
    sheet.get_by_role("button", name="Rehearse first").click()
    expect(sheet.locator(".rehearsal")).to_contain_text("12 messages would take effect")
    assert produced(plant, order) == 0, "a rehearsal touched something"
    sheet.get_by_role("button", name="Edit & retry 12").click()
    expect(sheet.locator("#progress")).to_have_text("12 took effect.")
    sheet.get_by_role("button", name="Close").last.click()
    eventually(lambda: produced(plant, order) == 12, 60, "the order did not move")
    expect(page.locator("#rows tr[data-status=resolved]")).to_have_count(12)


def test_two_people_on_one_letter_one_wins_and_the_other_is_told_who(sit: Sit, plant: RunningPlant) -> None:
    say(plant.endpoints, count_message("M-204", f"WO-TWO-{RUN}", 1, units_produced="two"))
    (letter,) = letters(plant, f"WO-TWO-{RUN}")
    anna, berta = sit("anna").open(f"/failures/{letter}"), sit("berta").open(f"/failures/{letter}#edit")
    berta.locator(".field[data-path=units_produced] input").fill("2")
    # A check that is still under way would tell her already.
    expect(berta.locator("#check")).not_to_have_text("Being checked…")
    berta.route("**/*part=state*", lambda route: route.fulfill(status=204))
    anna.get_by_role("button", name="Discard").click()
    sheet = anna.get_by_role("dialog", name="Discard one letter")
    sheet.get_by_role("button", name="Discard").click()
    expect(sheet.get_by_role("alert")).to_have_text(re.compile("Say why"))
    sheet.get_by_label("Why?").fill("a test of the terminal")
    sheet.get_by_role("button", name="Discard").click()
    expect(anna.locator("#state")).to_contain_text("discarded")

    berta.get_by_role("button", name="Retry with these changes").click()
    berta.unroute_all()
    expect(berta.locator(".conflict")).to_contain_text("discarded")
    expect(berta.locator(".conflict")).to_contain_text("anna")
    expect(berta.get_by_role("button", name="Retry with these changes")).to_be_disabled()
    expect(berta.locator("#state")).to_contain_text("anna discarded it")
    expect(berta.locator("#do-retry")).to_be_disabled()


def test_what_one_does_the_other_sees_without_reloading(sit: Sit, plant: RunningPlant) -> None:
    say(plant.endpoints, count_message("M-205", f"WO-NOBODY-KNOWS-{RUN}", 1))
    (letter,) = letters(plant, f"WO-NOBODY-KNOWS-{RUN}")
    looks_on, acts = sit("berta").open(f"/failures/{letter}"), sit("anna").open(f"/failures/{letter}")
    acts.get_by_role("button", name="Retry", exact=True).click()
    acts.get_by_role("dialog").get_by_role("button", name="Retry", exact=True).click()
    expect(looks_on.locator("#attempts")).to_contain_text("anna retried it")
    expect(looks_on.locator("#attempts")).to_contain_text("refused again")
    expect(looks_on.locator("#do-retry")).to_be_enabled()
    looks_on.get_by_role("button", name="Edit & retry").click()
    looks_on.locator('.field[data-path="payload.units"] input').fill("2")
    # A check that is still under way would tell her already, in other words.
    expect(looks_on.locator("#check")).not_to_have_text("Being checked…")
    acts.get_by_role("button", name="Mark as resolved").click()
    acts.get_by_label("Why?").fill("that order was a joke")
    acts.get_by_role("dialog").get_by_role("button", name="Mark as resolved").click()
    expect(looks_on.locator(".conflict")).to_contain_text("anna marked it as resolved")
    expect(looks_on.locator(".conflict")).to_contain_text("that order was a joke")
    expect(looks_on.get_by_role("button", name="Retry with these changes")).to_be_disabled()


def test_new_letters_do_not_take_away_what_is_selected(sit: Sit, plant: RunningPlant) -> None:
    say(plant.endpoints, *(count_message("M-207", f"WO-KEEP-{RUN}-{n}", n, units_produced="keep") for n in range(3)))
    letters(plant, f"WO-KEEP-{RUN}-", 3)
    page = sit().open(f"/failures?view=rows&q=WO-KEEP-{RUN}-")
    first = page.locator("#rows tr[data-key]").first
    first.get_by_role("checkbox").check()
    expect(page.locator("#selection")).to_contain_text("1 selected")
    say(plant.endpoints, count_message("M-207", f"WO-KEEP-{RUN}-9", 9, units_produced="keep"))
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(page.locator("#rows tr[data-key]")).to_have_count(3)
    page.get_by_role("button", name="1 new").click()
    expect(page.locator("#rows tr[data-key]")).to_have_count(4)
    expect(page.locator("#rows tr.picked")).to_have_count(1)
    expect(page.locator("#rows tr").first).to_contain_text("units_produced")
    page.get_by_label("Select all that are shown").check()
    expect(page.locator("#selection")).to_contain_text("4 selected")
    page.locator("#selection").get_by_role("button", name="Mark as resolved").click()
    sheet = page.get_by_role("dialog", name="Mark as resolved 4 letters")
    sheet.get_by_label("Why?").fill("counted by hand")
    sheet.get_by_role("button", name="Mark as resolved 4").click()
    expect(sheet.locator("#progress")).to_contain_text("4 letters marked as resolved")
    sheet.get_by_role("button", name="Close").last.click()
    expect(page.locator("#rows tr[data-status=resolved]")).to_have_count(4)


def test_a_lost_connection_is_said_and_what_failed_meanwhile_appears(sit: Sit, plant: RunningPlant) -> None:
    desk = sit()
    page = desk.open(f"/failures?view=rows&q=WO-MEANWHILE-{RUN}")
    page.context.set_offline(True)
    plant.kill("gateway")
    expect(page.get_by_role("alert").filter(has_text="The connection to the plant is lost")).to_be_visible()
    say(plant.endpoints, count_message("M-208", f"WO-MEANWHILE-{RUN}", 1, units_produced="lost"))
    letters(plant, f"WO-MEANWHILE-{RUN}")
    eventually(lambda: _is_up(plant), 240, "the gateway did not come back")
    page.context.set_offline(False)
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#rows tr[data-key]")).to_have_count(1)
    expect(page.locator("#lost")).to_be_hidden()
    # What the browser, the live stream and htmx say of a connection that is lost.
    lost = ("ERR_", "EventSource", "htmx:sendError", "htmx:afterRequest")
    desk.complaints[:] = [told for told in desk.complaints if not any(each in told for each in lost)]


def _is_up(plant: RunningPlant) -> bool:
    try:
        return httpx2.get(plant.endpoints["GATEWAY_URL"] + "/readyz", timeout=5).is_success
    except httpx2.TransportError:
        return False


def test_who_may_only_read_is_offered_nothing(sit: Sit, plant: RunningPlant) -> None:
    say(plant.endpoints, count_message("M-201", f"WO-LOOK-{RUN}", 1, units_produced="look"))
    (letter,) = letters(plant, f"WO-LOOK-{RUN}")
    page = sit("victor", "viewer").open(f"/failures?view=rows&q=WO-LOOK-{RUN}")
    expect(page.locator("#rows tr[data-key]")).to_have_count(1)
    for address in (f"/failures?q=WO-LOOK-{RUN}", f"/failures/{letter}"):
        page.goto(address)
        expect(page.locator("main")).to_contain_text("units_produced")
        expect(page.locator("[data-act], #act, input[type=checkbox]:visible")).to_have_count(0)
        page.keyboard.press("r")
        expect(page.get_by_role("dialog")).to_have_count(0)
    status = page.evaluate(
        "id => fetch(`/api/v1/failures/${id}/retry`, {method: 'POST', body: '{}'}).then((answer) => answer.status)",
        letter,
    )
    assert status == 403


def test_everything_can_be_done_by_keyboard(sit: Sit, plant: RunningPlant) -> None:
    say(plant.endpoints, *(count_message("M-202", f"WO-KEYS-{RUN}-{n}", n, units_produced="keys") for n in range(3)))
    letters(plant, f"WO-KEYS-{RUN}-", 3)
    page = sit().open(f"/failures?view=rows&q=WO-KEYS-{RUN}-")
    expect(page.locator("#rows tr[data-key]")).to_have_count(3)
    keys = page.keyboard
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    keys.press("Escape")
    keys.press("j")
    keys.press("j")
    expect(page.locator("#rows tr").nth(1).locator("a.open")).to_be_focused()
    keys.press("x")
    keys.press("j")
    keys.press("x")
    expect(page.locator("#selection")).to_contain_text("2 selected")
    keys.press("Escape")
    expect(page.locator("#selection")).to_be_hidden()
    keys.press("k")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("/failures/FAIL-"))
    expect(page.locator("#link")).to_have_text("live")
    keys.press("e")
    expect(page.locator(".field[data-path=units_produced] input")).to_be_focused()
    keys.press("Control+a")
    keys.type("1")
    expect(page.locator(".changes li")).to_have_count(1)
    keys.press("Escape")
    page.get_by_role("button", name="Close without sending").press("Enter")
    expect(page.locator("#editor")).to_be_hidden()
    keys.press("r")
    sheet = page.get_by_role("dialog", name="Retry one letter")
    expect(sheet.get_by_label("Why?")).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.press("u")
    expect(page).to_have_url(re.compile("cause="))


def test_single_keys_can_be_switched_off(sit: Sit, plant: RunningPlant) -> None:
    page = sit().open("/failures?view=rows")
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Single keys do something").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)


HOSTILE = (
    '{"machine_id": "<img src=x onerror=alert(1)>", "note": "\u202eevil 👩\u200d🔧 שלום", "units_produced": "hostile"}'
)


def test_hostile_messages_are_shown_and_do_nothing(sit: Sit, plant: RunningPlant) -> None:
    where = "mes/production/line1/machine/M-203/count"
    long = json.dumps({"machine_id": "M-203", "note": "hostile-long", "rows": [{"n": n} for n in range(9_000)]})
    say(
        plant.endpoints,
        (where, HOSTILE.encode()),
        (where, b'{"hostile": "\x00\x01\xff'),
        (where, long[:200_000].encode()),
    )
    page = sit().open("/failures?view=rows&age=hour")
    for letter in letters(plant, "hostile", 3):
        page.goto(f"/failures/{letter}")
        expect(page.locator("#readable")).to_contain_text("hostile")
        expect(page.locator("main img")).to_have_count(0)
        page.get_by_role("tab", name="Bytes").click()
        expect(page.locator(".hex").first).to_contain_text("00000000")
        page.get_by_role("button", name="Edit & retry").click()
        expect(page.locator("#editor")).to_contain_text("Edit & retry")
        expect(page.locator("main img")).to_have_count(0)
    (first, *_) = letters(plant, '"units_produced": "hostile"')
    page.goto(f"/failures/{first}")
    expect(page.locator("#readable .glyph").first).to_have_text("U+202E")
    expect(page.locator("#readable")).to_contain_text("<img src=x onerror=alert(1)>")


def test_a_message_that_is_no_json_is_mended_as_text(sit: Sit, plant: RunningPlant) -> None:
    (order,) = create_orders(plant.endpoints, [f"WORKBENCH-TEXT-{RUN}"], quantity=10)
    topic, data = count_message("M-205", order, 2, units_produced=2)
    say(plant.endpoints, (topic, data[:-1]))
    (letter,) = letters(plant, order)
    page = sit().open(f"/failures/{letter}")
    expect(page.locator("#readable mark")).to_be_visible()
    page.get_by_role("button", name="Edit & retry").click()
    box = page.get_by_label("The message as text")
    box.press("Control+End")
    page.keyboard.type("}")
    expect(page.locator(".text-difference ins")).to_contain_text("}")
    expect(page.locator("#check")).to_have_text("Checked: it would take effect.")
    page.get_by_role("button", name="Retry with these changes").click()
    expect(page.locator("#state")).to_contain_text("resolved")
    eventually(lambda: produced(plant, order) == 2, 60, "the order did not move")


def test_filters_live_in_the_address_and_are_cleared_at_once(sit: Sit, plant: RunningPlant) -> None:
    say(plant.endpoints, count_message("M-204", f"WO-FILTER-{RUN}", 1, units_produced="filter"))
    letters(plant, f"WO-FILTER-{RUN}")
    page = sit().open("/failures?view=rows")
    page.get_by_label("Text").fill(f"WO-FILTER-{RUN}")
    expect(page).to_have_url(re.compile(rf"\?q=WO-FILTER-{RUN}&view=rows$"))
    expect(page.locator("#rows tr[data-key]")).to_have_count(1)
    page.locator("#status").select_option("discarded")
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Text")).to_have_value(f"WO-FILTER-{RUN}")
    expect(page.locator("#status")).to_have_value("discarded")
    page.get_by_role("link", name="Clear the filters").click()
    expect(page).to_have_url(re.compile(r"/failures\?view=rows$"))
    expect(page.locator("#rows tr[data-key]").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible(sit: Sit, plant: RunningPlant, scheme: Literal["light", "dark"]) -> None:
    say(plant.endpoints, count_message("M-207", f"WO-AXE-{RUN}-{scheme}", 1, units_produced="axe"))
    (letter,) = letters(plant, f"WO-AXE-{RUN}-{scheme}")
    desk = sit(scheme=scheme)
    page = desk.open("/failures")
    expect(page.locator("#trend canvas")).to_be_visible()
    assert desk.violations() == []
    page.locator("#causes a.open").first.click()
    expect(page.locator("#rows tr[data-key]").first).to_be_visible()
    assert desk.violations() == []
    page.get_by_role("button", name="Edit & retry all").click()
    expect(page.locator(".example").first).to_be_visible()
    assert desk.violations() == []
    page.goto("/failures?view=rows&status=any")
    page.locator("#rows input").first.check()
    assert desk.violations() == []
    page.goto(f"/failures/{letter}")
    assert desk.violations() == []
    page.get_by_role("button", name="Edit & retry").click()
    page.locator(".field[data-path=units_produced] input").fill("1")
    expect(page.locator("#check")).not_to_have_text(re.compile("Being checked"))
    page.get_by_role("button", name="Rehearse first").click()
    expect(page.locator(".rehearsal")).to_be_visible()
    assert desk.violations() == []
