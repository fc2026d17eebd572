"""What runs by the clock, on one page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from connectors import archive, data_quality, oee_calculations, plan_archive, retention, watch
from connectors.deliveries.kind import Rows
from connectors.deliveries.kinds import consumption, hr, materials, reconciliation
from connectors.reactions import Reacted
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class ClockJob:
    """A job by the clock. `run` gets the moment that was due, and may be run again for the same moment.

    `catch_up`: after downtime the latest missed moment is run ("latest"), or none ("skip").
    """

    name: str
    cron: str
    description: str
    run: Callable[[Rows, datetime, Settings], Reacted]
    catch_up: Literal["latest", "skip"] = "latest"


CLOCK: Final[tuple[ClockJob, ...]] = (
    ClockJob(
        "archive_closed_orders",
        "*/10 * * * *",
        "orders that closed long ago leave the workers' memory",
        archive.closed_orders_due,
        "skip",
    ),
    ClockJob(
        "forget_old_records",
        "30 3 * * *",
        "deletes old deliveries, audit lines and runs of jobs",
        retention.records_due,
    ),
    ClockJob(
        "archive_old_plans",
        "40 3 * * *",
        "archives old MRP runs, schedules and proposals in short",
        plan_archive.old_plans_due,
    ),
    ClockJob("watch", "* * * * *", "raises alerts for conditions of the integrations that last", watch.look, "skip"),
    ClockJob("data_quality", "* * * * *", "scores the figures of every machine", data_quality.look, "skip"),
    ClockJob("oee", "* * * * *", "keeps OEE of shifts and days current", oee_calculations.due),
    ClockJob("stock_levels", "*/5 * * * *", "asks the warehouse for its stock", materials.stock_due, "skip"),
    ClockJob("erp_materials", "0 2 * * *", "asks the ERP for all materials", materials.master_data_due),
    ClockJob(
        "material_consumption",
        "5 * * * *",
        "reports to the ERP what was used up until the full hour",
        consumption.report_due,
    ),
    ClockJob("hr_employees", "0 1 * * *", "asks the HR system for all employees", hr.employees_due),
    ClockJob("hr_schedules", "0 5 * * *", "asks the HR system for the shifts of the day", hr.schedules_due),
    ClockJob(
        "reconciliation",
        "0 23 * * *",
        "compares the orders the ERP changed in 24 h with ours",
        reconciliation.due_now,
    ),
    ClockJob("hr_time_entries", "0 23 * * *", "tells the HR system the hours worked", hr.time_entries_due),
)
