"""`test_results`: so many tests passed, by a JUnit XML report that was posted or lies below KPI_ARTIFACTS."""

import hashlib
from typing import Annotated, Any

from msgspec import Meta

from connectors.kpi import junit
from connectors.kpi.artifacts import artifact
from connectors.kpi.verdict import Asked, CannotJudge, Looking, Verdict, count

PassRate = Annotated[float, Meta(ge=0, le=1)]


class ReportedTests(Asked, frozen=True, kw_only=True, tag="test_results"):
    """The least share of tests that pass, skipped ones left out, and how many must have run.

    `artifact`: the report's path below the folder; absent: the report that comes with the request.
    """

    artifact: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    least_pass_rate: PassRate = 1.0
    least_tests: Annotated[int, Meta(ge=1, le=10**6)] = 1


def judge(asked: ReportedTests, looking: Looking) -> Verdict:
    """Count the tests of the report. Raises CannotJudge."""
    looking.patience()
    data, origin = _report(asked, looking)
    origin["sha256"] = hashlib.sha256(data).hexdigest()
    try:
        report = junit.read(data, "utf-8" if asked.artifact is None else None)
    except junit.NoReport as error:
        raise CannotJudge(str(error), file=origin) from error
    rate = report.passed / report.ran if report.ran else 0.0
    score = rate * min(1.0, report.ran / asked.least_tests)
    is_passed = report.ran >= asked.least_tests and rate >= asked.least_pass_rate
    return Verdict(is_passed, score, _told(asked, report), {"found": report._asdict(), "file": origin})


def _report(asked: ReportedTests, looking: Looking) -> tuple[bytes, dict[str, Any]]:
    """The report's bytes, and where they come from. Raises CannotJudge."""
    if asked.artifact is not None:
        found = artifact(looking, asked.artifact)
        return found.data, {"path": asked.artifact, "written_at": found.written_at.isoformat()}
    if looking.report is None:
        raise CannotJudge("No test report came with the request, and the formula names no artifact.")
    return looking.report, {"path": None}


def _told(asked: ReportedTests, report: junit.Report) -> str:
    found = (
        f"{count(report.ran, 'test')} ran: {report.passed} passed, {report.failed} failed, {report.errors} broke, "
        f"{report.skipped} skipped"
    )
    return f"{found}; asked for: at least {asked.least_tests}, {asked.least_pass_rate:.4g} of them passed."
