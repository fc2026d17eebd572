"""Dead letters and alerts, as they are read."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from connectors.gateway.depends import Cursor, Identity, Limit, Operator, Parts, Reader, Text
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from connectors.repairs import reading
from schemas.messages.failures import FailureStatus
from schemas.views.failures import AlertAcknowledged, AlertList, FailureDetail, FailureMetrics, FailurePage
from sql.reads import alerts, failures

router = APIRouter(prefix="/api/v1", tags=["dead letters and alerts"], responses=PROBLEMS)
Word = Annotated[str | None, Query(max_length=128)]
MOST_HOURS = 24 * 366


def wanted(
    status: FailureStatus | None = None,
    integration: Word = None,
    code: Word = None,
    cause: Word = None,
    q: Text = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> failures.Row:
    """The filters of the list."""
    return failures.filters(status, integration, code, q, cause=cause, since=since, until=until)


WantedLetters = Annotated[failures.Row, Depends(wanted)]


@router.get("/failures", response_model=FailurePage, summary="Dead letters, latest first, and their causes")
def page(parts: Parts, reader: Reader, wanted: WantedLetters, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """`groups` counts all that match, not only this page; `cause` is the `cause_key` of one of them."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = failures.page(rows, wanted, limit, cursor)
        return {"failures": found, "groups": failures.groups(rows, wanted), "next_cursor": next_cursor}


@router.get("/failures/metrics", response_model=FailureMetrics, summary="How many fail, and how fast they are repaired")
def metrics(parts: Parts, reader: Reader, hours: Annotated[float, Query(gt=0, le=MOST_HOURS)] = 24) -> Any:
    """By integration, of the latest hours; the trend has 48 points at most, those without letters left out."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return failures.metrics(rows, hours)


@router.get("/failures/{failure_id}", response_model=FailureDetail, summary="One dead letter with its message")
def one(parts: Parts, reader: Reader, failure_id: Identity) -> Any:
    """By its id or key; the bytes are exactly those that came. `can` says what can be done about it, or why not."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = reading.letter(rows, failure_id)
    if found is None:
        raise Problem(404, f"No dead letter {failure_id} is known.")
    return found


@router.get("/alerts", response_model=AlertList, summary="Alerts, latest first")
def alert_list(parts: Parts, reader: Reader, open_only: bool = Query(True, alias="open"), limit: Limit = 100) -> Any:
    """`open=false` shows those that somebody has taken on, too."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"alerts": alerts.latest(rows, open_only, limit)}


@router.post("/alerts/{alert_id}/acknowledge", response_model=AlertAcknowledged, summary="Take an alert on")
def acknowledge(parts: Parts, operator: Operator, alert_id: Identity) -> Any:
    """Whoever was first stays named."""
    with parts.database.tenant(operator.tenant_id) as rows:
        found = alerts.acknowledge(rows, alert_id, operator.name)
    if found is None:
        raise Problem(404, f"No alert {alert_id} is known.")
    return found
