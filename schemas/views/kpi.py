"""Judgements of KPI validators as the API takes and shows them."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from schemas.views.edited import Told, Uuid
from schemas.views.values import Json, View

Outcome = Literal["passed", "failed", "not_judged"]
Score = Annotated[float, Field(ge=0, le=1, description="share of what was asked that holds")]
IsPassed = Annotated[bool | None, Field(description="absent: it could not be judged, which is no failure")]


class ValidateBody(Told):
    """What a task's result is judged with besides its formula."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run_id": "0197a3c2-5f6e-7d4b-9c1a-2b3c4d5e6f70",
                    "test_report": '<testsuite><testcase classname="loading" name="test_rows"/></testsuite>',
                }
            ]
        }
    )

    run_id: Annotated[Uuid | None, Field(description="the run whose task is judged; its lane learns from it")] = None
    test_report: Annotated[
        str | None, Field(description="JUnit XML, for `test_results` whose formula names no artifact")
    ] = None


class KpiResultView(View):
    """What one validator found, with its evidence."""

    result_id: str
    project_id: int
    run_id: str | None
    task_id: str
    lane_id: str
    validator: str
    is_passed: IsPassed
    score: Score | None
    message: str
    evidence: Json
    measured_at: AwareDatetime
    measured_by: str


class KpiResultPage(View):
    """A page of results, latest first."""

    results: list[KpiResultView]
    next_cursor: str | None


class TaskJudged(View):
    """A task's result as all of its validators judge it."""

    project_id: int
    task_id: str
    run_id: str | None
    lane_id: str
    is_passed: IsPassed
    quality: Annotated[float | None, Field(description="mean score; absent unless every validator could judge")]
    is_observed: Annotated[bool, Field(description="whether the lane of the run learns this quality now")]
    results: list[KpiResultView]
