"""What people changed of what planning stands on: calendars, work centres, operations, routings, changeovers, ...

One type for all of them: whoever plans reads one consistent snapshot from Postgres, and needs to hear only that, and of
what, it is no longer current. What was changed to what stands in `edit_audits`.
"""

from typing import Literal

import msgspec

from schemas.messages.values import Count, Name

PlanningSubject = Literal["calendar", "work_center", "operation", "routing", "changeover", "maintenance", "asset"]
Change = Literal["created", "updated", "deleted", "restored"]


class PlanningChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Something has a new version. `fields` are the names of what changed;"""

    subject: PlanningSubject
    subject_id: Name
    version: Count
    change: Change
    name: Name
    fields: tuple[Name, ...] = ()
    changed_by: Name
