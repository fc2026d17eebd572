"""What the PAS says, held against the tasks of its run (document 001)."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.systems import pas
from connectors.systems.statement import Context
from schemas.codec import Unreadable
from schemas.ids import DEFAULT_TENANT

CONTEXT = Context(DEFAULT_TENANT)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = {"run_id": "7f1d4c1e-0000-4000-8000-000000000001", "project_id": 4}
PROMISE = {"tokens": {"p5": 1.0, "p25": 2.0, "p50": 3.0, "p75": 4.0, "p95": 5.0, "mean": 3.0, "std": 1.0}}
PLANNED = [
    {"task_id": f"T-{number}", "lane_id": "code-api", "provider": "alpha", "promised": PROMISE} for number in range(3)
]


def completion(**fields: Any) -> pas.Completion:
    return pas.completion(msgspec.json.encode({"run_id": "R-1"} | fields), CONTEXT)


def report(*tasks: dict[str, Any], planned: Any = PLANNED, **fields: Any) -> pas.Report:
    return pas.report(RUN, planned, completion(tasks=list(tasks), **fields), AT)


def test_the_least_that_the_document_shows_is_enough() -> None:
    told = pas.completion(b'{"project_id": 4, "run_id": "R-1"}', CONTEXT)
    assert (told.status, told.completed_at, told.tasks) == ("completed", None, ())


def test_an_observation_has_what_was_promised_and_what_it_took() -> None:
    done = {"task_id": "T-1", "tokens": 3200, "duration_seconds": 330, "cost_usd": 0.2, "quality": 0.9}
    (found,) = report(done, completed_at=(AT - timedelta(hours=1)).isoformat()).observed
    assert (found.prior_id, found.source, found.observation_id) == ("code-api/alpha", "run", f"{RUN['run_id']}/T-1")
    assert (found.tokens, found.duration_minutes, found.completed_at) == (3200, 5.5, AT - timedelta(hours=1))
    assert found.promised["tokens"].p50 == 3


def test_whoever_did_it_instead_had_been_promised_nothing() -> None:
    found = report({"task_id": "T-1", "tokens": 1, "provider": "bravo"})
    assert (found.observed[0].prior_id, found.observed[0].promised) == ("code-api/bravo", {})


def test_a_task_that_failed_is_written_down_and_not_learned_from() -> None:
    found = report({"task_id": "T-1", "tokens": 1, "status": "failed"}, {"task_id": "T-2", "tokens": 2})
    assert [each["status"] for each in found.done] == ["failed", "completed"]
    assert [each.task_id for each in found.observed] == ["T-2"]


def test_tasks_of_another_run_are_named() -> None:
    found = report({"task_id": "T-9"}, {"task_id": "T-0"})
    assert (found.unknown, [each["task_id"] for each in found.done]) == (["T-9"], ["T-0"])


def test_a_moment_of_its_own_comes_before_that_of_the_run_and_that_before_ours() -> None:
    early = (AT - timedelta(minutes=9)).isoformat()
    assert [
        each.completed_at for each in report({"task_id": "T-0", "completed_at": early}, {"task_id": "T-1"}).observed
    ] == [
        AT - timedelta(minutes=9),
        AT,
    ]


def test_a_plan_of_the_pas_is_taken_with_its_lanes() -> None:
    task = {"task_id": "P-1", "lane_id": "docs-guide", "provider": "alpha", "tokens": 7}
    (found,) = report(task, planned=[]).observed
    assert (found.prior_id, found.promised) == ("docs-guide/alpha", {})
    with pytest.raises(Unreadable, match="was not on the job card and names no provider"):
        report({"task_id": "P-1", "lane_id": "docs-guide"}, planned=[])


def test_long_names_keep_ids_within_their_limit() -> None:
    found = pas.observation_id(str(RUN["run_id"]), "T" * 128)
    assert len(found) == 32
    assert found != pas.observation_id(str(RUN["run_id"]), "T" * 127 + "U")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"run_id": ""}, "run_id"),
        ({"run_id": 7}, "run_id"),
        ({"status": "done"}, "status"),
        ({"project_id": -1}, "project_id"),
        ({"completed_at": "2026-01-01"}, "completed_at"),
        ({"completed_at": "1812-01-01T00:00:00Z"}, "completed_at"),
        ({"tasks": [{"tokens": 1}]}, "tasks[0]"),
        ({"tasks": [{"task_id": "T", "lane_id": "a/b"}]}, "tasks[0].lane_id"),
        ({"tasks": [{"task_id": "T", "tokens": "many"}]}, "tasks[0].tokens"),
        ({"tasks": [{"task_id": "T"}, {"task_id": "T"}]}, "tasks[1].task_id"),
    ],
)
def test_what_is_no_completion_is_refused_with_its_field(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        completion(**fields)
    assert (refusal.value.path or "").startswith(path.partition("[")[0] if path == "tasks[0]" else path)


@given(
    st.binary(max_size=200) | st.dictionaries(st.text(max_size=8), st.integers() | st.text()).map(msgspec.json.encode)
)
def test_whatever_comes_is_a_completion_or_unreadable(data: bytes) -> None:
    found = []
    with suppress(Unreadable):
        found.append(pas.completion(data, CONTEXT))
    assert all(isinstance(each, pas.Completion) for each in found)
