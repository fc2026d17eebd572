"""What became of messages that people had sent again from the dead letters."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.messages.values import Count, Name, Text

ActionId = Annotated[int, Meta(ge=1, le=2**53)]


class RepairSettled(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was sent again took effect, or was refused again and why. Exactly one of them for each action.

    `says`: how many messages followed from it; none where it told nothing new.
    """

    failure_key: Name
    action_id: ActionId
    outcome: Literal["applied", "refused"]
    error_code: Name | None = None
    error_message: Text | None = None
    path: Text | None = None
    says: Count = 0
