"""Data quality: how unusual the figures of each machine are, explained."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from connectors.gateway.depends import Limit, Parts, Reader
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.data_quality import Scores
from sql.reads import data_quality

router = APIRouter(prefix="/api/v1/data-quality", tags=["machines"], responses=PROBLEMS)
MachineId = Annotated[str | None, Query(max_length=128, description="one machine only")]


@router.get("", response_model=Scores, summary="How unusual the figures of each machine are")
def scores(
    parts: Parts, reader: Reader, anomalies: bool = False, machine_id: MachineId = None, limit: Limit = 200
) -> Any:
    """Cycle time, rate, jitter, silence and counter of each machine against its own past; `anomalies`: only those."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"scores": data_quality.listed(rows, anomalies, machine_id, limit)}
