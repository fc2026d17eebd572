"""What all that people edit has in common, as the API takes and shows it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from schemas.views.values import View

Code = Annotated[str, Field(min_length=1, max_length=50, description="what people call it; unique")]
Title = Annotated[str, Field(min_length=1, max_length=255)]
Short = Annotated[str, Field(min_length=1, max_length=128)]
Long = Annotated[str, Field(max_length=4000)]
# As text, in lower case with hyphens: the form in which Postgres gives it back.
Uuid = Annotated[
    str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", json_schema_extra={"format": "uuid"})
]
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_our_time(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("must lie from 1970 to 2199")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]


class Told(BaseModel):
    """What a person says; what nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class EditedView(View):
    """Who made it and who changed it last. Whoever changes it names the `version` they saw."""

    version: int = Field(description="grows by one with each change")
    created_at: AwareDatetime
    created_by: str | None
    updated_at: AwareDatetime | None
    updated_by: str | None


class ChangeView(View):
    """One change; `changes` has what was before and after, by field."""

    audit_id: str
    event_type: Literal["created", "updated", "deleted", "restored"]
    version: int = Field(description="its version after it")
    said_by: str
    changes: dict[str, Any]
    happened_at: AwareDatetime


class ChangeList(View):
    """Who changed it, latest first."""

    changes: list[ChangeView]


class Deleted(View):
    """It is deleted; what was made with it keeps it."""

    id: str
    version: int
    deleted_by: str
