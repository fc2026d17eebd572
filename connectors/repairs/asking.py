"""What people ask for, as the API and the command line take it."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from connectors.repairs.acting import Edit
from connectors.repairs.edits import MOST_EDITS
from schemas.messages.failures import FailureStatus

Words = Annotated[str, Field(min_length=1, max_length=1000)]
Word = Annotated[str, Field(min_length=1, max_length=128)]
Edits = Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_EDITS)]
MOST_NAMED = 10_000


class _Asked(BaseModel):
    """A field that nobody knows is a mistake of whoever asks."""

    model_config = ConfigDict(extra="forbid")


class Retry(_Asked):
    """Send it again as it came."""

    reason: Words | None = None
    expected_version: Annotated[int, Field(ge=0)] | None = None
    dry_run: bool = False


class EditRetry(Retry):
    """Send it again edited: as JSON, as text, as bytes, or by edits of the original."""

    message: Any = None
    text: str | None = None
    bytes_base64: str | None = None
    edits: Edits | None = None

    @model_validator(mode="after")
    def _in_one_way(self) -> "EditRetry":
        told = self.model_fields_set & {"message", "text", "bytes_base64", "edits"}
        if len(told) != 1 or (told != {"message"} and getattr(self, next(iter(told))) is None):
            raise ValueError("give the edited message in one way: message, text, bytes_base64 or edits")
        return self

    def edit(self) -> Edit:
        """What to send."""
        return Edit(self.message, self.text, self.bytes_base64, self.edits)


class Close(_Asked):
    """Mark it as resolved, or discard it; a reason is needed."""

    reason: Words
    expected_version: Annotated[int, Field(ge=0)] | None = None


class Filters(_Asked):
    """The filters of the list."""

    status: FailureStatus | None = None
    integration: Word | None = None
    code: Word | None = None
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class Bulk(_Asked):
    """One action on many: on those named, or on all of a cause or of the filters (or both)."""

    action: Literal["retry", "edit_retry", "resolve", "discard"]
    failure_ids: Annotated[list[Word], Field(min_length=1, max_length=MOST_NAMED)] | None = None
    cause_key: Word | None = None
    filters: Filters | None = None
    edits: Edits | None = None
    reason: Words | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> "Bulk":
        if (self.failure_ids is None) == (self.cause_key is None and self.filters is None):
            raise ValueError("say which: failure_ids, or a cause_key or filters")
        if (self.edits is None) == (self.action == "edit_retry"):
            raise ValueError("edits belong to the action edit_retry, and it needs them")
        if self.action in ("resolve", "discard") and (self.reason is None or self.dry_run):
            raise ValueError("resolving and discarding need a reason, and there is nothing to rehearse")
        return self

    def edit(self) -> Edit | None:
        """What to do to each message before it is sent."""
        return None if self.edits is None else Edit(edits=self.edits)
