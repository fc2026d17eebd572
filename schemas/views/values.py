"""Values that several views share."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer


def _number(value: Decimal) -> int | float:
    """A quantity as a JSON number."""
    return int(value) if value == value.to_integral_value() else float(value)


Number = Annotated[Decimal, PlainSerializer(_number, return_type=int | float, when_used="json")]
Percent = Annotated[float, Field(ge=0, le=100, description="per cent")]
Json = Any


class View(BaseModel):
    """What the API answers."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class ProblemDocument(BaseModel):
    """An error (RFC 9457). `code` is of 002 Appendix C where one fits."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str | None = Field(None, description="INT-001 to INT-006")
