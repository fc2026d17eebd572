"""Projects with runs, and lanes that have learned, in Postgres: as the gateway and the projector would have written."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import psycopg

from connectors.estimates import Priors
from schemas.messages.estimates import ObservationSetAside, Observed, PriorLearned
from sql import kpi_results
from sql.database import ensure_tenant
from streams.domain.estimation.figures import FIGURES
from streams.domain.priors import Prior, fold
from tests.messages import message

Rows = psycopg.Cursor[dict[str, Any]]
BEGIN: Final = datetime(2026, 11, 1, 6, tzinfo=UTC)
PROVIDER: Final = "fast"


class Taken(NamedTuple):
    """What a piece of work took."""

    tokens: float | None
    minutes: float | None
    usd: float | None


def project(rows: Rows, tenant_id: str, name: str = "Paint shop", budget: float | None = 20.0) -> int:
    """A project without tasks."""
    ensure_tenant(rows, tenant_id)
    rows.execute(
        "INSERT INTO projects (tenant_id, name, budget_usd_max) VALUES (%s, %s, %s) RETURNING project_id",
        [tenant_id, name, budget],
    )
    found = rows.fetchone()
    assert found is not None
    return int(found["project_id"])


def tasks(rows: Rows, tenant_id: str, project_id: int, told: Iterable[tuple[str, str, str]]) -> None:
    """Tasks by id, lane and phase."""
    for task_id, lane_id, phase in told:
        rows.execute(
            "INSERT INTO task_estimates (tenant_id, project_id, task_id, title, lane_id, phase, provider) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [tenant_id, project_id, task_id, f"Task {task_id}", lane_id, phase, PROVIDER],
        )


def run(rows: Rows, tenant_id: str, project_id: int, kind: str = "baseline", at: datetime = BEGIN) -> str:
    """A run of all tasks, each promised what the priors say now; the PAS works at it."""
    rows.execute(
        "INSERT INTO project_runs (tenant_id, project_id, run_kind, status, requested_by, started_at) "
        "VALUES (%s, %s, %s, 'running', 'Robin', %s) RETURNING run_id::text AS run_id",
        [tenant_id, project_id, kind, at],
    )
    found = rows.fetchone()
    assert found is not None
    run_id = str(found["run_id"])
    priors = Priors.load(rows)
    rows.execute("SELECT * FROM task_estimates WHERE project_id = %s", [project_id])
    for each in rows.fetchall():
        promised = priors.promised(each["lane_id"], PROVIDER)
        rows.execute(
            "INSERT INTO run_tasks (tenant_id, run_id, task_id, lane_id, provider, phase, complexity, promised, "
            "prior_version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(tenant_id, run_id, each["task_id"], each["lane_id"], PROVIDER, each["phase"], each["complexity"]),
                msgspec.json.encode(promised).decode(),
                priors.version(each["lane_id"], PROVIDER),
            ],
        )
    return run_id


def done(rows: Rows, run_id: str, task_id: str, taken: Taken, at: datetime = BEGIN) -> None:
    """A task of a run is completed."""
    rows.execute(
        "UPDATE run_tasks SET status = 'completed', tokens = %s, duration_minutes = %s, cost_usd = %s, "
        "completed_at = %s WHERE run_id = %s AND task_id = %s",
        [*taken, at, run_id, task_id],
    )


def undone(rows: Rows, run_id: str, task_id: str) -> None:
    """A task of a run waits again."""
    rows.execute(
        "UPDATE run_tasks SET status = 'waiting', tokens = NULL, duration_minutes = NULL, cost_usd = NULL, "
        "completed_at = NULL WHERE run_id = %s AND task_id = %s",
        [run_id, task_id],
    )


def judged(rows: Rows, tenant_id: str, project_id: int, run_id: str, task: tuple[str, str], rows_found: int) -> None:
    """A task of a run, by id and lane, was asked for ten rows."""
    score, evidence = min(1.0, rows_found / 10), {"asked": {"least": 10}, "found": {"rows": rows_found}}
    told = {"tenant_id": tenant_id, "project_id": project_id, "run_id": run_id, "task_id": task[0], "lane_id": task[1]}
    found = {"validator": "row_count", "is_passed": score == 1, "score": score, "message": f"{rows_found} rows."}
    kpi_results.keep(rows, [told | found | {"evidence": evidence, "measured_at": BEGIN, "measured_by": "Robin"}])


def ended(rows: Rows, run_id: str, at: datetime = BEGIN) -> None:
    """A run is completed; what it did not bring is missing."""
    rows.execute("UPDATE project_runs SET status = 'completed', completed_at = %s WHERE run_id = %s", [at, run_id])
    rows.execute("UPDATE run_tasks SET status = 'missing' WHERE run_id = %s AND status = 'waiting'", [run_id])


def history(count: int, median: Taken = Taken(3_000, 5, 0.18), spread: float = 0.3, seed: int = 7) -> list[Taken]:
    """Log-normal work about a median."""
    chance = np.random.default_rng(seed)
    factors = np.exp(spread * chance.standard_normal((count, 3)))
    return [Taken(*(value * factor for value, factor in zip(median, row, strict=True))) for row in factors.tolist()]


def lane(
    rows: Rows,
    tenant_id: str,
    lane_id: str,
    taken: Sequence[Taken],
    provider: str = PROVIDER,
    project_id: int | None = None,
    **fields: Any,
) -> Prior:
    """A lane that has seen this, piece by piece, each promised what its prior said just before."""
    prior: Prior | None = None
    learned: dict[str, Any] = {}
    for number, each in enumerate(taken):
        known = [{"lane_id": lane_id, "provider": provider, "version": number, "learned": learned}] if learned else []
        observed = Observed(
            prior_id=f"{lane_id}/{provider}",
            lane_id=lane_id,
            provider=provider,
            source="run",
            observation_id=f"{lane_id}/{provider}/{number}",
            completed_at=BEGIN + timedelta(minutes=10 * number),
            project_id=project_id,
            tokens=each.tokens,
            duration_minutes=each.minutes,
            cost_usd=each.usd,
            promised=Priors(known).promised(lane_id, provider),
        )
        plain = message("estimate.observed", None, 365 * 86_400)
        step = fold(prior, msgspec.structs.replace(plain, payload=msgspec.structs.replace(observed, **fields)))
        prior = step.state
        for emit in step.emits:
            learned = told(rows, tenant_id, emit.payload, number) or learned
    assert prior is not None
    return prior


def told(rows: Rows, tenant_id: str, event: PriorLearned | ObservationSetAside, offset: int) -> dict[str, Any] | None:
    """The rows of an event; gives what was learned."""
    place = {
        "event_topic": "calibration-priors",
        "event_partition": 0,
        "event_offset": offset,
        "caused_by": f"priors-prior-inbox-0-{offset}-0",
    }
    seen = msgspec.structs.asdict(event.observation)
    aside = event if isinstance(event, ObservationSetAside) else None
    named = ("lane_id", "provider", "observation_id", "source", "completed_at", "project_id", "run_id", "task_id")
    _insert(
        rows,
        "estimate_observations",
        {"tenant_id": tenant_id}
        | {name: seen[name] for name in (*named, *FIGURES, "quality", "weight", "observed_by", "reason")}
        | {"promised": msgspec.json.encode(event.observation.promised).decode(), "version": event.version}
        | {"is_counted": aside is None, "set_aside_code": aside and aside.code}
        | {"set_aside_reason": aside and aside.reason}
        | place,
    )
    if not isinstance(event, PriorLearned):
        return None
    rows.execute(
        "UPDATE estimate_versions SET is_latest = false WHERE lane_id = %s AND provider = %s",
        [event.lane_id, event.provider],
    )
    whole = msgspec.to_builtins(event)
    plain = ("lane_id", "provider", "version", "observations", "quality", "is_converged", "is_restated", "changed_at")
    smooth = {
        f"{short}_{name}": whole["learned"][figure][name]
        for figure, short in zip(FIGURES, ("tokens", "duration", "cost"), strict=True)
        for name in ("mean", "std")
    }
    _insert(
        rows,
        "estimate_versions",
        {"tenant_id": tenant_id, "is_latest": True, "observation_id": event.observation.observation_id}
        | {name: whole[name] for name in plain}
        | {"run_id": event.observation.run_id}
        | {name: json.dumps(whole[name]) for name in ("learned", "hits", "drift")}
        | smooth
        | place,
    )
    return dict(whole["learned"])


def _insert(rows: Rows, table: str, values: dict[str, Any]) -> None:
    columns = ", ".join(values)
    rows.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(values))})".encode(), [*values.values()]
    )


def forget(rows: Rows, lanes: Sequence[str], project_id: int | None = None) -> None:
    """These lanes have learned nothing, and the project never was."""
    for table in ("estimate_versions", "estimate_observations"):
        rows.execute(f"DELETE FROM {table} WHERE lane_id = ANY(%s)".encode(), [list(lanes)])
    if project_id is not None:
        of_project = "run_id IN (SELECT run_id FROM project_runs WHERE project_id = %s)"
        for table, where in (
            ("kpi_results", "project_id = %s"),
            ("run_tasks", of_project),
            ("project_runs", "project_id = %s"),
            ("task_estimates", "project_id = %s"),
            ("projects", "project_id = %s"),
        ):
            rows.execute(f"DELETE FROM {table} WHERE {where}".encode(), [project_id])


def clear(rows: Rows) -> None:
    """No projects, and nothing learned."""
    for table in (
        *("estimate_versions", "estimate_observations", "kpi_results", "lane_overrides", "run_tasks"),
        *("project_runs", "task_estimates", "projects"),
    ):
        rows.execute(f"DELETE FROM {table}".encode())
