"""What planners edit: names and values are the same in the API, in the domain and in the database."""

import re
from typing import Any, get_args

import msgspec
import pytest
from pydantic import BaseModel

from connectors.gateway.depends import json_body
from connectors.gateway.planned import Planned, with_version
from connectors.gateway.routes.calendars import CALENDARS
from connectors.gateway.routes.changeovers import CHANGEOVERS
from connectors.gateway.routes.routings import ROUTINGS
from connectors.gateway.routes.work_centers import ASSETS, MAINTENANCES, OPERATIONS, WORK_CENTERS
from connectors.public_holidays import NotKnown, public_holidays
from schemas.messages.planning import Change, PlanningSubject
from schemas.views import calendars, resources
from schemas.views.edited import ChangeView
from sql.edited.assets import LEVELS
from sql.edited.subjects import SUBJECTS
from sql.migrations import planning_ground, planning_orders
from sql.reads.resources import LISTINGS
from streams.domain.calendars import Break, Calendar, Period, Shift

ALL = [CALENDARS, WORK_CENTERS, OPERATIONS, ROUTINGS, CHANGEOVERS, MAINTENANCES, ASSETS]
TABLES = {each.name: each for each in (*planning_ground.TABLES, *planning_orders.TABLES)}


def allowed(table: str, column: str) -> set[str]:
    """The values that a check of the database allows."""
    found = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", TABLES[table].columns)
    assert found is not None, f"{table}.{column} has no list"
    return set(re.findall(r"'(\w+)'", found.group(1)))


@pytest.mark.parametrize(
    ("table", "column", "told"),
    [
        ("maintenance_records", "maintenance_type", resources.MaintenanceType),
        ("maintenance_records", "status", resources.MaintenanceStatus),
        ("asset_hierarchy", "asset_type", resources.AssetType),
        ("edit_audits", "event_type", Change),
    ],
)
def test_api_and_database_know_the_same_values(table: str, column: str, told: Any) -> None:
    assert set(get_args(told)) == allowed(table, column)


def test_the_levels_of_assets_are_those_of_the_api_from_large_to_small() -> None:
    assert get_args(resources.AssetType) == LEVELS


def test_a_change_is_told_by_the_same_words_everywhere() -> None:
    assert get_args(ChangeView.model_fields["event_type"].annotation) == get_args(Change)
    assert set(SUBJECTS) == set(LISTINGS) == set(get_args(PlanningSubject)) == {each.subject.name for each in ALL}


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (calendars.CalendarDefinition, Calendar),
        (calendars.ShiftTold, Shift),
        (calendars.BreakTold, Break),
        (calendars.PeriodTold, Period),
    ],
)
def test_a_calendar_has_the_same_fields_in_the_api_and_in_the_domain(told: type[BaseModel], kept: type[Any]) -> None:
    def names(fields: Any) -> dict[str, bool]:
        return dict(fields)

    assert names((name, each.is_required()) for name, each in told.model_fields.items()) == names(
        (each.name, each.required) for each in msgspec.structs.fields(kept)
    )


@pytest.mark.parametrize("planned", ALL, ids=lambda each: each.plural)
def test_every_example_is_a_good_body(planned: Planned) -> None:
    (example,) = planned.body.model_json_schema()["examples"]
    columns = planned.columns(planned.body.model_validate(example))
    operations = {"operations"} if planned is ROUTINGS else set()
    assert columns.keys() - operations <= set(planned.subject.model.__mapper__.columns.keys())  # type: ignore[attr-defined]


@pytest.mark.parametrize("planned", ALL, ids=lambda each: each.plural)
def test_a_body_is_read_back_from_what_is_shown(planned: Planned) -> None:
    """A change that names a part is laid over what is kept: each field of a body stands in the view too."""
    assert planned.body.model_fields.keys() <= planned.view.model_fields.keys()


def test_the_description_of_a_change_asks_for_the_version_and_for_nothing_else() -> None:
    described = json_body(WORK_CENTERS.body)
    part = with_version(described, is_part=True)["requestBody"]["content"]["application/json"]["schema"]
    whole = with_version(described)["requestBody"]["content"]["application/json"]["schema"]
    assert "required" not in part
    assert whole["required"] == ["work_center_code", "work_center_name"]
    assert "version" in part["properties"]
    assert "version" not in str(described), "the description of a new one is left as it was"


def test_holidays_are_those_of_the_part_of_a_country() -> None:
    whole, part = (public_holidays("DE", where, [2026]) for where in (None, "BY"))
    assert whole.items() < part.items()
    assert list(part) == sorted(part)
    with pytest.raises(NotKnown, match=r"DE has no part ZZ; its parts are: .*BY"):
        public_holidays("DE", "ZZ", [2026])
    with pytest.raises(NotKnown, match=r"No public holidays of XX are known\."):
        public_holidays("XX", None, [2026])
