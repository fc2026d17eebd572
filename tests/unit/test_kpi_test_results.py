"""Test results are counted test by test, from reports that nobody need trust, below one folder and not elsewhere."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kpi import junit
from connectors.kpi.registry import judged
from tests.unit.test_kpi_formulas import looking

REPORT = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="0" skipped="1" tests="99" time="0.14"
 timestamp="2026-11-22T01:02:03.5+00:00" hostname="here">
<properties><property name="a" value="b"/></properties>
<testcase classname="tests.test_a" name="test_one" time="0.5"><system-out><![CDATA[<failure/>]]></system-out></testcase>
<testcase classname="tests.test_a" name="test_two" time="0.25"><failure message="no">assert</failure></testcase>
<testcase classname="tests.test_a" name="test_three" time="x"><skipped type="pytest.skip" message="later"/></testcase>
<testcase classname="tests.test_a" name="test_four" time="-3"><failure/><error message="teardown"/></testcase>
<testcase classname="tests.test_a" name="test_five" time="inf"/>
</testsuite></testsuites>"""
GOOD = b'<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + at, b"&%c;" % (97 + at) * 10) for at in range(9))
    + b"]><testsuite><testcase name='&j;'/></testsuite>"
)
FOREIGN = (
    b'<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="a">&x;</testcase></testsuite>'
)
ASKED = {"validator": "test_results"}


def test_a_report_of_pytest_is_counted_whatever_its_totals_claim() -> None:
    found = junit.read(REPORT)
    assert (found.passed, found.failed, found.errors, found.skipped, found.ran) == (2, 1, 1, 1, 4)
    assert (found.seconds, found.timestamp) == (0.75, "2026-11-22T01:02:03.5+00:00")
    assert found.not_passed == ("tests.test_a::test_two", "tests.test_a::test_four")


@pytest.mark.parametrize("report", [BOMB, FOREIGN, b"<!DOCTYPE testsuite><testsuite/>"])
def test_a_report_with_a_dtd_is_not_read(report: bytes) -> None:
    with pytest.raises(junit.NoReport, match="has a DTD"):
        junit.read(report)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (b"", "not XML"),
        (b"<testsuite>", "not XML"),
        (b"not at all", "not XML"),
        (b"<testsuite>&x;</testsuite>", "not XML"),
        (b"<html/>", "not with <html>"),
        (b"<testsuite>" * 17, "deeper than 16"),
        (b"<testsuite><testcase><failure/><testcase/></testcase></testsuite>", "a test within a test"),
        (b'<?xml version="1.0" encoding="nobody-knows"?><testsuite/>', "encoding"),
        (b'<?xml version="1.0" encoding="shift_jis"?><testsuite/>', "encoding"),
    ],
)
def test_what_is_no_report_is_a_sentence(report: bytes, words: str) -> None:
    with pytest.raises(junit.NoReport, match=words):
        junit.read(report)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda told: GOOD[:30] + told + GOOD[30:]))
def test_any_bytes_are_a_report_or_none(data: bytes) -> None:
    try:
        found = junit.read(data)
    except junit.NoReport:
        return
    assert found.ran >= 0


OUTCOMES = {"passed": "", "failure": "<failure/>", "error": "<error/>", "skipped": "<skipped/>"}


@given(st.lists(st.sampled_from(list(OUTCOMES)), min_size=1, max_size=40))
def test_the_score_is_the_share_that_passed_of_what_ran(outcomes: list[str]) -> None:
    cases = "".join(f'<testcase name="t{at}">{OUTCOMES[each]}</testcase>' for at, each in enumerate(outcomes))
    found = judged(ASKED, looking(report=f"<testsuite>{cases}</testsuite>".encode()))
    ran = [each for each in outcomes if each != "skipped"]
    assert found.score == (ran.count("passed") / len(ran) if ran else 0)
    assert found.is_passed is (bool(ran) and set(ran) == {"passed"})


def test_the_least_rate_and_the_least_number_of_tests_decide() -> None:
    def passed(**asked: Any) -> bool | None:
        return judged(ASKED | asked, looking(report=REPORT)).is_passed

    assert passed(least_pass_rate=0.5) is True
    assert passed(least_pass_rate=0.51) is False
    assert passed(least_pass_rate=0.5, least_tests=5) is False


def test_a_posted_report_is_evidence_by_its_hash() -> None:
    found = judged(ASKED, looking(report=REPORT))
    assert found.evidence["file"] == {"path": None, "sha256": hashlib.sha256(REPORT).hexdigest()}
    assert found.evidence["found"]["not_passed"] == ("tests.test_a::test_two", "tests.test_a::test_four")
    assert found.message.startswith("4 tests ran: 2 passed, 1 failed, 1 broke, 1 skipped;")
    assert (found.is_passed, found.score) == (False, 0.5)


def test_a_broken_report_is_no_failure_of_the_task() -> None:
    found = judged(ASKED, looking(report=BOMB))
    assert (found.is_passed, found.score) == (None, None)
    assert found.evidence["file"]["sha256"] == hashlib.sha256(BOMB).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of artifacts, beside a secret."""
    (tmp_path / "secret.xml").write_bytes(GOOD)
    (tmp_path / "artifacts-too").mkdir()
    (tmp_path / "artifacts-too" / "unit.xml").write_bytes(GOOD)
    inside = tmp_path / "artifacts"
    (inside / "run-7").mkdir(parents=True)
    (inside / "run-7" / "unit.xml").write_bytes(GOOD)
    (inside / "link.xml").symlink_to(tmp_path / "secret.xml")
    (inside / "up").symlink_to(tmp_path)
    (inside / "here.xml").symlink_to("run-7/unit.xml")
    os.mkfifo(inside / "pipe.xml")
    return inside


def found_at(folder: Path, path: str, **settings: Any) -> Any:
    return judged(ASKED | {"artifact": path}, looking(kpi_artifacts=folder, **settings))


@pytest.mark.parametrize("path", ["run-7/unit.xml", "./run-7/../run-7/unit.xml", "here.xml"])
def test_an_artifact_is_found_below_the_folder(folder: Path, path: str) -> None:
    found = found_at(folder, path)
    assert (found.is_passed, found.score) == (True, 1)
    assert found.evidence["file"]["path"] == path
    assert found.evidence["file"]["sha256"] == hashlib.sha256(GOOD).hexdigest()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../secret.xml", "does not lie below"),
        ("run-7/../../secret.xml", "does not lie below"),
        ("../artifacts-too/unit.xml", "does not lie below"),
        ("/etc/passwd", "does not lie below"),
        ("link.xml", "does not lie below"),
        ("up/secret.xml", "does not lie below"),
        (".", "does not lie below"),
        ("run-7", "Is a directory"),
        ("pipe.xml", "is no file"),
        ("nobody.xml", "No such file"),
        ("a\0b", "it is no path"),
        ("x" * 400, "File name too long"),
        ("..%2fsecret.xml", "No such file"),
        ("~/secret.xml", "No such file"),
    ],
)
def test_nothing_else_is_read(folder: Path, path: str, words: str) -> None:
    found = found_at(folder, path)
    assert (found.is_passed, found.score) == (None, None)
    assert words in found.message
    assert "file" not in found.evidence


def test_a_file_that_is_too_large_is_not_read_to_its_end(folder: Path) -> None:
    with (folder / "huge.xml").open("wb") as file:
        file.truncate(10 * 1024**4)
    assert "more than 1000 bytes" in found_at(folder, "huge.xml", kpi_artifact_bytes=1000).message
