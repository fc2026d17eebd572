"""The certificate: what it says, and when its exit code is 0."""

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from tests.rehearse.certificate import Recovery, certificate, code, save, show
from tests.rehearse.checks import FINDINGS, Account, Tally


class Outage(NamedTuple):
    """As the timeline has it."""

    fault: str
    target: str
    seconds: float


def _account(**findings: list[str]) -> Account:
    counts = Tally(1_000, 900, 80, 12, 0, 0, Counter(INVALID_JSON=15, STALE_TIMESTAMP=5))
    account = Account({"counts": counts, "orders": Tally(50, 45, 3, refused=2)})
    for name, found in findings.items():
        setattr(account, name, found)
    return account


def _document(account: Account | None = None, recoveries: list[Recovery] | None = None) -> dict[str, Any]:
    told = [
        Recovery("kill", "agents", 10.0, 11.2),
        Recovery("kill", "agents", 40.0, 9.0),
        Recovery("cut", "a>b", 60, 1),
    ]
    outages = [Outage("outage", "kafka", 60.0)]
    return certificate(account or _account(), told if recoveries is None else recoveries, outages, 7, 90.0, 500)


def test_it_has_what_the_contract_names() -> None:
    document = _document()
    assert {
        *("sent", "applied", "late", "dead_letters", "lost", "doubled", "invented", "out_of_order", "oversold"),
        *("recovery_p95_seconds", "seed"),
    } <= document.keys()
    assert (document["sent"], document["applied"], document["duplicates"], document["dead_letters"]) == (
        1050,
        945,
        83,
        20,
    )
    assert document["dead_letter_reasons"] == {"INVALID_JSON": 15, "STALE_TIMESTAMP": 5}
    assert document["recovery_by_fault"]["kill agents"] == {
        "times": 2,
        "p95_seconds": 11.2,
        "worst_seconds": 11.2,
        "failed": 0,
    }
    assert document["outages"] == [{"fault": "outage", "target": "kafka", "seconds": 60.0}]


@pytest.mark.parametrize("name", FINDINGS)
def test_one_finding_is_enough_for_a_bad_end(name: str) -> None:
    assert code(_document()) == 0
    document = _document(_account(**{name: ["count-M-201-WO-1-5-7"]}))
    assert code(document) == 1
    assert document[name] == 1
    assert document["examples"] == {name: ["count-M-201-WO-1-5-7"]}


def test_a_recovery_that_took_too_long_is_no_good_p95() -> None:
    document = _document(recoveries=[Recovery("kill", "agents", 1, 2.0), Recovery("sleep", "agents", 9, None)])
    assert document["recovery_p95_seconds"] is None
    assert document["recovery_worst_seconds"] is None
    assert document["recovery_by_fault"]["kill agents"]["worst_seconds"] == 2.0
    assert [each["fault"] for each in document["recoveries_failed"]] == ["sleep"]


def test_it_is_saved_as_json_and_as_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    document = _document(_account(lost=["<script>alert(1)</script>"]))
    save(document, tmp_path)
    assert json.loads((tmp_path / "certificate.json").read_text()) == document
    page = (tmp_path / "certificate.html").read_text()
    assert not re.search(r"(src|href)=|url\(|@import|<script", page)
    assert "&lt;script&gt;" in page
    assert "Not every message is accounted for" in page


def test_a_rehearsal_without_faults_has_a_page_too(tmp_path: Path) -> None:
    save(_document(recoveries=[]), tmp_path)
    assert "Nothing was hurt" in (tmp_path / "certificate.html").read_text()


def test_the_terminal_shows_findings_and_verdict() -> None:
    console = Console(file=io.StringIO(), width=140)
    show(_document(_account(doubled=["WO-1: 5 units were made, its head says 6"])), console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "WO-1: 5 units were made" in shown
    assert "Not every message is accounted for." in shown
    assert "kafka (outage 60 s)" in shown
