"""The pages of projects and lanes, made of rows; and what a project's documents say where rows say little."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.estimates import Priors
from connectors.gateway import drawn, lanes_shown
from connectors.gateway import project_documents as documents
from connectors.gateway.pages.estimates import TITLES, TONES, amount, times
from connectors.gateway.pages.rendering import templates
from connectors.gateway.problems import Problem
from connectors.gateway.project_shown import Piece, Work
from connectors.gateway.routes.estimates import runs_of
from streams.domain.estimation.figures import FIGURES

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUN = "00000000-0000-4000-8000-000000000001"
PROMISED = {"p5": 1.0, "p25": 2.0, "p50": 3.0, "p75": 4.0, "p95": 5.0, "mean": 3.0, "std": 1.0}


def piece(task_id: str, lane_id: str = "code-api", **fields: Any) -> Piece:
    told: dict[str, Any] = {
        "title": "",
        "phase": "build",
        "provider": "fast",
        "complexity": "simple",
        "status": "waiting",
        "is_ahead": True,
        "promised": dict.fromkeys(FIGURES, PROMISED),
        "actual": {},
        "run_id": RUN,
    }
    return Piece(task_id=task_id, lane_id=lane_id, **(told | fields))


def finished(task_id: str, usd: float | None, **fields: Any) -> Piece:
    actual = {"tokens": 10.0, "duration_minutes": 2.0, "cost_usd": usd}
    return piece(task_id, status="completed", is_ahead=False, actual=actual, **fields)


def work(*pieces: Piece, budget: float | None = 5.0, **fields: Any) -> Work:
    project = {"project_id": 7, "name": "Paint shop", "budget_usd_max": budget, "status": "running"}
    run = {"run_id": RUN, "status": "running", "run_kind": "baseline", "started_at": NOON, "completed_at": None}
    run |= {"requested_by": "Robin", "tasks": len(pieces), "completed_tasks": 1} | dict.fromkeys(FIGURES, 1.0)
    told = Work(project, [run], run, list(pieces), list(pieces), Priors([]))
    return told._replace(**fields)


def page(template: str, **told: Any) -> str:
    common = {
        "zone": "UTC",
        "visitor": SimpleNamespace(name="Robin"),
        "role": "viewer",
        "may": lambda _: False,
        "now": NOON,
        "titles": TITLES,
    }
    return templates.get_template(template).render(common | told)


def runway_page(found: Work) -> str:
    standing = documents.runway_document(found)
    bar = drawn.bar(standing["budget"], standing["runway"])
    return page("project_runway.html", standing=standing, tone=TONES[standing["status"]], bar=bar)


def test_a_failed_task_without_figures_costs_nothing_and_is_not_ahead() -> None:
    found = documents.runway_of(work(piece("T-1", status="failed", is_ahead=False), finished("T-2", 2.0)))
    assert (found.usd_spent, found.projected_total_usd, found.burn_usd_per_minute) == (2.0, 2.0, 0.0)


def test_a_task_of_unknown_cost_that_is_done_is_not_spent_again() -> None:
    told = work(finished("T-1", None), finished("T-2", 2.0))
    assert documents.runway_of(told).projected_total_usd == 2.0
    assert documents.metrics(told, with_ci=True)["total"]["figures"]["cost_usd"]["projected"] > 2.0


def test_parts_of_the_work_add_up_to_the_whole() -> None:
    told = work(piece("T-1"), piece("T-2", "docs", phase="test"), finished("T-3", 0.5))
    found = documents.metrics(told, with_ci=False)
    for figure in FIGURES:
        whole, lanes = found["total"]["figures"][figure], [each["figures"][figure] for each in found["lanes"]]
        assert whole["actual"] == pytest.approx(sum(each["actual"] for each in lanes))
        assert whole["estimated"] == pytest.approx(sum(each["estimated"] for each in lanes))


def test_the_gauge_says_in_words_what_it_draws() -> None:
    shown = runway_page(work(piece("T-1"), finished("T-2", 4.9)))
    assert "warning" in shown or "critical" in shown
    assert "$4.90" in shown
    assert "of $5.00, 98 %" in shown
    assert "Critical: more is spent than the budget allows" in shown


def test_without_a_budget_nothing_limits_it() -> None:
    shown = runway_page(work(piece("T-1"), budget=None))
    assert "nothing limits this project" in shown
    assert 'class="limit"' not in shown


def test_a_budget_of_zero_can_be_drawn() -> None:
    shown = runway_page(work(piece("T-1"), budget=0.0))
    assert "critical" in shown
    assert "nan" not in shown.lower()
    assert "nothing is being spent" in runway_page(work(budget=0.0))


def test_a_bar_has_its_limit_within_it() -> None:
    budget = {"usd_max": 10.0, "usd_spent": 2.0}
    ahead = {"projected_total_usd": 4.0, "projected_total_p10": 3.0, "projected_total_p90": 20.0}
    found = drawn.bar(budget, ahead)
    assert 0 < found.spent < found.p10 < found.projected < (found.limit or 0) < found.p90 < 100


def test_errors_beyond_the_edge_are_drawn_at_the_edge() -> None:
    points = [{"log_error": each, "is_within_90": abs(each) < 1} for each in (-9.0, 0.0, 9.0)]
    found = drawn.spark([*points, {"log_error": None, "is_within_90": True}], 100, 40)
    assert found.dots == [(0.0, 40.0, True), (50.0, 20.0, False), (100.0, 0.0, True)]
    assert drawn.spark([]).errors == 0


def test_figures_have_their_units() -> None:
    assert [amount(3000, "tokens"), amount(5.25, "duration_minutes"), amount(0.1814, "cost_usd")] == [
        "3\u202f000 tokens",
        "5.2 min",
        "$0.181",
    ]
    assert (amount(None, "tokens"), times(0.125), times(-0.3)) == ("–", "12 % more", "30 % less")


def test_pages_without_rows_say_where_rows_come_from() -> None:
    assert "POST /api/projects" in page("projects.html", here="projects", found=[], following=None)
    empty = lanes_shown.overall([])
    told: dict[str, Any] = {"found": [], "figure": "tokens", "q": None, "overall": empty, "more": None, "meaning": ""}
    assert "Lanes learn from completed runs" in page("lanes.html", here="lanes", of_figures={"tokens": empty}, **told)


def test_a_judged_result_is_shown_with_its_outcome_and_its_evidence() -> None:
    common = {"task_id": "T-1", "lane_id": "code-api", "project_id": 7, "measured_at": NOON, "measured_by": "Robin"}
    passed = {"validator": "row_count", "is_passed": True, "score": 1.0, "message": "3 rows.", "run_id": RUN}
    unseen = {"validator": "latency", "is_passed": None, "score": None, "message": "Nobody answers.", "run_id": None}
    results = [common | passed | {"evidence": {"found": {"rows": 3}}}, common | unseen | {"evidence": {"asked": "<b>"}}]
    source = '{% from "_kpi.html" import kpi_table with context %}{{ kpi_table(results, true) }}'
    shown = templates.env.from_string(source).render(results=results, zone="UTC")
    seen, other = shown.split("</tr>")[1:3]
    assert all(each in seen for each in ("row count", "passed", "3 rows.", "&#34;rows&#34;: 3", RUN[:8], "Robin"))
    assert all(each in other for each in ("not judged", "Nobody answers.", "no run", "&lt;b&gt;", "/projects/7"))
    assert "failed" not in shown


@pytest.mark.parametrize("told", ["", RUN, f"{RUN},{RUN}", f"{RUN},{RUN.upper()}", "a,b", ",".join([RUN] * 9)])
def test_runs_that_cannot_be_compared_are_refused(told: str) -> None:
    with pytest.raises(Problem) as refused:
        runs_of(told)
    assert refused.value.status == 400
