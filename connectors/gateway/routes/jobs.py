"""What runs by the clock, and by hand."""

import uuid
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from connectors import clockwork
from connectors.clock import CLOCK
from connectors.gateway.depends import Identity, Parts, Reader, Repairer
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.deliveries import JobAsked, JobList
from sql import clock_runs

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=PROBLEMS)


@router.get("", response_model=JobList, summary="Jobs by the clock with their last and next run")
def jobs(parts: Parts, reader: Reader) -> Any:
    """Their times are on the plant's clock."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = clockwork.overview(rows, parts.settings, datetime.now(UTC))
    return {"timezone": parts.settings.plant_timezone, "jobs": found}


@router.post("/{name}/run", response_model=JobAsked, status_code=202, summary="Run a job now")
def run(parts: Parts, repairer: Repairer, name: Identity) -> Any:
    """The process `jobs` takes it up at once; what came of it is in the list of jobs."""
    if name not in {job.name for job in CLOCK}:
        raise Problem(404, f"No job is called {name}.")
    run_id = f"{name}-{uuid.uuid4().hex[:12]}"
    with parts.database.tenant(repairer.tenant_id) as rows:
        clock_runs.ask(rows, repairer.tenant_id, run_id, name, datetime.now(UTC), repairer.name)
    return {"run_id": run_id, "name": name, "status_url": "/api/v1/jobs"}
