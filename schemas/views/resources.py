"""Work centres, operations, changeovers, maintenance and assets as the API takes and shows them."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from schemas.views.edited import Code, EditedView, Long, Moment, Short, Title, Told, Uuid
from schemas.views.values import Number, View

MaintenanceType = Literal["preventive", "corrective", "inspection", "cleaning"]
MaintenanceStatus = Literal["planned", "in_progress", "done", "cancelled"]
AssetType = Literal["site", "area", "line", "work_center", "machine"]
Family = Annotated[str, Field(min_length=1, max_length=128, description="setup family")]
Minutes = Annotated[Decimal, Field(ge=0, lt=10**8, decimal_places=2)]
Seconds = Annotated[Decimal, Field(ge=0, lt=10**6, decimal_places=4)]
WholeMinutes = Annotated[int, Field(ge=0, le=10**6)]
SOME_ID = "0197a3c2-5f6e-7d4b-9c1a-2b3c4d5e6f70"


class WorkCenterBody(Told):
    """A work centre: what does one operation at a time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "work_center_code": "PRESS-1",
                    "work_center_name": "Offset press 1",
                    "work_center_type": "printing",
                    "line": "line2",
                    "machine_id": "M-203",
                    "calendar_id": SOME_ID,
                    "hourly_rate": 85.5,
                }
            ]
        }
    )

    work_center_code: Code
    work_center_name: Title
    work_center_type: Short | None = None
    line: Short | None = None
    machine_id: Annotated[Short | None, Field(description="machine that counts for it")] = None
    calendar_id: Annotated[Uuid | None, Field(description="when it is open; absent: always")] = None
    hourly_rate: Annotated[Decimal, Field(ge=0, lt=10**10, decimal_places=2)] | None = None
    is_active: Annotated[bool, Field(description="whether work may be planned on it")] = True


class WorkCenterView(EditedView):
    """A work centre."""

    id: str
    work_center_code: str
    work_center_name: str
    work_center_type: str | None
    line: str | None
    machine_id: str | None
    calendar_id: str | None
    calendar_code: str | None
    hourly_rate: Number | None
    is_active: bool


class WorkCenterPage(View):
    """A page of work centres by code."""

    work_centers: list[WorkCenterView]
    next_cursor: str | None


class OperationBody(Told):
    """A kind of operation, with the times and the place that hold where a routing says none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "operation_code": "VARNISHING",
                    "operation_name": "Varnishing",
                    "operation_type": "finishing",
                    "setup_time_minutes": 20,
                    "run_time_per_unit_seconds": 0.45,
                }
            ]
        }
    )

    operation_code: Code
    operation_name: Title
    operation_type: Short | None = None
    default_work_center_id: Uuid | None = None
    setup_time_minutes: Minutes | None = None
    run_time_per_unit_seconds: Seconds | None = None
    is_active: Annotated[bool, Field(description="whether new routings may use it")] = True


class OperationView(EditedView):
    """A kind of operation; one that is shared is in everybody's catalogue."""

    id: str
    operation_code: str
    operation_name: str
    operation_type: str | None
    default_work_center_id: str | None
    default_work_center_code: str | None
    setup_time_minutes: Number | None
    run_time_per_unit_seconds: Number | None
    is_active: bool
    is_shared: bool


class OperationPage(View):
    """A page of operations by code."""

    operations: list[OperationView]
    next_cursor: str | None


class ChangeoverBody(Told):
    """A rule: minutes to set up from one family to another. What is absent means any: any family, every work centre."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "work_center_id": SOME_ID,
                    "from_family": "black",
                    "to_family": "white",
                    "setup_minutes": 45,
                    "external_minutes": 15,
                    "reason": "wash the ink ducts",
                }
            ]
        }
    )

    work_center_id: Uuid | None = None
    from_family: Family | None = None
    to_family: Family | None = None
    setup_minutes: Annotated[WholeMinutes, Field(description="the work centre stands for it")]
    external_minutes: Annotated[WholeMinutes, Field(description="of these, could be done while it runs (SMED)")] = 0
    reason: Long | None = None

    @model_validator(mode="after")
    def _external_is_a_part(self) -> "ChangeoverBody":
        if self.external_minutes > self.setup_minutes:
            raise ValueError(f"external_minutes may be {self.setup_minutes} at most, as setup_minutes")
        return self


class ChangeoverView(EditedView):
    """A rule of the changeover matrix."""

    id: str
    work_center_id: str | None
    work_center_code: str | None
    from_family: str | None
    to_family: str | None
    setup_minutes: int
    external_minutes: int
    reason: str | None


class ChangeoverPage(View):
    """A page of rules: those that hold everywhere first."""

    changeovers: list[ChangeoverView]
    next_cursor: str | None


class EffectiveChangeover(View):
    """What holds between two families at a work centre, and why. No minutes: the operation's own setup time holds."""

    work_center_id: str
    from_family: str
    to_family: str
    setup_minutes: int | None
    external_minutes: int | None
    rule: ChangeoverView | None
    explanation: str


class SavingView(View):
    """A changeover as often as it is done: minutes that the work centre stands, and those of them that it need not."""

    work_center_id: str
    work_center_code: str
    from_family: str
    to_family: str
    times: int
    setup_minutes: int
    external_minutes: int


class SavingsReport(View):
    """What could be saved if what can be prepared outside were (SMED), of runs that begin in a stretch of time."""

    from_at: AwareDatetime
    to_at: AwareDatetime
    changeovers: int
    setup_minutes: int
    external_minutes: int
    saving_percent: float = Field(description="external of all minutes; 0 where nothing is changed over")
    pairs: list[SavingView] = Field(description="the largest saving first")


class MaintenanceBody(Told):
    """A maintenance of a work centre: while it lasts nothing else is planned there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "work_center_id": SOME_ID,
                    "maintenance_type": "preventive",
                    "begins_at": "2026-03-02T06:00:00+01:00",
                    "ends_at": "2026-03-02T10:00:00+01:00",
                    "description": "new bearing",
                }
            ]
        }
    )

    work_center_id: Uuid
    maintenance_type: MaintenanceType
    status: MaintenanceStatus = "planned"
    begins_at: Moment
    ends_at: Moment
    description: Long | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "MaintenanceBody":
        if self.ends_at <= self.begins_at:
            raise ValueError("ends_at must be after begins_at")
        return self


class MaintenanceView(EditedView):
    """A maintenance of a work centre."""

    id: str
    work_center_id: str
    work_center_code: str
    maintenance_type: MaintenanceType
    status: MaintenanceStatus
    begins_at: AwareDatetime
    ends_at: AwareDatetime
    description: str | None


class MaintenancePage(View):
    """A page of maintenance by time."""

    maintenance: list[MaintenanceView]
    next_cursor: str | None


class AssetBody(Told):
    """An asset in its place; it belongs to something larger: site, area, line, work centre, machine (ISA-95)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "asset_code": "HALL-2/LINE-2",
                    "asset_name": "Line 2",
                    "asset_type": "line",
                    "parent_asset_id": SOME_ID,
                }
            ]
        }
    )

    asset_code: Code
    asset_name: Title
    asset_type: AssetType
    parent_asset_id: Uuid | None = None
    work_center_id: Uuid | None = None
    machine_id: Short | None = None


class AssetView(EditedView):
    """An asset in its place."""

    id: str
    asset_code: str
    asset_name: str
    asset_type: AssetType
    parent_asset_id: str | None
    parent_asset_code: str | None
    work_center_id: str | None
    machine_id: str | None


class AssetPage(View):
    """A page of assets by code."""

    assets: list[AssetView]
    next_cursor: str | None
