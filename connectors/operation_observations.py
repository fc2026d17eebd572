"""What a completed run tells its lane: minutes per unit, and those of its setups where somebody noted them."""

from typing import Final

from connectors.deliveries.kind import Rows
from schemas.messages.estimates import Observed
from schemas.messages.work_orders import WorkOrderChanged
from schemas.settings import STOP_CLASSES, Settings
from sql.edited.production import ProductionRun
from sql.reads import operation_lanes
from sql.reads.machine_work import Work
from streams.domain.calendars import open_time
from streams.domain.estimation.lanes import prior_id
from streams.domain.estimation.operations import MINUTE, Worked, operation_lane, setup_lane, worked
from streams.domain.losses import Stop
from streams.open_times import OpenWorkCenter, work_center_calendars
from streams.planning.operation_times import Lane, OperationTimes

SETUP: Final = "setup"


def observed(rows: Rows, run: ProductionRun, told: WorkOrderChanged, settings: Settings) -> list[Observed]:
    """What its lanes may learn of it; nothing where nothing was made, or nobody knows how long it took."""
    if told.actual_start_at is None or told.actual_end_at is None or told.quantity_produced <= 0:
        return []
    lane = operation_lanes.of_runs(rows, [run.id])[run.id]
    center = _where(rows, run, told)
    if center is None:
        return []
    spent = _spent(rows, center, told, settings)
    code = center.work_center.code
    running = Lane(operation_lane(lane.made, lane.operation_code), code, lane.minutes_per_unit)
    setting_up = Lane(setup_lane(lane.made, lane.operation_code), code, lane.setup_minutes)
    times = OperationTimes.load(rows, (running.lane_id, setting_up.lane_id))
    found = [(running, told.work_order_id, spent.run / told.quantity_produced)]
    found.append((setting_up, f"{told.work_order_id}/{SETUP}", spent.setup))
    return [
        Observed(
            prior_id=prior_id(each.lane_id, each.provider),
            lane_id=each.lane_id,
            provider=each.provider,
            source="operation",
            observation_id=identity,
            completed_at=told.actual_end_at,
            run_id=run.id,
            duration_minutes=minutes,
            promised={"duration_minutes": times.promised(each)},
        )
        for each, identity, minutes in found
        if minutes > 0
    ]


def _where(rows: Rows, run: ProductionRun, told: WorkOrderChanged) -> OpenWorkCenter | None:
    """The work centre of the machine that it was given to, if it could be done there; otherwise the planned one.

    None: that was deleted meanwhile.
    """
    centers = work_center_calendars(rows, told.actual_start_at)
    possible = [centers[each] for each in (run.work_center_id, *run.alternative_work_center_ids) if each in centers]
    given = (each for each in possible if told.assigned_machine_id in (each.work_center.machine_id, None))
    return next(given, None) or centers.get(run.work_center_id)


def _spent(rows: Rows, center: OpenWorkCenter, told: WorkOrderChanged, settings: Settings) -> Worked:
    assert told.actual_start_at is not None
    assert told.actual_end_at is not None
    opened = open_time(center.calendar, told.actual_start_at - MINUTE, told.actual_end_at + MINUTE)
    classes = STOP_CLASSES | {code.upper(): kind for code, kind in settings.layout.stop_classes.items()}
    machine_id = center.work_center.machine_id
    found = Work(rows, machine_id, told.actual_start_at, told.actual_end_at).stops() if machine_id else []
    stops = [Stop(each["reason"], each["from_at"], each["to_at"]) for each in found]
    return worked(told.actual_start_at, told.actual_end_at, opened.windows, stops, classes)
