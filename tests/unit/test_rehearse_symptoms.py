"""Each planted defect leaves a symptom that the checker names, here on paper: real folds in memory, no plant.

A certificate of a plant that carries the defect is `tests/e2e/test_rehearsal.py` with DEFECTS.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec
import pytest

from compose.demo.outbound import Told, settle_calls
from schemas.codec import decode
from schemas.messages.failures import IntegrationFailure
from schemas.settings import DEFAULT_TENANT, Settings
from streams.domain import machines, stock
from streams.driver import REPAIRS, Repair, output_of
from tests.inventory import known, reported, reserve
from tests.records import completion
from tests.rehearse.checks import FINDINGS, Account, compare
from tests.rehearse.defects import DEFECTS
from tests.rehearse.expected import NEIGHBOUR
from tests.rehearse.ledger import Said, Saying
from tests.rehearse.model import fold
from tests.rehearse.on_paper import ORDERS, PaperPlant, ledger, spoken
from tests.rehearse.outside import Outside
from tests.rehearse.stimuli.floor import Spoken, saying_of

NOW: Final = datetime.now(UTC).replace(microsecond=0)
SAID: Final = spoken(1, NOW, 1_000)
FROM, TO = 300, 500
"""What is said between these two is met by the defect."""


class Floor(NamedTuple):
    """A plant on paper, and the ledger of what it is told."""

    plant: PaperPlant
    others: list[Saying]

    def hear(self, told: list[Spoken]) -> None:
        """So much is heard."""
        for each in told:
            self.plant.hear(each, NOW)

    def account(self, change: Callable[[Outside], None] = lambda _: None, told: list[Spoken] = SAID) -> Account:
        """What the checker says of it, after a change of what is seen."""
        seen = self.plant.picture()
        change(seen)
        return compare(fold(ledger(told, NOW, *self.others)), seen)


def floor(kind: type[PaperPlant] = PaperPlant) -> Floor:
    return Floor(kind(Settings().layout.machines, ORDERS), [])


class RenamingPlant(PaperPlant):
    """Names each message of a machine anew."""

    def publish(self, type_name: str, payload: Any, message_id: str, at: datetime) -> None:
        is_setup = type_name.startswith(("machine.register", "erp."))
        super().publish(type_name, payload, message_id if is_setup else uuid4().hex, at)


# -- the symptoms ------------------------------------------------------------------------------------------------------


def random_message_ids() -> Account:
    """Each message has a name that nobody gave it."""
    here = floor(RenamingPlant)
    here.hear(SAID)
    return here.account()


def acknowledged_before_durable() -> Account:
    """What lay in memory only was acknowledged, and never heard of."""
    here = floor()
    here.hear(SAID[:FROM] + SAID[TO:])
    return here.account()


def dead_letters_not_awaited() -> Account:
    """The same, of what nobody could read."""
    here = floor()
    here.hear([each for number, each in enumerate(SAID) if not (FROM <= number < TO and _is_garbled(each))])
    return here.account()


def _is_garbled(each: Spoken) -> bool:
    return each.saying.kind == "garbled"


def offsets_of_kafka() -> Account:
    """The log has what rows do not have."""
    here = floor()
    here.hear(SAID)

    def skip(seen: Outside) -> None:
        for each in SAID[FROM:TO]:
            seen.readings.pop(each.saying.id, None)
            seen.rows.pop(each.saying.id, None)

    return here.account(skip)


def table_before_outputs() -> Account:
    """States know what nobody was told."""
    here = floor()
    here.hear(SAID[:FROM])
    told = len(here.plant.events)
    here.hear(SAID[FROM:TO])
    del here.plant.events[told:]
    here.hear(SAID[TO:])
    return here.account()


def changelog_not_awaited() -> Account:
    """States come back as they were, and what was said since is not said to them again."""
    here = floor()
    here.hear(SAID[:FROM])
    before = dict(here.plant.states["work_orders"])
    here.hear(SAID[FROM:TO])
    here.plant.states["work_orders"] = before
    here.hear(SAID[TO:])
    return here.account()


def default_partitioner() -> Account:
    """One key lies on two partitions."""
    here = floor()
    here.hear(SAID)
    return here.account(lambda seen: seen.partitions.update({"machine-inbox t/M-201": frozenset({1, 4})}))


def adding_differences(patch: pytest.MonkeyPatch) -> Account:
    """Every repeat counts."""
    patch.setattr(machines, "read", vars(machines)["read"])  # so that it is put back
    DEFECTS["adding differences"].plant()
    here = floor()
    here.hear(SAID)
    return here.account()


def reservation_outside_its_agent(patch: pytest.MonkeyPatch) -> Account:
    """Orders hold three times what lies on the shelf."""
    for name in ("promisable", "settled"):
        patch.setattr(stock, name, vars(stock)[name])
    DEFECTS["reservation outside its agent"].plant()
    return _reserved()


def _reserved() -> Account:
    here = floor()
    asked = (reserve(order, 30, 10 + number) for number, (order, *_) in enumerate(ORDERS))
    here.plant.follow(output_of(each) for each in (known(), reported(60), *asked))
    return here.account(told=[])


def edit_with_another_identity() -> Account:
    """What was sent twice is no repeat, for it has two numbers."""
    return _repaired(7, 8)


def _repaired(*numbers: int) -> Account:
    """A count for nobody's order, edited and sent again under these numbers."""
    here = floor()
    lost = next(each for each in SAID if each.saying.about.get("order") == "WO-1" and each.saying.kind == "count")
    data = lost.data.replace(b'"WO-1"', b'"WO-NOBODY"')
    told = lost._replace(data=data, saying=saying_of("", lost.topic, data))
    here.hear([told])
    (letter,) = (each.payload for each in here.plant.events if isinstance(each.payload, IntegrationFailure))
    message: Any = decode(base64.b64decode(letter.original_bytes_base64))
    edited = msgspec.structs.replace(message.payload, work_order_id="WO-2")
    for number in numbers:
        name = Repair(letter.failure_key, number).message_id
        again = msgspec.structs.replace(message, payload=edited, message_id=name, source=REPAIRS, position=number)
        here.plant.follow([output_of(again)])
    about = {"order": "WO-2", "reading": told.saying.id, "units": 1}
    here.others.append(Saying("edit-retry", "operators", "edit_retry", letter.failure_key, b"", about))

    def resolved(seen: Outside) -> None:
        seen.letters = [each._replace(status="resolved") for each in seen.letters]

    return here.account(resolved, [told])


def tenant_of_the_session() -> Account:
    """Somebody is shown another's order."""
    here = floor()
    here.hear(SAID)
    expected = fold([*ledger(SAID, NOW), *_looks(["WO-NB-1", "RH-1"], ["RH-1"])])
    seen = here.plant.picture()
    seen.rows["neighbour-WO-NB-1"] += 1
    return compare(expected, seen)


def _looks(neighbours: list[str], own: list[str]) -> list[Said]:
    """The neighbour orders; it and the plant's own tenant look at their orders, and are shown these."""
    order = Saying(
        "neighbour-WO-NB-1", "neighbours", "neighbour_order", "WO-NB-1", b"", {"order": "WO-9", "erp_id": "WO-NB-1"}
    )
    looks = [Saying(f"look-{who}", "neighbours", "look", who, b"", {}) for who in (NEIGHBOUR, DEFAULT_TENANT)]
    told = ledger([], NOW, order, *looks)[len(ORDERS) :]
    return [told[0], told[1]._replace(about={"shown": neighbours}), told[2]._replace(about={"shown": own})]


def retry_with_another_key() -> Account:
    """A system acts twice, for nobody knew that it was asked the same."""
    return _called("DEL-1-a", "DEL-1-b")


def _called(*keys: str) -> Account:
    records = [completion(key, "RH-1", at=NOW, acted=number == 0 or key != keys[0]) for number, key in enumerate(keys)]
    calls = settle_calls(Told({"RH-1": True}, frozenset({"DEL-1"})), records, NOW)
    return Account(lost=calls.missing, doubled=calls.doubled, invented=calls.invented)


SYMPTOMS: Final[dict[str, Callable[..., Account]]] = {
    "random message ids": random_message_ids,
    "acknowledged before durable": acknowledged_before_durable,
    "offsets of Kafka": offsets_of_kafka,
    "table before outputs": table_before_outputs,
    "changelog not awaited": changelog_not_awaited,
    "default partitioner": default_partitioner,
    "adding differences": adding_differences,
    "dead letters not awaited": dead_letters_not_awaited,
    "edit with another identity": edit_with_another_identity,
    "reservation outside its agent": reservation_outside_its_agent,
    "tenant of the session": tenant_of_the_session,
    "retry with another key": retry_with_another_key,
}
PATCHING: Final = (adding_differences, reservation_outside_its_agent)


def test_every_planted_defect_has_its_symptom() -> None:
    assert SYMPTOMS.keys() == DEFECTS.keys()


@pytest.mark.parametrize("defect", SYMPTOMS)
def test_the_symptom_of_a_defect_is_named(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    symptom = SYMPTOMS[defect]
    account = symptom(monkeypatch) if symptom in PATCHING else symptom()
    assert getattr(account, DEFECTS[defect].finding), _words(account)


def test_without_the_defect_there_is_no_symptom() -> None:
    here = floor()
    here.hear(SAID)
    healthy = {
        "machines": here.account(),
        "reservations": _reserved(),
        "repairs": _repaired(7, 7),
        "neighbours": compare(fold(_looks(["WO-NB-1"], ["RH-1"])), _with_a_neighbour()),
        "calls": _called("DEL-1", "DEL-1"),
    }
    assert {name: _words(account) for name, account in healthy.items() if not account.is_clean} == {}


def _with_a_neighbour() -> Outside:
    seen = Outside()
    seen.rows["neighbour-WO-NB-1"] += 1
    return seen


def _words(account: Account) -> dict[str, list[str]]:
    return {name: getattr(account, name)[:5] for name in FINDINGS if getattr(account, name)}
