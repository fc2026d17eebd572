"""JUnit XML, as pytest writes it, read without trusting it: no DTD, no entities, no deeper than reports are."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from xml.parsers import expat

MOST_NAMED: Final = 20
LONGEST_NAME: Final = 200
DEEPEST: Final = 16
SUITES: Final = ("testsuite", "testsuites")


class NoReport(ValueError):
    """The bytes are no JUnit XML; a sentence."""


class Report(NamedTuple):
    """What a report says, counted test by test, whatever its totals claim; and which tests did not pass."""

    passed: int
    failed: int
    errors: int
    skipped: int
    seconds: float
    timestamp: str | None
    not_passed: tuple[str, ...]

    @property
    def ran(self) -> int:
        """Tests that were not skipped."""
        return self.passed + self.failed + self.errors


class _Reader:
    """Counts test cases as they end. The worst that is said within a case is what became of it."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._outcomes: set[str] = set()
        self._case = ""
        self._counts = {"passed": 0, "failure": 0, "error": 0, "skipped": 0}
        self._seconds = 0.0
        self._timestamp: str | None = None
        self._not_passed: list[str] = []

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if not self._path and tag not in SUITES:
            raise NoReport(f"A test report begins with <testsuites> or <testsuite>, not with <{tag[:40]}>.")
        if len(self._path) >= DEEPEST:
            raise NoReport(f"The test report is nested deeper than {DEEPEST} levels.")
        if tag == "testsuite" and self._timestamp is None:
            self._timestamp = attributes.get("timestamp")
        if tag == "testcase":
            if tag in self._path:
                raise NoReport("The test report has a test within a test.")
            self._outcomes = set()
            self._case = f"{attributes.get('classname', '')}::{attributes.get('name', '')}"[:LONGEST_NAME]
            self._seconds += _seconds(attributes.get("time", ""))
        if self._path and self._path[-1] == "testcase" and tag in self._counts:
            self._outcomes.add(tag)
        self._path.append(tag)

    def end(self, tag: str) -> None:
        """An element ends."""
        self._path.pop()
        if tag != "testcase":
            return
        outcome = next((each for each in ("error", "failure", "skipped") if each in self._outcomes), "passed")
        self._counts[outcome] += 1
        if outcome in ("error", "failure") and len(self._not_passed) < MOST_NAMED:
            self._not_passed.append(self._case)

    def report(self) -> Report:
        """What was counted."""
        counts = self._counts
        return Report(
            counts["passed"],
            counts["failure"],
            counts["error"],
            counts["skipped"],
            round(self._seconds, 3),
            None if self._timestamp is None else self._timestamp[:40],
            tuple(self._not_passed),
        )


def read(data: bytes, encoding: str | None = None) -> Report:
    """What a report says; its encoding is what it declares unless it is known.

    Raises NoReport: not XML, not a report, or with a DTD, in which entities could be hidden.
    """
    reader, parser = _Reader(), expat.ParserCreate(encoding)
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise NoReport(f"The test report is not XML: {error}.") from error
    except (ValueError, LookupError) as error:
        if isinstance(error, NoReport):
            raise
        raise NoReport("The test report's encoding is not known.") from error
    return reader.report()


def _refuse(*_: object) -> None:
    raise NoReport("The test report has a DTD, which test reports have no use for: it is not read.")


def _seconds(told: str) -> float:
    """The seconds of a test; what is no number of seconds counts as none."""
    try:
        found = float(told)
    except ValueError:
        return 0.0
    return found if 0 <= found < 1e7 else 0.0
