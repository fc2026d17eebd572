"""Lines as the API shows them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.views.values import View


class LineView(View):
    """A line and its latest stop. `since` is when it stopped, or was resumed; nothing is told of one that never stood.

    `failures` of the latest `messages` had failed with the cause; `failure_key` names the dead letter of the last.
    """

    line: str
    description: str
    status: Literal["running", "stopped"]
    since: datetime | None
    stopped_at: datetime | None
    cause: str | None
    error_code: str | None
    error_path: str | None
    failures: int | None
    messages: int | None
    share: float | None
    failure_key: str | None
    resumed_at: datetime | None
    resumed_by: str | None
    resume_reason: str | None


class LineList(View):
    """Every line, those that stand first."""

    lines: list[LineView]


class Resume(BaseModel):
    """Why a line may go on."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str | None, Field(max_length=1000)] = None
