"""THE MAP of what planners edit: for each subject its table, what it names, what must not name it when it goes.

The order is that in which things are made: what is named by others comes first.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import inspect

from schemas.messages.planning import PlanningSubject
from sql.edited import resources
from sql.edited.base import Versioned


class Link(NamedTuple):
    """A column that names a row of another table; `words` say what that is."""

    column: str
    table: str
    words: str


class Use(NamedTuple):
    """What is still in use and names a row: `query` gives the names of it, of the row with the id %(id)s."""

    words: str
    query: str


class Subject(NamedTuple):
    """Something people edit. `unique`: the columns no two rows share, deleted ones too.

    `is_shared`: rows without a tenant are in everybody's catalogue, which nobody changes here.
    """

    name: PlanningSubject
    words: str
    model: type[Versioned]
    unique: tuple[str, ...]
    links: tuple[Link, ...] = ()
    uses: tuple[Use, ...] = ()
    is_shared: bool = False

    @property
    def table(self) -> str:
        """The name of its table."""
        return str(inspect(self.model).local_table.name)


WORK_CENTER_LINK: Final = Link("work_center_id", "work_centers", "work centre")
OPEN_RUNS: Final = (
    "SELECT o.production_order_number || ' / ' || r.sequence_number AS name FROM production_runs r "
    "JOIN production_orders o ON o.tenant_id = r.tenant_id AND o.id = r.production_order_id "
    "WHERE r.deleted_at IS NULL AND r.status NOT IN ('completed', 'cancelled') AND "
)
IN_ROUTINGS: Final = (
    "SELECT DISTINCT t.routing_code || ' version ' || t.routing_version AS name FROM routing_operations r "
    "JOIN routing_templates t ON t.tenant_id = r.tenant_id AND t.id = r.routing_id "
    "WHERE r.deleted_at IS NULL AND t.deleted_at IS NULL AND "
)

CALENDAR = Subject(
    "calendar",
    "calendar",
    resources.WorkCalendarRow,
    ("calendar_code",),
    uses=(
        Use(
            "work centre",
            "SELECT work_center_code AS name FROM work_centers WHERE calendar_id = %(id)s AND deleted_at IS NULL",
        ),
    ),
)
WORK_CENTER = Subject(
    "work_center",
    "work centre",
    resources.WorkCenterRow,
    ("work_center_code",),
    (Link("calendar_id", "work_calendars", "calendar"),),
    (
        Use(
            "operation",
            "SELECT operation_code AS name FROM operations WHERE default_work_center_id = %(id)s "
            "AND deleted_at IS NULL",
        ),
        Use(
            "routing",
            IN_ROUTINGS + "(r.work_center_id = %(id)s OR %(id)s::uuid = ANY(r.alternative_work_center_ids))",
        ),
        Use(
            "production run",
            OPEN_RUNS + "(r.work_center_id = %(id)s OR %(id)s::uuid = ANY(r.alternative_work_center_ids))",
        ),
        Use(
            "asset",
            "SELECT asset_code AS name FROM asset_hierarchy WHERE work_center_id = %(id)s AND deleted_at IS NULL",
        ),
    ),
)
OPERATION = Subject(
    "operation",
    "operation",
    resources.OperationRow,
    ("operation_code",),
    (Link("default_work_center_id", "work_centers", "work centre"),),
    (
        Use("routing", IN_ROUTINGS + "r.operation_id = %(id)s"),
        Use("production run", OPEN_RUNS + "r.operation_id = %(id)s"),
    ),
    is_shared=True,
)
ROUTING = Subject(
    "routing",
    "routing",
    resources.RoutingRow,
    ("routing_code", "routing_version"),
    uses=(
        Use(
            "production order",
            "SELECT production_order_number AS name FROM production_orders WHERE routing_id = %(id)s "
            "AND deleted_at IS NULL AND status NOT IN ('completed', 'cancelled')",
        ),
    ),
)
CHANGEOVER = Subject(
    "changeover",
    "changeover rule",
    resources.ChangeoverRow,
    ("work_center_id", "from_family", "to_family"),
    (WORK_CENTER_LINK,),
)
MAINTENANCE = Subject("maintenance", "maintenance", resources.MaintenanceRow, (), (WORK_CENTER_LINK,))
ASSET = Subject(
    "asset",
    "asset",
    resources.AssetRow,
    ("asset_code",),
    (Link("parent_asset_id", "asset_hierarchy", "asset"), WORK_CENTER_LINK),
    (
        Use(
            "asset",
            "SELECT asset_code AS name FROM asset_hierarchy WHERE parent_asset_id = %(id)s AND deleted_at IS NULL",
        ),
    ),
)

SUBJECTS: Final[Mapping[PlanningSubject, Subject]] = {
    each.name: each for each in (CALENDAR, WORK_CENTER, OPERATION, ROUTING, CHANGEOVER, MAINTENANCE, ASSET)
}
