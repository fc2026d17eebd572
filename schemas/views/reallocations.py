"""Suggestions to move work elsewhere, as the API shows them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.views.values import Percent, View

SuggestionStatus = Literal["open", "taken", "dismissed", "expired"]


class SuggestedOperator(View):
    """Somebody who is free."""

    operator_id: str
    name: str
    skills: list[str]


class Alternative(View):
    """A machine that could make the order."""

    machine_id: str
    score: Percent
    sentence: str


class SuggestionView(View):
    """An order that a machine in breakdown cannot work on, and where it could be made instead."""

    suggestion_id: str
    downtime_id: str
    machine_id: str = Field(description="machine that is down")
    work_order_id: str
    suggested_machine_id: str
    suggested_operator_id: str | None
    operators: list[SuggestedOperator] = Field(description="who is free and has the skills, best first")
    alternatives: list[Alternative] = Field(description="all machines that could make it, best first")
    reason: str
    score: Percent
    status: SuggestionStatus
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None


class SuggestionList(View):
    """Suggestions, latest first."""

    suggestions: list[SuggestionView]
