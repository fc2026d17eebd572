"""Alerts, many at once: what a person takes on with one click."""

from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from connectors.gateway.depends import Operator, Parts
from connectors.gateway.routes.erp import PROBLEMS
from schemas.messages.failures import Severity
from schemas.views.alerts import AlertsAcknowledged
from sql.reads import alerts

router = APIRouter(prefix="/api/v1/alerts", tags=["dead letters and alerts"], responses=PROBLEMS)
MOST = 500


class Like(BaseModel):
    """Open alerts of this severity and kind, with this text, raised until a moment: what a person had seen by then."""

    model_config = ConfigDict(extra="forbid")

    severity: Severity | None = None
    kind: str | None = Field(None, max_length=200)
    q: str | None = Field(None, max_length=200)
    until: AwareDatetime


class Chosen(BaseModel):
    """Which alerts: these, or all that are like that."""

    model_config = ConfigDict(extra="forbid")

    alert_ids: list[Annotated[str, Field(min_length=1, max_length=128)]] = Field(default_factory=list, max_length=MOST)
    like: Like | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.alert_ids) == (self.like is not None):
            raise ValueError("name alert_ids, or what they are like")
        return self


@router.post("/acknowledge", response_model=AlertsAcknowledged, summary="Take several alerts on at once")
def acknowledge(parts: Parts, operator: Operator, chosen: Chosen) -> Any:
    """Whoever was first stays named; alerts that are not known are passed over. `taken`: how many were open."""
    with parts.database.tenant(operator.tenant_id) as rows:
        if chosen.like is None:
            return {"taken": alerts.acknowledge_all(rows, chosen.alert_ids, operator.name)}
        told = chosen.like
        wanted = {"severity": told.severity, "kind": told.kind, "text": told.q or None, "until": told.until}
        return {"taken": alerts.acknowledge_like(rows, wanted, operator.name)}
