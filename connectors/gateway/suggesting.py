"""What was learned of a routing's operations beside what it plans, and which of it may be accepted."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from connectors.database import Rows
from connectors.gateway.problems import Problem
from schemas.views.suggestions import AcceptedOperation
from sql.edited.subjects import ROUTING
from sql.reads import resources, routings
from sql.reads.routings import RoutingOperation
from sql.reads.work_centers import work_centers
from streams.domain.estimation.operations import operation_lane, setup_lane
from streams.planning.operation_times import Lane, OperationTimes

Row = dict[str, Any]
SECONDS: Final = 60
RUN_PLACES: Final = Decimal("0.0001")
SETUP_PLACES: Final = Decimal("0.01")
FIELDS: Final = {"run_time_per_unit_seconds": "run", "setup_time_minutes": "setup"}
ONE: Final[Mapping[str, float]] = {"run_time_per_unit_seconds": SECONDS, "setup_time_minutes": 1}
"""How much of each field a minute is."""


class Place(NamedTuple):
    """An operation of a routing at a work centre, as lanes of running and of setting up."""

    operation: RoutingOperation
    work_center_id: str
    work_center_code: str
    run: Lane
    setup: Lane


class Learned(NamedTuple):
    """A routing's version and its operations wherever they can be done, with what is known of them."""

    version: int
    places: Sequence[Place]
    times: OperationTimes


def learned(rows: Rows, routing_id: str) -> Learned:
    """What is known of a routing. Raises Problem 404."""
    routing = resources.one(rows, ROUTING.name, routing_id)
    if routing is None:
        raise Problem(404, f"No routing {routing_id} is known.")
    made = routing["product_id"] or routing["product_category"] or routing["routing_code"]
    codes = {center.id: center.code for center in work_centers(rows)}
    places = [
        place
        for operation in routings.as_they_hold(rows, [routing_id])[routing_id]
        for place in _places(operation, made, codes)
    ]
    lanes = {lane.lane_id for place in places for lane in (place.run, place.setup)}
    return Learned(routing["version"], places, OperationTimes.load(rows, lanes))


def _places(operation: RoutingOperation, made: str, codes: Mapping[str, str]) -> list[Place]:
    run, setup = operation_lane(made, operation.operation_code), setup_lane(made, operation.operation_code)
    minutes = float(operation.run_seconds_per_unit) / SECONDS
    possible = dict.fromkeys((operation.work_center_id or "", *operation.alternative_work_center_ids))
    return [
        Place(
            operation,
            each,
            codes[each],
            Lane(run, codes[each], minutes),
            Lane(setup, codes[each], float(operation.setup_minutes)),
        )
        for each in possible
        if each in codes
    ]


def shown(routing_id: str, found: Learned) -> Row:
    """All of it, as the API shows it."""
    return {
        "routing_id": routing_id,
        "version": found.version,
        "suggestions": [_suggestion(place, found.times) for place in found.places],
    }


def _suggestion(place: Place, times: OperationTimes) -> Row:
    operation = place.operation
    return {
        "sequence_number": operation.sequence_number,
        "operation_id": operation.operation_id,
        "operation_code": operation.operation_code,
        "work_center_id": place.work_center_id,
        "work_center_code": place.work_center_code,
        "is_planned_here": place.work_center_id == operation.work_center_id,
        "run": _time(place.run, times),
        "setup": _time(place.setup, times),
        "run_time_per_unit_seconds": _instead(place.run, times, SECONDS, RUN_PLACES),
        "setup_time_minutes": _instead(place.setup, times, 1, SETUP_PLACES),
    }


def _time(lane: Lane, times: OperationTimes) -> Row:
    expected = times.posterior(lane)
    row = times.row(lane)
    hits = (row["hits"] if row else None) or {"promised": 0, "within_90": 0}
    is_learned = times.is_learned(lane)
    is_within = expected.quantile(0.05) <= lane.planned_minutes <= expected.quantile(0.95)
    return {
        "lane_id": lane.lane_id,
        "provider": lane.provider,
        "planned_minutes": lane.planned_minutes,
        "p10": expected.quantile(0.1),
        "p50": expected.quantile(0.5),
        "p90": expected.quantile(0.9),
        "observations": times.observations(lane),
        "coverage": hits["within_90"] / hits["promised"] if hits["promised"] else None,
        "promised": hits["promised"],
        "is_learned": is_learned,
        "is_plan_outside": not is_within if is_learned else None,
    }


def _instead(lane: Lane, times: OperationTimes, one: float, places: Decimal) -> Decimal | None:
    """The median, in the unit and with the places that a routing has; None until it is learned."""
    if not times.is_learned(lane):
        return None
    return max(places, Decimal(times.posterior(lane).quantile(0.5) * one).quantize(places))


def accepted(found: Learned, asked: Sequence[AcceptedOperation]) -> dict[int, Row]:
    """The times that a person gives operations, by sequence number. Raises Problem 400, 409 with the reason.

    They must be what is learned: within the 90 % interval as it is now.
    """
    here = {
        place.operation.sequence_number: place
        for place in found.places
        if place.work_center_id == place.operation.work_center_id
    }
    wanted: dict[int, Row] = {}
    for index, each in enumerate(asked):
        number, path = each.sequence_number, f"operations.{index}"
        if number in wanted:
            raise Problem(400, f"Operation {number} is named twice.", path=path)
        if number not in here:
            raise Problem(409, f"The routing has no operation {number} at a work centre of its own.", path=path)
        wanted[number] = each.model_dump(exclude={"sequence_number"}, exclude_none=True)
        for field, value in wanted[number].items():
            _refuse_what_is_not_learned(found.times, here[number], field, float(value), path)
    return wanted


def _refuse_what_is_not_learned(times: OperationTimes, place: Place, field: str, value: float, path: str) -> None:
    lane: Lane = getattr(place, FIELDS[field])
    name = f"operation {place.operation.sequence_number}"
    if not times.is_learned(lane):
        seen = times.observations(lane)
        raise Problem(409, f"Nothing is suggested for {name}: {seen} observations are too few.", path=path)
    expected = times.posterior(lane)
    low, high = (expected.quantile(share) * ONE[field] for share in (0.05, 0.95))
    if not low <= value <= high:
        sentence = f"{value:g} is not what was learned of {name}, {low:.4g} to {high:.4g}. Look again."
        raise Problem(409, sentence, path=f"{path}.{field}")
