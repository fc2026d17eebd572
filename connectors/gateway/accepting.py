"""Accepting a schedule: the runs get its times, if they still stand as it was computed from."""

from collections.abc import Mapping
from typing import Any

from psycopg.errors import ExclusionViolation

from connectors.database import Edit
from connectors.gateway.problems import Problem
from schemas.messages.plans import ScheduleAccepted
from sql import plans, proposals
from sql import schedules as rows_of_schedules
from sql.reads import schedules
from sql.schedules import Booking
from streams.planning.lines import Line, read


def held(edit: Edit, schedule_id: str) -> dict[str, Any]:
    """A schedule of which nobody else decides meanwhile. Raises Problem 404."""
    rows_of_schedules.hold_schedules(edit.rows, edit.tenant_id)
    found = schedules.one(edit.rows, schedule_id, is_held=True)
    if found is None:
        raise Problem(404, f"No schedule {schedule_id} is known.")
    return found


def accept(edit: Edit, schedule_id: str, proposal_id: str | None = None) -> None:
    """Let a schedule hold. Raises Problem 404, 409 with the reason; nothing has changed then."""
    found = held(edit, schedule_id)
    if found["status"] != "proposed":
        raise Problem(409, f"The schedule is {found['status']}: only a proposed one can be accepted.")
    if found["inputs"].get("is_what_if"):
        raise Problem(409, "It was computed for a shop that is not so. Change calendars or orders, then schedule anew.")
    lines = read(found["lines"])
    _refuse_changed(edit, lines)
    try:
        booked = rows_of_schedules.book(edit.rows, schedule_id, [_booking(line) for line in lines], edit.actor)
    except ExclusionViolation as error:
        raise Problem(409, f"A work centre would be booked twice: {error.diag.message_detail or error}") from error
    before = rows_of_schedules.supersede(edit.rows, schedule_id, edit.actor)
    proposals.outdate_others(edit.rows, proposal_id)
    payload = ScheduleAccepted(
        plan_id=schedule_id,
        scenario=found["scenario"],
        accepted_by=edit.actor,
        operations=booked,
        superseded_plan_id=before,
    )
    plans.say(edit.rows, edit.tenant_id, "plan.schedule_accepted", payload)


def _booking(line: Line) -> Booking:
    return Booking(line.run_id, line.work_center_id, line.setup_from, line.start_at, line.end_at)


def _refuse_changed(edit: Edit, lines: tuple[Line, ...]) -> None:
    """Raises Problem 409 if the schedule does not fit a run any more."""
    now = rows_of_schedules.standing(edit.rows, [line.run_id for line in lines])
    for line in lines:
        if why := contradiction(line, now.get(line.run_id)):
            name = f"Operation {line.sequence_number} of {line.order_number}"
            raise Problem(409, f"{name} {why} since the schedule was computed. Schedule anew.", run_id=line.run_id)


def contradiction(line: Line, run: Mapping[str, Any] | None) -> str | None:
    """What has happened to a run that its line does not know of; None: the line still fits.

    That work goes on (released, begun, done) is no contradiction, unless it has begun at another work centre.
    """
    if run is None or run["status"] == "cancelled" or line.seen is None:
        return "is gone"
    if run["status"] == "completed":
        return None
    begun = run["status"] == "in_progress"
    if begun and run["work_center_id"] != line.work_center_id:
        return "has begun at another work centre"
    seen = (line.seen.work_center_id, line.seen.scheduled_start, line.seen.scheduled_end, line.seen.is_frozen)
    if seen != (run["work_center_id"], run["scheduled_start"], run["scheduled_end"], run["is_frozen"]):
        return "was changed"
    return None
